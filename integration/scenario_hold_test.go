package integration

import (
	"fmt"
	"testing"

	"strowger/integration/phone"
)

// tone makes a phone say a tone.
func tone(hertz float64) func(*phone.Config) {
	return func(c *phone.Config) { c.Say = phone.Sine(hertz, 120) }
}

// hearsMusic waits until a phone hears the music of its site from the beginning, after what it heard before.
func hearsMusic(t *testing.T, c *phone.Call, before int) {
	t.Helper()
	music := clip(t, "music")[:rate]
	until(t, func() string {
		heard := c.Heard()
		heard = heard[min(before, len(heard)):]
		if len(heard) < rate+rate/5 {
			return fmt.Sprintf("heard %d samples", len(heard))
		}
		if s := phone.Compare(music, heard); s.Score < 0.95 && !late.busy(c.Events()[0].At) {
			return fmt.Sprintf("of the music was heard %+v", s)
		}
		return ""
	})
}

// TestHoldIsHeard has each end of a call hold it: the other hears music of the holder's site, and then speech again.
func TestHoldIsHeard(t *testing.T) {
	t.Parallel()
	w := together(t)
	for office, where := range []string{"inside", "through a link"} {
		t.Run(where, func(t *testing.T) {
			t.Parallel()
			_, from := w.person(t, 0, "Ann", tone(low))
			bob, to := w.person(t, office, "Bob", tone(high))
			out, in := connect(t, from, bob.number.Dial, to)
			for _, c := range []struct {
				holder, held *phone.Call
				says, hears  float64
			}{{out, in, low, high}, {in, out, high, low}} {
				hearsTone(t, c.says, c.held.Heard)
				before := len(c.held.Heard())
				c.holder.Hold()
				hearsMusic(t, c.held, before)
				c.holder.Resume()
				hearsTone(t, c.says, c.held.Heard)
				hearsTone(t, c.hears, c.holder.Heard)
			}
			hangUp(t, out, in)
		})
	}
}

// TestBothHold has both ends hold a call. Whoever takes it back first hears the other's music until that one does so too.
func TestBothHold(t *testing.T) {
	t.Parallel()
	w := together(t)
	_, from := w.person(t, 0, "Ann", tone(low))
	bob, to := w.person(t, 1, "Bob", tone(high))
	out, in := connect(t, from, bob.number.Dial, to)
	out.Hold()
	saw(t, out, phone.OnHold)
	in.Hold()
	saw(t, in, phone.OnHold)
	before := len(out.Heard())
	out.Resume()
	hearsMusic(t, out, before)
	in.Resume()
	hearsTone(t, low, in.Heard)
	hearsTone(t, high, out.Heard)
	hangUp(t, out, in)
}
