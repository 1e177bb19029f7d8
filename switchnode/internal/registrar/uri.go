package registrar

import (
	"net/url"
	"strings"
)

// uri is the parts of a SIP URI that its comparison looks at.
type uri struct {
	scheme, user, host string
	parameters         map[string]string
	headers            string
}

// split takes a URI apart; it accepts anything, since the SIP parser has refused what is no URI.
func split(s string) (u uri) {
	s, u.headers, _ = strings.Cut(s, "?")
	s, parameters, _ := strings.Cut(s, ";")
	u.scheme, s, _ = strings.Cut(s, ":")
	if i := strings.LastIndexByte(s, '@'); i >= 0 {
		u.user, s = s[:i], s[i+1:]
		if plain, err := url.PathUnescape(u.user); err == nil {
			u.user = plain
		}
	}
	u.scheme, u.host, u.headers = strings.ToLower(u.scheme), strings.ToLower(s), strings.ToLower(u.headers)
	u.parameters = map[string]string{}
	for p := range strings.SplitSeq(strings.ToLower(parameters), ";") {
		if name, value, _ := strings.Cut(p, "="); name != "" {
			u.parameters[name] = value
		}
	}
	return u
}

// sameURI is RFC 3261, 19.1.4.
func sameURI(a, b string) bool {
	if a == b {
		return true
	}
	x, y := split(a), split(b)
	if x.scheme != y.scheme || x.user != y.user || x.host != y.host || x.headers != y.headers {
		return false
	}
	for name, value := range x.parameters {
		if other, both := y.parameters[name]; both && other != value {
			return false
		}
	}
	// These must be in both or in neither; any other that is in one only is ignored.
	for _, name := range []string{"user", "ttl", "method", "maddr", "transport"} {
		_, inX := x.parameters[name]
		_, inY := y.parameters[name]
		if inX != inY {
			return false
		}
	}
	return true
}
