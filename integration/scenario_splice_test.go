package integration

import (
	"errors"
	"net"
	"testing"
	"time"

	"strowger/integration/phone"
	"strowger/mobile-bridge/sdk"
)

// TestDeskPhoneCallsAppWithoutUDP calls an app whose network lets no UDP out: it comes to the switch by way of the bridge, and
// its audio by TCP.
func TestDeskPhoneCallsAppWithoutUDP(t *testing.T) {
	t.Parallel()
	w := together(t)
	ann, from := w.person(t, 0, "Ann", says(1))
	eve, number := w.roamer(t, "Eve")
	app := w.app(t, eve, "fcm")
	app.SetUDP(func(string, *net.UDPAddr) (*net.UDPConn, error) { return nil, errors.New("the firewall of the hotel") })
	begun := time.Now()

	out := dial(t, from, number.Dial)
	app.sees(t, sdk.Woken)
	call := app.sees(t, sdk.Ringing).Call
	v := phone.NewVoice(speech(2))
	call.Answer(v)
	saw(t, out, phone.Answered)
	app.sees(t, sdk.Connected)
	heard(t, 1, v.Heard, begun)
	hears(t, out, 2)
	call.Hangup()
	over(t, out)
	app.sees(t, sdk.Ended)
	if r := w.record(t, ann.user, 1); r.Cause == nil || r.Cause.Code != "normal" {
		t.Errorf("the record: %+v, cause %+v", r, r.Cause)
	}
}
