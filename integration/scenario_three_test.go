package integration

import (
	"fmt"
	"strings"
	"testing"

	"strowger/integration/phone"
)

// hearsThese waits until a phone has heard some tones for a quarter of a second, each a good part of it, and not another one.
func hearsThese(t *testing.T, c *phone.Call, not float64, tones ...float64) {
	t.Helper()
	from := len(c.Heard())
	until(t, func() string {
		heard := c.Heard()[from:]
		if len(heard) < rate/4 {
			return fmt.Sprintf("a quarter of a second was not heard yet: %v", c.Events())
		}
		heard = heard[len(heard)-rate/4:]
		for _, hz := range tones {
			if level := phone.Level(heard, rate, hz); level < 0.7/float64(len(tones)) {
				return fmt.Sprintf("of %.0f Hz there is %.2f", hz, level)
			}
		}
		if level := phone.Level(heard, rate, not); level > 0.02 {
			return fmt.Sprintf("of %.0f Hz there is %.2f, its own", not, level)
		}
		return ""
	})
}

// TestThreeWay has a phone hold one, call another, and dial *3: each hears the two others and not itself. One of the others leaves, and then
// the phone, which ends the call of who is left.
func TestThreeWay(t *testing.T) {
	t.Parallel()
	w := together(t)
	for name, office := range map[string]int{"one office": 0, "another office": 1} {
		for _, hostLeaves := range []bool{false, true} {
			t.Run(fmt.Sprint(name, hostLeaves), func(t *testing.T) {
				t.Parallel()
				_, anns := w.person(t, 0, "Ann", tone(low))
				bob, bobs := w.person(t, office, "Bob", tone(high))
				carl, carls := w.person(t, 0, "Carl", tone(middle))
				first, toBob := connect(t, anns, bob.number.Dial, bobs)
				first.Hold()
				saw(t, first, phone.OnHold)
				second, toCarl := connect(t, anns, carl.number.Dial, carls)
				second.Hold()
				saw(t, second, phone.OnHold)

				three := dial(t, anns, "*3")
				saw(t, three, phone.Answered)
				for _, c := range []*phone.Call{first, second} {
					if e := over(t, c); !strings.Contains(e.Words, "Joined in a call of three") {
						t.Errorf("the phone is told %s of its own call", e)
					}
				}
				hearsThese(t, three, low, high, middle)
				hearsThese(t, toBob, high, low, middle)
				hearsThese(t, toCarl, middle, low, high)
				if hostLeaves {
					three.HangUp()
					over(t, toBob)
					over(t, toCarl)
					return
				}
				toBob.HangUp()
				over(t, toBob)
				hearsThese(t, three, low, middle)
				hearsThese(t, toCarl, middle, low)
				toCarl.HangUp()
				over(t, three)
			})
		}
	}
}

// TestThreeWayRefused has a phone without two calls dial *3: it is told so, and keeps whom it has.
func TestThreeWayRefused(t *testing.T) {
	t.Parallel()
	w := together(t)
	_, anns := w.person(t, 0, "Ann", tone(low))
	bob, bobs := w.person(t, 0, "Bob", tone(high))
	if e := over(t, dial(t, anns, "*3")); e.Code != 400 || !strings.Contains(e.Words, "this one is in 0") {
		t.Errorf("without a call: %s", e)
	}
	out, in := connect(t, anns, bob.number.Dial, bobs)
	if e := over(t, dial(t, anns, "*3")); !strings.Contains(e.Words, "this one is in 1") {
		t.Errorf("with one call: %s", e)
	}
	hearsTone(t, high, out.Heard)
	hangUp(t, out, in)
}
