package integration

import (
	"slices"
	"strings"
	"testing"

	"strowger/integration/phone"
	"strowger/mobile-bridge/sdk"
	"strowger/pkg/errs"
)

// awake connects an app, and returns when it has its channel.
func (a *app) awake(t *testing.T) {
	t.Helper()
	if err := a.Connect(); err != nil {
		t.Fatal(err)
	}
	until(t, func() string {
		if !a.Awake() {
			return "the app has no channel yet"
		}
		return ""
	})
}

// TestAppIsAwakeUntilItSleeps opens a channel to the bridge and closes it.
func TestAppIsAwakeUntilItSleeps(t *testing.T) {
	t.Parallel()
	w := together(t)
	eve, _ := w.roamer(t, "Eve")
	app := w.app(t, eve, "webpush")
	for range 2 {
		app.awake(t)
		app.Disconnect()
		until(t, func() string {
			if app.Awake() {
				return "the app is awake still"
			}
			return ""
		})
	}
}

// TestAwakeAppRingsWithoutPush calls an app that is awake: it gets the wake over its channel, the same sealed bytes, and its push
// service hears nothing. What it says by the channel ends up in the wake ledger.
func TestAwakeAppRingsWithoutPush(t *testing.T) {
	t.Parallel()
	w := together(t)
	ann, from := w.person(t, 0, "Ann", nil)
	eve, number := w.roamer(t, "Eve")
	app := w.appWith(t, eve, "apns", func(*app, []byte) { t.Error("an app that is awake was pushed to") })
	app.awake(t)

	out := dial(t, from, number.Dial)
	app.sees(t, sdk.Woken)
	call := app.sees(t, sdk.Ringing).Call
	saw(t, out, phone.Progress)
	call.Decline()
	app.sees(t, sdk.Ended)
	over(t, out)
	steps := wakes(w.record(t, ann.user, 1))
	if !slices.Contains(steps, "reached by channel") || slices.ContainsFunc(steps, func(s string) bool { return strings.Contains(s, "apns") }) {
		t.Errorf("the wake ledger: %q", steps)
	}
}

// TestMissedCallReachesSleepingApp has a caller give up while an app sleeps: its phone shows an alert in place of the call, which is
// no VoIP push, and the app that is opened by it rings no more.
func TestMissedCallReachesSleepingApp(t *testing.T) {
	t.Parallel()
	for _, by := range []string{"apns", "fcm", "webpush"} {
		t.Run(by, func(t *testing.T) {
			t.Parallel()
			w := together(t)
			ann, from := w.person(t, 0, "Ann", nil)
			eve, number := w.roamer(t, "Eve")
			pushed := make(chan []byte, 8)
			app := w.appWith(t, eve, by, func(_ *app, payload []byte) { pushed <- payload })
			next := func() []byte {
				select {
				case p := <-pushed:
					return p
				case <-soon(t).Done():
					t.Fatal("no push came")
				}
				return nil
			}

			out := dial(t, from, number.Dial)
			next() // the app sleeps on: its phone has no network to speak of
			until(t, func() string {
				if !slices.ContainsFunc(out.Events(), func(e phone.Event) bool { return e.Code == 183 }) {
					return "the caller was not told that the app is being woken"
				}
				return ""
			})
			out.HangUp()
			over(t, out)
			r := w.record(t, ann.user, 1)
			if steps := wakes(r); len(steps) == 0 {
				t.Error("there was no wake")
			}
			_, err := app.Push(next())
			if errs.CodeOf(err) != errs.CallerLeft {
				t.Errorf("the alert says %v", err)
			}
			if e := app.sees(t, sdk.Missed); e.Code != string(errs.CallerLeft) || e.Call.FromName() != "Ann" {
				t.Errorf("the app shows %q of %q", e.Code, e.Call.FromName())
			}
		})
	}
}

// TestRevokedAppLosesItsChannel disables an app that is awake.
func TestRevokedAppLosesItsChannel(t *testing.T) {
	t.Parallel()
	w := together(t)
	eve, _ := w.roamer(t, "Eve")
	app := w.app(t, eve, "fcm")
	app.awake(t)
	if _, err := w.Client.Devices().Update(soon(t), app.device.ID, 0, map[string]any{"enabled": false}); err != nil {
		t.Fatal(err)
	}
	until(t, func() string {
		if app.Awake() {
			return "the app has its channel still"
		}
		return ""
	})
}
