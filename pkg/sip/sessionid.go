package sip

import (
	"crypto/rand"
	"encoding/hex"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// nilUUID stands for a UUID that is not known yet (RFC 7989, 5).
const nilUUID = "00000000000000000000000000000000"

// SessionID names a session end to end, whatever back-to-back user agents lie between (RFC 7989): the UUIDs of the two
// parties as 32 lower-case hexadecimal digits. Local is what we send for our side, Remote what the peer sent for its own;
// "" if it sent none.
type SessionID struct{ Local, Remote string }

// newUUID returns a random UUID (RFC 9562, version 4) as Session-ID writes it.
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return hex.EncodeToString(b[:])
}

// header writes both UUIDs (RFC 7989, 5).
func (s SessionID) header() Header {
	remote := s.Remote
	if remote == "" {
		remote = nilUUID
	}
	return NewHeader("Session-ID", s.Local+";remote="+remote)
}

// sessionOf returns the sender's UUID of a message, "" if it has none or a malformed one.
func sessionOf(m sip.Message) string {
	id, _, _ := strings.Cut(value(m, "Session-ID"), ";")
	id = strings.TrimSpace(id)
	if len(id) != len(nilUUID) || id == nilUUID || strings.Trim(id, "0123456789abcdef") != "" {
		return ""
	}
	return id
}
