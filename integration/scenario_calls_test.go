package integration

import (
	"slices"
	"strings"
	"testing"

	"strowger/integration/phone"
	"strowger/pkg/ledger"
	"strowger/pkg/rest"
)

// TestCallInsideOneOffice is the thinnest call: two phones of one switch.
func TestCallInsideOneOffice(t *testing.T) {
	t.Parallel()
	callInside(t, together(t))
}

// TestCallBetweenOffices is the main job of the product (2-call-flows, C2).
func TestCallBetweenOffices(t *testing.T) {
	t.Parallel()
	callBetween(t, together(t))
}

// TestQuality talks until both phones have sent RTCP reports; what those say is in the record, for each leg.
func TestQuality(t *testing.T) {
	t.Parallel()
	w := together(t)
	caller, from := w.person(t, 0, "Ann", nil)
	callee, to := w.person(t, 1, "Bob", nil)
	out, in := connect(t, from, callee.number.Dial, to)
	until(t, func() string {
		if out.Quality().RoundTrip == 0 || in.Quality().RoundTrip == 0 {
			return "a phone knows no round trip"
		}
		return ""
	})
	hangUp(t, out, in)
	for _, l := range w.record(t, caller.user, 2).Legs {
		if q := l.Quality; q == nil || q.RoundTrip <= 0 || q.JitterReceived <= 0 || q.JitterSent <= 0 {
			t.Errorf("leg %s of %q at %s: %+v", l.Leg, l.Device, l.Node, q)
		}
	}
}

func callInside(t *testing.T, w *world) {
	ann, annsPhone := w.person(t, 0, "Ann", says(1))
	bob, bobsPhone := w.person(t, 0, "Bob", says(2))
	talk(t, annsPhone, bob.number.Digits, bobsPhone)
	c := w.record(t, ann.user, 1)
	checkRecord(t, c, ann, bob, bob.number.Digits)
	if here := w.Offices[0].Switch.ID; c.Anchor != here {
		t.Errorf("anchor %s, want %s", c.Anchor, here)
	}
	checkLegs(t, c, map[string]int{w.Offices[0].Switch.ID: 2})
}

func callBetween(t *testing.T, w *world) {
	ann, annsPhone := w.person(t, 0, "Ann", says(1))
	bob, bobsPhone := w.person(t, 1, "Bob", says(2))
	talk(t, annsPhone, bob.number.Dial, bobsPhone)
	c := w.record(t, ann.user, 2)
	checkRecord(t, c, ann, bob, bob.number.Dial)
	if there := w.Offices[1].Switch.ID; c.Anchor != there {
		t.Errorf("anchor %s, want the callee's switch %s", c.Anchor, there)
	}
	checkLegs(t, c, map[string]int{w.Offices[0].Switch.ID: 2, w.Offices[1].Switch.ID: 2})
}

// talk has one phone call another, both speak, and the caller hangs up.
func talk(t *testing.T, from *phone.Phone, number string, to *phone.Phone) {
	t.Helper()
	out, in := connect(t, from, number, to)
	hears(t, in, 1)
	hears(t, out, 2)
	hangUp(t, out, in)
}

// checkRecord compares the record of a call of about a second, that the caller ended, with what happened.
func checkRecord(t *testing.T, c rest.Call, from, to subscriber, dialled string) {
	t.Helper()
	if c.From.User != from.user.ID || c.From.Name != from.user.Name || c.From.Number != from.number.Dial || c.From.Device != from.device.ID {
		t.Errorf("from %+v, want %s, %s, device %s", c.From, from.user.Name, from.number.Dial, from.device.ID)
	}
	if c.To.User != to.user.ID || c.To.Name != to.user.Name || c.To.Number != to.number.Dial || c.To.Device != to.device.ID {
		t.Errorf("to %+v, want %s, %s, device %s", c.To, to.user.Name, to.number.Dial, to.device.ID)
	}
	if c.State != "ended" || c.EndedBy != "caller" || c.Dialled != dialled || c.Offline {
		t.Errorf("state %q by %q, dialled %q, offline %v", c.State, c.EndedBy, c.Dialled, c.Offline)
	}
	if c.Codec != "PCMU/8000" || c.Seconds < 1 {
		t.Errorf("codec %q, %.3f s", c.Codec, c.Seconds)
	}
	if want := (ledger.Cause{Code: "normal", SIP: 200, Q850: 16, Words: "Normal call clearing"}); c.Cause == nil || *c.Cause != want {
		t.Errorf("cause %+v, want %+v", c.Cause, want)
	}
	if c.RingingAt == nil || c.AnsweredAt == nil || c.EndedAt == nil ||
		c.RingingAt.Before(c.StartedAt) || c.AnsweredAt.Before(*c.RingingAt) || c.EndedAt.Before(*c.AnsweredAt) {
		t.Errorf("started %v, ringing %v, answered %v, ended %v", c.StartedAt, c.RingingAt, c.AnsweredAt, c.EndedAt)
	}
	checkLadder(t, c)
}

// checkLadder looks for the messages of a call that was answered, in the order in which they cause each other.
func checkLadder(t *testing.T, c rest.Call) {
	t.Helper()
	var lines []string
	for _, e := range c.Ladder {
		if e.Kind == ledger.Message {
			lines = append(lines, e.Sender+" -> "+e.Receiver+": "+e.Text)
		}
	}
	phoneFrom, phoneTo := "phone "+c.From.Number, "phone "+c.To.Number
	at := 0
	for _, want := range []struct{ sender, receiver, text string }{
		{phoneFrom, "switch-", "INVITE"}, {"switch-", "cloud", "admit"}, {"cloud", "switch-", "admitted"},
		{"switch-", phoneTo, "INVITE"}, {phoneTo, "switch-", "180"}, {phoneTo, "switch-", "200"}, {phoneFrom, "switch-", "BYE"},
	} {
		n := slices.IndexFunc(lines[at:], func(l string) bool {
			sender, rest, _ := strings.Cut(l, " -> ")
			return strings.HasPrefix(sender, want.sender) && strings.HasPrefix(rest, want.receiver) && strings.Contains(rest, ": "+want.text)
		})
		if n < 0 {
			t.Fatalf("the ladder lacks %v after line %d:\n%s", want, at, strings.Join(lines, "\n"))
		}
		at += n + 1
	}
}

// checkLegs looks at each leg of a call that was answered and carried a second of audio each way.
func checkLegs(t *testing.T, c rest.Call, want map[string]int) {
	t.Helper()
	have := map[string]int{}
	for _, l := range c.Legs {
		have[l.Node]++
		if l.Codec != "PCMU/8000" || l.Local == "" || l.Remote == "" {
			t.Errorf("leg %s at %s: codec %q, %q <-> %q", l.Leg, l.Node, l.Codec, l.Local, l.Remote)
		}
		if l.Cause == nil || l.Cause.SIP != 200 || l.Cause.Q850 != 16 {
			t.Errorf("leg %s at %s: cause %+v", l.Leg, l.Node, l.Cause)
		}
		// 50 packets are a second. Some may be lost when the machine has other work, or many.
		lost := func(q *ledger.QualityFigures) bool {
			return q.PacketsReceived < 40 || q.PacketsSent < 40 || q.LostReceived > 10+int64(q.PacketsReceived/5)
		}
		if q := l.Quality; q == nil || q.PacketsDropped != 0 || q.PacketsReceived == 0 || q.PacketsSent == 0 || lost(q) && !late.busy(c.StartedAt) {
			t.Errorf("leg %s at %s: quality %+v", l.Leg, l.Node, q)
		}
	}
	for node, n := range want {
		if have[node] != n {
			t.Errorf("legs by node %v, want %v", have, want)
		}
	}
}
