// Package parking is where calls wait that somebody has parked: a lot with numbered spaces. A space is a branch of the call that never
// rings and never answers; who retrieves the call is another branch of it, and does.
package parking

import (
	"fmt"
	"strconv"
	"sync"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/switchnode/internal/call"
	"strowger/switchnode/internal/media"
)

// Lot is that of one switch. The zero value is empty.
type Lot struct {
	Changed func(number string) // told that a space was taken or left; may be nil. It must not block

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

// Take gives a call a space of so many, 01 and on: the one that is named, or with "" the first that is free.
func (l *Lot) Take(number string, spaces int, s *call.Session, of designation.Party) (*Space, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.spaces == nil {
		l.spaces = map[string]*Space{}
	}
	for i := 1; number == "" && i <= spaces; i++ {
		if n := fmt.Sprintf("%02d", i); l.at(n) == nil {
			number = n
		}
	}
	switch i, err := strconv.ParseUint(number, 10, 8); {
	case spaces == 0:
		return nil, errs.New(errs.Forbidden, "this office parks no calls")
	case number == "":
		return nil, errs.New(errs.Busy, "all %d spaces for parked calls are taken", spaces)
	case err != nil || len(number) < 2 || i < 1 || int(i) > spaces:
		return nil, errs.New(errs.Invalid, "there is no space %q for parked calls: they are 01 to %02d; transfer to *85 for any", number, spaces)
	}
	if there := l.at(number); there != nil {
		return nil, errs.New(errs.Busy, "a call of %s is parked at %s already", whom(there.Of), number)
	}
	sp := &Space{Number: number, Session: s, Of: of, lot: l}
	l.spaces[number] = sp
	l.changed(number)
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
		l.changed(number)
		return nil
	default:
		return sp
	}
}

// Of is the space of a call, nil if it is not parked.
func (l *Lot) Of(id string) *Space {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, sp := range l.spaces {
		if sp.Session.ID() == id {
			return sp
		}
	}
	return nil
}

func (sp *Space) leave() {
	sp.lot.mu.Lock()
	defer sp.lot.mu.Unlock()
	if sp.lot.spaces[sp.Number] == sp {
		delete(sp.lot.spaces, sp.Number)
		sp.lot.changed(sp.Number)
	}
}

func (l *Lot) changed(number string) {
	if l.Changed != nil {
		l.Changed(number)
	}
}

// Swept finds spaces whose calls ended before they came there.
func (l *Lot) Swept() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for number := range l.spaces {
		l.at(number)
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
