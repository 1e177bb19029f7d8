package integration

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"strowger/integration/phone"
	"strowger/pkg/rest"
	"strowger/pkg/sip"
)

const middle = 700 // Hz, of the third of three

// told waits until a phone was told of a status of its transfer.
func told(t *testing.T, c *phone.Call, code int) {
	t.Helper()
	until(t, func() string {
		for _, e := range c.Events() {
			if e.Kind == phone.Told && e.Code == code {
				return ""
			}
		}
		return fmt.Sprintf("was not told %d, but saw %v", code, c.Events())
	})
}

// rings waits until a phone rings.
func rings(t *testing.T, p *phone.Phone) *phone.Call {
	t.Helper()
	select {
	case in := <-p.Incoming():
		return in
	case <-soon(t).Done():
		t.Fatal("the phone does not ring")
	}
	return nil
}

// accepted waits for the answer to a REFER.
func accepted(t *testing.T, c *phone.Call, code int) {
	t.Helper()
	if e := saw(t, c, phone.Referred); e.Code != code {
		t.Fatalf("the REFER was answered %d %s, want %d", e.Code, e.Words, code)
	}
}

// TestBlindTransfer has either end of a call transfer the other, inside an office and between offices, to a third phone.
func TestBlindTransfer(t *testing.T) {
	t.Parallel()
	w := together(t)
	for _, c := range []struct {
		name        string
		bobs, carls int // offices
		callee      bool
	}{
		{"by the caller, in one office", 0, 0, false}, {"by the callee, in one office", 0, 0, true},
		{"by the caller, all between offices", 1, 1, false}, {"by the callee, back over the link", 1, 0, true}, {"to another office", 0, 1, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ann, anns := w.person(t, 0, "Ann", tone(low))
			bob, bobs := w.person(t, c.bobs, "Bob", tone(high))
			carl, carls := w.person(t, c.carls, "Carl", tone(middle))
			out, in := connect(t, anns, bob.number.Dial, bobs)
			by, other, party, says := out, in, bob, float64(high)
			if c.callee {
				by, other, party, says = in, out, ann, low
			}
			by.Hold()
			saw(t, by, phone.OnHold)
			by.Transfer(carl.number.Dial)
			accepted(t, by, 202)
			last := rings(t, carls)
			if last.From != party.number.Dial {
				t.Errorf("Carl sees %q call, want %q", last.From, party.number.Dial)
			}
			told(t, by, 180)
			hearsTone(t, 425, other.Heard)
			last.Answer()
			saw(t, last, phone.Answered)
			told(t, by, 200)
			if e := over(t, by); e.Code != 200 {
				t.Errorf("who transferred ended with %s", e)
			}
			hearsTone(t, says, last.Heard)
			hearsTone(t, middle, other.Heard)
			hangUp(t, last, other)
		})
	}
}

// TestBlindTransferThatFails has whom a call is transferred to decline, or forbid it: the transferor keeps its call.
func TestBlindTransferThatFails(t *testing.T) {
	t.Parallel()
	w := together(t)
	_, anns := w.person(t, 0, "Ann", tone(low))
	bob, bobs := w.person(t, 1, "Bob", tone(high))
	carl, carls := w.person(t, 0, "Carl", nil)
	for name, c := range map[string]struct {
		to   string
		code int
	}{"declined": {carl.number.Dial, 603}, "nobody's": {"999999", 404}, "in a circle": {bob.number.Dial, 482}} {
		t.Run(name, func(t *testing.T) {
			out, in := connect(t, anns, bob.number.Dial, bobs)
			out.Hold()
			saw(t, out, phone.OnHold)
			out.Transfer(c.to)
			accepted(t, out, 202)
			if c.code == 603 {
				last := rings(t, carls)
				last.Decline(603, "Decline")
			}
			told(t, out, c.code)
			hearsMusic(t, in, len(in.Heard()))
			out.Resume()
			hearsTone(t, low, in.Heard)
			hearsTone(t, high, out.Heard)
			hangUp(t, out, in)
		})
	}
}

// TestTransferComesBack has the transferor hang up at once and whom it transferred to decline: it is rung back.
func TestTransferComesBack(t *testing.T) {
	t.Parallel()
	w := together(t)
	ann, anns := w.person(t, 0, "Ann", tone(low))
	bob, bobs := w.person(t, 1, "Bob", tone(high))
	carl, carls := w.person(t, 0, "Carl", nil)
	out, in := connect(t, anns, bob.number.Dial, bobs)
	out.Transfer(carl.number.Dial, sip.NewHeader("Refer-Sub", "false"))
	accepted(t, out, 202)
	out.HangUp()
	last := rings(t, carls)
	last.Decline(486, "Busy Here")
	back := rings(t, anns)
	if back.From != bob.number.Dial || !strings.Contains(strings.Join(back.Headers("From"), ""), "Back: Bob") {
		t.Errorf("it comes back from %q: %q", back.From, back.Headers("From"))
	}
	back.Answer()
	saw(t, back, phone.Answered)
	hearsTone(t, low, in.Heard)
	hearsTone(t, high, back.Heard)
	hangUp(t, back, in)
	r := w.record(t, ann.user, 2)
	if n := slices.IndexFunc(r.Diversions, func(d rest.CallDiversion) bool {
		return d.Cause.Code == "transferred" && d.To.Number == carl.number.Dial
	}); n != 0 || len(r.Diversions) != 2 {
		t.Errorf("the record says of the transfer %+v", r.Diversions)
	}
}

// TestTransferUnanswered has the transferor hang up at once and nobody answer whom it transferred to, or whom that one forwards to: when
// that has rung long enough, the transferor is rung back.
func TestTransferUnanswered(t *testing.T) {
	t.Parallel()
	w := together(t)
	ann, anns := w.person(t, 0, "Ann", tone(low))
	bob, bobs := w.person(t, 1, "Bob", tone(high))
	carl, carls := w.person(t, 1, "Carl", nil)
	dora, doras := w.person(t, 0, "Dora", nil)
	for _, s := range []subscriber{carl, dora} {
		change(t, w.Client.Users(), s.user.ID, map[string]any{"ring_seconds": 5})
	}
	w.settle(t)
	for _, c := range []struct {
		forward any
		rings   *phone.Phone
	}{{nil, carls}, {dora.number.Dial, doras}} {
		w.policy(t, carl, map[string]any{"forward_always": c.forward})
		out, in := connect(t, anns, bob.number.Dial, bobs)
		out.Transfer(carl.number.Dial, sip.NewHeader("Refer-Sub", "false"))
		accepted(t, out, 202)
		out.HangUp()
		last := rings(t, c.rings)
		if last.From != bob.number.Dial {
			t.Errorf("%s calls, want %s", last.From, bob.number.Dial)
		}
		over(t, last)
		back := rings(t, anns)
		if back.From != bob.number.Dial || !strings.Contains(strings.Join(back.Headers("From"), ""), "Back: Bob") {
			t.Errorf("it comes back from %q: %q", back.From, back.Headers("From"))
		}
		back.Answer()
		saw(t, back, phone.Answered)
		hearsTone(t, low, in.Heard)
		hearsTone(t, high, back.Heard)
		hangUp(t, back, in)
		w.record(t, ann.user, 2)
	}
}

// TestTransferRefused has phones ask for what cannot be.
func TestTransferRefused(t *testing.T) {
	t.Parallel()
	w := together(t)
	_, anns := w.person(t, 0, "Ann", nil)
	bob, bobs := w.person(t, 0, "Bob", nil)
	for name, c := range map[string]struct {
		to     string
		second []sip.Header
		code   int
	}{
		"no Refer-To":  {"", nil, 400},
		"two":          {"<sip:20@office>", []sip.Header{sip.NewHeader("Refer-To", "<sip:21@office>")}, 400},
		"a list":       {"<sip:20@office>, <sip:21@office>", nil, 400},
		"half a call":  {"<sip:20@office?Replaces=a%3Bto-tag%3D1>", nil, 400},
		"another kind": {"<mailto:carl@example.com>", nil, 416},
	} {
		t.Run(name, func(t *testing.T) {
			out, in := connect(t, anns, bob.number.Dial, bobs)
			out.Refer(c.to, c.second...)
			accepted(t, out, c.code)
			hangUp(t, out, in)
		})
	}
}
