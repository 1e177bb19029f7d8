// Package parking is where calls wait that somebody has parked: a lot with numbered spaces. A space is a branch of the call that never
// rings and never answers; who retrieves the call is another branch of it, and does.
package parking

import (
	"fmt"
	"sync"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/switchnode/internal/call"
	"strowger/switchnode/internal/media"
)

// Spaces is how many calls may be parked without naming a space, from 01 on. Any number of two digits may be named.
const Spaces = 20

// Lot is that of one switch. The zero value is empty.
type Lot struct {
	mu     sync.Mutex
	spaces map[string]*Space
}

// Space holds one call, until its leg ends or its call is over.
type Space struct {
	Number  string // two digits
	Session *call.Session
	Of      designation.Party // who waits
	lot     *Lot
}

// Take gives a call a space: the one that is named, or with "" the first that is free.
func (l *Lot) Take(number string, s *call.Session, of designation.Party) (*Space, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.spaces == nil {
		l.spaces = map[string]*Space{}
	}
	for i := 1; number == "" && i <= Spaces; i++ {
		if n := fmt.Sprintf("%02d", i); l.at(n) == nil {
			number = n
		}
	}
	switch {
	case number == "":
		return nil, errs.New(errs.Busy, "all %d spaces for parked calls are taken", Spaces)
	case len(number) != 2 || number[0] < '0' || number[0] > '9' || number[1] < '0' || number[1] > '9':
		return nil, errs.New(errs.Invalid, "a space has two digits, 00 to 99, and %q is none; transfer to *8501, or to *85 for any", number)
	}
	if there := l.at(number); there != nil {
		return nil, errs.New(errs.Busy, "a call of %s is parked at %s already", whom(there.Of), number)
	}
	sp := &Space{Number: number, Session: s, Of: of, lot: l}
	l.spaces[number] = sp
	return sp, nil
}

// At is the space of a number, nil if it is empty.
func (l *Lot) At(number string) *Space {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.at(number)
}

// at is At; l.mu is held. A call that ended before it came here leaves its space.
func (l *Lot) at(number string) *Space {
	sp := l.spaces[number]
	if sp == nil {
		return nil
	}
	select {
	case <-sp.Session.Done():
		delete(l.spaces, number)
		return nil
	default:
		return sp
	}
}

func (sp *Space) leave() {
	sp.lot.mu.Lock()
	defer sp.lot.mu.Unlock()
	if sp.lot.spaces[sp.Number] == sp {
		delete(sp.lot.spaces, sp.Number)
	}
}

func whom(p designation.Party) string {
	if p.Name != "" {
		return p.Name
	}
	return p.Number
}

// Dial makes the leg.
func (sp *Space) Dial(s call.Setup) (call.Leg, error) { return &leg{space: sp, setup: s}, nil }

// leg is a space as a branch.
type leg struct {
	space *Space
	setup call.Setup
	over  bool
}

// Inputs of a leg.
type (
	stands struct{}
	leaves struct{}
)

// Port is none: who is parked hears music.
func (*leg) Port() *media.Port { return nil }

// Do carries out an action of the call.
func (l *leg) Do(a call.LegAction) {
	switch a.(type) {
	case call.Start:
		l.setup.Post(stands{})
	case call.Cancel, call.HangUp:
		l.space.leave()
		l.setup.Post(leaves{})
	}
}

// Handle turns an input into events of the call.
func (l *leg) Handle(input any) []call.Event {
	switch input.(type) {
	case stands:
		return []call.Event{call.Parked{Leg: l.setup.Leg, At: l.space.Number}}
	case leaves:
		if l.over {
			return nil
		}
		l.over = true
		return []call.Event{call.Refused{Leg: l.setup.Leg, Cause: call.CauseOf(errs.Gone, "")}, call.Closed{Leg: l.setup.Leg}}
	}
	return nil
}
