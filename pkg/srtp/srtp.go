// Package srtp encrypts and authenticates the audio of a leg (RFC 3711), with keys that its descriptions carry (SDES, RFC 4568).
//
// Who offers writes an "a=crypto" line for each suite, with the key of what it will send; who answers takes one of them, and writes
// its tag with a key of its own:
//
//	a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj
//
// Agreement is that of one leg; its keys live as long as the leg does. Whoever reads the signalling reads the keys, so that it must be
// encrypted too (RFC 4568, 8.3).
//
// Limits: no MKI, one key in a line, no session parameter but WSH, which is advice. A line that has other ones is passed over.
package srtp

import (
	"crypto/rand"
	"encoding/base64"
	"log/slog"
	"strconv"
	"strings"

	"strowger/pkg/errs"
)

// The suites that are offered, the preferred first (RFC 4568, 6.2).
const (
	suite80 = "AES_CM_128_HMAC_SHA1_80"
	suite32 = "AES_CM_128_HMAC_SHA1_32"
)

const (
	keySize  = 16 // bytes of the master key
	saltSize = 14 // and of the salt after it
	maxTag   = 999999999
)

// Key is the master key and salt of what one side sends, and the suite that it is for. The zero value is none.
type Key struct {
	suite  string
	secret [keySize + saltSize]byte
}

// newKey makes a key that nobody else has.
func newKey(suite string) Key {
	k := Key{suite: suite}
	_, _ = rand.Read(k.secret[:]) // never fails (crypto/rand)
	return k
}

// String keeps a key out of what is shown.
func (k Key) String() string { return "(a key for " + k.suite + ")" }

// GoString keeps it out as well.
func (k Key) GoString() string { return k.String() }

// LogValue keeps a key out of the log.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.String()) }

// line is an a=crypto line.
type line struct {
	tag int
	key Key
}

// write writes what stands after "a=crypto:".
func (l line) write() string {
	return strconv.Itoa(l.tag) + " " + l.key.suite + " inline:" + base64.StdEncoding.EncodeToString(l.key.secret[:])
}

// read reads what stands after "a=crypto:" (RFC 4568, 9.2). It is false for what is not supported here, as for what is malformed.
func read(text string) (l line, ok bool) {
	f := strings.Fields(text)
	if len(f) < 3 {
		return l, false
	}
	tag, err := strconv.ParseUint(f[0], 10, 32)
	if err != nil || tag > maxTag || f[1] != suite80 && f[1] != suite32 {
		return l, false
	}
	for _, parameter := range f[3:] {
		if !strings.HasPrefix(parameter, "WSH=") { // RFC 4568, 6.3: others are to be negotiated
			return l, false
		}
	}
	given, inline := strings.CutPrefix(f[2], "inline:")
	parts := strings.Split(given, "|")
	secret, err := base64.StdEncoding.DecodeString(parts[0])
	if !inline || err != nil || len(secret) != keySize+saltSize {
		return l, false
	}
	for _, part := range parts[1:] {
		if strings.Contains(part, ":") { // RFC 4568, 6.1: an MKI; else it is a lifetime, which no call outlives
			return l, false
		}
	}
	l = line{tag: int(tag), key: Key{suite: f[1]}}
	copy(l.key.secret[:], secret)
	return l, true
}

// Agreement is the keys of one leg, as its offers and answers agree on them. The zero value has agreed on nothing.
type Agreement struct {
	offered []line // ours
	mine    line
	theirs  Key
}

// Offer is the lines of our next offer: once there is an agreement, what was agreed on.
func (a *Agreement) Offer() []string {
	switch {
	case a.Agreed():
		a.offered = []line{a.mine}
	case a.offered == nil:
		a.offered = []line{{1, newKey(suite80)}, {2, newKey(suite32)}} // RFC 4568, 5.1.1: each line has a key of its own
	}
	texts := make([]string, len(a.offered))
	for i, l := range a.offered {
		texts[i] = l.write()
	}
	return texts
}

// Answered takes the lines of their answer to our offer.
func (a *Agreement) Answered(lines []string) error {
	for _, text := range lines {
		theirs, ok := read(text)
		if !ok {
			continue
		}
		for _, ours := range append(a.offered[:len(a.offered):len(a.offered)], a.mine) { // RFC 4568, 5.1.3: the tag and the suite of one that was offered
			if ours.tag == theirs.tag && ours.key.suite == theirs.key.suite {
				return a.agree(ours, theirs.key)
			}
		}
	}
	return errs.New(errs.NoCommonCodec, "SRTP: the answer takes none of the keys that were offered")
}

// Answer takes the lines of their offer, and returns that of our answer.
func (a *Agreement) Answer(lines []string) (string, error) {
	for _, text := range lines { // RFC 4568, 5.1.2: the first that is supported
		theirs, ok := read(text)
		if !ok {
			continue
		}
		ours := line{theirs.tag, a.mine.key}
		if ours.key.suite != theirs.key.suite {
			ours.key = newKey(theirs.key.suite)
		}
		return ours.write(), a.agree(ours, theirs.key)
	}
	return "", errs.New(errs.NoCommonCodec, "SRTP: no key for %s or %s is offered (a=crypto)", suite80, suite32)
}

// agree refuses a key of ours that came back: each side would encrypt with the same (RFC 3711, 9.1).
func (a *Agreement) agree(mine line, theirs Key) error {
	if mine.key.secret == theirs.secret {
		return errs.New(errs.Invalid, "SRTP: both sides have the same key")
	}
	a.mine, a.theirs = mine, theirs
	return nil
}

// Agreed says whether there are keys.
func (a *Agreement) Agreed() bool { return a.theirs.suite != "" }

// Keys are those of what we send and of what they send; none before there is an agreement.
func (a *Agreement) Keys() (mine, theirs Key) { return a.mine.key, a.theirs }
