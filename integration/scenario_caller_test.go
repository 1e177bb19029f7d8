package integration

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"strowger/integration/phone"
	"strowger/mobile-bridge/sdk"
	"strowger/pkg/errs"
)

// calls places a call of an app, which says what v says.
func (a *app) calls(t *testing.T, number string, v *phone.Voice) *sdk.Call {
	t.Helper()
	c, err := a.Dial(number, &sdk.DialOptions{Audio: v})
	if err != nil {
		t.Fatal(err)
	}
	a.sees(t, sdk.Trying)
	return c
}

// TestAppCallsDeskPhone has an app call a desk phone (C1): the cloud asks the phone's switch, and the app goes there.
func TestAppCallsDeskPhone(t *testing.T) {
	t.Parallel()
	w := together(t)
	bob, desk := w.person(t, 1, "Bob", says(2))
	eve, number := w.roamer(t, "Eve")
	app := w.app(t, eve, "apns")
	begun := time.Now()

	v := phone.NewVoice(speech(1))
	call := app.calls(t, bob.number.Dial, v)
	in := comes(t, desk)
	app.sees(t, sdk.Ringing)
	in.Answer()
	app.sees(t, sdk.Connected)
	hears(t, in, 1)
	heard(t, 2, v.Heard, begun)
	call.Hangup()
	app.sees(t, sdk.Ended)
	over(t, in)

	r := w.record(t, eve, 1)
	if r.AnsweredAt == nil || r.Cause == nil || r.Cause.Code != "normal" || r.To.User != bob.user.ID || r.From.Number != number.Dial {
		t.Errorf("the record: %+v, cause %+v", r, r.Cause)
	}
}

// comes waits until a desk phone rings.
func comes(t *testing.T, to *phone.Phone) *phone.Call {
	t.Helper()
	select {
	case in := <-to.Incoming():
		return in
	case <-soon(t).Done():
		t.Fatal("the desk phone does not ring")
	}
	return nil
}

// TestAppCallsSleepingApp has an app call another (C1'): both come to a switch of the pool, and their media go from one to the
// other.
func TestAppCallsSleepingApp(t *testing.T) {
	t.Parallel()
	w := together(t)
	eve, number := w.roamer(t, "Eve")
	joe, other := w.roamer(t, "Joe")
	app, callee := w.app(t, eve, "apns"), w.app(t, joe, "fcm")
	begun := time.Now()

	v := phone.NewVoice(speech(1))
	call := app.calls(t, other.Dial, v)
	callee.sees(t, sdk.Woken)
	in := callee.sees(t, sdk.Ringing).Call
	if in.FromName() != "Eve" || in.FromNumber() != number.Dial {
		t.Errorf("the app shows %q %q", in.FromName(), in.FromNumber())
	}
	app.sees(t, sdk.Waking)
	app.sees(t, sdk.Ringing)
	back := phone.NewVoice(speech(2))
	in.Answer(back)
	callee.sees(t, sdk.Connected)
	app.sees(t, sdk.Connected)
	heard(t, 1, back.Heard, begun)
	heard(t, 2, v.Heard, begun)
	in.Hold()
	callee.sees(t, sdk.Held)
	in.Resume()
	callee.sees(t, sdk.Resumed)
	if err := call.SendDTMF("5"); err != nil {
		t.Fatal(err)
	}
	if e := callee.sees(t, sdk.Digit); e.Words != "5" {
		t.Errorf("the digit came as %q", e.Words)
	}
	in.Hangup()
	callee.sees(t, sdk.Ended)
	app.sees(t, sdk.Ended)

	r := w.record(t, eve, 1)
	if r.AnsweredAt == nil || r.Cause == nil || r.Cause.Code != "normal" || r.To.User != joe.ID || r.From.User != eve.ID {
		t.Errorf("the record: %+v, cause %+v", r, r.Cause)
	}
	for _, leg := range r.Legs { // of both apps: direct, and nothing of it came to the switch
		if leg.Quality != nil || !strings.Contains("host prflx", leg.Local) || !strings.Contains("host prflx", leg.Remote) || leg.Local == "" {
			t.Errorf("a leg's media: %+v", leg)
		}
	}
	if len(r.Legs) != 2 {
		t.Errorf("%d legs", len(r.Legs))
	}
}

// refusedDial has an app call a number that it is not connected with, and returns why.
func (a *app) refusedDial(t *testing.T, number string) error {
	t.Helper()
	c, err := a.Dial(number, &sdk.DialOptions{Audio: phone.NewVoice(speech(1))})
	if err == nil {
		t.Fatalf("the call %s was admitted", c.ID())
	}
	return err
}

// TestAppCallsUserWithPhoneAndApp has an app call a user who has both: whichever answers talks to it, by its own kind of way.
func TestAppCallsUserWithPhoneAndApp(t *testing.T) {
	t.Parallel()
	w := together(t)
	bob, desk := w.person(t, 1, "Bob", says(2))
	eve, _ := w.roamer(t, "Eve")
	caller, app := w.app(t, eve, "apns"), w.app(t, bob.user, "webpush")
	for _, winner := range []string{"the desk phone", "the app"} {
		begun := time.Now()
		v := phone.NewVoice(speech(1))
		call := caller.calls(t, bob.number.Dial, v)
		in := comes(t, desk)
		app.sees(t, sdk.Woken)
		ringing := app.sees(t, sdk.Ringing).Call
		// The desk phone may ring before its user's app is asked for: then it is not told that this one is woken.
		if e := <-caller.events; e.Kind == sdk.Waking {
			caller.sees(t, sdk.Ringing)
		} else if e.Kind != sdk.Ringing {
			t.Fatalf("the caller saw %s (%s)", e.Kind, e.Words)
		}
		switch winner {
		case "the desk phone":
			in.Answer()
			caller.sees(t, sdk.Connected)
			if e := app.sees(t, sdk.Cancelled); e.Code != string(errs.Elsewhere) {
				t.Errorf("the app is told %s: %s", e.Code, e.Words)
			}
			hears(t, in, 1)
			heard(t, 2, v.Heard, begun)
			in.HangUp()
		default:
			back := phone.NewVoice(speech(3))
			ringing.Answer(back)
			caller.sees(t, sdk.Connected)
			app.sees(t, sdk.Connected)
			if e := over(t, in); e.Words != "Call completed elsewhere" {
				t.Errorf("the desk phone is told %q", e.Words)
			}
			heard(t, 1, back.Heard, begun)
			heard(t, 3, v.Heard, begun)
			ringing.Hangup()
			app.sees(t, sdk.Ended)
		}
		caller.sees(t, sdk.Ended)
		over(t, in)
		if s := call.Statistics(); s.Received == 0 || s.Path == "" {
			t.Errorf("with %s: %+v", winner, s)
		}
	}
}

// TestCallsOfAppsThatFail has an app call what refuses, and give up.
func TestCallsOfAppsThatFail(t *testing.T) {
	t.Parallel()
	w := together(t)
	bob, desk := w.person(t, 1, "Bob", nil)
	away := w.subscriber(t, 0, "Away") // has no phone registered
	eve, number := w.roamer(t, "Eve")
	app := w.app(t, eve, "fcm")
	for dialled, want := range map[string]errs.Code{"99999999": errs.Unknown, number.Dial: errs.Busy, " ": errs.Invalid} {
		if err := app.refusedDial(t, dialled); errs.CodeOf(err) != want {
			t.Errorf("%q: %v (%s), want %s", dialled, err, errs.CodeOf(err), want)
		}
	}
	app.calls(t, away.number.Dial, phone.NewVoice(nil))
	if e := app.sees(t, sdk.Ended); e.Code != string(errs.Offline) {
		t.Errorf("a callee without a phone: %s, %s", e.Code, e.Words)
	}

	app.calls(t, bob.number.Dial, phone.NewVoice(nil))
	in := comes(t, desk)
	app.sees(t, sdk.Ringing)
	in.Decline(486, "Busy Here")
	if e := app.sees(t, sdk.Ended); e.Code != string(errs.Busy) {
		t.Errorf("a callee who is busy: %s, %s", e.Code, e.Words)
	}
	over(t, in)

	call := app.calls(t, bob.number.Dial, phone.NewVoice(nil))
	in = comes(t, desk)
	app.sees(t, sdk.Ringing)
	call.Hangup()
	app.sees(t, sdk.Ended)
	over(t, in)
	until(t, func() string { // the ledger is on its way
		r, err := w.Client.Calls().Get(soon(t), call.ID())
		switch {
		case err != nil:
			return err.Error()
		case r.Cause == nil || r.Cause.Code != string(errs.CallerLeft):
			return fmt.Sprintf("the record of who gave up: %+v", r.Cause)
		}
		return ""
	})

	if _, err := w.Client.Users().Update(soon(t), eve.ID, eve.Version, map[string]any{"enabled": false}); err != nil {
		t.Fatal(err)
	}
	if err := app.refusedDial(t, bob.number.Dial); errs.CodeOf(err) != errs.Disabled {
		t.Errorf("a disabled user: %v", err)
	}
	device, err := w.Client.Devices().Get(soon(t), app.device.ID)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Client.Devices().Delete(soon(t), device.ID, device.Version); err != nil {
		t.Fatal(err)
	}
	if err := app.refusedDial(t, bob.number.Dial); err == nil {
		t.Error("a device that was removed calls")
	}
}

// TestAppsCallEachOther has two apps call each other before either has heard of the other's call: it becomes one.
func TestAppsCallEachOther(t *testing.T) {
	t.Parallel()
	w := together(t)
	eve, number := w.roamer(t, "Eve")
	joe, other := w.roamer(t, "Joe")
	first := w.app(t, eve, "apns")
	pushed := make(chan []byte, 8)
	callee := w.appWith(t, joe, "apns", func(_ *app, payload []byte) { pushed <- payload }) // which Apple is slow to wake
	begun := time.Now()
	v, back := phone.NewVoice(speech(1)), phone.NewVoice(speech(2))
	call := first.calls(t, other.Dial, v)
	payload := arrives(t, pushed)

	joined, err := callee.Dial(number.Dial, &sdk.DialOptions{Audio: back})
	if err != nil {
		t.Fatal(err)
	}
	if joined.ID() != call.ID() {
		t.Errorf("two calls: %s and %s", joined.ID(), call.ID())
	}
	callee.sees(t, sdk.Woken)
	callee.sees(t, sdk.Connected)
	if late, err := callee.Push(payload); err != nil || late != joined {
		t.Errorf("the push of the call that it has joined: %v, %v", late, err)
	}
	first.sees(t, sdk.Waking)
	first.sees(t, sdk.Ringing)
	first.sees(t, sdk.Connected)
	heard(t, 1, back.Heard, begun)
	heard(t, 2, v.Heard, begun)
	call.Hangup()
	first.sees(t, sdk.Ended)
	callee.sees(t, sdk.Ended)
}
