package integration

import (
	"fmt"
	"testing"

	"strowger/integration/phone"
	"strowger/mobile-bridge/sdk"
	"strowger/pkg/rest"
)

// service makes a queue of an office, and a number that leads to it.
func (w *world) service(t *testing.T, office int, digits string, change func(*rest.Queue), members ...subscriber) (rest.Queue, rest.Number) {
	t.Helper()
	q := rest.NewQueue("Queue " + digits)
	q.Switch = w.Offices[office].Switch.ID
	for _, m := range members {
		q.Members = append(q.Members, m.user.ID)
	}
	if change != nil {
		change(&q)
	}
	q, err := w.Client.QueueServices().Create(soon(t), q)
	if err != nil {
		t.Fatal(err)
	}
	n, err := w.Client.Numbers().Create(soon(t), rest.Number{Digits: digits, Queue: q.ID})
	if err != nil {
		t.Fatal(err)
	}
	w.settle(t)
	return q, n
}

// silent checks that a phone was not called.
func silent(t *testing.T, p *phone.Phone, why string) {
	t.Helper()
	select {
	case in := <-p.Incoming():
		t.Errorf("%s, and its phone rings for %s", why, in.From)
	default:
	}
}

// TestService has a phone company bring calls for a number that leads to a queue of two: both ring, each takes one call, the third waits
// with music, and rings at the one who becomes free. Then an app is a member, another
// office calls, a caller is called back, and the cloud goes.
func TestService(t *testing.T) {
	t.Parallel()
	w := alone(t)
	company := carrier(t, func(c *phone.Config) {
		c.User, c.Name, c.Server, c.Say = "030999000", "Outside", w.Offices[1].SIP.String(), speech(1)
	})
	w.trunk(t, 1, rest.NewTrunk("Company"), company)
	ben, bens := w.person(t, 1, "Ben", says(2))
	cid, cids := w.person(t, 1, "Cid", says(1))
	q, _ := w.service(t, 1, "+4930200", nil, ben, cid)

	first, at := ring(t, company, "+4930200", bens)
	also := incoming(t, cids, first)
	at.Answer()
	saw(t, first, phone.Answered)
	over(t, also) // answered elsewhere
	second, talks := ring(t, company, "+4930200", cids)
	talks.Answer()
	saw(t, second, phone.Answered)

	third := dial(t, company, "+4930200")
	queued(t, third, "Queued, number 1")
	until(t, func() string { // music
		if n := len(third.Heard()); n < rate/10 {
			return fmt.Sprintf("who waits heard %d samples", n)
		}
		return ""
	})
	hangUp(t, second, talks)
	in := incoming(t, cids, third)
	in.Answer()
	saw(t, third, phone.Answered)
	hangUp(t, third, in)
	hangUp(t, first, at)
	silent(t, bens, "Ben talked all the time")

	called := rest.User{Meta: rest.Meta{ID: q.ID}, Name: q.Name}
	for member, queue := range map[*subscriber]string{&ben: "", &cid: "1 answered"} {
		w.recorded(t, called, "a call that "+member.user.Name+" answered: "+queue, func(c rest.Call) bool {
			full, err := w.Client.Calls().Get(soon(t), c.ID)
			return err == nil && full.To.Name == q.Name && full.Member != nil && full.Member.User == member.user.ID &&
				full.To.Device == member.device.ID && waited(full) == queue
		})
	}

	eve, _ := w.roamer(t, "Eve")
	app := w.app(t, eve, "apns")
	change(t, w.Client.QueueServices(), q.ID, map[string]any{"members": []string{ben.user.ID, eve.ID}})
	_, far := w.person(t, 0, "Ann", says(1))
	w.settle(t)
	out := dial(t, far, "+4930200")
	in = incoming(t, bens, out)
	app.sees(t, sdk.Woken)
	app.sees(t, sdk.Ringing).Call.Answer(phone.NewVoice(speech(2)))
	saw(t, out, phone.Answered)
	app.sees(t, sdk.Connected)
	over(t, in)
	one, answers := ring(t, company, "+4930200", bens)
	answers.Answer()
	saw(t, one, phone.Answered)
	hangUp(t, one, answers)
	out.HangUp()
	app.sees(t, sdk.Ended) // nor was it woken for the other call
	over(t, out)

	change(t, w.Client.QueueServices(), q.ID, map[string]any{"members": []string{ben.user.ID}})
	w.settle(t)
	own, talking := ring(t, cids, ben.number.Dial, bens) // a call to the member's own number
	talking.Answer()
	saw(t, own, phone.Answered)
	w.calledBack(t, company, bens, "+4930200", func() { w.away(t, called, "Outside") }, func() { hangUp(t, own, talking) })

	w.StopCloud()
	one, answers = ring(t, company, "+4930200", bens)
	answers.Answer()
	saw(t, one, phone.Answered)
	hangUp(t, one, answers)
}
