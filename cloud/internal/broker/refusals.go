package broker

import (
	"strings"

	"strowger/cloud/internal/directory"
	"strowger/cloud/internal/store"
	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/ledger"
	"strowger/pkg/limit"
	"strowger/pkg/proof"
)

// Refused calls that are recorded: of each app a burst, and then one in a while.
const (
	maxRefusals  = 1 << 8 // waiting to be written; beyond that they are not recorded
	refusalRate  = 0.1    // a second
	refusalBurst = 10
	maxRefused   = 1 << 14 // apps
	maxSaid      = 64      // bytes of the dialled number
)

// Refusal is a call of an app that was not admitted. No switch knows of it; Node, of this process, reports it.
type Refusal struct {
	Parties store.Parties
	Node    string
	Events  []ledger.Event
}

// Refusals is the refused calls of apps, for whoever writes them.
func (b *Broker) Refusals() <-chan Refusal { return b.refusals }

func newRefused(cfg Config) *limit.Buckets[string] {
	return limit.New[string](limit.Config{Rate: refusalRate, Burst: refusalBurst, Max: maxRefused, Now: cfg.Now})
}

// refuse has a call that an app has signed for recorded, with who was dialled if that is known, unless too many are. What failed inside is not an answer: it is asked again.
func (b *Broker) refuse(s *directory.Snapshot, p proof.Admit, call string, to designation.Party, why error) {
	from, known := s.Caller(p.Device)
	e := errs.From(why)
	if !known || e.Code == errs.Internal || !b.refused.Take(p.Device) {
		return
	}
	dialled := strings.ToValidUTF8(p.Dialled[:min(len(p.Dialled), maxSaid)], "")
	at := b.cfg.Now().UnixMicro()
	r := Refusal{
		Parties: store.Parties{Org: s.ID(), Call: call, Nodes: []string{b.node, p.Device}}, Node: b.node,
		Events: []ledger.Event{
			{At: at, Call: call, Kind: ledger.Attempt, From: &from, To: &designation.Party{Number: dialled}},
			// No SIP response told the app, and so no cause of Q.850 but the unspecified one.
			{At: at, Call: call, Kind: ledger.Refused, From: &from, Cause: &ledger.Cause{Code: string(e.Code), Q850: 31, Words: e.Words}},
		},
	}
	if to.User != "" {
		r.Events[1].To = &to
	}
	b.announce(r.Parties)
	select {
	case b.refusals <- r:
	default:
		b.cfg.Logger.Warn("too many refused calls of apps wait to be recorded", "call", call, "code", e.Code)
	}
}
