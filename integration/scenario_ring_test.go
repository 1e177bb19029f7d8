package integration

import (
	"testing"
	"time"

	"strowger/integration/phone"
	"strowger/mobile-bridge/sdk"
)

// longRing is longer than ICE looks for a way for media (30 s): nobody may look before the answer.
const longRing = 31 * time.Second

// TestLongRing has an app and a desk phone answer when they have rung for a long time, a call of a desk phone's, of an app's, and of an
// app's to an app.
func TestLongRing(t *testing.T) {
	t.Parallel()
	w := together(t)
	_, from := w.person(t, 0, "Ann", nil)
	bob, desk := w.person(t, 1, "Bob", nil)
	var apps [4]*app
	var numbers [4]string
	for i, name := range []string{"Eve", "Fay", "Gus", "Hal"} {
		who, number := w.roamer(t, name)
		change(t, w.Client.Users(), who.ID, map[string]any{"ring_seconds": 120})
		apps[i], numbers[i] = w.app(t, who, "apns"), number.Dial
	}
	w.settle(t)

	out := dial(t, from, numbers[0])
	apps[0].sees(t, sdk.Woken)
	rung := []*sdk.Call{apps[0].sees(t, sdk.Ringing).Call}
	apps[1].calls(t, bob.number.Dial, phone.NewVoice(nil))
	in := comes(t, desk)
	apps[1].sees(t, sdk.Ringing)
	apps[2].calls(t, numbers[3], phone.NewVoice(nil))
	apps[3].sees(t, sdk.Woken)
	rung = append(rung, apps[3].sees(t, sdk.Ringing).Call)
	apps[2].sees(t, sdk.Waking)
	apps[2].sees(t, sdk.Ringing)
	<-time.After(longRing)
	for _, c := range rung {
		c.Answer(phone.NewVoice(nil))
	}
	in.Answer()
	saw(t, out, phone.Answered)
	for _, a := range apps {
		a.sees(t, sdk.Connected)
	}
}
