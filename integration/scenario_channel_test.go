package integration

import (
	"bytes"
	"errors"
	"net"
	"slices"
	"sync/atomic"
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

// TestAppIsAwakeUntilItSleeps opens a channel to the bridge and closes it: by WebSocket, and by WebTransport where that does not come
// through.
func TestAppIsAwakeUntilItSleeps(t *testing.T) {
	t.Parallel()
	w := together(t)
	eve, _ := w.roamer(t, "Eve")
	app := w.app(t, eve, "webpush")
	sleeps := func(by string) {
		app.awake(t)
		if got := app.Carrier(); got != by {
			t.Errorf("the channel is by %s, not by %s", got, by)
		}
		app.Disconnect()
		until(t, func() string {
			if app.Awake() {
				return "the app is awake still"
			}
			return ""
		})
	}
	app.SetUDP(func(string, *net.UDPAddr) (*net.UDPConn, error) { return nil, errors.New("blocked") }) // a busy machine is no reason
	sleeps("WebSocket")
	app.Close()
	known, err := app.store.Load("identity.json")
	if err == nil {
		err = app.store.Save("identity.json", bytes.ReplaceAll(known, []byte(w.Bridge.URL), []byte("https://127.0.0.1:1")))
	}
	if err == nil {
		app.Phone, err = sdk.NewPhone(app.store, app)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(app.Close)
	sleeps("WebTransport")
}

// TestAwakeAppRingsWithoutPush calls an app that is awake: it gets the wake over its channel, the same sealed bytes, and its push
// service hears nothing. What it says by the channel ends up in the wake ledger.
func TestAwakeAppRingsWithoutPush(t *testing.T) {
	t.Parallel()
	w := together(t)
	ann, from := w.person(t, 0, "Ann", nil)
	eve, number := w.roamer(t, "Eve")
	var pushes atomic.Int32
	app := w.appWith(t, eve, "apns", counting(&pushes))
	app.awake(t)

	out := dial(t, from, number.Dial)
	app.sees(t, sdk.Woken)
	call := app.sees(t, sdk.Ringing).Call
	saw(t, out, phone.Progress)
	call.Decline()
	app.sees(t, sdk.Ended)
	over(t, out)
	byChannel(t, wakes(w.record(t, ann.user, 1)), int(pushes.Load()))
}

// counting is an app that counts its pushes.
func counting(n *atomic.Int32) func(*app, []byte) {
	return func(a *app, payload []byte) {
		n.Add(1)
		_, _ = a.Push(payload) // of a call that it knows
	}
}

// byChannel checks that a call which an app rang for came over its channel: without a push nothing else could bring it. On a
// machine that is too busy to acknowledge within a second there may be a push, and the wake ledger says so.
func byChannel(t *testing.T, steps []string, pushes int) {
	t.Helper()
	requests := 0
	for _, s := range steps {
		if s == "requested" {
			requests++
		}
	}
	if pushes > 0 && requests == 1 && !slices.Contains(steps, "not reached by channel") {
		t.Errorf("%d pushes; the wake ledger: %q", pushes, steps)
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

// TestSeveralBridges has an app whose channel is at one of two bridges, while either may take the wake. The bridge with the
// channel stops: the app goes to the other one, and calls follow it.
func TestSeveralBridges(t *testing.T) {
	t.Parallel()
	w := alone(t)
	second, err := w.AddBridge("second")
	if err != nil {
		t.Fatal(err)
	}
	ann, from := w.person(t, 0, "Ann", nil)
	eve, number := w.roamer(t, "Eve")
	var pushes atomic.Int32
	app := w.appWith(t, eve, "webpush", counting(&pushes))
	app.awake(t)
	calls := func() {
		t.Helper()
		for range 4 { // by chance either bridge takes some
			out := dial(t, from, number.Dial)
			app.sees(t, sdk.Woken)
			app.sees(t, sdk.Ringing).Call.Decline()
			app.sees(t, sdk.Ended)
			over(t, out)
			byChannel(t, wakes(w.record(t, ann.user, 1)), int(pushes.Swap(0)))
		}
	}
	calls()
	held, other := w.Bridge, second
	if app.Bridge() == second.Node {
		held, other = second, w.Bridge
	}
	w.StopBridge(held.Node)
	until(t, func() string {
		if !app.Awake() || app.Bridge() != other.Node {
			return "the app has no channel at the other bridge"
		}
		return ""
	})
	calls()
	if _, err := w.StartBridge(held.Node); err != nil {
		t.Fatal(err)
	}
	calls()
}
