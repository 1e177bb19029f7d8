package stir

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// MaxHeader is how long the value of an Identity header may be, in bytes.
const MaxHeader = 8 << 10

// Header is the value of an Identity header (RFC 8224, 4).
type Header struct {
	Token     string // the PASSporT in full; in compact form, ".." and the signature
	Info      string // URL of the certificate
	Algorithm string // "" is ES256
	Type      string // ppt
}

// parameter is one of "name=value;": a URI stands between < and >; quotes around another value, as early signers have them, are
// not part of it.
var parameter = regexp.MustCompile(`^[ \t]*([0-9A-Za-z.!%*_+'~-]+)[ \t]*(?:=[ \t]*(?:<([^<>" \t]*)>|"([^"]*)"|([^;<>" \t]+))[ \t]*)?(?:;|$)`)

// ParseHeader reads the value of an Identity header. Parameters that are not known are skipped.
func ParseHeader(s string) (Header, error) {
	if len(s) > MaxHeader {
		return Header{}, fmt.Errorf("identity header of %d bytes, at most %d are allowed", len(s), MaxHeader)
	}
	token, rest, _ := strings.Cut(s, ";")
	h := Header{Token: strings.Trim(token, " \t")}
	if strings.Count(h.Token, ".") != 2 || strings.TrimFunc(h.Token, isToken) != "" {
		return Header{}, errors.New("identity header: want a signed token of three parts with dots between")
	}
	seen := map[string]bool{}
	for rest != "" {
		m := parameter.FindStringSubmatch(rest)
		if m == nil {
			return Header{}, fmt.Errorf("identity header: want parameters as in ;name=value, not %.40q", rest)
		}
		rest = rest[len(m[0]):]
		name := strings.ToLower(m[1])
		if seen[name] {
			return Header{}, fmt.Errorf("identity header: parameter %.20q stands twice", name)
		}
		seen[name] = true
		switch name {
		case "info":
			h.Info = m[2]
		case "alg":
			h.Algorithm = m[3] + m[4]
		case "ppt":
			h.Type = m[3] + m[4]
		}
	}
	if h.Info == "" { // RFC 8224, 4: the one parameter that must be there
		return Header{}, errors.New("identity header: want ;info=<URL of the certificate>")
	}
	return h, nil
}

// String is the header's value.
func (h Header) String() string {
	s := h.Token + ";info=<" + h.Info + ">"
	if h.Algorithm != "" {
		s += ";alg=" + h.Algorithm
	}
	if h.Type != "" {
		s += ";ppt=" + h.Type
	}
	return s
}

// isToken says what a PASSporT is made of: base64url (RFC 7515, 2) and dots.
func isToken(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.'
}
