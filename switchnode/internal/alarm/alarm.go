// Package alarm carries out the wake of a device, for the leg that is to ring it.
package alarm

import (
	"time"

	"strowger/pkg/fabric"
	"strowger/pkg/ledger"
	"strowger/switchnode/internal/call"
	"strowger/switchnode/internal/wake"
)

// AskTime is how long a bridge may take for one try: it answers when the providers have.
const AskTime = 4 * time.Second

// Sleeper is the leg of a device that is woken. The methods do not block.
type Sleeper interface {
	// Ask asks a bridge for a try, the first of which is 1; Asked is told what came of it.
	Ask(try int)
	// Revoke has the device told that the call is over.
	Revoke()
	// GiveUp ends the leg; it returns what that tells the call.
	GiveUp(ledger.Cause) []call.Event
}

// Alarm is one wake. It is for the goroutine of the session.
type Alarm struct {
	Setup    call.Setup
	Sleeper  Sleeper
	Finished func(wake.Outcome) // nil if nobody counts

	wake  wake.Wake
	timer *time.Timer
	set   int // times that the timer was set: an old one that rings is not heard
	tries int
}

// Rang is an input of the leg: the timer ran out.
type Rang struct{ set int }

// Tries is how often a bridge was asked.
func (a *Alarm) Tries() int { return a.tries }

// Rang takes that input.
func (a *Alarm) Rang(in Rang) []call.Event {
	if in.set != a.set {
		return nil
	}
	return a.Step(wake.Fired{})
}

// Asked takes what a bridge answered.
func (a *Alarm) Asked(reply fabric.WakeReply, err error) []call.Event {
	if err != nil {
		return a.Step(wake.Failed{Err: err})
	}
	return a.Step(wake.Replied{Channel: reply.Channel, Pushes: reply.Pushes})
}

// Step tells the wake of an event, carries out what it wants, and returns what that tells the call.
func (a *Alarm) Step(ev wake.Event) (evs []call.Event) {
	for _, act := range a.wake.Step(ev) {
		switch act := act.(type) {
		case wake.Ask:
			a.tries++
			a.Sleeper.Ask(a.tries)
		case wake.Revoke:
			a.Sleeper.Revoke()
		case wake.Arm:
			a.Stop()
			set, post := a.set, a.Setup.Post
			a.timer = time.AfterFunc(act.After, func() { post(Rang{set}) })
		case wake.Disarm:
			a.Stop()
		case wake.Tell:
			w := call.Waking{Leg: a.Setup.Leg, Step: act.Step}
			if act.Err != nil {
				c := call.CauseOfError(act.Err)
				w.Cause = &c
			}
			evs = append(evs, w)
		case wake.Stall:
			evs = append(evs, call.Stalled{Leg: a.Setup.Leg})
		case wake.GiveUp:
			evs = append(evs, a.Sleeper.GiveUp(call.CauseOfError(act.Err))...)
		case wake.Finish:
			if a.Finished != nil {
				a.Finished(act.Outcome)
			}
		}
	}
	return evs
}

// Stop stops the timer.
func (a *Alarm) Stop() {
	a.set++
	if a.timer != nil {
		a.timer.Stop()
	}
}
