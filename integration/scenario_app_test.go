package integration

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"strowger/integration/phone"
	"strowger/mobile-bridge/sdk"
	"strowger/pkg/errs"
	"strowger/pkg/ledger"
	"strowger/pkg/rest"
)

// roamer is a user without a desk phone, who has a number of the organization.
func (w *world) roamer(t *testing.T, name string) (rest.User, rest.Number) {
	t.Helper()
	u, err := w.Client.Users().Create(soon(t), rest.NewUser(name))
	if err != nil {
		t.Fatal(err)
	}
	n, err := w.Client.Numbers().Create(soon(t), rest.Number{Digits: fmt.Sprint(70000 + w.extensions.Add(1)), User: u.ID})
	if err != nil {
		t.Fatal(err)
	}
	return u, n
}

// wakes is what the ladder of a call says of wakes, in order.
func wakes(c rest.Call) (steps []string) {
	for _, e := range c.Ladder {
		if e.Kind == ledger.Wake {
			steps = append(steps, e.Text)
		}
	}
	return steps
}

// TestDeskPhoneCallsSleepingApp calls users who have nothing but an app that sleeps (C3): the caller's switch has it woken, and
// the app comes to that switch. Nothing of it is simulated but Apple, Google and the browser's push service.
func TestDeskPhoneCallsSleepingApp(t *testing.T) {
	t.Parallel()
	for _, by := range []string{"apns", "fcm", "webpush"} {
		t.Run(by, func(t *testing.T) {
			t.Parallel()
			w := together(t)
			ann, from := w.person(t, 0, "Ann", says(1))
			eve, number := w.roamer(t, "Eve")
			app := w.app(t, eve, by)
			begun := time.Now()

			out := dial(t, from, number.Dial)
			app.sees(t, sdk.Woken)
			call := app.sees(t, sdk.Ringing).Call
			if call.FromName() != "Ann" || call.FromNumber() != ann.number.Dial {
				t.Errorf("the app shows %q %q", call.FromName(), call.FromNumber())
			}
			until(t, func() string { // waking is not ringing, and the caller is told each (2-call-flows, "Honest ring-back")
				var codes []int
				for _, e := range out.Events() {
					if e.Kind == phone.Progress {
						codes = append(codes, e.Code)
					}
				}
				if !slices.Equal(codes, []int{183, 180}) {
					return fmt.Sprintf("the caller was told %v, want 183 and 180", codes)
				}
				return ""
			})
			v := phone.NewVoice(speech(2))
			call.Answer(v)
			saw(t, out, phone.Answered)
			app.sees(t, sdk.Connected)
			heard(t, 1, v.Heard, begun)
			hears(t, out, 2)
			out.HangUp()
			app.sees(t, sdk.Ended)
			over(t, out)

			r := w.record(t, ann.user, 1)
			if r.AnsweredAt == nil || r.Cause == nil || r.Cause.Code != "normal" || r.To.User != eve.ID {
				t.Errorf("the record: %+v, cause %+v", r, r.Cause)
			}
			if steps := wakes(r); len(steps) < 3 || !strings.Contains(strings.Join(steps, ", "), "accepted by "+by) {
				t.Errorf("the wake ledger: %q", steps)
			}
		})
	}
}

// TestAppAndDeskPhoneRing calls a user who has both: the first answer wins, and the other is told so. The anchor is the switch
// of the desk phone (C2).
func TestAppAndDeskPhoneRing(t *testing.T) {
	t.Parallel()
	w := together(t)
	_, from := w.person(t, 0, "Ann", says(1))
	bob, desk := w.person(t, 1, "Bob", says(2))
	app := w.app(t, bob.user, "apns")
	begun := time.Now()

	t.Run("the app answers", func(t *testing.T) {
		out, in := ring(t, from, bob.number.Dial, desk)
		app.sees(t, sdk.Woken)
		call := app.sees(t, sdk.Ringing).Call
		v := phone.NewVoice(speech(3))
		call.Answer(v)
		if e := over(t, in); e.Words != "Call completed elsewhere" {
			t.Errorf("the desk phone is told %q", e.Words)
		}
		saw(t, out, phone.Answered)
		app.sees(t, sdk.Connected)
		heard(t, 1, v.Heard, begun)
		hears(t, out, 3)
		call.Hangup()
		over(t, out)
		app.sees(t, sdk.Ended)
	})
	t.Run("the desk phone answers", func(t *testing.T) {
		out, in := ring(t, from, bob.number.Dial, desk)
		app.sees(t, sdk.Woken)
		app.sees(t, sdk.Ringing)
		in.Answer()
		saw(t, out, phone.Answered)
		if e := app.sees(t, sdk.Cancelled); e.Code != string(errs.Elsewhere) {
			t.Errorf("the app is told %s: %s", e.Code, e.Words)
		}
		hangUp(t, out, in)
	})
	t.Run("the caller gives up", func(t *testing.T) {
		out, _ := ring(t, from, bob.number.Dial, desk)
		app.sees(t, sdk.Woken)
		app.sees(t, sdk.Ringing)
		out.HangUp()
		if e := app.sees(t, sdk.Cancelled); e.Code != string(errs.CallerLeft) {
			t.Errorf("the app is told %s: %s", e.Code, e.Words)
		}
		over(t, out)
	})
	t.Run("the app declines", func(t *testing.T) {
		out, in := ring(t, from, bob.number.Dial, desk)
		app.sees(t, sdk.Woken)
		app.sees(t, sdk.Ringing).Call.Decline()
		app.sees(t, sdk.Ended)
		if e := over(t, out); e.Code != 603 { // RFC 3261, 16.7: a 6xx ends the search
			t.Errorf("the caller hears %d %s", e.Code, e.Words)
		}
		over(t, in)
	})
}

// TestLatePush delivers the push when the call is over: the app shows a missed call, and does not ring.
func TestLatePush(t *testing.T) {
	t.Parallel()
	w := together(t)
	_, from := w.person(t, 0, "Ann", nil)
	eve, number := w.roamer(t, "Eve")
	held := make(chan []byte, 64)
	app := w.appWith(t, eve, "webpush", func(_ *app, payload []byte) { held <- payload })
	out := dial(t, from, number.Dial)
	payload := arrives(t, held)
	out.HangUp()
	over(t, out)
	if _, err := app.Push(payload); err != nil {
		t.Fatal(err)
	}
	app.sees(t, sdk.Woken)
	if e := app.sees(t, sdk.Missed); e.Code != string(errs.CallerLeft) && e.Code != string(errs.Gone) {
		t.Errorf("the app is told %s: %s", e.Code, e.Words)
	}
	if _, err := app.Push(payload); err == nil { // nor a second time
		select {
		case e := <-app.events:
			t.Errorf("the same push again: %s %s", e.Kind, e.Words)
		default:
		}
	}
}

// TestRemovedApp calls a user who has removed the app: the push service says so, the caller hears it at once, and the admin
// sees that the device cannot be reached.
func TestRemovedApp(t *testing.T) {
	t.Parallel()
	for by, reason := range map[string]string{"apns": "Unregistered", "fcm": "UNREGISTERED", "webpush": "Gone"} {
		t.Run(by, func(t *testing.T) {
			t.Parallel()
			w := together(t)
			_, from := w.person(t, 0, "Ann", nil)
			eve, number := w.roamer(t, "Eve")
			app := w.app(t, eve, by)
			w.pushes.remove(app.token)
			out := dial(t, from, number.Dial)
			if e := over(t, out); e.Code != 480 {
				t.Errorf("the caller hears %d %s", e.Code, e.Words)
			}
			until(t, func() string {
				d, err := w.Client.Devices().Get(soon(t), app.device.ID)
				if err != nil {
					t.Fatal(err)
				}
				if d.Reachable || !strings.Contains(d.Unreachable, reason) {
					return fmt.Sprintf("the API says reachable %v, %q; want %q", d.Reachable, d.Unreachable, reason)
				}
				return ""
			})
		})
	}
}
