package sip

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// Cause is why a dialog ends, as the Reason header says it (RFC 3326): a SIP status code, an ITU-T Q.850 cause value, or
// both; 0 is absent.
type Cause struct {
	SIP  int
	Q850 int
	Text string
}

// Preemption is the Q.850 cause of a call that made way for a more urgent one.
const Preemption = 8

// headers returns one Reason header per protocol.
func (c Cause) headers() []Header {
	var h []Header
	if c.SIP != 0 {
		h = append(h, c.header("SIP", c.SIP))
	}
	if c.Q850 != 0 {
		h = append(h, c.header("Q.850", c.Q850))
	}
	if c.Q850 == Preemption {
		h = append(h, c.header("preemption", 1)) // RFC 4411, 5.1: by a user agent
	}
	return h
}

func (c Cause) header(protocol string, cause int) Header {
	v := fmt.Sprintf("%s;cause=%d", protocol, cause)
	if c.Text != "" {
		v += ";text=" + quote(c.Text)
	}
	return NewHeader("Reason", v)
}

// causeOf reads the Reason headers of a message. Protocols other than SIP and Q.850 are passed over.
func causeOf(m sip.Message) Cause {
	var c Cause
	for h := range Named(m, "Reason") {
		for _, r := range split(h.Value(), ',') {
			parts := split(r, ';')
			cause, text := 0, ""
			for _, p := range parts[1:] {
				name, v, _ := strings.Cut(p, "=")
				switch strings.ToLower(strings.TrimSpace(name)) {
				case "cause":
					cause, _ = strconv.Atoi(strings.TrimSpace(v))
				case "text":
					text = unquote(strings.TrimSpace(v))
				}
			}
			switch protocol := strings.ToUpper(parts[0]); {
			case protocol == "SIP" && cause >= 100 && cause <= 699:
				c.SIP = cause
			case protocol == "Q.850" && cause >= 1 && cause <= 127:
				c.Q850 = cause
			default:
				continue
			}
			if c.Text == "" {
				c.Text = text
			}
		}
	}
	return c
}

// split cuts s at sep outside of quoted strings and trims the parts; there is always at least one.
func split(s string, sep byte) []string {
	var parts []string
	quoted, start := false, 0
	for i := 0; i < len(s); i++ {
		switch {
		case quoted && s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == sep && !quoted:
			parts = append(parts, strings.TrimSpace(s[start:i]))
			start = i + 1
		}
	}
	return append(parts, strings.TrimSpace(s[start:]))
}

// quote writes a quoted-string (RFC 3261, 25.1). Line ends and NUL, which cannot be escaped, become spaces.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range oneLine(s) {
		if r == '"' || r == '\\' {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	b.WriteByte('"')
	return b.String()
}

// unquote reads a quoted-string or a token.
func unquote(s string) string {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return s
	}
	var b strings.Builder
	for s = s[1 : len(s)-1]; s != ""; s = s[1:] {
		if s[0] == '\\' && len(s) > 1 {
			s = s[1:]
		}
		b.WriteByte(s[0])
	}
	return b.String()
}

// escaped is what stands between the quotes of a display name, which sipgo writes as it is and does not unescape.
func escaped(name string) string {
	q := quote(name)
	return q[1 : len(q)-1]
}
