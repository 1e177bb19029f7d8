package integration

import (
	"slices"
	"strings"
	"testing"

	"strowger/integration/phone"
	"strowger/mobile-bridge/sdk"
	"strowger/pkg/errs"
	"strowger/pkg/ledger"
	"strowger/pkg/rest"
)

// talks has an app and a desk phone talk to each other, whoever calls.
func (a *app) talks(t *testing.T, with subscriber, desk *phone.Phone, own string, v *phone.Voice) (mine *sdk.Call, theirs *phone.Call) {
	t.Helper()
	if own == "" {
		mine = a.calls(t, with.number.Dial, v)
		theirs = comes(t, desk)
		a.sees(t, sdk.Ringing)
		theirs.Answer()
	} else {
		theirs = dial(t, desk, own)
		a.sees(t, sdk.Woken)
		mine = a.sees(t, sdk.Ringing).Call
		mine.Answer(v)
	}
	a.sees(t, sdk.Connected)
	saw(t, theirs, phone.Answered)
	return mine, theirs
}

// TestTransferByAnApp has an app transfer the desk phone that it talks with, whoever called, to phones, to another app, and between offices.
func TestTransferByAnApp(t *testing.T) {
	t.Parallel()
	w := together(t)
	for _, c := range []struct {
		name        string
		bobs, carls int // offices
		called      bool
		toApp       bool
	}{
		{name: "whom it called, in one office"}, {name: "who called it", called: true}, {name: "whom it called, to another office", carls: 1},
		{name: "who called it, all between offices", bobs: 1, carls: 0, called: true}, {name: "to an app", toApp: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			bob, bobs := w.person(t, c.bobs, "Bob", tone(high))
			eve, number := w.roamer(t, "Eve")
			app := w.app(t, eve, "apns")
			own := ""
			if c.called {
				own = number.Dial
			}
			mine, theirs := app.talks(t, bob, bobs, own, phone.NewVoice(phone.Sine(low, 120)))
			if c.toApp {
				joe, joes := w.roamer(t, "Joe")
				other := w.app(t, joe, "fcm")
				asks(t, mine.Transfer(joes.Dial))
				other.sees(t, sdk.Woken)
				in := other.sees(t, sdk.Ringing).Call
				if in.FromNumber() != bob.number.Dial {
					t.Errorf("the app shows %q, want %q", in.FromNumber(), bob.number.Dial)
				}
				app.sees(t, sdk.TransferRinging)
				voice := phone.NewVoice(phone.Sine(middle, 120))
				in.Answer(voice)
				app.sees(t, sdk.Ended)
				hearsTone(t, middle, theirs.Heard)
				hearsTone(t, high, voice.Heard)
				theirs.HangUp()
				over(t, theirs)
				return
			}
			carl, carls := w.person(t, c.carls, "Carl", tone(middle))
			asks(t, mine.Transfer(carl.number.Dial))
			last := rings(t, carls)
			if last.From != bob.number.Dial {
				t.Errorf("Carl sees %q call, want %q", last.From, bob.number.Dial)
			}
			app.sees(t, sdk.TransferRinging)
			hearsTone(t, 425, theirs.Heard)
			last.Answer()
			saw(t, last, phone.Answered)
			if e := app.sees(t, sdk.Ended); e.Words != "The call was transferred" {
				t.Errorf("the app is told %q", e.Words)
			}
			hearsTone(t, high, last.Heard)
			hearsTone(t, middle, theirs.Heard)
			hangUp(t, last, theirs)
		})
	}
}

// asks fails where an app cannot even ask.
func asks(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestTransferByAnAppThatFails has apps ask for what is declined, or not allowed: they hear why, and keep their call.
func TestTransferByAnAppThatFails(t *testing.T) {
	t.Parallel()
	w := together(t)
	bob, bobs := w.person(t, 1, "Bob", tone(high))
	carl, carls := w.person(t, 0, "Carl", nil)
	eve, _ := w.roamer(t, "Eve")
	app := w.app(t, eve, "apns")
	voice := phone.NewVoice(phone.Sine(low, 120))
	mine, theirs := app.talks(t, bob, bobs, "", voice)
	for _, c := range []struct {
		name, to string
		code     errs.Code
	}{
		{"declined", carl.number.Dial, errs.Declined}, {"nobody's", "999999", errs.Unknown}, {"in a circle", bob.number.Dial, errs.Loop},
		{"outside", "+4930123456", errs.Unknown}, {"a code", "*43", errs.Forbidden}, {"a pick-up", "*8", errs.Forbidden}, {"parked where its user is not", "*85", errs.Forbidden},
	} {
		t.Run(c.name, func(t *testing.T) {
			asks(t, mine.Transfer(c.to))
			if c.code == errs.Declined {
				last := rings(t, carls)
				app.sees(t, sdk.TransferRinging)
				last.Decline(603, "Decline")
			}
			if e := app.sees(t, sdk.TransferFailed); e.Code != string(c.code) || e.Words == "" {
				t.Errorf("the app is told %s: %s, want %s", e.Code, e.Words, c.code)
			}
			hearsTone(t, low, theirs.Heard)
			hearsTone(t, high, voice.Heard)
		})
	}
	mine.Hangup()
	app.sees(t, sdk.Ended)
	over(t, theirs)
}

// TestTransferByAnAppComesBack has an app transfer and hang up, and whom it transferred to decline: the app is woken for the call.
func TestTransferByAnAppComesBack(t *testing.T) {
	t.Parallel()
	w := together(t)
	bob, bobs := w.person(t, 0, "Bob", tone(high))
	carl, carls := w.person(t, 0, "Carl", nil)
	eve, _ := w.roamer(t, "Eve")
	app := w.app(t, eve, "fcm")
	mine, theirs := app.talks(t, bob, bobs, "", phone.NewVoice(phone.Sine(low, 120)))
	asks(t, mine.Transfer(carl.number.Dial))
	last := rings(t, carls)
	app.sees(t, sdk.TransferRinging)
	mine.Hangup()
	app.sees(t, sdk.Ended)
	until(t, func() string { // the switch has heard it
		c, err := w.Client.Calls().Get(soon(t), mine.ID())
		if err != nil || !slices.ContainsFunc(c.Ladder, func(e ledger.NodeEvent) bool { return e.Kind == ledger.LegEnded && e.Device == app.device.ID }) {
			return "the app has not left the call"
		}
		return ""
	})
	last.Decline(486, "Busy Here")
	app.sees(t, sdk.Woken)
	back := app.sees(t, sdk.Ringing).Call
	if back.FromName() != "Back: Bob" || back.FromNumber() != bob.number.Dial {
		t.Errorf("it comes back as %q %q", back.FromName(), back.FromNumber())
	}
	voice := phone.NewVoice(phone.Sine(low, 120))
	back.Answer(voice)
	app.sees(t, sdk.Connected)
	hearsTone(t, low, theirs.Heard)
	hearsTone(t, high, voice.Heard)
	theirs.HangUp()
	app.sees(t, sdk.Ended)
	r := w.record(t, eve, 1)
	if !slices.ContainsFunc(r.Diversions, func(d rest.CallDiversion) bool {
		return d.Cause.Code == "transferred" && d.To.Number == carl.number.Dial
	}) {
		t.Errorf("the record says of the transfer %+v", r.Diversions)
	}
}

// TestTwoAppsAreNotTransferred has an app transfer another one, whose media do not come to the switch.
func TestTwoAppsAreNotTransferred(t *testing.T) {
	t.Parallel()
	w := together(t)
	carl, _ := w.person(t, 0, "Carl", nil)
	eve, _ := w.roamer(t, "Eve")
	joe, number := w.roamer(t, "Joe")
	app, other := w.app(t, eve, "apns"), w.app(t, joe, "fcm")
	call := app.calls(t, number.Dial, phone.NewVoice(nil))
	other.sees(t, sdk.Woken)
	in := other.sees(t, sdk.Ringing).Call
	in.Answer(phone.NewVoice(nil))
	other.sees(t, sdk.Connected)
	app.sooner(t, sdk.Connected, sdk.Waking, sdk.Ringing)
	asks(t, in.Transfer(carl.number.Dial))
	if e := other.sees(t, sdk.TransferFailed); e.Code != string(errs.Forbidden) || !strings.Contains(e.Words, "two apps") {
		t.Errorf("the app is told %s: %s", e.Code, e.Words)
	}
	call.Hangup()
	app.sees(t, sdk.Ended)
	other.sees(t, sdk.Ended)
}

// TestAttendedTransferByAnApp has an app join two calls that it has at one switch, of which the second is answered or still rings.
func TestAttendedTransferByAnApp(t *testing.T) {
	t.Parallel()
	w := together(t)
	for name, rings := range map[string]bool{"answered": false, "still ringing": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bob, bobs := w.person(t, 0, "Bob", tone(high))
			carl, carls := w.person(t, 0, "Carl", tone(middle))
			eve, _ := w.roamer(t, "Eve")
			app := w.app(t, eve, "apns")
			first, bobsCall := app.talks(t, bob, bobs, "", phone.NewVoice(phone.Sine(low, 120)))
			first.Hold()
			app.sees(t, sdk.Held)
			hearsMusic(t, bobsCall, len(bobsCall.Heard()))
			var second *sdk.Call
			var carlsCall *phone.Call
			if rings {
				second = app.calls(t, carl.number.Dial, phone.NewVoice(nil))
				carlsCall = comes(t, carls)
				app.sees(t, sdk.Ringing)
			} else {
				second, carlsCall = app.talks(t, carl, carls, "", phone.NewVoice(nil))
			}
			asks(t, first.Join(second))
			app.sees(t, sdk.Ended)
			app.sees(t, sdk.Ended)
			if rings {
				hearsTone(t, 425, bobsCall.Heard)
				carlsCall.Answer()
				saw(t, carlsCall, phone.Answered)
			}
			hearsTone(t, high, carlsCall.Heard)
			hearsTone(t, middle, bobsCall.Heard)
			hangUp(t, bobsCall, carlsCall)
		})
	}
	t.Run("at two switches", func(t *testing.T) {
		t.Parallel()
		bob, bobs := w.person(t, 0, "Bob", tone(high))
		carl, carls := w.person(t, 1, "Carl", nil)
		eve, _ := w.roamer(t, "Eve")
		app := w.app(t, eve, "apns")
		first, bobsCall := app.talks(t, bob, bobs, "", phone.NewVoice(phone.Sine(low, 120)))
		second, carlsCall := app.talks(t, carl, carls, "", phone.NewVoice(nil))
		asks(t, first.Join(second))
		if e := app.sees(t, sdk.TransferFailed); e.Code != string(errs.Gone) || e.Words == "" {
			t.Errorf("the app is told %s: %s", e.Code, e.Words)
		}
		hearsTone(t, low, bobsCall.Heard)
		for _, c := range []*phone.Call{bobsCall, carlsCall} {
			c.HangUp()
			over(t, c)
			app.sees(t, sdk.Ended)
		}
	})
}

// TestParkByAnApp has an app of the office park the call that it has, and a desk phone retrieve it.
func TestParkByAnApp(t *testing.T) {
	t.Parallel()
	w := together(t)
	_, carls := w.person(t, 1, "Carl", tone(high))
	_, anns := w.person(t, 0, "Ann", tone(middle))
	bob, bobs := w.person(t, 0, "Bob", nil)
	app := w.app(t, bob.user, "apns")
	out := dial(t, carls, bob.number.Dial)
	comes(t, bobs)
	app.sees(t, sdk.Woken)
	in := app.sees(t, sdk.Ringing).Call
	in.Answer(phone.NewVoice(nil))
	app.sees(t, sdk.Connected)
	saw(t, out, phone.Answered)
	asks(t, in.Transfer("*85"))
	words := app.sees(t, sdk.Ended).Words
	place := words[strings.LastIndex(words, " ")+1:]
	if words != "Parked at "+place {
		t.Fatalf("the app is told %q", words)
	}
	hearsMusic(t, out, len(out.Heard()))
	got := dial(t, anns, "*86"+place)
	saw(t, got, phone.Answered)
	hearsTone(t, middle, out.Heard)
	hearsTone(t, high, got.Heard)
	hangUp(t, got, out)
}
