package integration

import (
	"fmt"
	"strings"
	"testing"

	"strowger/integration/phone"
	"strowger/pkg/rest"
)

// policy changes what becomes of calls to a user, and waits until it is in force.
func (w *world) policy(t *testing.T, s subscriber, fields map[string]any) {
	t.Helper()
	change(t, w.Client.Users(), s.user.ID, fields)
	w.settle(t)
}

// diverted is how a record says that its call went on.
func diverted(c rest.Call) string {
	var steps []string
	for _, d := range c.Diversions {
		steps = append(steps, fmt.Sprintf("%s %s %s", d.From, d.Cause.Code, d.To.Number))
	}
	return strings.Join(steps, ", ")
}

// TestFallback calls users who do not answer, are busy, or are not there: the call goes on to whom they chose, in the same
// office, in the caller's or in a third one.
func TestFallback(t *testing.T) {
	t.Parallel()
	w := together(t)
	ann, from := w.person(t, 0, "Ann", says(1))
	bob, desk := w.person(t, 1, "Bob", nil)
	here, hers := w.person(t, 0, "Reception of Ann's office", says(2))
	there, his := w.person(t, 1, "Reception of Bob's office", says(2))
	w.policy(t, bob, map[string]any{
		"ring_seconds": 5, "fallback_no_answer": there.number.Dial, "fallback_busy": here.number.Dial, "fallback_unreachable": here.number.Dial,
	})
	for _, c := range []struct {
		on, to string
		refuse func(*phone.Call)
		at     *phone.Phone
	}{
		{"no-answer", there.number.Dial, nil, his},
		{"busy", here.number.Dial, func(in *phone.Call) { in.Decline(486, "Busy Here") }, hers},
	} {
		t.Run(c.on, func(t *testing.T) {
			out, in := ring(t, from, bob.number.Dial, desk)
			if c.refuse != nil {
				c.refuse(in)
			}
			second := incoming(t, c.at, out)
			over(t, in)
			second.Answer()
			saw(t, out, phone.Answered)
			hears(t, out, 2)
			hears(t, second, 1)
			hangUp(t, out, second)
			r := w.record(t, ann.user, 2)
			if want := bob.number.Dial + " " + c.on + " " + c.to; diverted(r) != want || r.To.Number != bob.number.Dial || r.AnsweredAt == nil {
				t.Errorf("the record has the diversions %q, want %q; to %s, answered %v", diverted(r), want, r.To.Number, r.AnsweredAt)
			}
		})
	}
}
