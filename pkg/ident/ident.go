// Package ident makes and checks the ids of everything that the registry, the fabric and the ledger name.
//
// An id is a kind prefix, an underscore, and a UUIDv7 (RFC 9562, 5.7) in lower-case base32 without padding (RFC 4648, 6):
// "sw_" followed by 26 characters of a-z2-7. It is safe in NATS subjects, URLs, file names and the user part of a SIP URI,
// and ids made later sort after ids made earlier to the millisecond.
package ident

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"strings"
	"time"
)

// Kind is the prefix of an id: what the id names.
type Kind string

// The kinds of ids.
const (
	Organization Kind = "org"
	Site         Kind = "st"
	Switch       Kind = "sw"
	Bridge       Kind = "br"
	Agent        Kind = "ag"
	Cloud        Kind = "cl" // one instance of the cloud
	User         Kind = "us"
	Device       Kind = "dv"
	Number       Kind = "nu"
	Queue        Kind = "qu"
	Trunk        Kind = "tk"
	Route        Kind = "rt"
	Schedule     Kind = "sc"
	Group        Kind = "gr"
	Contact      Kind = "co"
	APIKey       Kind = "ak"
	Alert        Kind = "al"
	Enrolment    Kind = "en"
	Call         Kind = "ca"
	Leg          Kind = "lg" // also the jti of the session key that admits the leg
	Message      Kind = "vm" // in a mailbox
	Spool        Kind = "sp"
	Boot         Kind = "bo" // one run of a node
	Request      Kind = "rq" // idempotency id of a fabric request
)

// sortable is base32 with an alphabet in ASCII order, so that ids sort as their bytes do.
var sortable = base32.NewEncoding("234567abcdefghijklmnopqrstuvwxyz").WithPadding(base32.NoPadding)

// New returns a fresh id of a kind, of the present time.
func New(k Kind) string { return at(k, time.Now()) }

func at(k Kind, now time.Time) string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(now.UnixMilli()))
	copy(b[:6], ms[2:])
	b[6] = b[6]&0x0f | 0x70 // RFC 9562, 4.2: version 7
	b[8] = b[8]&0x3f | 0x80 // RFC 9562, 4.1: variant
	return string(k) + "_" + sortable.EncodeToString(b[:])
}

// KindOf returns the kind of an id, or "" if id has not the form of one.
func KindOf(id string) Kind {
	k, rest, ok := strings.Cut(id, "_")
	if !ok || k == "" || len(rest) != 26 {
		return ""
	}
	if _, err := sortable.DecodeString(rest); err != nil {
		return ""
	}
	return Kind(k)
}

// Check says whether id is an id of a kind, in words for the person who typed it.
func Check(k Kind, id string) error {
	if KindOf(id) != k {
		return fmt.Errorf("%q is not an id of the form %s_<26 characters>", id, k)
	}
	return nil
}
