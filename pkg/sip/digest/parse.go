package digest

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Names of algorithms (RFC 7616, 3.3).
const (
	MD5    = "MD5"
	SHA256 = "SHA-256"
)

// Limits of an Authorization header.
const (
	maxHeader     = 4096 // bytes
	maxParameters = 32
)

// errOtherScheme is an Authorization header that is none of ours, such as Bearer.
var errOtherScheme = errors.New("another authentication scheme")

// credentials is what a Digest Authorization header says.
type credentials struct {
	user, nonce, uri, response, cnonce string
	algorithm                          string
	nc                                 string // as it was sent
	count                              uint32
}

// parse splits an Authorization header value into its parameters, names in lower case. Quoted strings lose their quotes
// but keep their backslashes: RFC 7616, 3.4.1 hashes them as they were sent.
func parse(header string) (map[string]string, error) {
	if len(header) > maxHeader {
		return nil, fmt.Errorf("the header has %d bytes, at most %d", len(header), maxHeader)
	}
	scheme, rest, _ := strings.Cut(strings.TrimLeft(header, space), " ")
	if !strings.EqualFold(scheme, "Digest") {
		return nil, errOtherScheme
	}
	p := map[string]string{}
	for rest = trim(rest); rest != ""; {
		name, after, ok := strings.Cut(rest, "=")
		name = strings.ToLower(trim(name))
		if !ok || !token(name) {
			return nil, fmt.Errorf("%q is not a parameter", clip(rest))
		}
		value, tail, err := cutValue(trim(after))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if _, twice := p[name]; twice {
			return nil, fmt.Errorf("%s is there twice", name)
		}
		if p[name] = value; len(p) > maxParameters {
			return nil, fmt.Errorf("more than %d parameters", maxParameters)
		}
		if tail = trim(tail); tail != "" && tail[0] != ',' {
			return nil, fmt.Errorf("%q follows %s without a comma", clip(tail), name)
		}
		rest = strings.TrimLeft(tail, space+",") // RFC 9110, 5.6.1: empty list elements are ignored
	}
	return p, nil
}

// cutValue takes a token or quoted string from the front of s.
func cutValue(s string) (value, rest string, err error) {
	if !strings.HasPrefix(s, `"`) {
		end := strings.IndexAny(s, space+",")
		if end < 0 {
			end = len(s)
		}
		if !token(s[:end]) {
			return "", "", fmt.Errorf("%q is neither a token nor quoted", clip(s[:end]))
		}
		return s[:end], s[end:], nil
	}
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return s[1:i], s[i+1:], nil
		}
	}
	return "", "", errors.New("its quotes do not end")
}

// read checks the parameters of an answer to our challenge.
func read(p map[string]string) (credentials, error) {
	for _, name := range []string{"username", "nonce", "uri", "response", "cnonce", "nc", "qop"} {
		if p[name] == "" {
			return credentials{}, fmt.Errorf("%s is missing", name)
		}
	}
	c := credentials{user: p["username"], nonce: p["nonce"], uri: p["uri"], response: p["response"], cnonce: p["cnonce"], nc: p["nc"]}
	switch a := p["algorithm"]; {
	case a == "", strings.EqualFold(a, MD5): // RFC 7616, 3.3: MD5 if absent
		c.algorithm = MD5
	case strings.EqualFold(a, SHA256):
		c.algorithm = SHA256
	default:
		return c, fmt.Errorf("algorithm %q was not offered", clip(a))
	}
	if !strings.EqualFold(p["qop"], "auth") {
		return c, fmt.Errorf("qop %q was not offered", clip(p["qop"]))
	}
	if strings.EqualFold(p["userhash"], "true") {
		return c, errors.New("userhash was not offered")
	}
	n, err := strconv.ParseUint(c.nc, 16, 32)
	if err != nil || len(c.nc) != 8 || n == 0 { // RFC 7616, 3.4: eight hex digits, from 1
		return c, fmt.Errorf("nc %q is not eight hex digits from 00000001", clip(c.nc))
	}
	c.count = uint32(n)
	return c, nil
}

const space = " \t\r\n" // a folded header value may still hold its line ends (RFC 3261, 7.3.1)

func trim(s string) string { return strings.Trim(s, space) }

// token is RFC 3261, 25.1, with what phones forget to quote in URIs and nonces.
func token(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`",\`, r) }) < 0
}

func clip(s string) string { return s[:min(len(s), 40)] }
