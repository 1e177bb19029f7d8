package integration

import (
	"sync"
	"testing"

	"strowger/integration/phone"
)

// TestPark has a phone park its call at a space and another one retrieve it; the caller is of the office, or of another.
func TestPark(t *testing.T) {
	t.Parallel()
	w := alone(t) // others have switches in the office of together that do not run
	for name, c := range map[string]struct {
		office int
		space  string
	}{"one switch": {0, "11"}, "caller of another office": {1, "12"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, annsPhone := w.person(t, c.office, "Ann", nil)
			bell, bellsPhone := w.person(t, 0, "Bell", nil)
			bob, bobsPhone := w.person(t, 0, "Bob", says(2))
			out, in := connect(t, annsPhone, bell.number.Dial, bellsPhone)
			in.Transfer("*85" + c.space)
			accepted(t, in, 202)
			told(t, in, 200)
			if e := over(t, in); e.Words != "Parked at "+c.space {
				t.Errorf("who parked is told %q", e.Words)
			}
			out2, in2 := connect(t, bellsPhone, bob.number.Dial, bobsPhone)
			in2.Transfer("*85" + c.space) // which is taken
			accepted(t, in2, 202)
			told(t, in2, 486)
			hangUp(t, out2, in2)
			got := dial(t, bobsPhone, "*86"+c.space)
			saw(t, got, phone.Answered)
			out.Say(speech(1)) // after all that
			hears(t, out, 2)
			hears(t, got, 1)
			if e := coded(t, bellsPhone, "*86"+c.space, "parked-none"); e.Code != 480 || e.Words != "no call is parked at "+c.space {
				t.Errorf("who retrieves nothing sees %d %q", e.Code, e.Words)
			}
			hangUp(t, got, out)
		})
	}
}

// TestParkedCallerHangsUp frees the space.
func TestParkedCallerHangsUp(t *testing.T) {
	t.Parallel()
	w := alone(t)
	_, annsPhone := w.person(t, 0, "Ann", nil)
	bell, bellsPhone := w.person(t, 0, "Bell", nil)
	out, in := connect(t, annsPhone, bell.number.Dial, bellsPhone)
	in.Transfer("*8513")
	told(t, in, 200)
	over(t, in)
	out.HangUp()
	over(t, out)
	until(t, func() string {
		if e := over(t, dial(t, bellsPhone, "*8613")); e.Words != "no call is parked at 13" {
			return "the space is not free: " + e.String()
		}
		return ""
	})
}

// TestRetrieveElsewhere has a phone of another office retrieve a parked call, by the code of the site and the space; also with the cloud gone.
func TestRetrieveElsewhere(t *testing.T) {
	t.Parallel()
	w := alone(t)
	w.peerDocuments(t)
	bell, bellsPhone := w.person(t, 0, "Bell", nil)
	_, bobsPhone := w.person(t, 1, "Bob", says(2))
	_, catsPhone := w.person(t, 1, "Cat", says(1))
	_, annsPhone := w.person(t, 0, "Ann", says(1))
	refusedWith(t, bobsPhone, "*862001", 480, "no call is parked at 01")
	refusedWith(t, bobsPhone, "*8601", 480, "no call is parked at 01")
	retrieve := func(from *phone.Phone) {
		t.Helper()
		out, in := connect(t, from, bell.number.Dial, bellsPhone)
		in.Transfer("*8501")
		told(t, in, 200)
		over(t, in)
		got := dial(t, bobsPhone, "*862001")
		saw(t, got, phone.Answered)
		hears(t, out, 2)
		hears(t, got, 1)
		refusedWith(t, bellsPhone, "*8601", 480, "no call is parked at 01")
		hangUp(t, got, out)
	}
	retrieve(annsPhone)
	retrieve(catsPhone)
	w.StopCloud()
	retrieve(annsPhone)
	retrieve(catsPhone)
	if err := w.StartCloud(); err != nil {
		t.Fatal(err)
	}
}

// TestTwoRetrieve has two phones, of two offices, retrieve one call at the same moment: one gets it, the other is told.
func TestTwoRetrieve(t *testing.T) {
	t.Parallel()
	w := together(t)
	_, annsPhone := w.person(t, 0, "Ann", says(1))
	bell, bellsPhone := w.person(t, 0, "Bell", nil)
	_, bobsPhone := w.person(t, 0, "Bob", says(2))
	_, catsPhone := w.person(t, 1, "Cat", says(2))
	w.peerDocuments(t)
	out, in := connect(t, annsPhone, bell.number.Dial, bellsPhone)
	in.Transfer("*8514")
	told(t, in, 200)
	over(t, in)
	var both [2]*phone.Call
	var dialling sync.WaitGroup
	for i, c := range []struct {
		from *phone.Phone
		code string
	}{{bobsPhone, "*8614"}, {catsPhone, "*862014"}} {
		dialling.Go(func() { both[i], _ = c.from.Dial(soon(t), c.code) })
	}
	dialling.Wait()
	hears(t, out, 2)
	out.HangUp()
	answered := 0
	for _, c := range both {
		over(t, c)
		for _, e := range c.Events() {
			switch {
			case e.Kind == phone.Answered:
				answered++
			case e.Kind == phone.Ended && e.Code == 480 && e.Words == "":
				t.Errorf("who came late is told nothing: %s", e)
			}
		}
	}
	if answered != 1 {
		t.Errorf("%d of two who retrieve have the call", answered)
	}
}

// TestFullLot refuses one call more than there are spaces, which stays with who would park it.
func TestFullLot(t *testing.T) {
	t.Parallel()
	w := alone(t)
	change(t, w.Client.Sites(), w.Offices[0].Site.ID, map[string]any{"park_slots": 1})
	_, annsPhone := w.person(t, 0, "Ann", says(1))
	_, annasPhone := w.person(t, 0, "Anna", says(1))
	bell, bellsPhone := w.person(t, 0, "Bell", says(2))
	w.settle(t)
	out, in := connect(t, annsPhone, bell.number.Dial, bellsPhone)
	in.Transfer("*85")
	told(t, in, 200)
	if e := over(t, in); e.Words != "Parked at 01" {
		t.Errorf("who parked is told %q", e.Words)
	}
	more, in2 := connect(t, annasPhone, bell.number.Dial, bellsPhone)
	in2.Transfer("*85")
	told(t, in2, 486)
	hears(t, more, 2)
	hangUp(t, more, in2)
	got := dial(t, bellsPhone, "*8601")
	saw(t, got, phone.Answered)
	hangUp(t, got, out)
}
