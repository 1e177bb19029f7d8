package integration

import (
	"errors"
	"strings"
	"testing"

	"strowger/integration/phone"
	"strowger/mobile-bridge/sdk"
)

// TestLampAway has a phone watch somebody of the other office, who is called, talks and hangs up.
func TestLampAway(t *testing.T) {
	t.Parallel()
	w := together(t)
	ann, anns := w.person(t, 0, "Ann", says(1))
	cleo, cleos := w.person(t, 1, "Cleo", says(2))
	_, doras := w.person(t, 1, "Dora", says(2))
	lamp := watch(t, anns, cleo.number.Dial)
	if d := lamp.shows(t, "terminated"); !strings.HasPrefix(d.Entity, "sip:"+cleo.number.Dial+"@") {
		t.Errorf("at first: %+v", d)
	}
	out, in := ring(t, doras, cleo.number.Digits, cleos)
	if g := lamp.shows(t, "early").Dialogs[0]; g.Direction != "recipient" || g.Remote == "" || g.CallID == "" || g.LocalTag == "" || g.RemoteTag == "" {
		t.Errorf("while it rings: %+v", g)
	}
	in.Answer()
	saw(t, out, phone.Answered)
	lamp.shows(t, "confirmed")
	hangUp(t, out, in)
	lamp.shows(t, "terminated")
	back, _ := ring(t, cleos, ann.number.Dial, anns) // which the office of the watcher anchors
	if g := lamp.shows(t, "early").Dialogs[0]; g.Direction != "initiator" {
		t.Errorf("who calls: %+v", g)
	}
	back.HangUp()
	lamp.shows(t, "terminated")
	var refused *phone.Refusal
	if _, err := anns.Watch(soon(t), "dialog", w.Offices[1].Site.Code+"7777", 600); !errors.As(err, &refused) || refused.Code != 404 || refused.Words == "" {
		t.Errorf("a number that the other office does not have: %v", err)
	}
	change(t, w.Client.Users(), cleo.user.ID, map[string]any{"lamp": "private"})
	w.settle(t)
	if _, err := doras.Watch(soon(t), "dialog", cleo.number.Dial, 600); !errors.As(err, &refused) || refused.Code != 403 {
		t.Errorf("a private lamp in the same office: %v", err)
	}
	_, bobs := w.person(t, 0, "Bob", nil)
	if _, err := bobs.Watch(soon(t), "dialog", cleo.number.Dial, 600); !errors.As(err, &refused) || refused.Code != 403 || refused.Words == "" {
		t.Errorf("a private lamp of another office: %v", err)
	}
	n, _, err := lamp.Wait(soon(t), lamp.seen, func(n phone.Notice) bool { return strings.HasPrefix(n.State, "terminated") })
	if err != nil || n.State != "terminated;reason=rejected" {
		t.Errorf("the last that is told of a lamp that became private: %q, %v", n.State, err)
	}
}

// TestLampCloudGone has a phone watch somebody of the other office while the cloud goes and comes back: what is watched goes on over the
// link between the offices, and so does what is watched from then on.
func TestLampCloudGone(t *testing.T) {
	t.Parallel()
	w := alone(t)
	_, anns := w.person(t, 0, "Ann", says(1))
	_, bobs := w.person(t, 0, "Bob", nil)
	cleo, cleos := w.person(t, 1, "Cleo", says(2))
	_, doras := w.person(t, 1, "Dora", says(2))
	dull, _ := w.person(t, 1, "Dull", nil)
	change(t, w.Client.Users(), dull.user.ID, map[string]any{"lamp": "private"})
	w.settle(t)
	w.peerDocuments(t)
	lamp := watch(t, anns, cleo.number.Dial)
	lamp.shows(t, "terminated")
	out, in := connect(t, doras, cleo.number.Digits, cleos)
	lamp.shows(t, "confirmed")
	w.StopCloud()
	hangUp(t, out, in)
	lamp.shows(t, "terminated")
	late := watch(t, bobs, cleo.number.Dial)
	late.shows(t, "terminated")
	out, in = ring(t, doras, cleo.number.Digits, cleos)
	lamp.shows(t, "early")
	late.shows(t, "early")
	if *fabricFlag == embedded { // a fabric of its own goes on without the cloud: that brings no answer is known after the SUBSCRIBE had its own
		var refused *phone.Refusal
		if _, err := anns.Watch(soon(t), "dialog", w.Offices[1].Site.Code+"7777", 600); !errors.As(err, &refused) || refused.Code != 404 {
			t.Errorf("a number that the other office does not have: %v", err)
		}
		if _, err := anns.Watch(soon(t), "dialog", dull.number.Dial, 600); !errors.As(err, &refused) || refused.Code != 403 {
			t.Errorf("a private lamp of another office: %v", err)
		}
	}
	if err := w.StartCloud(); err != nil {
		t.Fatal(err)
	}
	in.Answer()
	saw(t, out, phone.Answered)
	lamp.shows(t, "confirmed")
	late.shows(t, "confirmed")
	w.settle(t)
	hangUp(t, out, in)
	lamp.shows(t, "terminated")
	late.shows(t, "terminated")
}

// TestLampOfApps has phones of both offices watch people with apps: of one who has no phone at all, and of one whose app calls somebody at
// another office, which anchors that call.
func TestLampOfApps(t *testing.T) {
	t.Parallel()
	w := together(t)
	_, anns := w.person(t, 0, "Ann", nil)
	bob, bobs := w.person(t, 0, "Bob", nil)
	_, cleos := w.person(t, 1, "Cleo", nil)
	dora, _ := w.person(t, 1, "Dora", nil)
	eve, evesNumber := w.roamer(t, "Eve")
	joe, joesNumber := w.roamer(t, "Joe")
	eves, joes, doras := w.app(t, eve, "apns"), w.app(t, joe, "fcm"), w.app(t, dora.user, "apns")
	near, far := watch(t, anns, evesNumber.Dial), watch(t, cleos, evesNumber.Dial)
	third, home, away := watch(t, cleos, joesNumber.Dial), watch(t, cleos, dora.number.Dial), watch(t, anns, dora.number.Dial)
	for _, l := range []*lit{near, far, third, home, away} {
		l.shows(t, "terminated")
	}

	call := eves.calls(t, joesNumber.Dial, phone.NewVoice(speech(1))) // from app to app
	joes.sees(t, sdk.Woken)
	in := joes.sees(t, sdk.Ringing).Call
	eves.sees(t, sdk.Waking)
	eves.sees(t, sdk.Ringing)
	third.shows(t, "early")
	in.Answer(phone.NewVoice(speech(2)))
	for _, l := range []*lit{near, far, third} {
		l.shows(t, "confirmed")
	}
	call.Hangup()
	for _, l := range []*lit{near, far, third} {
		l.shows(t, "terminated")
	}

	call = doras.calls(t, bob.number.Dial, phone.NewVoice(speech(1))) // anchored where Bob is
	atBob := comes(t, bobs)
	doras.sees(t, sdk.Ringing)
	if g := home.shows(t, "early").Dialogs[0]; g.Direction != "initiator" {
		t.Errorf("who calls by an app: %+v", g)
	}
	atBob.Answer()
	home.shows(t, "confirmed")
	away.shows(t, "confirmed")
	call.Hangup()
	home.shows(t, "terminated")
	away.shows(t, "terminated")

	presence, err := anns.Watch(soon(t), "presence", evesNumber.Dial, 600)
	if err != nil {
		t.Fatal(err)
	}
	if n, _, err := presence.Wait(soon(t), 0, func(phone.Notice) bool { return true }); err != nil || !strings.Contains(n.Body, "<basic>open</basic>") {
		t.Errorf("the presence of who has an app: %+v, %v", n, err)
	}
}
