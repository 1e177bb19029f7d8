package integration

import (
	"fmt"
	"slices"
	"testing"

	"strowger/integration/phone"
	"strowger/mobile-bridge/sdk"
	"strowger/pkg/rest"
)

// TestAttendedTransfer has a phone hold one call, ask in another, and join the two: by whoever called whom, inside an office and between
// offices.
func TestAttendedTransfer(t *testing.T) {
	t.Parallel()
	w := together(t)
	for _, c := range []struct {
		name                string
		bobs, carls         int  // offices
		bobCalls, carlCalls bool // Ann, rather than she them
		both                bool // on hold
	}{
		{name: "in one office"},
		{name: "called by the first", bobCalls: true}, {name: "called by the second", carlCalls: true, both: true},
		{name: "the first in another office", bobs: 1}, {name: "the second in another office", carls: 1, both: true},
		{name: "both in another office", bobs: 1, carls: 1, bobCalls: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ann, anns := w.person(t, 0, "Ann", tone(low))
			bob, bobs := w.person(t, c.bobs, "Bob", tone(high))
			carl, carls := w.person(t, c.carls, "Carl", tone(middle))
			call := func(other subscriber, phone *phone.Phone, calls bool) (mine, theirs *phone.Call) {
				if calls {
					theirs, mine = connect(t, phone, ann.number.Dial, anns)
					return mine, theirs
				}
				return connect(t, anns, other.number.Dial, phone)
			}
			first, bobsCall := call(bob, bobs, c.bobCalls)
			first.Hold()
			saw(t, first, phone.OnHold)
			second, carlsCall := call(carl, carls, c.carlCalls)
			if c.both {
				second.Hold()
				saw(t, second, phone.OnHold)
			}
			first.Join(second)
			accepted(t, first, 202)
			told(t, first, 200)
			over(t, first)
			over(t, second)
			hearsTone(t, high, carlsCall.Heard)
			hearsTone(t, middle, bobsCall.Heard)
			hangUp(t, bobsCall, carlsCall)
		})
	}
}

// TestAttendedTransferWhileItRings has a phone join a call that it holds with one that still rings: the party on hold hears it ringing, and
// then who answers.
func TestAttendedTransferWhileItRings(t *testing.T) {
	t.Parallel()
	w := together(t)
	ann, anns := w.person(t, 0, "Ann", tone(low))
	bob, bobs := w.person(t, 1, "Bob", tone(high))
	carl, carls := w.person(t, 0, "Carl", tone(middle))
	first, bobsCall := connect(t, anns, bob.number.Dial, bobs)
	first.Hold()
	saw(t, first, phone.OnHold)
	second, carlsCall := ring(t, anns, carl.number.Dial, carls)
	saw(t, second, phone.Progress)
	first.Join(second)
	accepted(t, first, 202)
	told(t, first, 200)
	over(t, first)
	if e := over(t, second); e.Code != 487 {
		t.Errorf("the call that rang ended at who transferred it with %s", e)
	}
	hearsTone(t, 425, bobsCall.Heard)
	carlsCall.Answer()
	saw(t, carlsCall, phone.Answered)
	hearsTone(t, high, carlsCall.Heard)
	hearsTone(t, middle, bobsCall.Heard)
	hangUp(t, bobsCall, carlsCall)
	r := w.record(t, ann.user, 1)
	if n := slices.IndexFunc(r.Diversions, func(d rest.CallDiversion) bool { return d.Cause.Code == "transferred" }); n < 0 {
		t.Errorf("the record says of the transfer %+v", r.Diversions)
	}
}

// TestAttendedTransferRefused has phones join what they may not, or what is gone: everybody goes on with whom they had.
func TestAttendedTransferRefused(t *testing.T) {
	t.Parallel()
	w := together(t)
	_, anns := w.person(t, 0, "Ann", tone(low))
	bob, bobs := w.person(t, 0, "Bob", tone(high))
	_, eves := w.person(t, 0, "Eve", nil)
	dan, dans := w.person(t, 0, "Dan", nil)
	out, in := connect(t, anns, bob.number.Dial, bobs)
	evesCall, dansCall := connect(t, eves, dan.number.Dial, dans)
	refused := func(code int, join func()) {
		t.Helper()
		before := len(out.Events())
		join()
		until(t, func() string {
			for _, e := range out.Events()[before:] {
				if e.Kind == phone.Told && e.Code >= 200 {
					if e.Code != code || e.Words == "" {
						return fmt.Sprintf("is told %s, want %d", e, code)
					}
					return ""
				}
			}
			return "is not told"
		})
	}
	refused(403, func() { out.Join(evesCall) })
	refused(481, func() { out.Refer("<sip:20@office?Replaces=nobody%3Bto-tag%3D1%3Bfrom-tag%3D2>") })
	refused(491, func() { out.Join(out) })
	hangUp(t, evesCall, dansCall)
	hearsTone(t, high, out.Heard)
	hearsTone(t, low, in.Heard)
	hangUp(t, out, in)
}

// TestAttendedTransferOfApps has a phone join a call with an app and one with a phone: the app goes over to the call of the phone, and the
// phone to the call of the app.
func TestAttendedTransferOfApps(t *testing.T) {
	t.Parallel()
	w := together(t)
	for name, appFirst := range map[string]bool{"the app goes over": true, "the app is asked": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, anns := w.person(t, 0, "Ann", nil)
			bob, bobs := w.person(t, 1, "Bob", tone(high))
			eve, number := w.roamer(t, "Eve")
			app := w.app(t, eve, "fcm")
			voice := phone.NewVoice(phone.Sine(middle, 120))
			callApp := func() *phone.Call {
				out := dial(t, anns, number.Dial)
				app.sees(t, sdk.Woken)
				app.sees(t, sdk.Ringing).Call.Answer(voice)
				saw(t, out, phone.Answered)
				app.sees(t, sdk.Connected)
				return out
			}
			var first, second, bobsCall *phone.Call
			if appFirst {
				first = callApp()
			} else {
				first, bobsCall = connect(t, anns, bob.number.Dial, bobs)
			}
			first.Hold()
			saw(t, first, phone.OnHold)
			if appFirst {
				second, bobsCall = connect(t, anns, bob.number.Dial, bobs)
			} else {
				second = callApp()
			}
			first.Join(second)
			accepted(t, first, 202)
			told(t, first, 200)
			over(t, first)
			over(t, second)
			hearsTone(t, middle, bobsCall.Heard)
			hearsTone(t, high, voice.Heard)
			bobsCall.HangUp()
			over(t, bobsCall)
			app.sees(t, sdk.Ended)
		})
	}
}

// TestTransferToPhoneCompany has a phone transfer calls to phone numbers: blind to one that it may call and to one that it may not, and attended.
func TestTransferToPhoneCompany(t *testing.T) {
	t.Parallel()
	w := alone(t)
	company := carrier(t, tone(middle))
	line := rest.NewTrunk("Company")
	line.Number = "+4930100"
	w.trunk(t, 0, line, company)
	ann, anns := w.person(t, 0, "Ann", tone(low))
	bob, bobs := w.person(t, 1, "Bob", tone(high))
	change(t, w.Client.Users(), ann.user.ID, map[string]any{"calling": "national"})
	w.settle(t)
	for _, attended := range []bool{false, true} {
		first, bobsCall := connect(t, anns, bob.number.Dial, bobs)
		first.Hold()
		saw(t, first, phone.OnHold)
		var outside *phone.Call
		if attended {
			var second *phone.Call
			second, outside = connect(t, anns, "0030123456", company)
			first.Join(second)
			accepted(t, first, 202)
			over(t, second)
		} else {
			first.Transfer("000442079460123") // 0 for a line
			accepted(t, first, 202)
			told(t, first, 403)
			first.Transfer("0030123456")
			outside = rings(t, company)
			outside.Answer()
		}
		told(t, first, 200)
		over(t, first)
		hearsTone(t, middle, bobsCall.Heard)
		hearsTone(t, high, outside.Heard)
		hangUp(t, bobsCall, outside)
	}
}

// TestJoinedOutside has a phone try to join a caller from outside with a phone number that it called: who calls from outside is not sent out
// again, by no kind of transfer, and nobody loses whom they had.
func TestJoinedOutside(t *testing.T) {
	t.Parallel()
	w := alone(t)
	company := carrier(t, func(c *phone.Config) { c.User, c.Server = "030999000", w.Offices[0].SIP.String() })
	line := rest.NewTrunk("Company")
	line.Number = "+4930100"
	w.trunk(t, 0, line, company)
	ann, anns := w.person(t, 0, "Ann", says(1))
	change(t, w.Client.Users(), ann.user.ID, map[string]any{"calling": "national"})
	if _, err := w.Client.Numbers().Create(soon(t), rest.Number{Digits: "+4930200", User: ann.user.ID}); err != nil {
		t.Fatal(err)
	}
	w.settle(t)
	caller, in := connect(t, company, "+4930200", anns)
	in.Hold()
	saw(t, in, phone.OnHold)
	out, callee := connect(t, anns, "0030123456", company)
	for _, c := range [][2]*phone.Call{{in, out}, {out, in}} {
		c[0].Join(c[1])
		accepted(t, c[0], 202)
		told(t, c[0], 403)
	}
	hears(t, callee, 1)
	hangUp(t, out, callee)
	hangUp(t, in, caller)
}
