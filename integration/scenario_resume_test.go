package integration

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"strowger/integration/phone"
	"strowger/mobile-bridge/sdk"
	"strowger/pkg/errs"
)

// Tones that the two sides of a call say, in Hz.
const (
	low  = 440
	high = 1000
)

// ear is an app's voice that knows for how long it heard nothing.
type ear struct {
	*phone.Voice

	mu   sync.Mutex
	last time.Time
	gap  time.Duration // the longest since the last look
}

func (e *ear) Play(pcm []byte) {
	e.mu.Lock()
	now := time.Now()
	if !e.last.IsZero() {
		e.gap = max(e.gap, now.Sub(e.last))
	}
	e.last = now
	e.mu.Unlock()
	e.Voice.Play(pcm)
}

func (e *ear) longest() time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	gap := e.gap
	e.gap = 0
	return gap
}

// hearsTone waits until the last quarter of a second of what comes from now on is a tone.
func hearsTone(t *testing.T, hertz float64, get func() []int16) {
	t.Helper()
	from := len(get())
	until(t, func() string {
		heard := get()[from:]
		if len(heard) < rate/4 {
			return "a quarter of a second was not heard yet"
		}
		if got, purity := phone.Tone(heard[len(heard)-rate/4:], rate); got < hertz-10 || got > hertz+10 || purity < 0.9 {
			return fmt.Sprintf("heard %.0f Hz with a purity of %.2f, want %.0f Hz", got, purity, hertz)
		}
		return ""
	})
}

// TestAppChangesNetwork has an app lose its connection and the sockets of its media in the call: it comes back on others, twice,
// and the call goes on. The gap in the audio is printed.
func TestAppChangesNetwork(t *testing.T) {
	t.Parallel()
	w := together(t)
	ann, from := w.person(t, 0, "Ann", func(c *phone.Config) { c.Say = phone.Sine(low, 120) })
	eve, number := w.roamer(t, "Eve")
	app := w.app(t, eve, "fcm")
	out := dial(t, from, number.Dial)
	app.sees(t, sdk.Woken)
	call := app.sees(t, sdk.Ringing).Call
	e := &ear{Voice: phone.NewVoice(phone.Sine(high, 120))}
	call.Answer(e)
	saw(t, out, phone.Answered)
	app.sees(t, sdk.Connected)
	hearsTone(t, low, e.Heard)
	hearsTone(t, high, out.Heard)
	for range 2 {
		e.longest()
		app.NetworkChanged()
		app.sees(t, sdk.Reconnecting)
		app.sees(t, sdk.Reconnected)
		hearsTone(t, low, e.Heard)
		hearsTone(t, high, out.Heard)
		t.Logf("the app heard nothing for %v", e.longest().Round(time.Millisecond))
	}
	call.Hold()
	app.sees(t, sdk.Held)
	call.Resume()
	app.sees(t, sdk.Resumed)
	hearsTone(t, high, out.Heard)
	out.HangUp()
	app.sees(t, sdk.Ended)
	over(t, out)
	if r := w.record(t, ann.user, 1); r.Cause == nil || r.Cause.Code != "normal" {
		t.Errorf("the record ends with %+v", r.Cause)
	}
}

// TestAppHangsUpWithoutNetwork hangs up while the connection is lost: the other side hears it as soon as there is another.
func TestAppHangsUpWithoutNetwork(t *testing.T) {
	t.Parallel()
	w := together(t)
	_, from := w.person(t, 0, "Ann", nil)
	eve, number := w.roamer(t, "Eve")
	app := w.app(t, eve, "fcm")
	out := dial(t, from, number.Dial)
	app.sees(t, sdk.Woken)
	call := app.sees(t, sdk.Ringing).Call
	call.Answer(sdk.NewEcho())
	saw(t, out, phone.Answered)
	app.sees(t, sdk.Connected)
	app.NetworkChanged()
	app.sees(t, sdk.Reconnecting)
	call.Hangup()
	for e := arrives(t, app.events); e.Kind != sdk.Ended; e = arrives(t, app.events) {
		if e.Kind != sdk.Reconnected {
			t.Fatalf("the app saw %s %s", e.Kind, e.Words)
		}
	}
	if e := over(t, out); e.Code != 0 && e.Code != 200 {
		t.Errorf("the caller hears %d %s", e.Code, e.Words)
	}
}

// TestAppsChangeNetwork has both apps of a call change their network, one after the other. Their media go from one to the other,
// so each follows the other's ICE restart, which the switch passes on.
func TestAppsChangeNetwork(t *testing.T) {
	t.Parallel()
	w := together(t)
	eve, _ := w.roamer(t, "Eve")
	joe, number := w.roamer(t, "Joe")
	caller, callee := w.app(t, eve, "apns"), w.app(t, joe, "fcm")
	there := &ear{Voice: phone.NewVoice(phone.Sine(low, 120))}
	call, err := caller.Dial(number.Dial, &sdk.DialOptions{Audio: there})
	if err != nil {
		t.Fatal(err)
	}
	caller.sees(t, sdk.Trying)
	callee.sees(t, sdk.Woken)
	caller.sees(t, sdk.Waking)
	in := callee.sees(t, sdk.Ringing).Call
	caller.sees(t, sdk.Ringing)
	here := &ear{Voice: phone.NewVoice(phone.Sine(high, 120))}
	in.Answer(here)
	caller.sees(t, sdk.Connected)
	callee.sees(t, sdk.Connected)
	for _, moves := range []*app{caller, callee} {
		there.longest()
		here.longest()
		moves.NetworkChanged()
		moves.sees(t, sdk.Reconnecting)
		moves.sees(t, sdk.Reconnected)
		hearsTone(t, low, here.Heard)
		hearsTone(t, high, there.Heard)
		t.Logf("the two heard nothing for %v and %v", there.longest().Round(time.Millisecond), here.longest().Round(time.Millisecond))
	}
	call.Hangup()
	caller.sees(t, sdk.Ended)
	callee.sees(t, sdk.Ended)
}

// sooner waits for an event of the app's calls, behind others that may come before it or not.
func (a *app) sooner(t *testing.T, kind string, others ...string) *sdk.Event {
	t.Helper()
	for {
		select {
		case e := <-a.events:
			if e.Kind == kind {
				return e
			}
			if !slices.Contains(others, e.Kind) {
				t.Fatalf("the app saw %s (%s %s), want %s", e.Kind, e.Code, e.Words, kind)
			}
		case <-soon(t).Done():
			t.Fatalf("the app did not see %s", kind)
		}
	}
}

// TestAppsChangeNetworkWhileItRings has an app that calls, and the one that it calls, lose their connections before the answer:
// both come back, whichever of the callee's phones answers.
func TestAppsChangeNetworkWhileItRings(t *testing.T) {
	t.Parallel()
	w := together(t)
	bob, desk := w.person(t, 1, "Bob", says(2))
	eve, _ := w.roamer(t, "Eve")
	caller, app := w.app(t, eve, "apns"), w.app(t, bob.user, "fcm")
	for _, answers := range []string{"the desk phone", "the app"} {
		begun := time.Now()
		v, back := phone.NewVoice(speech(1)), phone.NewVoice(speech(3))
		call := caller.calls(t, bob.number.Dial, v)
		in := comes(t, desk)
		app.sees(t, sdk.Woken)
		ringing := app.sees(t, sdk.Ringing).Call
		caller.sooner(t, sdk.Ringing, sdk.Waking)
		caller.NetworkChanged()
		app.NetworkChanged()
		if answers == "the desk phone" {
			in.Answer()
			app.sees(t, sdk.Cancelled)
		} else {
			ringing.Answer(back)
			app.sooner(t, sdk.Connected)
		}
		caller.sooner(t, sdk.Connected)
		if answers == "the desk phone" {
			heard(t, 2, v.Heard, begun)
			hears(t, in, 1)
		} else {
			heard(t, 3, v.Heard, begun)
			heard(t, 1, back.Heard, begun)
		}
		call.Hangup()
		caller.sooner(t, sdk.Ended, sdk.Reconnecting, sdk.Reconnected) // as ICE began anew
		if answers == "the app" {
			app.sooner(t, sdk.Ended, sdk.Reconnecting, sdk.Reconnected)
		}
		over(t, in)
	}
}

// TestCallingAppHangsUpWithoutNetwork gives a call up while the connection is lost: the callee hears it as soon as there is another.
func TestCallingAppHangsUpWithoutNetwork(t *testing.T) {
	t.Parallel()
	w := together(t)
	bob, desk := w.person(t, 1, "Bob", nil)
	eve, _ := w.roamer(t, "Eve")
	app := w.app(t, eve, "fcm")
	call := app.calls(t, bob.number.Dial, phone.NewVoice(nil))
	in := comes(t, desk)
	app.sees(t, sdk.Ringing)
	app.NetworkChanged()
	call.Hangup()
	app.sees(t, sdk.Ended)
	over(t, in)
	if r := w.record(t, eve, 1); r.Cause == nil || r.Cause.Code != string(errs.CallerLeft) {
		t.Errorf("the record ends with %+v", r.Cause)
	}
}
