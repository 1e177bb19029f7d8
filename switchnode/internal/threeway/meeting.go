// Package threeway is three who talk to each other at one switch: who brings them together, the host, and the others of two calls.
//
//	m := threeway.New(clock, relay)
//	guest := m.Guest() // a call.Target: takes the host's place in a call
//	host := m.Host()   // answers the host's own call
//	m.Begin()
//
// When the host hangs up all do, and so does who is left alone: two who are outside are not left with each other at the office's cost.
package threeway

import (
	"sync"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/ledger"
	"strowger/pkg/sdp"
	"strowger/switchnode/internal/call"
	"strowger/switchnode/internal/media"
	"strowger/switchnode/internal/mixer"
	"strowger/switchnode/internal/voice"
)

// Meeting is the three. It is safe for concurrent use.
type Meeting struct {
	room    *mixer.Room
	changed chan struct{} // capacity 1

	mu    sync.Mutex    // guards what follows
	legs  map[*leg]bool // whether they are there
	began bool          // the host is, or was, there
	over  bool
	late  *time.Timer // for the host
}

// hostTime is how long the host may take to come, who has dialled already.
const hostTime = 5 * time.Second

// New returns a meeting of nobody yet.
func New(clock *voice.Clock, relay *media.Relay) *Meeting {
	return &Meeting{room: mixer.NewRoom(clock, relay), changed: make(chan struct{}, 1), legs: map[*leg]bool{}}
}

// Guest is the meeting as a target of a call with one of the two others.
func (m *Meeting) Guest() call.Target { return target{m, false} }

// Host is the meeting as the target of the host's call.
func (m *Meeting) Host() call.Target { return target{m, true} }

// There is how many are.
func (m *Meeting) There() (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, here := range m.legs {
		if here {
			n++
		}
	}
	return n
}

// Changed gets a value when There may be another.
func (m *Meeting) Changed() <-chan struct{} { return m.changed }

// Begin says that all guests have come who will. When the host does not come now the meeting is over.
func (m *Meeting) Begin() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.late = time.AfterFunc(hostTime, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		if !m.began {
			m.end()
		}
	})
}

// Close ends the meeting: all hang up.
func (m *Meeting) Close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.end()
}

// enter adds a leg, unless the meeting is over. A host to whom all guests were lost on the way is not left alone either.
func (m *Meeting) enter(l *leg) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if l.host && len(m.legs) == 0 {
		m.end()
	}
	if m.over {
		return false
	}
	m.legs[l] = false
	m.began = m.began || l.host
	return true
}

// sit notes that a leg talks.
func (m *Meeting) sit(l *leg) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, in := m.legs[l]; in {
		m.legs[l] = true
	}
	m.tell()
}

// leave forgets a leg.
func (m *Meeting) leave(l *leg) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.legs, l)
	if l.host {
		m.end()
	}
	m.settle()
	m.clear()
	m.tell()
}

// settle ends a meeting of one. It is called with m.mu held.
func (m *Meeting) settle() {
	if m.began && len(m.legs) <= 1 {
		m.end()
	}
}

// end is called with m.mu held.
func (m *Meeting) end() {
	if m.over {
		return
	}
	m.over = true
	if m.late != nil {
		m.late.Stop()
	}
	for l := range m.legs {
		l.setup.Post(ends{})
	}
	m.clear()
}

// clear closes the room of a meeting that is over, once nobody is in it. It is called with m.mu held.
func (m *Meeting) clear() {
	if m.over && len(m.legs) == 0 {
		m.room.Close()
	}
}

func (m *Meeting) tell() {
	select {
	case m.changed <- struct{}{}:
	default:
	}
}

type target struct {
	meeting *Meeting
	host    bool
}

// Dial makes the leg.
func (t target) Dial(setup call.Setup) (call.Leg, error) {
	l := &leg{meeting: t.meeting, host: t.host, setup: setup}
	if !t.meeting.enter(l) {
		return nil, errs.New(errs.Gone, "the call of three is over")
	}
	var err error
	if l.seat, err = t.meeting.room.Seat(); err != nil {
		t.meeting.leave(l)
		return nil, err
	}
	return l, nil
}

// leg is a seat of the meeting, as the end of a call. It belongs to the goroutine of that call's session.
type leg struct {
	meeting *Meeting
	host    bool
	setup   call.Setup
	seat    *mixer.Seat
	up      bool
	stopped bool // by the call
	over    bool
}

// Inputs of a leg.
type (
	arrives struct{ answer sdp.Description }
	ends    struct{}                     // the meeting
	stops   struct{ cause ledger.Cause } // the call
	tells   struct{ event call.Event }
)

// Port is the leg's media.
func (l *leg) Port() *media.Port { return l.seat.Port() }

// Do carries out an action of the call.
func (l *leg) Do(a call.LegAction) {
	switch a := a.(type) {
	case call.Start:
		if answer, err := voice.Answer(a.Offer); err != nil {
			l.setup.Post(stops{call.CauseOfError(err)})
		} else {
			l.setup.Post(arrives{answer})
		}
	case call.Cancel:
		l.stopped = true
		l.setup.Post(stops{a.Cause})
	case call.HangUp:
		l.stopped = true
		l.setup.Post(stops{a.Cause})
	case call.Offer:
		if answer, err := voice.Answer(a.Description); err != nil {
			l.setup.Post(tells{call.OfferRefused{Leg: l.setup.Leg, Status: 488}})
		} else {
			l.setup.Post(tells{call.OfferAccepted{Leg: l.setup.Leg, Description: answer}})
		}
	case call.Press:
		l.seat.Press(a.Digit)
	}
}

// Handle turns what the leg posted into events.
func (l *leg) Handle(input any) []call.Event {
	id := l.setup.Leg
	if l.over {
		return nil
	}
	switch in := input.(type) {
	case tells:
		return []call.Event{in.event}
	case arrives:
		if l.stopped {
			return nil
		}
		l.up = true
		l.meeting.sit(l)
		return []call.Event{call.Answered{Leg: id, Description: in.answer}}
	case stops:
		l.finish()
		if l.up {
			return []call.Event{call.Closed{Leg: id}}
		}
		return []call.Event{call.Refused{Leg: id, Cause: in.cause}, call.Closed{Leg: id}}
	case ends:
		if l.stopped {
			return nil
		}
		l.finish()
		if l.up {
			return []call.Event{call.HungUp{Leg: id, Cause: voice.Done()}, call.Closed{Leg: id}}
		}
		return []call.Event{call.Refused{Leg: id, Cause: call.CauseOf(errs.Gone, "The call of three is over")}, call.Closed{Leg: id}}
	}
	return nil
}

// finish frees what the leg has.
func (l *leg) finish() {
	l.over = true
	l.seat.Leave()
	l.meeting.leave(l)
}
