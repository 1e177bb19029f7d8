package integration

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"strowger/integration/phone"
	"strowger/mobile-bridge/sdk"
	"strowger/pkg/errs"
	"strowger/pkg/ledger"
	"strowger/pkg/rest"
)

// policy changes what becomes of calls to a user, and waits until it is in force.
func (w *world) policy(t *testing.T, s subscriber, fields map[string]any) {
	t.Helper()
	change(t, w.Client.Users(), s.user.ID, fields)
	w.settle(t)
}

// diverted is how a record says that its call went on.
func diverted(c rest.Call) string {
	var steps []string
	for _, d := range c.Diversions {
		steps = append(steps, fmt.Sprintf("%s %s %s", d.From, d.Cause.Code, d.To.Number))
	}
	return strings.Join(steps, ", ")
}

// second gives a subscriber one more desk phone.
func (w *world) second(t *testing.T, s subscriber, delay int, change func(*phone.Config)) (rest.Device, *phone.Phone) {
	t.Helper()
	d := rest.NewDevice(s.user.ID, s.user.Name+"'s other phone")
	d.Switch, d.Username, d.DelaySeconds = s.device.Switch, s.device.Username+"-2", delay
	d, err := w.Client.Devices().Create(soon(t), d)
	if err != nil {
		t.Fatal(err)
	}
	other := s
	other.device = d
	return d, w.phone(t, other, change)
}

// turns is how long after each other the anchor tried two devices.
func turns(c rest.Call, first, second rest.Device) time.Duration {
	at := map[string]int64{}
	for _, e := range c.Ladder {
		if e.Kind == ledger.Trying {
			at[e.Device] = e.At
		}
	}
	return time.Duration(at[second.ID]-at[first.ID]) * time.Microsecond
}

// TestRingOrder calls a user with two phones, of which one rings later: at its time, or when the first is out; or never.
func TestRingOrder(t *testing.T) {
	t.Parallel()
	w := together(t)
	ann, from := w.person(t, 0, "Ann", nil)
	bob, desk := w.person(t, 1, "Bob", nil)
	device, hall := w.second(t, bob, 2, nil)

	out, first := ring(t, from, bob.number.Dial, desk)
	later := incoming(t, hall, out)
	later.Answer()
	if e := over(t, first); e.Words != "Call completed elsewhere" {
		t.Errorf("the first phone is told %q", e.Words)
	}
	hangUp(t, out, later)
	if after := turns(w.record(t, ann.user, 2), bob.device, device); after < 1900*time.Millisecond { // the clock follows the cloud's
		t.Errorf("the phone that is to ring after 2 s was tried after %v", after)
	}

	change(t, w.Client.Devices(), device.ID, map[string]any{"delay_seconds": 60})
	w.settle(t)
	out, first = ring(t, from, bob.number.Dial, desk)
	first.Decline(486, "Busy Here") // its turn comes long before the minute
	later = incoming(t, hall, out)
	over(t, first)
	later.Decline(486, "Busy Here")
	if e := over(t, out); e.Code != 486 {
		t.Errorf("both are engaged: the caller hears %d %s", e.Code, e.Words)
	}

	change(t, w.Client.Devices(), device.ID, map[string]any{"delay_seconds": rest.NeverRings})
	w.settle(t)
	out, first = ring(t, from, bob.number.Dial, desk)
	first.Decline(486, "Busy Here")
	over(t, out)
	select {
	case <-hall.Incoming():
		t.Error("the phone that never rings rang")
	default:
	}
}

// TestDoNotDisturb calls a user who wants no calls, but those that matter.
func TestDoNotDisturb(t *testing.T) {
	t.Parallel()
	w := together(t)
	ann, from := w.person(t, 0, "Ann", nil)
	bob, desk := w.person(t, 1, "Bob", nil)
	w.policy(t, bob, map[string]any{"dnd": true, "dnd_words": "in a meeting until 3", "dnd_priority": 5})
	if e := over(t, dial(t, from, bob.number.Dial)); e.Code != 480 || e.Words != "in a meeting until 3" {
		t.Errorf("the caller hears %d %q", e.Code, e.Words)
	}
	r := w.record(t, bob.user, 1) // whose call it was too
	if r.Cause == nil || r.Cause.Code != string(errs.DoNotDisturb) || r.Cause.SIP != 480 || r.Cause.Words != "in a meeting until 3" ||
		r.From.User != ann.user.ID || r.To.Number != bob.number.Dial || r.To.Name != "Bob" {
		t.Errorf("the record: from %+v to %+v, %+v", r.From, r.To, r.Cause)
	}
	carol, hers := w.person(t, 0, "Carol", nil)
	dora, _ := w.person(t, 0, "Dora", nil)
	w.policy(t, dora, map[string]any{"dnd": true, "fallback_dnd": carol.number.Dial})
	sent, second := ring(t, from, dora.number.Dial, hers)
	second.Decline(603, "Decline")
	over(t, sent)
	want := dora.number.Dial + " do-not-disturb " + carol.number.Dial
	if r := w.record(t, dora.user, 1); diverted(r) != want || r.To.Number != dora.number.Dial {
		t.Errorf("the record has the diversions %q, want %q; to %+v", diverted(r), want, r.To)
	}
	w.policy(t, ann, map[string]any{"priority": 5})
	out, in := ring(t, from, bob.number.Dial, desk)
	in.Decline(603, "Decline")
	if e := over(t, out); e.Code != 603 {
		t.Errorf("the caller hears %d %s", e.Code, e.Words)
	}
}

// TestCallsGoInNoCircles sends calls to and fro.
func TestCallsGoInNoCircles(t *testing.T) {
	t.Parallel()
	w := together(t)
	ann, from := w.person(t, 0, "Ann", nil)
	bob, desk := w.person(t, 1, "Bob", nil)
	carol, hers := w.person(t, 0, "Carol", nil)
	w.policy(t, bob, map[string]any{"fallback_busy": carol.number.Dial, "fallback_dnd": carol.number.Dial})
	w.policy(t, carol, map[string]any{"fallback_busy": bob.number.Dial, "fallback_dnd": bob.number.Dial})

	out, in := ring(t, from, bob.number.Dial, desk)
	in.Decline(486, "Busy Here")
	second := incoming(t, hers, out)
	second.Decline(486, "Busy Here")
	if e := over(t, out); e.Code != 486 { // and not to Bob again
		t.Errorf("the caller hears %d %s", e.Code, e.Words)
	}
	if r := w.record(t, ann.user, 2); diverted(r) != bob.number.Dial+" busy "+carol.number.Dial {
		t.Errorf("the record has the diversions %q", diverted(r))
	}
	w.policy(t, bob, map[string]any{"dnd": true})
	w.policy(t, carol, map[string]any{"dnd": true})
	if e := over(t, dial(t, from, bob.number.Dial)); e.Code != 482 || !strings.Contains(e.Words, "circles") {
		t.Errorf("two who send all calls to each other: the caller hears %d %q", e.Code, e.Words)
	}
}

// TestFallback calls users who do not answer, are busy, or are not there: the call goes on to whom they chose, in the same
// office, in the caller's or in a third one.
func TestFallback(t *testing.T) {
	t.Parallel()
	w := together(t)
	ann, from := w.person(t, 0, "Ann", says(1))
	bob, desk := w.person(t, 1, "Bob", nil)
	here, hers := w.person(t, 0, "Reception of Ann's office", says(2))
	there, his := w.person(t, 1, "Reception of Bob's office", says(2))
	w.policy(t, bob, map[string]any{
		"ring_seconds": 5, "fallback_no_answer": there.number.Dial, "fallback_busy": here.number.Dial, "fallback_unreachable": here.number.Dial,
	})
	for _, c := range []struct {
		on, to string
		refuse func(*phone.Call)
		at     *phone.Phone
	}{
		{"no-answer", there.number.Dial, nil, his},
		{"busy", here.number.Dial, func(in *phone.Call) { in.Decline(486, "Busy Here") }, hers},
	} {
		t.Run(c.on, func(t *testing.T) {
			out, in := ring(t, from, bob.number.Dial, desk)
			if c.refuse != nil {
				c.refuse(in)
			}
			second := incoming(t, c.at, out)
			over(t, in)
			second.Answer()
			saw(t, out, phone.Answered)
			hears(t, out, 2)
			hears(t, second, 1)
			hangUp(t, out, second)
			r := w.record(t, ann.user, 2)
			if want := bob.number.Dial + " " + c.on + " " + c.to; diverted(r) != want || r.To.Number != bob.number.Dial || r.AnsweredAt == nil {
				t.Errorf("the record has the diversions %q, want %q; to %s, answered %v", diverted(r), want, r.To.Number, r.AnsweredAt)
			}
		})
	}
}

// TestAppIsToldOfFallback has an app call a user whose desk phone is busy: it is told where the call goes on, and that it rings there.
func TestAppIsToldOfFallback(t *testing.T) {
	t.Parallel()
	w := together(t)
	bob, desk := w.person(t, 0, "Bob", nil)
	carol, hers := w.person(t, 1, "Carol", nil)
	eve, _ := w.roamer(t, "Eve")
	app := w.app(t, eve, "apns")
	w.policy(t, bob, map[string]any{"fallback_busy": carol.number.Dial, "fallback_dnd": carol.number.Dial})
	for _, disturbed := range []bool{true, false} {
		if !disturbed {
			w.policy(t, bob, map[string]any{"dnd": true}) // its call goes on in the cloud
		}
		call := app.calls(t, bob.number.Dial, phone.NewVoice(nil))
		if disturbed {
			in := comes(t, desk)
			app.sees(t, sdk.Ringing)
			in.Decline(486, "Busy Here")
			over(t, in)
		}
		if e := app.sees(t, sdk.Forwarded); e.Words != carol.number.Dial {
			t.Errorf("the call is said to go on to %q, want %q", e.Words, carol.number.Dial)
		}
		in := comes(t, hers)
		app.sees(t, sdk.Ringing)
		in.Answer()
		app.sees(t, sdk.Connected)
		call.Hangup()
		app.sees(t, sdk.Ended)
		over(t, in)
	}
}
