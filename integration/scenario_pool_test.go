package integration

import (
	"testing"

	"strowger/integration/phone"
	"strowger/mobile-bridge/sdk"
	"strowger/pkg/rest"
)

// TestPoolSwitch has apps call apps: a switch of the pool anchors their calls, and when it is gone any other one that lives.
func TestPoolSwitch(t *testing.T) {
	t.Parallel()
	w := alone(t)
	eve, _ := w.roamer(t, "Eve")
	joe, number := w.roamer(t, "Joe")
	caller, callee := w.app(t, eve, "apns"), w.app(t, joe, "fcm")
	anchored := func(office int) {
		t.Helper()
		call := caller.calls(t, number.Dial, phone.NewVoice(nil))
		callee.sees(t, sdk.Woken)
		callee.sees(t, sdk.Ringing).Call.Answer(phone.NewVoice(nil))
		caller.sooner(t, sdk.Connected, sdk.Waking, sdk.Ringing)
		callee.sees(t, sdk.Connected)
		call.Hangup()
		caller.sees(t, sdk.Ended)
		callee.sees(t, sdk.Ended)
		var r rest.Call
		until(t, func() (missing string) {
			var err error
			if r, err = w.Client.Calls().Get(soon(t), call.ID()); err != nil {
				return err.Error()
			}
			if ended(r) == 0 {
				return "the call is not over on record"
			}
			return ""
		})
		if want := w.Offices[office].Switch; r.Anchor != want.ID {
			t.Errorf("the call was anchored at %s, want %s", r.Anchor, want.Name)
		}
	}
	for pool := range 2 { // whichever it is
		for i, o := range w.Offices {
			change(t, w.Client.Switches(), o.Switch.ID, map[string]any{"pool": i == pool})
		}
		anchored(pool)
	}
	w.StopSwitch(1)
	anchored(0)
}
