package integration

import (
	"strings"
	"sync"
	"testing"

	"strowger/integration/phone"
	"strowger/pkg/errs"
	"strowger/pkg/rest"
)

// TestPickUp has a phone answer what rings at another one: the caller talks to who picked up, the phone that rang is told who did, and
// the record says it.
func TestPickUp(t *testing.T) {
	t.Parallel()
	w := together(t)
	for name, from := range map[string]int{"one switch": 0, "caller of another office": 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ann, annsPhone := w.person(t, from, "Ann", says(1))
			bell, bellsPhone := w.person(t, 0, "Bell", nil)
			bob, bobsPhone := w.person(t, 0, "Bob", says(2))
			out, in := ring(t, annsPhone, bell.number.Dial, bellsPhone)
			picked := dial(t, bobsPhone, "**"+bell.number.Digits)
			saw(t, picked, phone.Answered)
			saw(t, out, phone.Answered)
			if e := over(t, in); !strings.HasPrefix(e.Words, "Call completed elsewhere") || !strings.Contains(e.Words, "Bob") {
				t.Errorf("the phone that rang is told %q", e.Words)
			}
			hears(t, out, 2)
			hears(t, picked, 1)
			hangUp(t, out, picked)
			c := w.record(t, ann.user, 1+from)
			if c.AnsweredAt == nil || c.Member == nil || c.Member.User != bob.user.ID || c.To.User != bell.user.ID || c.Cause.Code != "normal" {
				t.Errorf("the record: to %+v, member %+v, cause %+v", c.To, c.Member, c.Cause)
			}
			page, err := w.Client.Calls().Page(soon(t), rest.Filter{"user": bob.user.ID}, 5, "")
			if err != nil {
				t.Fatal(err)
			}
			for _, own := range page.Items {
				if own.ID != c.ID && (own.AnsweredAt != nil || own.Cause == nil || own.Cause.Code != string(errs.PickedUp)) {
					t.Errorf("the call that picked up: %+v, cause %+v", own, own.Cause)
				}
			}
		})
	}
}

// refusedWith has a phone dial a number that is refused, and looks at the answer.
func refusedWith(t *testing.T, from *phone.Phone, number string, code int, words string) {
	t.Helper()
	e := over(t, dial(t, from, number))
	if e.Code != code || !strings.Contains(e.Words, words) {
		t.Errorf("%s is refused with %s, want %d %q", number, e, code, words)
	}
}

// TestNothingToPickUp refuses in words: nothing rings there, nobody has the number, the call is answered, and who comes second finds
// nothing either.
func TestNothingToPickUp(t *testing.T) {
	t.Parallel()
	w := together(t)
	_, annsPhone := w.person(t, 0, "Ann", nil)
	bell, bellsPhone := w.person(t, 0, "Bell", nil)
	bob, bobsPhone := w.person(t, 0, "Bob", nil)
	group := rest.Group{Name: "Bell and Bob " + bob.number.Digits, Kind: rest.PickUpGroup, Members: []string{bell.user.ID, bob.user.ID}} // without one he takes whoever's call
	if _, err := w.Client.Groups().Create(soon(t), group); err != nil {
		t.Fatal(err)
	}
	w.settle(t)
	if e := coded(t, bobsPhone, "**"+bell.number.Dial, "pick-up-none"); e.Code != 480 || e.Words != "nothing rings at "+bell.number.Dial {
		t.Errorf("who picks up nothing sees %d %q", e.Code, e.Words)
	}
	coded(t, bobsPhone, "*8", "pick-up-none")
	refusedWith(t, bobsPhone, "**999999", 404, "nobody of this office has the number 999999")
	out, in := connect(t, annsPhone, bell.number.Dial, bellsPhone)
	refusedWith(t, bobsPhone, "**"+bell.number.Dial, 480, "nothing rings at "+bell.number.Dial)
	hangUp(t, out, in)
}

// TestTwoPickUp has two phones pick up one call at the same moment: one gets it, the other is told.
func TestTwoPickUp(t *testing.T) {
	t.Parallel()
	w := together(t)
	_, annsPhone := w.person(t, 0, "Ann", says(1))
	bell, bellsPhone := w.person(t, 0, "Bell", nil)
	_, bobsPhone := w.person(t, 0, "Bob", says(2))
	_, catsPhone := w.person(t, 0, "Cat", says(2))
	out, in := ring(t, annsPhone, bell.number.Dial, bellsPhone)
	var both [2]*phone.Call
	var dialling sync.WaitGroup
	for i, p := range []*phone.Phone{bobsPhone, catsPhone} {
		dialling.Go(func() { both[i], _ = p.Dial(soon(t), "**"+bell.number.Dial) })
	}
	dialling.Wait()
	saw(t, out, phone.Answered)
	over(t, in)
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
		t.Errorf("%d of two who picked up have the call", answered)
	}
}

// TestPickUpGroup has *8 answer what rings for a member of the picker's group and nothing else, and keeps those out who are not of it.
func TestPickUpGroup(t *testing.T) {
	t.Parallel()
	w := together(t)
	_, annsPhone := w.person(t, 0, "Ann", says(1))
	bell, bellsPhone := w.person(t, 0, "Bell", nil)
	bob, bobsPhone := w.person(t, 0, "Bob", says(2))
	_, evesPhone := w.person(t, 0, "Eve", nil)
	dan, dansPhone := w.person(t, 0, "Dan", nil)
	if _, err := w.Client.Groups().Create(soon(t), rest.Group{Name: "Sales of " + bell.number.Digits, Kind: rest.PickUpGroup, Members: []string{bell.user.ID, bob.user.ID}}); err != nil {
		t.Fatal(err)
	}
	w.settle(t)
	other, its := ring(t, annsPhone, dan.number.Dial, dansPhone) // older, and none of theirs
	refusedWith(t, bobsPhone, "*8", 480, "nothing rings that you may pick up")
	out, in := ring(t, annsPhone, bell.number.Dial, bellsPhone)
	refusedWith(t, evesPhone, "**"+bell.number.Dial, 403, "no right to pick up calls of Bell")
	picked := dial(t, bobsPhone, "*8")
	saw(t, picked, phone.Answered)
	over(t, in)
	hears(t, out, 2)
	hangUp(t, out, picked)
	other.HangUp()
	over(t, its)
}

// TestPickUpElsewhere has a phone answer what rings at another office, for a caller of either and with the cloud gone as well.
func TestPickUpElsewhere(t *testing.T) {
	t.Parallel()
	w := alone(t)
	w.peerDocuments(t)
	bell, bellsPhone := w.person(t, 1, "Bell", nil)
	bob, bobsPhone := w.person(t, 0, "Bob", says(2))
	_, evesPhone := w.person(t, 0, "Eve", nil)
	refusedWith(t, bobsPhone, "**"+bell.number.Dial, 480, "nothing rings at "+bell.number.Dial)
	refusedWith(t, bobsPhone, "**309999", 404, "nobody of this office has the number 309999")
	group := rest.Group{Name: "Sales", Kind: rest.PickUpGroup, Members: []string{bell.user.ID}, Others: []string{bob.user.ID}}
	if _, err := w.Client.Groups().Create(soon(t), group); err != nil {
		t.Fatal(err)
	}
	w.settle(t)
	pickUp := func(from int, code string) {
		t.Helper()
		ann, annsPhone := w.person(t, from, "Ann", says(1))
		out, in := ring(t, annsPhone, bell.number.Dial, bellsPhone)
		refusedWith(t, evesPhone, "**"+bell.number.Dial, 403, "no right to pick up calls of Bell")
		picked := dial(t, bobsPhone, code)
		saw(t, picked, phone.Answered)
		saw(t, out, phone.Answered)
		if e := over(t, in); !strings.HasPrefix(e.Words, "Call completed elsewhere") || !strings.Contains(e.Words, "Bob") {
			t.Errorf("the phone that rang is told %q", e.Words)
		}
		hears(t, out, 2)
		hears(t, picked, 1)
		hangUp(t, picked, out)
		if c := w.record(t, ann.user, 2-from); c.AnsweredAt == nil || c.Member == nil || c.Member.User != bob.user.ID || c.To.User != bell.user.ID || c.Cause.Code != "normal" {
			t.Errorf("the record: to %+v, member %+v, cause %+v", c.To, c.Member, c.Cause)
		}
		if c := w.record(t, bob.user, 2); c.AnsweredAt != nil || c.Cause == nil || c.Cause.Code != string(errs.PickedUp) {
			t.Errorf("the call that picked up: %+v, cause %+v", c, c.Cause)
		}
	}
	pickUp(1, "**"+bell.number.Dial)
	pickUp(0, "**"+bell.number.Dial)
	refusedWith(t, bobsPhone, "*8", 480, "nothing rings that you may pick up")
	refusedWith(t, evesPhone, "*8", 480, "nothing rings that you may pick up")
	pickUp(1, "*8")
	_, annsPhone := w.person(t, 1, "Ann", says(1))
	w.settle(t)
	w.StopCloud()
	out, in := ring(t, annsPhone, bell.number.Digits, bellsPhone)
	picked := dial(t, bobsPhone, "**"+bell.number.Dial)
	saw(t, picked, phone.Answered)
	over(t, in)
	hears(t, out, 2)
	hears(t, picked, 1)
	hangUp(t, picked, out)
	if err := w.StartCloud(); err != nil {
		t.Fatal(err)
	}
	w.checkLedger(t)
}
