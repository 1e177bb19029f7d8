package sipside

import (
	"log/slog"
	"net/netip"
	"sync/atomic"
	"time"

	"strowger/pkg/limit"
	"strowger/pkg/sip"
)

// refusal is why a sign-in was refused.
type refusal int

const (
	unknownUser refusal = iota
	wrongPassword
	tooMany    // wrong ones before it
	sessionKey // shown in place of a password
	refusalKinds
)

var refusalNames = [refusalKinds]struct{ metric, words string }{
	{"unknown-user", "sign-in of an unknown user"},
	{"wrong-password", "sign-in with a wrong password"},
	{"held", "too many wrong sign-ins from this address, held up for a while"},
	{"session-key", "session key in place of a password"},
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
