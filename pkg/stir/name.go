package stir

import "strings"

// Name is who calls or is called: a telephone number or a URI (RFC 8225, 5.2.1), never both.
type Name struct {
	Number string // digits with the country code, without "+"; "*" and "#" of service codes
	URI    string // "sip:alice@example.com"
}

// NameOf returns the name of a SIP or tel URI. A user that can be read as a telephone number is one (RFC 8224, 8.1); a number
// should have its country code already.
func NameOf(user, host string) Name {
	number, _, _ := strings.Cut(user, ";") // RFC 3966, 3: parameters
	if isNumber(number) {
		return Name{Number: canonical(number)}
	}
	// RFC 8224, 8.5: without port and parameters.
	return Name{URI: "sip:" + user + "@" + strings.ToLower(host)}
}

func (n Name) String() string {
	if n.Number != "" {
		return n.Number
	}
	return n.URI
}

// isNumber says whether s is digits with the visual separators of RFC 3966, 3.
func isNumber(s string) bool {
	s = strings.TrimPrefix(s, "+")
	return strings.Trim(s, "0123456789*#-.()") == "" && strings.ContainsAny(s, "0123456789")
}

// canonical drops all but digits, "*" and "#" (RFC 8224, 8.3).
func canonical(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r == '*' || r == '#' {
			return r
		}
		return -1
	}, s)
}

// valid says whether a name of claims is one: of a number, its canonical form.
func (n Name) valid() bool {
	if n.Number != "" {
		return n.URI == "" && isNumber(n.Number) && canonical(n.Number) == n.Number
	}
	return n.URI != ""
}
