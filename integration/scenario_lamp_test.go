package integration

import (
	"encoding/xml"
	"errors"
	"strings"
	"testing"

	"strowger/integration/phone"
)

// shown is a dialog-info document as a phone reads it.
type shown struct {
	Version int    `xml:"version,attr"`
	State   string `xml:"state,attr"`
	Entity  string `xml:"entity,attr"`
	Dialogs []struct {
		ID        string `xml:"id,attr"`
		CallID    string `xml:"call-id,attr"`
		LocalTag  string `xml:"local-tag,attr"`
		RemoteTag string `xml:"remote-tag,attr"`
		Direction string `xml:"direction,attr"`
		State     string `xml:"state"`
		Remote    string `xml:"remote>identity"`
	} `xml:"dialog"`
}

// watch has a phone watch the calls of a number.
func watch(t *testing.T, p *phone.Phone, number string) *lit {
	t.Helper()
	l, err := p.Watch(soon(t), "dialog", number, 600)
	if err != nil {
		t.Fatal(err)
	}
	return &lit{Lamp: l}
}

// lit is a lamp, with what its user has seen of it.
type lit struct {
	*phone.Lamp
	seen int
}

// shows waits until a lamp shows that, "terminated" for out, and returns the document.
func (l *lit) shows(t *testing.T, state string) (d shown) {
	t.Helper()
	_, n, err := l.Wait(soon(t), l.seen, func(n phone.Notice) bool {
		d = shown{}
		if err := xml.Unmarshal([]byte(n.Body), &d); err != nil {
			t.Errorf("a document that is none: %v: %s", err, n.Body)
			return false
		}
		if n.Type != "application/dialog-info+xml" || n.Event != "dialog" || d.State != "full" {
			t.Errorf("a NOTIFY with %q, %q and %s", n.Type, n.Event, n.Body)
		}
		return d.Dialogs[len(d.Dialogs)-1].State == state
	})
	if err != nil {
		t.Fatal(err)
	}
	l.seen = n
	return d
}

// TestLamp has a phone watch a colleague who is called, answers, holds and hangs up, and who calls.
func TestLamp(t *testing.T) {
	t.Parallel()
	w := together(t)
	ann, anns := w.person(t, 0, "Ann", says(1))
	bob, bobs := w.person(t, 0, "Bob", says(2))
	_, cleos := w.person(t, 0, "Cleo", nil)
	lamp := watch(t, cleos, bob.number.Digits)
	if d := lamp.shows(t, "terminated"); d.Version != 0 || !strings.HasPrefix(d.Entity, "sip:"+bob.number.Digits+"@") {
		t.Errorf("at first: %+v", d)
	}
	out, in := ring(t, anns, bob.number.Dial, bobs)
	d := lamp.shows(t, "early")
	if g := d.Dialogs[0]; g.Direction != "recipient" || !strings.Contains(g.Remote, ann.number.Dial) || g.CallID == "" || g.LocalTag == "" || g.RemoteTag == "" || d.Version == 0 {
		t.Errorf("while it rings: %+v", d)
	}
	in.Answer()
	saw(t, out, phone.Answered)
	lamp.shows(t, "confirmed")
	in.Hold()
	saw(t, in, phone.OnHold)
	hangUp(t, out, in)
	lamp.shows(t, "terminated")
	back, _ := ring(t, bobs, ann.number.Dial, anns)
	if g := lamp.shows(t, "early").Dialogs[0]; g.Direction != "initiator" {
		t.Errorf("who calls: %+v", g)
	}
	back.HangUp()
	lamp.shows(t, "terminated")
	if granted, err := lamp.Refresh(soon(t), 0); err != nil || granted != 0 {
		t.Errorf("the end of it: %d, %v", granted, err)
	}
	n, _, err := lamp.Wait(soon(t), lamp.seen, func(n phone.Notice) bool { return strings.HasPrefix(n.State, "terminated") })
	if err != nil || n.State != "terminated;reason=timeout" {
		t.Errorf("the last that is told: %q, %v", n.State, err)
	}
	var refused *phone.Refusal
	if _, err := lamp.Refresh(soon(t), 600); !errors.As(err, &refused) || refused.Code != 481 {
		t.Errorf("a refresh after the end: %v", err)
	}
}

// TestLampOfAnother has phones that know what names a lamp of a colleague, by what they read on the network say, try to put it out.
func TestLampOfAnother(t *testing.T) {
	t.Parallel()
	w := together(t)
	_, anns := w.person(t, 0, "Ann", nil)
	bob, bobs := w.person(t, 0, "Bob", nil)
	_, carols := w.person(t, 0, "Carol", nil)
	lamp := watch(t, anns, bob.number.Dial)
	lamp.shows(t, "terminated")
	for _, password := range []string{"", "guessed"} {
		var refused *phone.Refusal
		lamp.Sign(carols, password)
		if _, err := lamp.Refresh(soon(t), 0); !errors.As(err, &refused) || refused.Code != 403 {
			t.Errorf("another phone ends the lamp: %v, want 403", err)
		}
	}
	lamp.Sign(anns, "")
	out, in := ring(t, carols, bob.number.Dial, bobs)
	lamp.shows(t, "early")
	in.Decline(486, "Busy Here")
	over(t, out)
	if _, err := lamp.Refresh(soon(t), 600); err != nil {
		t.Errorf("its own phone refreshes it: %v", err)
	}
}

// TestLampRefused has phones subscribe to what they may not see or what there is not, and has the switch hear every answer to a NOTIFY:
// a lamp that could not be told lives, and shows what is so when the phone comes back.
func TestLampRefused(t *testing.T) {
	t.Parallel()
	w := together(t)
	ann, anns := w.person(t, 0, "Ann", nil)
	bob, bobs := w.person(t, 0, "Bob", nil)
	for _, c := range []struct {
		event, number string
		seconds, code int
	}{
		{"dialog", "7777", 600, 404}, {"dialog", "+4930123456", 600, 404}, {"dialog", bob.number.Digits, 5, 423},
		{"conference", bob.number.Digits, 600, 489}, {"message-summary", bob.number.Digits, 600, 403},
	} {
		var refused *phone.Refusal
		if _, err := anns.Watch(soon(t), c.event, c.number, c.seconds); !errors.As(err, &refused) || refused.Code != c.code || refused.Words == "" {
			t.Errorf("%s of %s for %d s: %v, want %d", c.event, c.number, c.seconds, err, c.code)
		}
	}
	lamp := watch(t, anns, bob.number.Dial)
	lamp.shows(t, "terminated")
	lamp.Answer(503)
	out, in := ring(t, anns, bob.number.Dial, bobs)
	lamp.Answer(200)
	if granted, err := lamp.Refresh(soon(t), 3600); err != nil || granted < 60 || granted > 3600 {
		t.Errorf("a refresh: %d, %v", granted, err)
	}
	lamp.shows(t, "early")
	in.Decline(486, "Busy Here")
	over(t, out)
	lamp.shows(t, "terminated")
	own, err := anns.Watch(soon(t), "message-summary", ann.number.Digits, 600)
	if err != nil {
		t.Fatal(err)
	}
	n, _, err := own.Wait(soon(t), 0, func(phone.Notice) bool { return true })
	if err != nil || !strings.Contains(n.Body, "Messages-Waiting: no") || n.Type != "application/simple-message-summary" {
		t.Errorf("messages: %+v, %v", n, err)
	}
	once, err := anns.Watch(soon(t), "presence", bob.number.Digits, 0)
	if err != nil {
		t.Fatal(err)
	}
	n, _, err = once.Wait(soon(t), 0, func(phone.Notice) bool { return true })
	if err != nil || !strings.Contains(n.Body, "<basic>open</basic>") || n.State != "terminated;reason=timeout" {
		t.Errorf("presence: %+v, %v", n, err)
	}
}
