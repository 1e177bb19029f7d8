package integration

import (
	"sync"
	"testing"
	"time"

	"strowger/integration/phone"
	"strowger/mobile-bridge/sdk"
	"strowger/pkg/errs"
	"strowger/pkg/rest"
)

// 2-call-flows, "Glare": who call each other at the same time get one call.

// TestDeskPhonesCallEachOther has each of two desk phones call the other while it rings, at one switch and at two.
func TestDeskPhonesCallEachOther(t *testing.T) {
	t.Parallel()
	w := together(t)
	for name, office := range map[string]int{"one switch": 0, "two switches": 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ann, annsPhone := w.person(t, 0, "Ann", says(1))
			bob, bobsPhone := w.person(t, office, "Bob", says(2))
			first, in := ring(t, annsPhone, bob.number.Dial, bobsPhone)
			second := dial(t, bobsPhone, ann.number.Dial)
			saw(t, first, phone.Answered)
			saw(t, second, phone.Answered)
			if e := over(t, in); e.Words != "Call completed elsewhere" {
				t.Errorf("the phone that rang is told %q", e.Words)
			}
			hears(t, first, 2)
			hears(t, second, 1)
			hangUp(t, second, first)
			w.gaveWay(t, bob.user, office+1, w.record(t, ann.user, office+1))
		})
	}
}

// gaveWay checks the records of two calls that became one: that of the user who called second, and the one that went on.
func (w *world) gaveWay(t *testing.T, second rest.User, nodes int, went rest.Call) {
	t.Helper()
	if went.AnsweredAt == nil || went.Cause == nil || went.Cause.Code != "normal" || went.To.User != second.ID {
		t.Errorf("the call that goes on: %+v, cause %+v", went, went.Cause)
	}
	page, err := w.Client.Calls().Page(soon(t), rest.Filter{"user": second.ID}, 5, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range page.Items {
		if c.ID != went.ID && (c.AnsweredAt != nil || c.From.User != second.ID || c.Cause == nil || c.Cause.Code != string(errs.Crossing)) {
			t.Errorf("the call that gave way: %+v, cause %+v", c, c.Cause)
		}
	}
}

// TestDeskPhonesCallEachOtherAtOnce has two desk phones of two switches call at the same moment: whatever passes what on the way,
// they talk, in one call.
func TestDeskPhonesCallEachOtherAtOnce(t *testing.T) {
	t.Parallel()
	w := together(t)
	ann, annsPhone := w.person(t, 0, "Ann", says(1))
	bob, bobsPhone := w.person(t, 1, "Bob", says(2))
	first, second := dial(t, annsPhone, bob.number.Dial), dial(t, bobsPhone, ann.number.Dial)
	saw(t, first, phone.Answered)
	saw(t, second, phone.Answered)
	hears(t, first, 2)
	hears(t, second, 1)
	hangUp(t, first, second)
	for _, p := range []*phone.Phone{annsPhone, bobsPhone} {
		select {
		case in := <-p.Incoming(): // it rang for a moment, perhaps
			over(t, in)
		default:
		}
	}
}

// TestDeskPhoneCallsAppThatCallsIt has a desk phone call back while the app's call rings it.
func TestDeskPhoneCallsAppThatCallsIt(t *testing.T) {
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
	back := dial(t, desk, number.Dial)
	saw(t, back, phone.Answered)
	app.sees(t, sdk.Connected)
	over(t, in)
	hears(t, back, 1)
	heard(t, 2, v.Heard, begun)
	call.Hangup()
	app.sees(t, sdk.Ended)
	over(t, back)
	w.gaveWay(t, bob.user, 1, w.record(t, eve, 1))
}

// TestAppCallsDeskPhoneThatCallsIt has an app call a desk phone whose call is on its way to it.
func TestAppCallsDeskPhoneThatCallsIt(t *testing.T) {
	t.Parallel()
	w := together(t)
	bob, desk := w.person(t, 1, "Bob", says(2))
	eve, number := w.roamer(t, "Eve")
	pushed := make(chan struct{}, 8)
	app := w.appWith(t, eve, "fcm", func(*app, []byte) { pushed <- struct{}{} }) // which Google is slow to wake
	begun := time.Now()
	out := dial(t, desk, number.Dial)
	arrives(t, pushed)
	v := phone.NewVoice(speech(1))
	call, err := app.Dial(bob.number.Dial, &sdk.DialOptions{Audio: v})
	if err != nil {
		t.Fatal(err)
	}
	saw(t, out, phone.Answered)
	app.sees(t, sdk.Woken)
	app.sees(t, sdk.Connected)
	hears(t, out, 1)
	heard(t, 2, v.Heard, begun)
	call.Hangup()
	app.sees(t, sdk.Ended)
	over(t, out)
}

// TestAppsCallEachOtherAtOnce has two apps ask for a call to each other at the same moment.
func TestAppsCallEachOtherAtOnce(t *testing.T) {
	t.Parallel()
	w := together(t)
	eve, number := w.roamer(t, "Eve")
	joe, other := w.roamer(t, "Joe")
	sleeps := func(*app, []byte) {} // whom their push services do not wake
	apps := [2]*app{w.appWith(t, eve, "apns", sleeps), w.appWith(t, joe, "fcm", sleeps)}
	voices := [2]*phone.Voice{phone.NewVoice(speech(1)), phone.NewVoice(speech(2))}
	var calls [2]*sdk.Call
	var failed [2]error
	begun := time.Now()
	var dialling sync.WaitGroup
	for i, number := range []string{other.Dial, number.Dial} {
		dialling.Go(func() { calls[i], failed[i] = apps[i].Dial(number, &sdk.DialOptions{Audio: voices[i]}) })
	}
	dialling.Wait()
	if failed[0] != nil || failed[1] != nil || calls[0].ID() != calls[1].ID() {
		t.Fatalf("not one call: %v, %v, %v", calls, failed[0], failed[1])
	}
	for _, a := range apps {
		a.sooner(t, sdk.Connected, sdk.Trying, sdk.Waking, sdk.Woken, sdk.Ringing)
	}
	heard(t, 1, voices[1].Heard, begun)
	heard(t, 2, voices[0].Heard, begun)
	calls[0].Hangup()
	for _, a := range apps {
		a.sees(t, sdk.Ended)
	}
}
