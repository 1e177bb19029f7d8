package integration

import (
	"errors"
	"testing"
	"time"

	"strowger/integration/phone"
	"strowger/pkg/errs"
	"strowger/pkg/sip"
)

// registered waits until the API says whether a device is registered.
func (w *world) registered(t *testing.T, s subscriber, want bool) {
	t.Helper()
	until(t, func() string {
		d, err := w.Client.Devices().Get(soon(t), s.device.ID)
		if err != nil {
			t.Fatal(err)
		}
		if d.Registered != want {
			return "the API does not know yet whether the device is registered"
		}
		return ""
	})
}

// TestSeveralContacts registers two phones under one account: both ring, and one that leaves takes only itself along.
func TestSeveralContacts(t *testing.T) {
	t.Parallel()
	w := together(t)
	_, from := w.person(t, 0, "Ann", nil)
	bob, hall := w.person(t, 0, "Bob", nil)
	attic := w.phone(t, bob, w.over(t, 0, sip.TCP, 1))

	out := dial(t, from, bob.number.Dial)
	inHall, inAttic := incoming(t, hall, out), incoming(t, attic, out)
	inAttic.Answer()
	saw(t, out, phone.Answered)
	if e := over(t, inHall); e.Words != "Call completed elsewhere" {
		t.Errorf("the hall saw %s", e)
	}
	hangUp(t, out, inAttic)

	if err := attic.Unregister(soon(t)); err != nil {
		t.Fatal(err)
	}
	w.registered(t, bob, true)
	out, inHall = connect(t, from, bob.number.Dial, hall)
	select {
	case <-attic.Incoming():
		t.Error("a phone rang that is not registered any more")
	default:
	}
	hangUp(t, out, inHall)
}

// TestPhoneThatIsGone calls a phone that went without a word: the network says so, and nobody waits for it. Another phone of
// the same account rings all the same.
func TestPhoneThatIsGone(t *testing.T) {
	t.Parallel()
	w := together(t)
	ann, from := w.person(t, 0, "Ann", nil)
	bob := w.subscriber(t, 0, "Bob")
	gone, pull := plugged(t, w.account(bob, nil))
	register(t, gone)
	pull()
	w.fails(t, ann, dial(t, from, bob.number.Dial), failure{480, errs.Offline, 20, "nobody is there", "system"})
	there := w.phone(t, bob, nil)
	out, in := connect(t, from, bob.number.Dial, there)
	hangUp(t, out, in)
}

// TestRefreshAndUnregister registers twice, which is one contact, and then not at all.
func TestRefreshAndUnregister(t *testing.T) {
	t.Parallel()
	w := together(t)
	ann, from := w.person(t, 0, "Ann", nil)
	bob, to := w.person(t, 1, "Bob", nil)
	if err := to.Register(soon(t)); err != nil {
		t.Fatal(err)
	}
	w.registered(t, bob, true)
	out, in := connect(t, from, bob.number.Dial, to)
	hangUp(t, out, in)
	branches := 0
	for _, l := range w.record(t, ann.user, 2).Legs {
		if l.Device == bob.device.ID {
			branches++
		}
	}
	if branches != 1 {
		t.Errorf("a phone that registered twice rang %d times", branches)
	}
	if err := to.Unregister(soon(t)); err != nil {
		t.Fatal(err)
	}
	cleo, from := w.person(t, 0, "Cleo", nil)
	w.fails(t, cleo, dial(t, from, bob.number.Dial), failure{480, errs.Offline, 20, "No phone of the callee is registered", "system"})
	w.registered(t, bob, false)
}

// TestBriefRegistration asks for less than the registrar grants (RFC 3261, 10.3, 7).
func TestBriefRegistration(t *testing.T) {
	t.Parallel()
	w := together(t)
	bob := w.subscriber(t, 0, "Bob")
	w.settle(t)
	err := run(t, w.account(bob, func(c *phone.Config) { c.Expires = 5 * time.Second })).Register(soon(t))
	var refused *phone.Refusal
	if !errors.As(err, &refused) || refused.Code != 423 {
		t.Errorf("%v, want 423", err)
	}
}

// TestDeviceIsTakenAway deletes a device that is registered: it is rung no more.
func TestDeviceIsTakenAway(t *testing.T) {
	t.Parallel()
	w := together(t)
	bob, to := w.person(t, 0, "Bob", nil)
	if err := w.Client.Devices().Delete(soon(t), bob.device.ID, 0); err != nil {
		t.Fatal(err)
	}
	until(t, func() string {
		err := to.Register(soon(t))
		var refused *phone.Refusal
		if !errors.As(err, &refused) || refused.Code != 404 {
			return "a device that was deleted registers"
		}
		return ""
	})
}

// TestNewPassword gives a device a new password: the old one is refused, the new one works.
func TestNewPassword(t *testing.T) {
	t.Parallel()
	w := together(t)
	bob, old := w.person(t, 0, "Bob", nil)
	d, err := w.Client.SetPassword(soon(t), bob.device.ID, "")
	if err != nil {
		t.Fatal(err)
	}
	until(t, func() string {
		err := old.Register(soon(t))
		var refused *phone.Refusal
		if !errors.As(err, &refused) || refused.Code != 403 {
			return "the old password is good still"
		}
		return ""
	})
	bob.device.Password = d.Password
	w.phone(t, bob, nil)
}

// TestRegistrationsSurviveARestart stops the callee's switch and starts it again: its phone rings as before.
func TestRegistrationsSurviveARestart(t *testing.T) {
	t.Parallel()
	w := alone(t)
	ann, from := w.person(t, 0, "Ann", nil)
	bob, to := w.person(t, 1, "Bob", nil)
	out, in := connect(t, from, bob.number.Dial, to)
	w.StopSwitch(1)
	for _, c := range []*phone.Call{out, in} {
		if e := over(t, c); e.Words != "The switch stopped" {
			t.Errorf("a call whose switch stopped ended with %s", e)
		}
	}
	if c := w.record(t, ann.user, 2).Cause; c.Code != string(errs.NodeStopped) || c.Q850 == 0 {
		t.Errorf("record: cause %+v", c)
	}
	if err := w.StartSwitch(1); err != nil {
		t.Fatal(err)
	}
	var again, rings *phone.Call
	until(t, func() string { // the cloud hears of the new run by its lease
		again = dial(t, from, bob.number.Dial)
		select {
		case rings = <-to.Incoming():
			return ""
		case <-again.Done():
			return again.Events()[len(again.Events())-1].String()
		}
	})
	rings.Answer()
	saw(t, again, phone.Answered)
	hangUp(t, again, rings)
	w.checkLedger(t)
}
