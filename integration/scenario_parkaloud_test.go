package integration

import (
	"testing"

	"strowger/integration/phone"
)

// TestParkByDialling has a phone hold its call and dial the code: it hears where the call is parked, and the call is gone from it; another phone
// retrieves it.
func TestParkByDialling(t *testing.T) {
	t.Parallel()
	w := alone(t)
	for name, c := range map[string]struct {
		office int
		space  string
	}{"one switch": {0, "14"}, "caller of another office": {1, "15"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, annsPhone := w.person(t, c.office, "Ann", tone(low))
			bell, bellsPhone := w.person(t, 0, "Bell", nil)
			_, bobsPhone := w.person(t, 0, "Bob", tone(high))
			out, in := connect(t, annsPhone, bell.number.Dial, bellsPhone)
			in.Hold()
			hearsMusic(t, out, len(out.Heard()))
			parks := dial(t, bellsPhone, "*85"+c.space)
			spoken(t, parks, 0, "park", c.space[:1], c.space[1:])
			if e := over(t, in); e.Words != "Parked at "+c.space {
				t.Errorf("who parked is told %q", e.Words)
			}
			over(t, parks)
			hearsMusic(t, out, len(out.Heard()))
			again, second := connect(t, bobsPhone, bell.number.Dial, bellsPhone)
			second.Hold()
			if e := coded(t, bellsPhone, "*85"+c.space, "not-done"); e.Code != 486 { // it is taken
				t.Errorf("a space that is taken: %d %s", e.Code, e.Words)
			}
			hangUp(t, again, second)
			got := dial(t, bobsPhone, "*86"+c.space)
			saw(t, got, phone.Answered)
			hearsTone(t, high, out.Heard)
			hearsTone(t, low, got.Heard)
			hangUp(t, got, out)
		})
	}
	t.Run("nothing to park", func(t *testing.T) {
		t.Parallel()
		_, bellsPhone := w.person(t, 0, "Bell", nil)
		if e := coded(t, bellsPhone, "*85", "park-how"); e.Code != 400 {
			t.Errorf("a phone without a call is told %d %s", e.Code, e.Words)
		}
	})
}
