package integration

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"strowger/integration/phone"
	"strowger/pkg/errs"
)

// TestCloudGone stops the cloud in the middle of a call. That call goes on and ends, new ones are made inside an office and
// between offices, and all records arrive when the cloud is back.
func TestCloudGone(t *testing.T) {
	t.Parallel()
	w := alone(t)
	ann, anns := w.person(t, 0, "Ann", says(1))
	bob, bobs := w.person(t, 0, "Bob", says(2))
	cleo, cleos := w.person(t, 1, "Cleo", says(2))
	dora, doras := w.person(t, 1, "Dora", says(1))
	w.peerDocuments(t)

	out, in := connect(t, anns, cleo.number.Dial, cleos)
	w.StopCloud()
	press(t, out, in, "12")
	press(t, in, out, "34")
	hangUp(t, out, in)

	talk(t, anns, bob.number.Digits, bobs)         // inside the office
	talk(t, doras, bob.number.Dial, bobs)          // between offices, with a key that the switch signs itself
	talk(t, anns, cleo.number.Dial, cleos)         // the other way
	if err := bobs.Register(soon(t)); err != nil { // also a new phone
		t.Errorf("a registration without the cloud: %v", err)
	}
	late := w.phone(t, bob, nil)
	if e := over(t, dial(t, late, "777777")); e.Code != 503 || e.Words == "" {
		t.Errorf("a number that only the cloud may know: %s", e)
	}
	if e := over(t, dial(t, late, "307777")); e.Code != 404 || e.Words == "" {
		t.Errorf("a number that the other office does not have: %s", e)
	}

	if err := w.StartCloud(); err != nil {
		t.Fatal(err)
	}
	type outcome struct {
		from, to string // users
		offline  bool
		code     errs.Code
	}
	want := []outcome{
		{ann.user.ID, cleo.user.ID, false, "normal"},
		{ann.user.ID, bob.user.ID, true, "normal"}, {dora.user.ID, bob.user.ID, true, "normal"}, {ann.user.ID, cleo.user.ID, true, "normal"},
		{bob.user.ID, "", false, errs.CloudAway}, {bob.user.ID, "", true, errs.Unknown},
	}
	until(t, func() string {
		var have []outcome
		for c, err := range w.Client.Calls().All(soon(t), nil) { // the latest first
			if err != nil {
				t.Fatal(err)
			}
			if c.State != "ended" {
				return "call " + c.ID + " is not over"
			}
			have = slices.Insert(have, 0, outcome{c.From.User, c.To.User, c.Offline, errs.Code(c.Cause.Code)})
		}
		if !slices.Equal(have, want) {
			return fmt.Sprintf("on record are\n%v, want\n%v", have, want)
		}
		return ""
	})
	w.checkLedger(t)
	w.settle(t) // both switches found the cloud again
	out, in = connect(t, doras, cleo.number.Digits, cleos)
	hangUp(t, out, in)
	until(t, func() string {
		if c := w.record(t, dora.user, 1); c.To.User != cleo.user.ID || c.Offline {
			return "the call after the outage is not on record, or as one without the cloud"
		}
		return ""
	})
}

// peerDocuments waits until each office knows the other.
func (w *world) peerDocuments(t *testing.T) {
	t.Helper()
	w.settle(t)
	for office := range w.Offices {
		until(t, func() string {
			found, err := filepath.Glob(filepath.Join(w.folder(office), "copy", "peers", "*"))
			if err != nil {
				t.Fatal(err)
			}
			if len(found) == 0 {
				return "the switch has no peer document"
			}
			return ""
		})
	}
}

// TestCloudGoneBeforeTheAnswer stops the cloud while the callee rings.
func TestCloudGoneBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	w := alone(t)
	ann, from := w.person(t, 0, "Ann", nil)
	bob, to := w.person(t, 1, "Bob", nil)
	out, in := ring(t, from, bob.number.Dial, to)
	saw(t, out, phone.Progress)
	w.StopCloud()
	in.Answer()
	saw(t, out, phone.Answered)
	saw(t, in, phone.Answered)
	hangUp(t, in, out)
	if err := w.StartCloud(); err != nil {
		t.Fatal(err)
	}
	if r := w.record(t, ann.user, 2); r.EndedBy != "callee" || r.AnsweredAt == nil || r.Seconds > time.Hour.Seconds() {
		t.Errorf("record: by %q, answered %v, %v s", r.EndedBy, r.AnsweredAt, r.Seconds)
	}
	w.checkLedger(t)
}

// TestSwitchGone stops the callee's switch, which says so as it leaves: the caller is told at once that its office cannot
// be reached.
func TestSwitchGone(t *testing.T) {
	t.Parallel()
	w := alone(t)
	ann, from := w.person(t, 0, "Ann", nil)
	bob, _ := w.person(t, 1, "Bob", nil)
	w.StopSwitch(1)
	c := dial(t, from, bob.number.Dial)
	if e := over(t, c); e.Code != 502 || e.Words == "" {
		t.Errorf("the caller saw %s, want 502", e)
	}
	if r := w.record(t, ann.user, 1); r.Cause.Code != string(errs.Unreachable) || r.Cause.Q850 != 27 || r.Dialled != bob.number.Dial {
		t.Errorf("record: dialled %q, cause %+v", r.Dialled, r.Cause)
	}
}
