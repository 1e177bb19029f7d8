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

// TestAppKeepsPlace has an app leave while it waits for a desk phone, by hanging up or by the key that it hears of: it is woken when its
// turn comes, and the two talk.
func TestAppKeepsPlace(t *testing.T) {
	t.Parallel()
	w := together(t)
	for _, c := range []struct {
		name         string
		leave        func(*testing.T, *app, *sdk.Call)
		words, cause string
	}{
		{"hangs up", func(_ *testing.T, _ *app, call *sdk.Call) { call.KeepPlace() },
			"the place in the queue is kept: you will be called back", "The caller hung up and keeps the place in the queue"},
		{"presses the key", func(t *testing.T, app *app, call *sdk.Call) {
			app.sees(t, sdk.EarlyMedia)
			if err := call.SendDTMF("1"); err != nil {
				t.Error(err)
			}
		}, "You will be called back", "You will be called back"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
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
			c.leave(t, app, call)
			if e := app.sees(t, sdk.Ended); e.Words != c.words {
				t.Errorf("the app ends with %q", e.Words)
			}
			w.away(t, bob.user, "Eve")
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
			if r := w.recordOf(t, call.ID()); waited(r) != "1 kept called-back" || r.Cause.Words != c.cause {
				t.Errorf("the record of who waited says %q of the queue: %+v, cause %+v", waited(r), r, r.Cause)
			}
		})
	}
}

// TestPhoneIsCalledBack has who waits on a desk phone of another office press a key to be called back.
func TestPhoneIsCalledBack(t *testing.T) {
	t.Parallel()
	w := together(t)
	ann, from := w.person(t, 0, "Ann", says(1))
	bob, desk := w.person(t, 1, "Bob", says(2))
	dan, other := w.person(t, 1, "Dan", nil)
	w.policy(t, bob, map[string]any{"queue_length": 2})
	own, talks := ring(t, desk, dan.number.Dial, other)
	talks.Answer()
	saw(t, own, phone.Answered)
	w.calledBack(t, from, desk, bob.number.Dial, func() { w.away(t, bob.user, ann.user.Name) }, func() { hangUp(t, own, talks) })
	r := w.record(t, ann.user, 2)
	if r.AnsweredAt == nil || r.From.User != ann.user.ID || r.To.User != bob.user.ID || r.Cause.Code != "normal" {
		t.Errorf("the record: %+v, cause %+v", r, r.Cause)
	}
}

// TestCallerOutsideIsCalledBack has somebody outside do the same, who called by a trunk of another office.
func TestCallerOutsideIsCalledBack(t *testing.T) {
	t.Parallel()
	w := alone(t)
	company := carrier(t, func(c *phone.Config) {
		c.User, c.Name, c.Server, c.Say = "030999000", "Outside", w.Offices[0].SIP.String(), speech(1)
	})
	line := w.trunk(t, 0, rest.NewTrunk("Company"), company)
	bob, desk := w.person(t, 1, "Bob", says(2))
	dan, other := w.person(t, 1, "Dan", nil)
	w.policy(t, bob, map[string]any{"queue_length": 2})
	if _, err := w.Client.Numbers().Create(soon(t), rest.Number{Digits: "+4930201", User: bob.user.ID}); err != nil {
		t.Fatal(err)
	}
	w.settle(t)
	own, talks := ring(t, desk, dan.number.Dial, other)
	talks.Answer()
	saw(t, own, phone.Answered)
	in := w.calledBack(t, company, desk, "+4930201", func() { w.away(t, bob.user, "Outside") }, func() { hangUp(t, own, talks) })
	if in.Dialled != "+4930999000" || in.From != "+4930201" {
		t.Errorf("the company is called for %s by %s", in.Dialled, in.From)
	}
	r := w.record(t, bob.user, 2)
	if r.AnsweredAt == nil || r.From.Trunk != line.ID || r.From.Number != "+4930999000" || r.To.User != bob.user.ID || r.Cause.Code != "normal" {
		t.Errorf("the record: %+v, cause %+v", r, r.Cause)
	}
}

// calledBack has a phone call somebody who is on the phone, press the key, and be called back when they are free. It returns that call.
func (w *world) calledBack(t *testing.T, from *phone.Phone, desk *phone.Phone, number string, kept, free func()) *phone.Call {
	t.Helper()
	out := dial(t, from, number)
	queued(t, out, "Queued, number 1")
	until(t, func() string {
		if len(out.Heard()) == 0 {
			return "the caller hears nothing yet"
		}
		return ""
	})
	out.SendDTMF('1')
	if e := over(t, out); e.Code != 480 || e.Words != "You will be called back" {
		t.Errorf("who chose to be called back hears %d %q", e.Code, e.Words)
	}
	kept()
	free()
	back := comes(t, from)
	back.Answer()
	in := comes(t, desk)
	hearsTone(t, 425, back.Heard)
	before := len(back.Heard())
	in.Answer()
	heardFrom(t, back, before, 2)
	hears(t, in, 1)
	hangUp(t, back, in)
	return back
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
func (w *world) away(t *testing.T, callee rest.User, caller string) {
	t.Helper()
	until(t, func() string {
		q, err := w.Client.Queues(soon(t))
		if err != nil {
			return err.Error()
		}
		for _, v := range q.Items {
			if v.To.User == callee.ID && v.From.Name == caller && v.Away {
				return ""
			}
		}
		return fmt.Sprintf("%s is not away: %+v", caller, q.Items)
	})
}
