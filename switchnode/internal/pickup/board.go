// Package pickup knows what rings at a switch, so that calls can be picked up: which phone of the switch rings, for which number, since
// when. It learns that from the events of the call ledger, which each call writes in order.
package pickup

import (
	"slices"
	"sync"

	"strowger/pkg/designation"
	"strowger/pkg/ledger"
	"strowger/switchnode/internal/call"
)

// Board is the calls of a switch that may ring.
type Board struct {
	// UserOf is the id of the user of a device, "" if it is nobody's here.
	UserOf func(device string) string

	mu    sync.Mutex
	calls map[*call.Session]*entry
	count uint64
}

// entry is one call until it is answered or over.
type entry struct {
	order  uint64
	called []designation.Party // who was called, and then whom the call was sent on to
	from   designation.Party
	legs   map[string]string // device by leg that is tried
	waits  bool              // in a queue
}

// Ringing is a call that rings.
type Ringing struct {
	Session *call.Session
	From    designation.Party
	To      designation.Party // whom it rings for now
	Users   []string          // ids of those whose phones ring
	Waits   bool              // it rings nobody, but waits in a queue
	order   uint64
}

// For says whether the call rings for a number or a user's phone.
func (r Ringing) For(p designation.Party) bool {
	return p.Number != "" && r.To.Number == p.Number || p.User != "" && (r.To.User == p.User || slices.Contains(r.Users, p.User))
}

// Saw takes an event of a call.
func (b *Board) Saw(s *call.Session, e ledger.Event) {
	switch e.Kind {
	case ledger.Admitted, ledger.Diverted, ledger.Trying, ledger.LegEnded, ledger.Queued, ledger.Unqueued, ledger.Answered, ledger.Ended:
	default:
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.calls[s]
	switch {
	case e.Kind == ledger.Admitted && c == nil && e.From != nil && e.To != nil:
		if b.calls == nil {
			b.calls = map[*call.Session]*entry{}
		}
		b.count++
		b.calls[s] = &entry{order: b.count, from: *e.From, called: []designation.Party{*e.To}, legs: map[string]string{}}
	case c == nil:
	case e.Kind == ledger.Answered, e.Kind == ledger.Ended:
		delete(b.calls, s)
	default:
		c.saw(e)
	}
}

func (c *entry) saw(e ledger.Event) {
	switch e.Kind {
	case ledger.Diverted:
		if e.To != nil {
			c.called = append(c.called, *e.To)
		}
	case ledger.Trying:
		if e.Device != "" { // else a link or a line: what rings there is another switch's
			c.legs[e.Leg], c.waits = e.Device, false
		}
	case ledger.LegEnded:
		delete(c.legs, e.Leg)
	case ledger.Queued:
		c.waits = true
	case ledger.Unqueued:
		c.waits = false
	}
}

// Ringing returns the calls that ring, or wait, the oldest first.
func (b *Board) Ringing() (all []Ringing) {
	b.mu.Lock()
	for s, c := range b.calls {
		if len(c.legs) == 0 && !c.waits {
			continue
		}
		r := Ringing{Session: s, From: c.from, To: c.called[len(c.called)-1], Waits: len(c.legs) == 0, order: c.order}
		for _, device := range c.legs {
			r.Users = append(r.Users, device)
		}
		all = append(all, r)
	}
	b.mu.Unlock()
	for i := range all {
		for j, device := range all[i].Users {
			all[i].Users[j] = b.UserOf(device)
		}
	}
	slices.SortFunc(all, func(x, y Ringing) int { return int(x.order) - int(y.order) })
	return all
}

// Forget drops a call whose session is over.
func (b *Board) Forget(s *call.Session) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.calls, s)
}
