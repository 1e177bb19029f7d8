package integration

import (
	"fmt"
	"strings"
	"testing"

	"strowger/integration/phone"
	"strowger/pkg/rest"
)

// spelled is the clips that say a number.
func spelled(number string) (names []string) {
	for _, d := range number {
		names = append(names, strings.ReplaceAll(string(d), "*", "star"))
	}
	return names
}

// spoken waits until a phone has heard clips, one right after the other, after what it had heard before.
func spoken(t *testing.T, c *phone.Call, before int, names ...string) {
	t.Helper()
	spokenIn(t, "en", c, before, names...)
}

// spokenIn is spoken of a switch of another language. Each clip is looked for where the one before it ended: the rates of the clips and of the
// phone differ, and over a sentence that adds up to some samples.
func spokenIn(t *testing.T, language string, c *phone.Call, before int, names ...string) {
	t.Helper()
	clips, all := make([][]int16, len(names)), 0
	for i, name := range names {
		clips[i] = clip(t, language+"/"+name)
		all += len(clips[i])
	}
	until(t, func() string {
		heard := c.Heard()
		heard = heard[min(before, len(heard)):]
		if len(heard) < all-len(names)*rate/50 { // looked for when all can be there
			return fmt.Sprintf("heard %d of %d samples of %v; saw %v", len(heard), all, names, c.Events())
		}
		for i, name := range names {
			want, window := clips[i], heard
			if i > 0 {
				window = heard[:min(len(heard), len(want)+rate/10)]
			}
			if len(window) < len(want) {
				return fmt.Sprintf("heard %d of %d samples of %s in %v; saw %v", len(window), len(want), name, names, c.Events())
			}
			s := phone.Compare(want, window)
			if s.Score < 0.9 && !late.busy(c.Events()[0].At) {
				return fmt.Sprintf("%s of %v was heard %+v", name, names, s)
			}
			heard = heard[min(len(heard), max(0, s.Delay+len(want)-rate/50)):]
		}
		return ""
	})
}

// coded has a phone dial a code, hear what was done, and be hung up on.
func coded(t *testing.T, from *phone.Phone, code string, names ...string) phone.Event {
	t.Helper()
	c := dial(t, from, code)
	spoken(t, c, 0, names...)
	return over(t, c)
}

// wishes has what a user wishes by the API.
func (w *world) wishes(t *testing.T, s subscriber) rest.User {
	t.Helper()
	u, err := w.Client.Users().Get(soon(t), s.user.ID)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// TestRedial has a phone call the number again that it called last, by a code, also after one that nobody has.
func TestRedial(t *testing.T) {
	t.Parallel()
	w := together(t)
	ann, from := w.person(t, 0, "Ann", says(1))
	bob, to := w.person(t, 1, "Bob", says(2))
	if e := coded(t, from, "*66", "dialled-none"); e.Code != 404 || e.Words != "this phone has called nobody yet" {
		t.Errorf("a phone that has called nobody hears %d %q", e.Code, e.Words)
	}
	talk(t, from, bob.number.Dial, to)
	talk(t, from, "*66", to)
	if e := coded(t, from, "*666", "code-unknown"); e.Code != 404 {
		t.Errorf("a code that there is not: %d %q", e.Code, e.Words)
	}
	out, in := ring(t, from, "*66#", to)
	in.Decline(486, "Busy Here")
	if e := over(t, out); e.Code != 486 {
		t.Errorf("the caller saw %d %q", e.Code, e.Words)
	}
	over(t, in)
	w.recorded(t, ann.user, "the code", func(c rest.Call) bool {
		return c.Dialled == "*66" && c.To.User == bob.user.ID && c.AnsweredAt != nil
	})
}

// TestCodesSayWhatTheyDid has a phone change what its user wishes, and hear it; the cloud has it.
func TestCodesSayWhatTheyDid(t *testing.T) {
	t.Parallel()
	w := together(t)
	ann, from := w.person(t, 0, "Ann", nil)
	bob, to := w.person(t, 1, "Bob", nil)
	number := bob.number.Dial
	for _, c := range []struct {
		code   string
		says   []string
		wished func(rest.User) bool
	}{
		{"*72" + number, append([]string{"forward-always"}, spelled(number)...), func(u rest.User) bool { return u.ForwardAlways == number }},
		{"*73", []string{"forward-always-off"}, func(u rest.User) bool { return u.ForwardAlways == "" }},
		{"*90" + number, append([]string{"forward-busy"}, spelled(number)...), func(u rest.User) bool { return u.ForwardBusy == number }},
		{"*92" + number + "#", append([]string{"forward-no-answer"}, spelled(number)...), func(u rest.User) bool { return u.ForwardNoAnswer == number }},
		{"*94" + number, append([]string{"forward-unreachable"}, spelled(number)...), func(u rest.User) bool { return u.ForwardUnreachable == number }},
		{"*91", []string{"forward-busy-off"}, func(u rest.User) bool { return u.ForwardBusy == "" && u.ForwardNoAnswer == number }},
		{"*78", []string{"disturb-not"}, func(u rest.User) bool { return u.DND }},
		{"*79", []string{"disturb"}, func(u rest.User) bool { return !u.DND }},
		{"*70", []string{"call-waiting-off"}, func(u rest.User) bool { return u.NoCallWaiting }},
		{"*71", []string{"call-waiting"}, func(u rest.User) bool { return !u.NoCallWaiting }},
		{"*7405" + number, append([]string{"speed", "0", "5", "speed-calls"}, spelled(number)...), func(u rest.User) bool { return u.SpeedDial["05"] == number }},
		{"*7506", []string{"speed", "0", "6", "speed-empty"}, func(u rest.User) bool { return len(u.SpeedDial) == 1 }},
		{"*72999999", []string{"no-such-number"}, func(u rest.User) bool { return u.ForwardAlways == "" }},
		{"*60", []string{"called-none"}, func(u rest.User) bool { return len(u.Blocked) == 0 }},
		{"*74x", []string{"code-wrong"}, func(u rest.User) bool { return len(u.SpeedDial) == 1 }},
		{"*28", []string{"office-none"}, func(rest.User) bool { return true }},
	} {
		coded(t, from, c.code, c.says...)
		if u := w.wishes(t, ann); !c.wished(u) {
			t.Errorf("after %s the user wishes %+v, do not disturb %v", c.code, u.Wishes, u.DND)
		}
	}
	w.recorded(t, ann.user, "a code", func(c rest.Call) bool {
		return c.Dialled == "*78" && c.AnsweredAt != nil && c.Cause.Code == "normal" && c.To.Number == "*78"
	})
	w.recorded(t, ann.user, "a code that did nothing", func(c rest.Call) bool {
		return c.Dialled == "*72999999" && c.Cause.Code == "unknown-number" && strings.Contains(c.Cause.Words, "nobody has the number 999999")
	})
	w.settle(t)
	talk0(t, from, "*005", to)
}

// talk0 has one phone call another, silently.
func talk0(t *testing.T, from *phone.Phone, number string, to *phone.Phone) {
	t.Helper()
	out, in := connect(t, from, number, to)
	hangUp(t, out, in)
}

// TestLastCaller has a phone say who called its user last, block them, and let them call again.
func TestLastCaller(t *testing.T) {
	t.Parallel()
	w := together(t)
	ann, from := w.person(t, 0, "Ann", nil)
	bob, to := w.person(t, 1, "Bob", nil)
	coded(t, from, "*69", "called-none")
	talk0(t, to, ann.number.Dial, from)
	coded(t, from, "*69", append(append([]string{"called-by"}, spelled(bob.number.Dial)...), "now")...)
	talk0(t, to, ann.number.Dial, from) // "now" is a minute, and a busy machine may need that for what was said
	out := dial(t, from, "*69")
	spoken(t, out, 0, append(append([]string{"called-by"}, spelled(bob.number.Dial)...), "now", "call-back")...)
	out.SendDTMF('1')
	in := incoming(t, to, out)
	in.Answer()
	saw(t, out, phone.Answered)
	hangUp(t, out, in)
	w.recorded(t, ann.user, "a call back", func(c rest.Call) bool {
		return c.Dialled == "*69" && c.AnsweredAt != nil && c.To.User == bob.user.ID
	})
	coded(t, from, "*60", append(spelled(bob.number.Dial), "blocked")...)
	if u := w.wishes(t, ann); len(u.Blocked) != 1 || u.Blocked[0] != bob.number.Dial {
		t.Errorf("blocked are %v", u.Blocked)
	}
	w.settle(t)
	if e := over(t, dial(t, to, ann.number.Dial)); e.Code < 400 {
		t.Errorf("who is blocked sees %+v", e)
	}
	coded(t, from, "*61", append(spelled(bob.number.Dial), "unblocked")...)
	w.settle(t)
	talk0(t, to, ann.number.Dial, from)
}

// TestEchoAndNumber has a phone hear itself, and its number.
func TestEchoAndNumber(t *testing.T) {
	t.Parallel()
	w := together(t)
	ann, from := w.person(t, 0, "Ann", says(1))
	coded(t, from, "*65", append([]string{"this-is"}, spelled(ann.number.Dial)...)...)
	c := dial(t, from, "*43")
	spoken(t, c, 0, "echo")
	hears(t, c, 1)
	c.SendDTMF('5')
	if e := over(t, c); e.Code != 200 {
		t.Errorf("the echo test ends with %+v", e)
	}
}

// TestNumberIsPressed has a phone leave out the number of a code and press it, before the switch has asked for it to the end.
func TestNumberIsPressed(t *testing.T) {
	t.Parallel()
	w := together(t)
	ann, from := w.person(t, 0, "Ann", nil)
	bob, _ := w.person(t, 1, "Bob", nil)
	c := dial(t, from, "*72")
	saw(t, c, phone.Answered)
	for _, key := range []byte(bob.number.Dial + "#") {
		c.SendDTMF(key)
	}
	spoken(t, c, 0, append([]string{"forward-always"}, spelled(bob.number.Dial)...)...)
	over(t, c)
	if u := w.wishes(t, ann); u.ForwardAlways != bob.number.Dial {
		t.Errorf("the user wishes %+v", u.Wishes)
	}
}

// TestCodesWithoutCloud has codes work, or say that they cannot, while the cloud is away.
func TestCodesWithoutCloud(t *testing.T) {
	t.Parallel()
	w := alone(t)
	ann, from := w.person(t, 0, "Ann", says(1))
	bob, to := w.person(t, 0, "Bob", says(2))
	coded(t, from, "*7405"+bob.number.Dial, append([]string{"speed", "0", "5", "speed-calls"}, spelled(bob.number.Dial)...)...)
	w.settle(t)
	w.StopCloud()
	coded(t, from, "*72"+bob.number.Dial, "cloud-away")
	coded(t, from, "*99", "code-unknown")
	coded(t, from, "*65", append([]string{"this-is"}, spelled(ann.number.Dial)...)...)
	talk(t, from, "*005", to)
	talk(t, from, "*66", to)
	talk0(t, to, ann.number.Dial, from)
	coded(t, from, "*69", append(append([]string{"called-by"}, spelled(bob.number.Dial)...), "now")...)
}
