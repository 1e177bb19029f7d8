package sip

import (
	"bytes"
	"errors"
	"strconv"
	"sync/atomic"
)

// Limits of a message, in bytes. A message over UDP cannot be larger than a datagram.
const (
	maxHeader  = 16 << 10
	maxMessage = 64<<10 - 1
)

// drop is why something from outside was refused at the entry.
type drop int

const (
	dropKeepAlive  drop = iota // not an error: RFC 5626, 3.5.1 over UDP
	dropSize                   // header or message too large
	dropBytes                  // bare CR or LF, or NUL that is not quoted, in the header
	dropLength                 // Content-Length absent on a stream, malformed, conflicting, or beyond the datagram
	dropStart                  // not a SIP start line
	dropStreams                // more connections than the limit
	dropMailbox                // the owner's mailbox was full
	dropSlow                   // the peer of a stream did not read what we wrote
	dropMalformed              // answered with 400
	dropUnreadable             // not to be answered: an ACK, a response, a request that does not say where it came from
	dropRate                   // more than a source may send that has not shown a password
	dropShut                   // of whom Config.Gate does not hear
	drops
)

var dropNames = [drops]string{"keep-alive", "size", "bytes", "length", "start-line", "streams", "mailbox", "slow", "malformed", "unreadable", "rate", "shut"}

// tally counts drops.
type tally [drops]atomic.Uint64

func (t *tally) add(d drop) { t[d].Add(1) }

func (t *tally) snapshot() map[string]uint64 {
	m := make(map[string]uint64, drops)
	for d, name := range dropNames {
		m[name] = t[d].Load()
	}
	return m
}

// refusal is the error of a message that the guard does not let in.
type refusal struct{ drop drop }

func (r refusal) Error() string { return "message refused: " + dropNames[r.drop] }

// errPartial says that a stream has not delivered the whole message yet.
var errPartial = errors.New("partial message")

// frame returns the length of the first message of a stream (RFC 3261, 18.3). The parser takes conflicting
// Content-Length headers and chokes on bare LF, each a way to make two parsers see different messages in the same bytes;
// so what is framed here is exactly what it will see.
func frame(b []byte, stream bool) (int, error) {
	end := bytes.Index(b, []byte("\r\n\r\n"))
	if end < 0 {
		if len(b) > maxHeader || !stream {
			return 0, refusal{dropSize}
		}
		// Do not wait for the end of what can never be a message.
		if i := bytes.IndexByte(b, '\n'); i == 0 || i > 0 && b[i-1] != '\r' {
			return 0, refusal{dropBytes}
		}
		return 0, errPartial
	}
	if end > maxHeader {
		return 0, refusal{dropSize}
	}
	header := b[:end+2]
	if !cleanLines(header) {
		return 0, refusal{dropBytes}
	}
	first, fields, _ := bytes.Cut(header, []byte("\r\n"))
	if !startLine(first) {
		return 0, refusal{dropStart}
	}
	length, found, ok := contentLength(fields)
	body := len(b) - end - 4
	switch {
	case !ok, stream && !found, !stream && length > body: // RFC 3261, 18.3
		return 0, refusal{dropLength}
	case length > maxMessage-end-4:
		return 0, refusal{dropSize}
	case !found: // RFC 3261, 20.14: over UDP the body ends with the datagram
		return len(b), nil
	case length > body:
		return 0, errPartial
	}
	return end + 4 + length, nil
}

// cleanLines says whether every line ends with CRLF and nothing else does, and no byte is NUL but in a quoted-pair.
func cleanLines(b []byte) bool {
	lines := 0
	for rest := b; ; lines++ {
		i := bytes.IndexByte(rest, '\n')
		if i < 0 {
			break
		}
		if i == 0 || rest[i-1] != '\r' {
			return false
		}
		rest = rest[i+1:]
	}
	if bytes.Count(b, []byte{'\r'}) != lines {
		return false
	}
	for rest := b; ; {
		i := bytes.IndexByte(rest, 0)
		if i < 0 {
			return true
		}
		if i == 0 || rest[i-1] != '\\' { // RFC 3261, 25.1: a quoted-pair may be one
			return false
		}
		rest = rest[i+1:]
	}
}

// startLine says whether a line begins a SIP message of any version, well-formed or not.
func startLine(l []byte) bool {
	return bytes.HasPrefix(l, []byte("SIP/")) || bytes.Contains(l, []byte(" SIP/"))
}

// contentLength reads the Content-Length headers of a header section; several must agree.
func contentLength(fields []byte) (n int, found, ok bool) {
	for len(fields) > 0 {
		var l []byte
		l, fields, _ = bytes.Cut(fields, []byte("\r\n"))
		if len(l) == 0 || l[0]|0x20 != 'c' && l[0]|0x20 != 'l' {
			continue
		}
		name, v, _ := bytes.Cut(l, []byte(":"))
		name = bytes.TrimRight(name, " \t")
		if !bytes.EqualFold(name, []byte("Content-Length")) && !bytes.EqualFold(name, []byte("l")) {
			continue
		}
		m, err := strconv.ParseUint(string(bytes.TrimSpace(v)), 10, 24)
		if err != nil || found && int(m) != n {
			return 0, true, false
		}
		n, found = int(m), true
	}
	return n, found, true
}
