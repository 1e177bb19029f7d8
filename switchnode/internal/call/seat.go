package call

import (
	"strowger/pkg/designation"
	"strowger/pkg/ledger"
)

// NewSeat returns the switch itself as one who takes the place of somebody who talks: what is dialled there is target. If it does not
// come to that, Turned says why.
func NewSeat(target Target, who designation.Party, words string, may func(of designation.Party, talks bool) error) *Guest {
	g := &Guest{turned: make(chan ledger.Cause, 1)}
	g.who, g.by, g.may, g.words, g.seat = who, who, may, words, target
	return g
}

// seat is a target that answers in the place of a leg.
type seat struct{ Target }

// Dial makes the leg.
func (t seat) Dial(s Setup) (Leg, error) {
	l, err := t.Target.Dial(s)
	if err != nil {
		return nil, err
	}
	return seated{l}, nil
}

// seated is a leg whose answer is its arrival.
type seated struct{ Leg }

// Handle turns an input into events of the call.
func (l seated) Handle(input any) []Event {
	evs := l.Leg.Handle(input)
	for i, ev := range evs {
		if a, ok := ev.(Answered); ok {
			evs[i] = Arrived{a.Leg, a.Description}
		}
	}
	return evs
}
