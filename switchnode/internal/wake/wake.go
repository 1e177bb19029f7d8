// Package wake is one attempt to get a sleeping device to its call, as the anchor sees it, which owns every wake
// (2-call-flows, "Wake ledger"): a pure machine without clock, network or goroutine.
//
//	          Begin
//	idle ------------> waking --Connected--> there
//	                   |    ^                  |
//	          no word  |    | Patience passed  | Over
//	          is left  v    | or bridge away   v
//	                 failed +-------------->  over
//
// A device that is awake is reached over its channel, another one by pushes; the answer to a question says which. When the leg is
// over, a device that heard of it and is not there is told so.
//
// A wake asks a bridge at most Tries times, Patience apart, with the same sealed bytes, which the device rings for once. When the
// second did not bring the device either, others need not wait for it any more: the wake has stalled, and goes on. It
// fails at once when no provider can ever reach the device: each has said that the token is dead, the device has none, or the
// bridge refuses the ticket. It fails after the last try if none was accepted. Else it goes on until the device comes or the
// call is over. Answers come in any order, and after the end.
package wake

import (
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/fabric"
)

// Tries is how often a bridge is asked, and Patience how long a device may take before it is asked again: a push that gets
// there takes a second or two.
const (
	Tries    = 3
	Patience = 5 * time.Second
)

// Event is something that happened to a wake.
type Event interface{ event() }

type (
	// Begin starts the wake.
	Begin struct{}
	// Replied is what became of one of the questions: the channel's word of a device that is awake, and what providers said.
	Replied struct {
		Channel *fabric.ChannelResult
		Pushes  []fabric.PushResult
	}
	// Failed says that a question was not answered, or refused as a whole.
	Failed struct{ Err error }
	// Connected says that the device came to the call. It may come again.
	Connected struct{}
	// Fired says that the timer that was armed ran out.
	Fired struct{}
	// Reported is what the device said by its channel before it came.
	Reported struct{ Step string }
	// Over says that the leg is over. Away: the device is not there to hear it.
	Over struct{ Away bool }
)

func (Begin) event()     {}
func (Replied) event()   {}
func (Failed) event()    {}
func (Connected) event() {}
func (Fired) event()     {}
func (Reported) event()  {}
func (Over) event()      {}

// Action is something that a wake wants done.
type Action interface{ action() }

type (
	// Ask has a bridge wake the device. Exactly one Replied or Failed follows.
	Ask struct{}
	// Arm starts the timer.
	Arm struct{ After time.Duration }
	// Disarm stops it.
	Disarm struct{}
	// Tell writes a step to the ledger; Err is of one that failed.
	Tell struct {
		Step string
		Err  error
	}
	// Stall says, once, that the device did not come when it was asked again either: others need not wait for it.
	Stall struct{}
	// GiveUp ends the branch: the device cannot be woken.
	GiveUp struct{ Err error }
	// Revoke has the device told that the call is over.
	Revoke struct{}
	// Finish tells how the wake ended, once.
	Finish struct{ Outcome Outcome }
)

func (Ask) action()    {}
func (Arm) action()    {}
func (Disarm) action() {}
func (Tell) action()   {}
func (Stall) action()  {}
func (GiveUp) action() {}
func (Revoke) action() {}
func (Finish) action() {}

// Outcome is how a wake ended.
type Outcome string

// The outcomes.
const (
	Came    Outcome = "came"    // the device connected
	Refused Outcome = "refused" // no provider took the push
	Missed  Outcome = "missed"  // the call was over before the device came
)

type state uint8

const (
	idle   state = iota
	waking       // not there yet
	there        // connected
	failed       // given up
	over
)

// Wake is the state of a wake. The zero value is one that has not begun.
type Wake struct {
	state    state
	tries    int
	asking   bool // a question is not answered yet
	due      bool // Patience passed meanwhile
	accepted bool // a provider took a push
	stalled  bool
	last     error // why the last question brought nothing
}

// Step takes an event and returns what is to be done, in order.
func (w *Wake) Step(ev Event) []Action {
	switch ev := ev.(type) {
	case Begin:
		if w.state == idle {
			w.state = waking
			return w.ask()
		}
	case Replied:
		return w.replied(ev)
	case Failed:
		return w.refused(ev.Err)
	case Connected:
		return w.connected()
	case Fired:
		return w.fired()
	case Reported:
		if w.state == waking || w.state == there {
			return []Action{Tell{Step: ev.Step}}
		}
	case Over:
		return w.end(ev.Away)
	}
	return nil
}

func (w *Wake) ask() []Action {
	w.tries++
	w.asking, w.due = true, false
	return []Action{Tell{Step: "requested"}, Ask{}, Arm{Patience}}
}

// replied notes what each provider said. It is noted even when the device is there already: the push that woke it may be
// the one that its provider answers last.
func (w *Wake) replied(r Replied) []Action {
	w.asking = false
	if w.state != waking && w.state != there {
		return nil
	}
	var acts []Action
	dead := true // all of them
	if c := r.Channel; c != nil && c.Reached {
		w.accepted, dead = true, false
		acts = append(acts, Tell{Step: "reached by channel"})
	} else if c != nil {
		w.last, dead = errs.New(errs.Offline, "The callee's phone is awake and does not answer: %s", c.Reason), false
		acts = append(acts, Tell{"not reached by channel", w.last})
	}
	for _, p := range r.Pushes {
		if p.Accepted {
			w.accepted, dead = true, false
			acts = append(acts, Tell{Step: "accepted by " + string(p.Provider)})
			continue
		}
		dead = dead && p.Dead
		code := errs.Offline
		if p.Dead {
			code = errs.NoPush
		}
		w.last = errs.New(code, "The callee's phone cannot be woken: %s says %s", p.Provider, p.Reason)
		acts = append(acts, Tell{"refused by " + string(p.Provider), w.last})
	}
	if len(r.Pushes) == 0 && r.Channel == nil {
		w.last = errs.New(errs.NoPush, "The callee's phone has no push token: its app must be opened once")
		acts = append(acts, Tell{"refused", w.last})
	}
	return append(acts, w.proceed(dead)...)
}

// refused takes the error of a whole question.
func (w *Wake) refused(err error) []Action {
	w.asking = false
	if w.state != waking && w.state != there {
		return nil
	}
	w.last = err
	if errs.CodeOf(err) == errs.CloudAway { // its words are of the way there
		w.last = errs.New(errs.Offline, "The callee's phone cannot be woken: no bridge answers")
	}
	return append([]Action{Tell{"refused", err}}, w.proceed(!passing(err))...)
}

// passing says whether an error may be another one the next time.
func passing(err error) bool {
	switch errs.CodeOf(err) {
	case errs.CloudAway, errs.Congested, errs.Internal, errs.Unreachable, errs.NodeStopped:
		return true
	}
	return false
}

// proceed goes on after an answer; hopeless says that the next one would be the same.
func (w *Wake) proceed(hopeless bool) []Action {
	switch {
	case w.state != waking, w.accepted && !w.due:
		return nil
	case !w.accepted && (hopeless || w.tries == Tries):
		w.state = failed
		return []Action{Disarm{}, GiveUp{w.last}, Finish{Refused}}
	case w.due && w.tries < Tries:
		return w.ask()
	}
	return nil
}

func (w *Wake) fired() []Action {
	if w.state != waking {
		return nil
	}
	var acts []Action
	if w.tries > 1 && !w.stalled { // 2-call-flows, "Wake ledger": retry, then the next branch
		w.stalled = true
		acts = append(acts, Stall{})
	}
	switch {
	case w.tries == Tries:
	case w.asking:
		w.due = true
	default:
		acts = append(acts, w.ask()...)
	}
	return acts
}

func (w *Wake) connected() []Action {
	switch w.state {
	case waking:
		w.state = there
		return []Action{Disarm{}, Tell{Step: "connected"}, Finish{Came}}
	case there:
		return []Action{Tell{Step: "connected"}}
	}
	return nil
}

// end has a device that may have heard of the call told that it is over, unless it is there to hear that. One that nothing has
// reached is left alone: its wake expires.
func (w *Wake) end(away bool) (acts []Action) {
	before := w.state
	w.state = over
	if before == waking {
		acts = []Action{Disarm{}, Finish{Missed}}
	}
	if away && (before == there || before == waking && (w.accepted || w.asking)) {
		acts = append(acts, Revoke{})
	}
	return acts
}
