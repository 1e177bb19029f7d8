package integration

import (
	"slices"
	"testing"

	"strowger/integration/phone"
	"strowger/pkg/designation"
	"strowger/pkg/rest"
)

// TestTransferToQueue has a phone transfer its call to a queue whose only member talks: the caller hears music, waits, and talks to the
// member when that is free.
func TestTransferToQueue(t *testing.T) {
	t.Parallel()
	w := together(t)
	for name, office := range map[string]int{"caller of the office": 0, "caller of another office": 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ann, anns := w.person(t, office, "Ann", tone(low))
			bell, bells := w.person(t, 0, "Bell", nil)
			ben, bens := w.person(t, 0, "Ben", tone(high))
			_, others := w.person(t, 0, "Other", nil)
			q, n := w.service(t, 0, "88"+ben.number.Digits, nil, ben)
			busy, talks := connect(t, others, n.Dial, bens)
			out, in := connect(t, anns, bell.number.Dial, bells)
			in.Transfer(n.Dial)
			accepted(t, in, 202)
			hearsMusic(t, out, len(out.Heard()))
			hangUp(t, busy, talks)
			last := rings(t, bens)
			if last.From != ann.number.Dial {
				t.Errorf("the member sees %q call, want %s", last.From, ann.number.Dial)
			}
			last.Answer()
			told(t, in, 200)
			over(t, in)
			hearsTone(t, low, last.Heard)
			hearsTone(t, high, out.Heard)
			hangUp(t, last, out)
			w.recorded(t, ann.user, "a transfer to a queue", func(c rest.Call) bool {
				full, err := w.Client.Calls().Get(soon(t), c.ID)
				return err == nil && full.EndedAt != nil && len(full.Diversions) > 0 && full.Diversions[0].To.User == q.ID &&
					slices.ContainsFunc(full.Legs, func(l rest.CallLeg) bool { return l.Device == ben.device.ID && l.Codec != "" })
			})
		})
	}
}

// TestBlindTransferWithoutTheCloud has phones transfer calls while the cloud is gone: to a phone of the office, to another office, and to nobody,
// of whom the transferor keeps the call.
func TestBlindTransferWithoutTheCloud(t *testing.T) {
	t.Parallel()
	w := alone(t)
	_, anns := w.person(t, 0, "Ann", says(1))
	bell, bells := w.person(t, 0, "Bell", says(3))
	bob, bobs := w.person(t, 0, "Bob", says(2))
	far, fars := w.person(t, 1, "Far", says(2))
	w.peerDocuments(t)
	w.settle(t)
	w.StopCloud()
	for _, c := range []struct {
		to    subscriber
		phone *phone.Phone
	}{{bob, bobs}, {far, fars}} {
		out, in := connect(t, anns, bell.number.Dial, bells)
		in.Transfer(c.to.number.Dial)
		accepted(t, in, 202)
		last := rings(t, c.phone)
		last.Answer()
		told(t, in, 200)
		over(t, in)
		hears(t, last, 1)
		hears(t, out, 2)
		hangUp(t, last, out)
	}
	out, in := connect(t, anns, bell.number.Dial, bells)
	in.Transfer("209999")
	accepted(t, in, 202)
	told(t, in, 404)
	hears(t, out, 3)
	hears(t, in, 1)
	hangUp(t, out, in)
	if err := w.StartCloud(); err != nil {
		t.Fatal(err)
	}
}

// TestPickUpOfQueue has a member of a queue answer what rings at another member by *8; who is of another office and no member finds nothing.
func TestPickUpOfQueue(t *testing.T) {
	t.Parallel()
	w := alone(t)
	ann, anns := w.person(t, 1, "Ann", says(1))
	ben, bens := w.person(t, 0, "Ben", nil)
	cid, cids := w.person(t, 0, "Cid", says(2))
	_, n := w.service(t, 0, "8800", func(q *rest.Queue) { q.Ring, q.StepSeconds = designation.HuntOrder, 60 }, ben, cid)
	out, in := ring(t, anns, n.Dial, bens)
	silent(t, cids, "Ben is first")
	refusedWith(t, anns, "*8", 480, "rings")
	got := dial(t, cids, "*8")
	saw(t, got, phone.Answered)
	saw(t, out, phone.Answered)
	over(t, in)
	hears(t, out, 2)
	hears(t, got, 1)
	hangUp(t, out, got)
	w.recorded(t, ann.user, "a call to a queue that was picked up", func(c rest.Call) bool {
		return c.AnsweredAt != nil && c.EndedAt != nil && c.Member != nil && c.Member.User == cid.user.ID
	})
	second, at := ring(t, anns, n.Dial, bens) // the queue is as it was: whoever is first is free
	at.Answer()
	saw(t, second, phone.Answered)
	hangUp(t, second, at)
}
