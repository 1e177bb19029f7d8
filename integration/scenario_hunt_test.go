package integration

import (
	"testing"

	"strowger/integration/phone"
	"strowger/pkg/designation"
	"strowger/pkg/rest"
)

// hunted has somebody call a queue whose members ring one after another: who is first answers, and nobody else rang. Who was freed last may
// still be busy for the queue, and is first in none of the calls here.
func hunted(t *testing.T, from *phone.Phone, queue string, first *phone.Phone, others ...*phone.Phone) {
	t.Helper()
	out, in := ring(t, from, queue, first)
	in.Answer()
	saw(t, out, phone.Answered)
	for _, p := range others {
		silent(t, p, "another member is first")
	}
	hangUp(t, out, in)
}

// hunt makes a queue of an office whose members ring one after another, each long after the one before.
func (w *world) hunt(t *testing.T, office int, how designation.Hunt, members ...subscriber) rest.Number {
	t.Helper()
	_, n := w.service(t, office, "+49307"+members[0].number.Digits, func(q *rest.Queue) { q.Ring, q.StepSeconds = how, 60 }, members...)
	return n
}

// TestLongestIdle has a queue ring who has had no call for longest first; a call of a member's own counts.
func TestLongestIdle(t *testing.T) {
	t.Parallel()
	w := together(t)
	_, from := w.person(t, 0, "Ann", nil)
	ben, bens := w.person(t, 1, "Ben", nil)
	cid, cids := w.person(t, 1, "Cid", nil)
	q := w.hunt(t, 1, designation.HuntIdle, ben, cid)
	hunted(t, from, q.Digits, bens, cids) // neither had one: as they are listed
	hunted(t, from, q.Digits, cids, bens)
	out, in := connect(t, from, ben.number.Dial, bens)
	hangUp(t, out, in)
	hunted(t, from, q.Digits, cids, bens) // again
	hunted(t, from, q.Digits, bens, cids)
}

// TestRoundRobin has each call to a queue begin behind the member with whom the last one began, whatever calls they have besides; with the
// cloud and without it.
func TestRoundRobin(t *testing.T) {
	t.Parallel()
	w := alone(t)
	_, from := w.person(t, 1, "Ann", nil)
	ben, bens := w.person(t, 1, "Ben", nil)
	cid, cids := w.person(t, 1, "Cid", nil)
	dan, dans := w.person(t, 1, "Dan", nil)
	q := w.hunt(t, 1, designation.HuntRound, ben, cid, dan)
	hunted(t, from, q.Digits, bens, cids, dans)
	out, in := connect(t, from, dan.number.Dial, dans)
	hangUp(t, out, in)
	hunted(t, from, q.Digits, cids, bens, dans)
	hunted(t, from, q.Digits, dans, bens, cids) // who has had none for longest is Ben
	w.StopCloud()
	hunted(t, from, q.Digits, bens, cids, dans)
	hunted(t, from, q.Digits, cids, bens, dans)
}
