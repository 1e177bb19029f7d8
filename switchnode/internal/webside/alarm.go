package webside

import (
	"context"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/pushseal"
	"strowger/switchnode/internal/call"
	"strowger/switchnode/internal/wake"
)

// askTime is how long a bridge may take for one try: it answers when the providers have.
const askTime = 4 * time.Second

// alarm carries out the wake of a leg.
type alarm struct {
	leg   *leg
	wake  wake.Wake
	timer *time.Timer
	set   int // times that the timer was set: an old one that rings is not heard
	tries int
	until time.Time
}

// Inputs of a leg that are of its wake.
type (
	// asked is what came of a question to a bridge.
	asked struct {
		reply fabric.WakeReply
		err   error
	}
	// rang says that the timer ran out.
	rang struct{ set int }
)

func (a *alarm) begin() []call.Event {
	a.until = a.leg.web.cfg.Now().Add(a.leg.plan.Ring)
	return a.act(a.wake.Step(wake.Begin{}))
}

func (a *alarm) over() {
	if a.leg != nil { // nobody wakes who calls
		a.act(a.wake.Step(wake.Over{Away: a.leg.here == nil && !a.leg.declined}))
	}
}

func (a *alarm) connected() []call.Event { return a.act(a.wake.Step(wake.Connected{})) }

func (a *alarm) rang(in rang) []call.Event {
	if in.set != a.set {
		return nil
	}
	return a.act(a.wake.Step(wake.Fired{}))
}

func (a *alarm) asked(in asked) []call.Event {
	if in.err != nil {
		return a.act(a.wake.Step(wake.Failed{Err: in.err}))
	}
	return a.act(a.wake.Step(wake.Replied{Channel: in.reply.Channel, Pushes: in.reply.Pushes}))
}

// act carries out actions, and returns what they tell the call.
func (a *alarm) act(acts []wake.Action) (evs []call.Event) {
	l := a.leg
	for _, act := range acts {
		switch act := act.(type) {
		case wake.Ask:
			a.ask()
		case wake.Revoke:
			a.revoke()
		case wake.Arm:
			a.stop()
			set, post := a.set, l.setup.Post
			a.timer = time.AfterFunc(act.After, func() { post(rang{set}) })
		case wake.Disarm:
			a.stop()
		case wake.Tell:
			w := call.Waking{Leg: l.setup.Leg, Step: act.Step}
			if act.Err != nil {
				c := call.CauseOfError(act.Err)
				w.Cause = &c
			}
			evs = append(evs, w)
		case wake.Stall:
			evs = append(evs, call.Stalled{Leg: l.setup.Leg})
		case wake.GiveUp:
			evs = append(evs, l.refused(call.CauseOfError(act.Err))...)
		case wake.Finish:
			l.web.ended(act.Outcome)
		}
	}
	return evs
}

func (a *alarm) stop() {
	a.set++
	if a.timer != nil {
		a.timer.Stop()
	}
}

// ask seals the wake, the first time, and asks a bridge beside the session.
func (a *alarm) ask() {
	l := a.leg
	w, app := l.web, l.branch.App
	if l.sealed == nil {
		sealed, err := pushseal.Seal(app.Seal, w.cfg.Org, l.branch.Device, pushseal.Wake{Epoch: epoch, Node: *l.plan.Node, Key: app.Key})
		if err != nil {
			l.setup.Post(asked{err: errs.New(errs.Invalid, "the wake cannot be sealed: %w", err)})
			return
		}
		l.sealed = sealed
	}
	a.tries++
	q, post := fabric.Wake{Ticket: app.Ticket, Sealed: l.sealed, Epoch: epoch, Until: a.until, Try: a.tries}, l.setup.Post
	w.work.Go(func() {
		<-w.ready
		ctx, cancel := context.WithTimeout(w.ctx, askTime)
		defer cancel()
		reply, err := w.cfg.Wake(ctx, q)
		post(asked{reply: reply, err: err})
	})
}

// revokeTime is how long a bridge may take to reach the device's channel, or a push service.
const revokeTime = 3 * time.Second

// revoke has the device told that the call is over, beside the session.
func (a *alarm) revoke() {
	l := a.leg
	w := l.web
	q := fabric.Cancel{Ticket: l.branch.App.Ticket, Sealed: l.sealed, Why: errs.New(errs.Code(l.cause.Code), "%s", l.cause.Words)}
	w.work.Go(func() {
		<-w.ready
		ctx, cancel := context.WithTimeout(context.WithoutCancel(w.ctx), revokeTime)
		defer cancel()
		if _, err := w.cfg.Cancel(ctx, q); err != nil {
			w.cfg.Logger.Info("a device was not told that its call is over", "call", l.setup.Call, "device", l.branch.Device, "error", err)
		}
	})
}
