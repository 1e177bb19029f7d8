package call

import (
	"fmt"
	"slices"
	"testing"

	"strowger/pkg/designation"
)

// lit is the phase in which the model has a leg, "" for none: who watches the user there has to see it.
func (w *world) lit(id LegID) Phase {
	p := w.peers[id]
	state := w.call.State()
	switch {
	case p.phase == talking:
		return PhaseConfirmed
	case p.phase != inviting:
		return ""
	case id != Caller || w.back: // it is called
		if p.rang || p.early {
			return PhaseEarly
		}
		return ""
	case state == Admitting, state == Trying && w.rung == 0:
		return PhaseTrying
	}
	return PhaseEarly // it rings, or they wait
}

// lamps says what is wrong with what the lamps of the parties show: each has its phase, and knows whom it talks to, or who asks for it.
func (w *world) lamps() error {
	c := *w.call
	c.legs = slices.Clone(c.legs)
	s := Session{call: &c, people: people{parties: map[LegID]designation.Party{}}}
	legs := map[string]LegID{}
	for i := range c.legs { // some of the model have the name of another
		c.legs[i].id, c.legs[i].device = fmt.Sprint(i), fmt.Sprint("dv_", i)
		s.parties[LegID(i)] = designation.Party{User: fmt.Sprint("us_", i)}
		legs[c.legs[i].id] = LegID(i)
	}
	seen := make([]Seen, len(w.peers))
	for _, p := range s.view().Parties {
		seen[legs[p.Leg]] = p
	}
	for i := range w.peers {
		id, p := LegID(i), seen[i]
		if w.call.legs[min(i, len(w.call.legs)-1)].id == "guest" && w.peers[i].phase == inviting {
			continue // who has called is asked to answer: nothing rings there
		}
		if want := w.lit(id); p.Phase != want {
			return fmt.Errorf("the lamp of leg %d (%+v) shows %q, want %q", i, w.peers[i], p.Phase, want)
		}
		switch other := legs[p.Peer]; {
		case p.Phase == "":
		case p.User != fmt.Sprint("us_", i) || p.Caller != (id == Caller && !w.back):
			return fmt.Errorf("the lamp of leg %d is of %+v", i, p)
		case id != Caller && (p.Peer == "" || other != Caller || p.Other.User != "us_0"):
			return fmt.Errorf("the lamp of leg %d shows %+v, and the caller is leg 0", i, p)
		case id == Caller && w.call.State() == Up && (other != w.call.winner || p.Other.User != fmt.Sprint("us_", other)):
			return fmt.Errorf("the lamp of the caller shows %+v, who talks to leg %d", p, w.call.winner)
		}
	}
	return nil
}

// TestLampsOfAnswer shows that the exploration looks at lamps: one that is wrong is found.
func TestLampsOfAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(budget{}, budget{}, 0)
	for _, ev := range []Event{Planned{Branches: w.branches, Ring: 60e9}, Ringing{Leg: 1}, Answered{1, speech, "", nil}} {
		if err := w.deliver(ev); err != nil {
			t.Fatalf("%T: %v", ev, err)
		}
	}
	w.call.legs[1].state = ringing
	if err := w.lamps(); err == nil {
		t.Error("the lamp of who talks shows that they ring, and nobody says so")
	}
}
