package sip

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// address is a name-addr or addr-spec with the header parameters behind it (RFC 3261, 20.10). The display name is what
// stands between its quotes, as it stands there; values of parameters keep their quotes.
type address struct {
	display string
	uri     sip.Uri
	params  sip.HeaderParams
}

var (
	errQuote    = errors.New("a quote is not closed")
	errName     = errors.New("the display name is neither quoted nor made of tokens")
	errBracket  = errors.New("no URI between < and >")
	errAmbigous = errors.New("a URI with a question mark or comma has no < and > around it")
	errParams   = errors.New("malformed parameters")
)

// parseAddress reads what one element of From, To, Contact, Route or Record-Route says.
func parseAddress(s string) (a address, err error) {
	s = strings.Trim(s, " \t")
	switch i := strings.IndexByte(s, '<'); {
	case strings.HasPrefix(s, `"`):
		end := closing(s)
		if end < 0 {
			return a, errQuote
		}
		a.display, s = s[1:end], strings.TrimLeft(s[end+1:], " \t")
		if !strings.HasPrefix(s, "<") {
			return a, errBracket
		}
	case i >= 0:
		a.display, s = strings.TrimRight(s[:i], " \t"), s[i:]
		for _, word := range strings.Fields(a.display) {
			if !token(word) {
				return a, errName
			}
		}
	default:
		return bare(s)
	}
	uri, rest, ok := strings.Cut(s[1:], ">")
	if !ok {
		return a, errBracket
	}
	if a.uri, err = parseURI(uri); err != nil {
		return a, err
	}
	a.params, err = parseParams(rest)
	return a, err
}

// bare reads an addr-spec: parameters are the header's, and what could be read in two ways is refused (RFC 3261, 20).
func bare(s string) (a address, err error) {
	uri, rest := s, ""
	if i := strings.IndexByte(s, ';'); i >= 0 {
		uri, rest = strings.TrimRight(s[:i], " \t"), s[i:]
	}
	if uri == "*" {
		a.uri = sip.Uri{Host: "*", Wildcard: true}
	} else if strings.ContainsAny(uri, "?,") {
		return a, errAmbigous
	} else if a.uri, err = parseURI(uri); err != nil {
		return a, err
	}
	a.params, err = parseParams(rest)
	return a, err
}

// parseParams reads ";name=value;name", all names in lower case. Spaces may stand around every part.
func parseParams(s string) (all sip.HeaderParams, err error) {
	s = strings.Trim(s, " \t")
	if s == "" {
		return nil, nil
	}
	if s[0] != ';' {
		return nil, errParams
	}
	all = make(sip.HeaderParams, 0, 1+strings.Count(s[1:], ";"))
	for more := true; more; {
		s = s[1:]
		end := outside(s, ';')
		one := s
		if more = end < len(s); more {
			one, s = s[:end], s[end:]
		}
		name, value, valued := strings.Cut(one, "=")
		name, value = strings.Trim(name, " \t"), strings.Trim(value, " \t")
		if !token(name) || valued && value == "" || strings.HasPrefix(value, `"`) && closing(value) != len(value)-1 {
			err = errParams
			continue
		}
		all = append(all, sip.HeaderKV{K: strings.ToLower(name), V: value})
	}
	return all, err
}

// parseVia reads one element of Via (RFC 3261, 20.42). Malformed parameters are an error, but the rest is returned.
func parseVia(s string) (*sip.ViaHeader, error) {
	name, rest, _ := strings.Cut(s, "/")
	version, rest, _ := strings.Cut(rest, "/")
	rest = strings.TrimLeft(rest, " \t")
	end := strings.IndexAny(rest, " \t")
	if end < 0 {
		return nil, errors.New("no sent-by")
	}
	h := &sip.ViaHeader{
		ProtocolName: strings.Trim(name, " \t"), ProtocolVersion: strings.Trim(version, " \t"), Transport: rest[:end],
	}
	by, params := rest[end:], ""
	if i := strings.IndexByte(by, ';'); i >= 0 {
		by, params = by[:i], by[i:]
	}
	var ok bool
	h.Host, h.Port, ok = hostPort(strings.Trim(by, " \t"))
	if !token(h.ProtocolName) || !token(h.ProtocolVersion) || !token(h.Transport) || !ok {
		return nil, fmt.Errorf("malformed sent-by %q", by)
	}
	h.Host = strings.Trim(h.Host, "[]") // it is written with them
	var err error
	h.Params, err = parseParams(params)
	return h, err
}

// hostPort reads a host, an IPv6 address with its brackets, and a port, 0 if there is none.
func hostPort(s string) (host string, port int, ok bool) {
	host = s
	if i := strings.LastIndexByte(s, ':'); i > strings.LastIndexByte(s, ']') {
		n, err := strconv.ParseUint(strings.TrimLeft(s[i+1:], " \t"), 10, 16)
		if err != nil {
			return "", 0, false
		}
		host, port = strings.TrimRight(s[:i], " \t"), int(n)
	}
	if inner, found := strings.CutPrefix(host, "["); found {
		inner, found = strings.CutSuffix(inner, "]")
		if strings.Contains(inner, ".") { // RFC 5118, 4.10: the grammar of RFC 3261 has a colon too many before an address of IPv4
			inner = strings.Replace(inner, ":::", "::", 1)
		}
		a, err := netip.ParseAddr(inner)
		return "[" + inner + "]", port, found && err == nil && a.Is6() && a.Zone() == ""
	}
	return host, port, host != "" && strings.IndexFunc(host, notHost) < 0
}

// notHost says what cannot be part of a host name. The underscore is not of RFC 3261 but of many networks.
func notHost(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '.' || r == '_')
}

// parseURI reads a URI (RFC 3261, 19.1 and 25.1). What follows a scheme other than sip and sips is left as it is.
func parseURI(s string) (u sip.Uri, err error) {
	i := strings.IndexByte(s, ':')
	if i < 1 || !scheme(s[:i]) || strings.IndexFunc(s, delimits) >= 0 {
		return u, fmt.Errorf("%q is no URI", s)
	}
	u.Scheme = strings.ToLower(s[:i])
	if u.Scheme != "sip" && u.Scheme != "sips" {
		return parseForeign(u.Scheme, s[i:])
	}
	rest := s[i+1:]
	if user, after, ok := strings.Cut(rest, "@"); ok {
		u.User, u.Password, _ = strings.Cut(user, ":")
		if rest = after; u.User == "" || strings.Contains(after, "@") {
			return u, fmt.Errorf("the user part of %q is malformed", s)
		}
	}
	rest, headers, _ := strings.Cut(rest, "?")
	host, params, _ := strings.Cut(rest, ";")
	var ok bool
	if u.Host, u.Port, ok = hostPort(host); !ok || strings.ContainsAny(host, " \t") {
		return u, fmt.Errorf("the host of %q is malformed", s)
	}
	u.UriParams = pairs(params, ';')
	u.Headers = pairs(headers, '&')
	return u, nil
}

// parseForeign reads what follows another scheme. Only sipgo can keep it, but it takes no scheme with a dot.
func parseForeign(scheme, rest string) (u sip.Uri, err error) {
	err = sip.ParseUri("x"+rest, &u)
	u.Scheme = scheme
	return u, err
}

// pairs reads the parameters or headers of a URI.
func pairs(s string, sep byte) sip.HeaderParams {
	var all sip.HeaderParams
	for s != "" {
		one := s
		if i := strings.IndexByte(s, sep); i >= 0 {
			one, s = s[:i], s[i+1:]
		} else {
			s = ""
		}
		if name, value, _ := strings.Cut(one, "="); name != "" {
			all = append(all, sip.HeaderKV{K: name, V: value})
		}
	}
	return all
}

func scheme(s string) bool {
	for i, c := range []byte(s) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
		case i > 0 && (c >= '0' && c <= '9' || c == '+' || c == '-' || c == '.'):
		default:
			return false
		}
	}
	return s != ""
}

// delimits says what would end a URI in a header.
func delimits(r rune) bool { return r <= ' ' || r == '"' || r == '<' || r == '>' || r == 0x7f }

// token says whether s is one (RFC 3261, 25.1).
func token(s string) bool {
	for _, c := range []byte(s) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case strings.IndexByte("-.!%*_+`'~", c) < 0:
			return false
		}
	}
	return s != ""
}

// closing returns where the quoted string that s begins with ends, -1 if it does not.
func closing(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return -1
}

// outside returns where sep stands first outside of quotes, len(s) if nowhere.
func outside(s string, sep byte) int {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case sep:
			return i
		case '"':
			end := closing(s[i:])
			if end < 0 {
				return len(s)
			}
			i += end
		}
	}
	return len(s)
}

// element cuts off the first element of a list with commas, which quotes and angle brackets may hold too.
func element(s string) (one, rest string, more bool) {
	for at := 0; ; {
		end := at + outside(s[at:], ',')
		if end == len(s) {
			return s, "", false
		}
		// A bracket before the comma and none that closes it between: the comma is part of a URI.
		if strings.LastIndexByte(s[:end], '<') > strings.LastIndexByte(s[:end], '>') && strings.IndexByte(s[end:], '>') >= 0 {
			at = end + strings.IndexByte(s[end:], '>')
			continue
		}
		return s[:end], s[end+1:], true
	}
}
