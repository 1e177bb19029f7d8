package integration

import (
	"fmt"
	"testing"

	"strowger/integration/phone"
	"strowger/integration/stack"
	"strowger/pkg/rest"
	"strowger/switchnode"
)

// TestCrowd has calls come to a switch that takes two at once: one more waits until there is room, the next is refused. Who gives
// up makes room for the next, and an emergency call needs none.
func TestCrowd(t *testing.T) {
	t.Parallel()
	w := alone(t, stack.Site{Name: "Office 40", Code: "40", Limits: switchnode.Limits{Calls: 2, Waiting: 2}})
	const office = 2
	bob, desk := w.person(t, office, "Bob", nil)
	var busy []*phone.Call
	for _, name := range []string{"Ann", "Ben"} {
		_, from := w.person(t, office, name, nil)
		c := dial(t, from, bob.number.Dial)
		incoming(t, desk, c).Answer()
		saw(t, c, phone.Answered)
		busy = append(busy, c)
	}
	cid, third := w.person(t, office, "Cid", nil)
	_, fourth := w.person(t, 0, "Don", nil) // of another office
	_, fifth := w.person(t, office, "Eve", nil)
	waits := dial(t, third, bob.number.Dial)
	queued(t, waits, "Queued, number 1")
	last := dial(t, fourth, bob.number.Dial)
	queued(t, last, "Queued, number 2")
	if e := over(t, dial(t, fifth, bob.number.Dial)); e.Code != 503 {
		t.Errorf("one too many hears %d %q", e.Code, e.Words)
	}
	company := carrier(t, nil)
	w.trunk(t, office, rest.NewTrunk("Company"), company)
	until(t, func() string { // the switch has heard of the country
		help := dial(t, fifth, "112")
		select {
		case in := <-company.Incoming():
			hangUp(t, help, in)
			return ""
		case <-help.Done():
			return fmt.Sprint(help.Events())
		}
	})
	busy[0].HangUp()
	over(t, busy[0])
	in := incoming(t, desk, waits)
	queued(t, last, "Queued, number 1")
	in.Answer()
	saw(t, waits, phone.Answered)
	last.HangUp()
	over(t, last)
	hangUp(t, waits, in)
	if got := waited(w.record(t, cid.user, 1)); got != "1 let" {
		t.Errorf("the record says %q of the queue", got)
	}
}
