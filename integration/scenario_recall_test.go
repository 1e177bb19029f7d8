package integration

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"strowger/integration/phone"
	"strowger/mobile-bridge/sdk"
	"strowger/pkg/ledger"
	"strowger/pkg/rest"
)

// TestAppKeepsPlace has an app hang up while it waits for a desk phone: it is woken when its turn comes, and the two talk.
func TestAppKeepsPlace(t *testing.T) {
	t.Parallel()
	w := together(t)
	bob, desk := w.person(t, 1, "Bob", says(2))
	dan, other := w.person(t, 1, "Dan", nil)
	eve, number := w.roamer(t, "Eve")
	app := w.app(t, eve, "apns")
	w.policy(t, bob, map[string]any{"queue_length": 2})
	own, talks := ring(t, desk, dan.number.Dial, other)
	talks.Answer()
	saw(t, own, phone.Answered)

	call := app.calls(t, bob.number.Dial, phone.NewVoice(nil))
	app.sees(t, sdk.Queued)
	call.KeepPlace()
	if e := app.sees(t, sdk.Ended); e.Words != "the place in the queue is kept: you will be called back" {
		t.Errorf("the app ends with %q", e.Words)
	}
	w.away(t, bob.user, eve)
	begun := time.Now()
	hangUp(t, own, talks)

	app.sees(t, sdk.Woken)
	back := app.sees(t, sdk.Ringing).Call
	if back.FromName() != "Call back: Bob" || back.FromNumber() != bob.number.Dial {
		t.Errorf("the app shows %q %q", back.FromName(), back.FromNumber())
	}
	v := phone.NewVoice(speech(1))
	back.Answer(v)
	app.sees(t, sdk.Connected)
	in := comes(t, desk)
	in.Answer()
	heard(t, 2, v.Heard, begun)
	hears(t, in, 1)
	back.Hangup()
	app.sees(t, sdk.Ended)
	over(t, in)

	r := w.record(t, eve, 1)
	if r.AnsweredAt == nil || r.From.User != eve.ID || r.From.Number != number.Dial || r.To.User != bob.user.ID || r.Cause.Code != "normal" {
		t.Errorf("the record: %+v, cause %+v", r, r.Cause)
	}
	if r := w.recordOf(t, call.ID()); waited(r) != "1 kept called-back" || r.Cause.Words != "The caller hung up and keeps the place in the queue" {
		t.Errorf("the record of who waited says %q of the queue: %+v, cause %+v", waited(r), r, r.Cause)
	}
}

// recordOf waits for the record of a call that waited, and of how that ended.
func (w *world) recordOf(t *testing.T, call string) (c rest.Call) {
	t.Helper()
	until(t, func() string {
		var err error
		if c, err = w.Client.Calls().Get(soon(t), call); err != nil {
			return err.Error()
		}
		if !slices.ContainsFunc(c.Ladder, func(e ledger.NodeEvent) bool { return e.Kind == ledger.Unqueued }) || ended(c) == 0 {
			return "the record does not end: " + waited(c)
		}
		return ""
	})
	return c
}

// away waits until a caller who waits for a user is one who hung up and keeps the place.
func (w *world) away(t *testing.T, callee, caller rest.User) {
	t.Helper()
	until(t, func() string {
		q, err := w.Client.Queues(soon(t))
		if err != nil {
			return err.Error()
		}
		for _, v := range q.Items {
			if v.To.User == callee.ID && v.From.User == caller.ID && v.Away {
				return ""
			}
		}
		return fmt.Sprintf("%s is not away: %+v", caller.Name, q.Items)
	})
}
