package main

import (
	"bytes"
	"crypto/md5" // RFC 3261, 22.4
	"encoding/hex"
	"fmt"
	"iter"
	"strings"
)

// message is a SIP message as it came. Nothing is checked: the servers are not what is tested here.
type message []byte

func (m message) response() bool { return bytes.HasPrefix(m, []byte("SIP/2.0 ")) }

func (m message) firstLine() []byte {
	line, _, _ := bytes.Cut(m, []byte("\r\n"))
	return line
}

// code is the status of a response.
func (m message) code() string { return string(m[len("SIP/2.0 "):][:3]) }

// kind is the method of a request, or the code and the method of a response.
func (m message) kind() string {
	_, method, _ := bytes.Cut(m.header("CSeq"), []byte(" "))
	if m.response() {
		return m.code() + " " + string(method)
	}
	return string(method)
}

// lines is the header lines.
func (m message) lines() iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		head, _, _ := bytes.Cut(m, []byte("\r\n\r\n"))
		for line := range bytes.SplitSeq(head, []byte("\r\n")) {
			if name, value, ok := bytes.Cut(line, []byte(":")); ok && !yield(string(name), bytes.TrimSpace(value)) {
				return
			}
		}
	}
}

// header is the first value of a header, in its long form, which is all that the servers here write.
func (m message) header(name string) []byte {
	for n, value := range m.lines() {
		if strings.EqualFold(n, name) {
			return value
		}
	}
	return nil
}

// echo is the header lines that a response takes from its request (RFC 3261, 8.2.6.2), with a tag for To.
func (m message) echo() string {
	var b strings.Builder
	for name, value := range m.lines() {
		switch strings.ToLower(name) {
		case "via", "from", "call-id", "cseq", "record-route":
			fmt.Fprintf(&b, "%s: %s\r\n", name, value)
		case "to":
			fmt.Fprintf(&b, "%s: %s", name, value)
			if !bytes.Contains(value, []byte(";tag=")) {
				b.WriteString(";tag=callee")
			}
			b.WriteString("\r\n")
		}
	}
	return b.String()
}

// authorization answers the challenge of a response (RFC 3261, 22.2), as a header line; "" if there is none.
func (m message) authorization(p phone, method, uri string) string {
	name, challenge := "Authorization", string(m.header("WWW-Authenticate"))
	if challenge == "" {
		name, challenge = "Proxy-Authorization", string(m.header("Proxy-Authenticate"))
	}
	quoted := func(key string) string {
		_, rest, _ := strings.Cut(challenge, key+`="`)
		value, _, _ := strings.Cut(rest, `"`)
		return value
	}
	realm, nonce := quoted("realm"), quoted("nonce")
	if nonce == "" {
		return ""
	}
	const count, cnonce = "00000001", "0a4f113b"
	ha1, ha2 := md5hex(p.user+":"+realm+":"+p.password), md5hex(method+":"+uri)
	response := md5hex(strings.Join([]string{ha1, nonce, count, cnonce, "auth", ha2}, ":"))
	return fmt.Sprintf("%s: Digest username=\"%s\", realm=\"%s\", nonce=\"%s\", uri=\"%s\", response=\"%s\", algorithm=MD5, "+
		"cnonce=\"%s\", qop=auth, nc=%s\r\n", name, p.user, realm, nonce, uri, response, cnonce, count)
}

func md5hex(s string) string {
	sum := md5.Sum([]byte(s))
	return hex.EncodeToString(sum[:])
}
