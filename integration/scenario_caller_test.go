package integration

import (
	"strings"
	"testing"
	"time"

	"strowger/integration/phone"
	"strowger/mobile-bridge/sdk"
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
