package sipside

import (
	"log/slog"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"strowger/pkg/limit"
	"strowger/pkg/sip"
	"strowger/switchnode/internal/barring"
)

// refusal is why a sign-in was refused.
type refusal int

const (
	unknownUser refusal = iota
	wrongPassword
	tooMany    // wrong ones before it
	sessionKey // shown in place of a password
	noCertificate
	refusalKinds
)

var refusalNames = [refusalKinds]struct {
	metric, words string
	offence       barring.Offence
}{
	{"unknown-user", "sign-in of an unknown user", barring.UnknownUser},
	{"wrong-password", "sign-in with a wrong password", barring.WrongPassword},
	{"held", "too many wrong sign-ins from this address, held up for a while", barring.WrongPassword},
	{"session-key", "session key in place of a password", barring.Unreadable},
	{"no-certificate", "sign-in without the certificate of the phone", barring.WrongPassword},
}

// maxUser is how much of a user name is remembered, in bytes.
const maxUser = 64

// refuses notes a sign-in that is refused: for the log, for who asks what was refused lately, and for whether its source is shut out.
func (p *Phones) refuses(why refusal, user string, from sip.Peer) {
	p.refusals.tell(why, user, from)
	p.gate.refused.Add(Refused{At: p.cfg.Now(), Source: from.Addr, User: strings.Clone(user[:min(len(user), maxUser)]), Words: refusalNames[why].words})
	p.gate.Offend(from.Addr.Addr(), stream(from), refusalNames[why].offence)
}

// refusals counts refused sign-ins and tells the log: of each address its first ones and then one a minute, so that
// whoever tries passwords by the thousand does not fill the disk as well.
type refusals struct {
	log  *slog.Logger
	told *limit.Buckets[netip.Prefix]
	n    [refusalKinds]atomic.Uint64
}

func newRefusals(log *slog.Logger, now func() time.Time) *refusals {
	return &refusals{log: log, told: limit.NewTold[netip.Prefix](now)}
}

func (r *refusals) tell(why refusal, user string, from sip.Peer) {
	r.n[why].Add(1)
	if r.told.Take(limit.Source(from.Addr.Addr())) {
		r.log.Warn(refusalNames[why].words, "user", user, "source", from.Addr)
	}
}

func (r *refusals) counts() map[string]uint64 {
	m := make(map[string]uint64, refusalKinds)
	for why, name := range refusalNames {
		m[name.metric] = r.n[why].Load()
	}
	return m
}
