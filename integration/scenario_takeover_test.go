package integration

import (
	"strings"
	"testing"

	"strowger/integration/phone"
	"strowger/pkg/rest"
	"strowger/pkg/sip"
)

// TestTakeOver has a phone take the place of another one in its call (INVITE with Replaces): of one that talks, on hold or not, to a phone of
// the same office or another, and of one that rings.
func TestTakeOver(t *testing.T) {
	t.Parallel()
	w := together(t)
	for _, c := range []struct {
		name         string
		anns         int  // office
		caller, held bool // whose place it is: who called; on hold
		rings        bool
	}{
		{name: "who was called"}, {name: "who called", caller: true}, {name: "held", held: true}, {name: "from another office", anns: 1}, {name: "rings", rings: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ann, anns := w.person(t, c.anns, "Ann", tone(low))
			bob, bobs := w.person(t, 0, "Bob", tone(high))
			carl, carls := w.person(t, 0, "Carl", tone(middle))
			if !c.rings { // what rings may be answered by all of the office
				w.pickUpGroup(t, carl, bob, ann)
			}
			out, in := ring(t, anns, bob.number.Dial, bobs)
			saw(t, out, phone.Progress)
			if !c.rings {
				in.Answer()
				saw(t, out, phone.Answered)
				saw(t, in, phone.Answered)
			}
			leaves, stays, says := in, out, float64(low)
			if c.caller {
				leaves, stays, says = out, in, high
			}
			if c.held {
				leaves.Hold()
				saw(t, leaves, phone.OnHold)
			}
			taken, err := carls.Dial(soon(t), bob.number.Dial, sip.NewHeader("Require", "replaces"), sip.NewHeader("Replaces", leaves.Named().String()))
			if err != nil {
				t.Fatal(err)
			}
			saw(t, taken, phone.Answered)
			if e := over(t, leaves); !strings.Contains(e.Words, "Carl") {
				t.Errorf("the phone whose place was taken is told %q", e.Words)
			}
			hearsTone(t, middle, stays.Heard)
			hearsTone(t, says, taken.Heard)
			hangUp(t, taken, stays)
		})
	}
}

// TestTakeOverRefused has phones take over what they may not, or what is not there: the call goes on.
func TestTakeOverRefused(t *testing.T) {
	t.Parallel()
	w := together(t)
	ann, anns := w.person(t, 0, "Ann", tone(low))
	bob, bobs := w.person(t, 0, "Bob", tone(high))
	friend, _ := w.person(t, 0, "Fred", nil)
	eve, eves := w.person(t, 0, "Eve", nil)
	w.pickUpGroup(t, bob, friend)
	w.pickUpGroup(t, ann, eve)
	out, in := connect(t, anns, bob.number.Dial, bobs)
	named, annsOwn := in.Named().String(), out.Named().String()
	for name, c := range map[string]struct {
		replaces []string
		code     int
	}{
		"no rights":     {[]string{named}, 403},
		"answered":      {[]string{annsOwn + ";early-only"}, 486},
		"wrong tag":     {[]string{in.Named().CallID + ";to-tag=" + in.Named().ToTag + ";from-tag=x"}, 481},
		"no such call":  {[]string{"x;to-tag=1;from-tag=2"}, 481},
		"two":           {[]string{named, annsOwn}, 400},
		"half a dialog": {[]string{"x;to-tag=1"}, 400},
	} {
		var headers []sip.Header
		for _, r := range c.replaces {
			headers = append(headers, sip.NewHeader("Replaces", r))
		}
		taken, err := eves.Dial(soon(t), bob.number.Dial, headers...)
		if err != nil {
			t.Fatal(err)
		}
		if e := over(t, taken); e.Code != c.code {
			t.Errorf("%s: refused with %s, want %d", name, e, c.code)
		}
	}
	hearsTone(t, high, out.Heard)
	hearsTone(t, low, in.Heard)
	hangUp(t, out, in)
}

// TestTakeOverByLamp has a phone take over a call by the ids that a lamp shows of it: while it rings, in either order of the tags, and when
// it is answered.
func TestTakeOverByLamp(t *testing.T) {
	t.Parallel()
	w := together(t)
	_, anns := w.person(t, 0, "Ann", tone(low))
	bob, bobs := w.person(t, 0, "Bob", tone(high))
	carl, carls := w.person(t, 0, "Carl", tone(middle))
	lamp := watch(t, carls, bob.number.Dial)
	for _, state := range []string{"early", "early, the other way round", "confirmed"} {
		out, in := ring(t, anns, bob.number.Dial, bobs)
		saw(t, out, phone.Progress)
		shows, theOther, _ := strings.Cut(state, ",")
		if shows == "confirmed" {
			w.pickUpGroup(t, carl, bob)
			in.Answer()
			saw(t, out, phone.Answered)
		}
		d := lamp.shows(t, shows).Dialogs[0]
		named := sip.Replaces{CallID: d.CallID, ToTag: d.RemoteTag, FromTag: d.LocalTag}
		if theOther != "" {
			named.ToTag, named.FromTag = named.FromTag, named.ToTag
		}
		taken, err := carls.Dial(soon(t), bob.number.Dial, sip.NewHeader("Replaces", named.String()))
		if err != nil {
			t.Fatal(err)
		}
		saw(t, taken, phone.Answered)
		over(t, in)
		hearsTone(t, low, taken.Heard)
		hangUp(t, taken, out)
		lamp.shows(t, "terminated")
	}
}

// TestTalkIsNotTakenOver has a colleague name, as lamps show it, a call that rings, which all of the office may answer, and then one that
// talks, which is nobody's to take without a group.
func TestTalkIsNotTakenOver(t *testing.T) {
	t.Parallel()
	w := together(t)
	_, anns := w.person(t, 0, "Ann", tone(low))
	bob, bobs := w.person(t, 0, "Bob", tone(high))
	_, eves := w.person(t, 0, "Eve", nil)
	out, in := connect(t, anns, bob.number.Dial, bobs)
	for _, named := range []sip.Replaces{in.Named(), out.Named()} {
		taken, err := eves.Dial(soon(t), bob.number.Dial, sip.NewHeader("Replaces", named.String()))
		if err != nil {
			t.Fatal(err)
		}
		if e := over(t, taken); e.Code != 403 || !strings.Contains(e.Words, "no right to take over calls of") {
			t.Errorf("refused with %s", e)
		}
	}
	hearsTone(t, high, out.Heard)
	hangUp(t, out, in)
}

// pickUpGroup has people answer, and take over, each other's calls.
func (w *world) pickUpGroup(t *testing.T, all ...subscriber) {
	t.Helper()
	g := rest.Group{Name: "Friends of " + all[0].number.Dial, Kind: rest.PickUpGroup}
	for _, s := range all {
		g.Members = append(g.Members, s.user.ID)
	}
	if _, err := w.Client.Groups().Create(soon(t), g); err != nil {
		t.Fatal(err)
	}
	w.settle(t)
}
