package webside

import (
	"context"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/ledger"
	"strowger/pkg/pushseal"
	"strowger/switchnode/internal/alarm"
	"strowger/switchnode/internal/call"
	"strowger/switchnode/internal/wake"
)

// summons is how the device of a leg is woken, through a bridge.
type summons struct {
	leg    *leg // nil: nobody wakes who calls
	alarm  alarm.Alarm
	until  time.Time
	sealed []byte // for each try the same
}

// asked is an input of a leg: what came of a question to a bridge.
type asked struct {
	reply fabric.WakeReply
	err   error
}

func (s *summons) begin() []call.Event {
	l := s.leg
	s.alarm = alarm.Alarm{Setup: l.setup, Sleeper: s, Finished: l.web.ended}
	s.until = l.web.cfg.Now().Add(l.plan.Ring)
	return s.alarm.Step(wake.Begin{})
}

func (s *summons) over() {
	if s.leg != nil {
		s.alarm.Step(wake.Over{Away: s.leg.here == nil && !s.leg.declined})
	}
}

func (s *summons) connected() []call.Event { return s.alarm.Step(wake.Connected{}) }

func (s *summons) reported(step string) []call.Event { return s.alarm.Step(wake.Reported{Step: step}) }

// Ask seals the wake, the first time, and asks a bridge beside the session.
func (s *summons) Ask(try int) {
	l := s.leg
	w, app := l.web, l.branch.App
	if s.sealed == nil {
		sealed, err := pushseal.Seal(app.Seal, w.cfg.Org, l.branch.Device, pushseal.Wake{Epoch: epoch, Node: *l.plan.Node, Key: app.Key})
		if err != nil {
			l.setup.Post(asked{err: errs.New(errs.Invalid, "the wake cannot be sealed: %w", err)})
			return
		}
		s.sealed = sealed
	}
	q, post := fabric.Wake{Ticket: app.Ticket, Sealed: s.sealed, Epoch: epoch, Until: s.until, Try: try}, l.setup.Post
	w.work.Go(func() {
		<-w.ready
		ctx, cancel := context.WithTimeout(w.ctx, alarm.AskTime)
		defer cancel()
		reply, err := w.cfg.Wake(ctx, q)
		post(asked{reply: reply, err: err})
	})
}

// revokeTime is how long a bridge may take to reach the device's channel, or a push service.
const revokeTime = 3 * time.Second

// Revoke has the device told that the call is over, beside the session.
func (s *summons) Revoke() {
	l := s.leg
	w := l.web
	q := fabric.Cancel{Ticket: l.branch.App.Ticket, Sealed: s.sealed, Why: errs.New(errs.Code(l.cause.Code), "%s", l.cause.Words)}
	w.work.Go(func() {
		<-w.ready
		ctx, cancel := context.WithTimeout(context.WithoutCancel(w.ctx), revokeTime)
		defer cancel()
		if _, err := w.cfg.Cancel(ctx, q); err != nil {
			w.cfg.Logger.Info("a device was not told that its call is over", "call", l.setup.Call, "device", l.branch.Device, "error", err)
		}
	})
}

// GiveUp ends the leg.
func (s *summons) GiveUp(why ledger.Cause) []call.Event { return s.leg.refused(why) }
