package integration

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"strowger/integration/phone"
	"strowger/mobile-bridge/sdk"
	"strowger/pkg/errs"
	"strowger/pkg/ledger"
	"strowger/pkg/rest"
)

// queued waits until a caller is told that they stand at a place in a queue: the words begin so.
func queued(t *testing.T, c *phone.Call, words string) {
	t.Helper()
	until(t, func() string {
		for _, e := range slices.Backward(c.Events()) {
			if e.Kind == phone.Progress && e.Code == 182 {
				if strings.HasPrefix(e.Words, words) {
					return ""
				}
				return "the caller was told " + e.Words + ", not yet " + words
			}
		}
		return "the caller was not told of a queue"
	})
}

// waited is the places that a record has a call wait at, and how that ended.
func waited(c rest.Call) string {
	var all []string
	for _, e := range c.Ladder {
		if e.Kind == ledger.Queued || e.Kind == ledger.Unqueued {
			all = append(all, e.Text)
		}
	}
	return strings.Join(all, " ")
}

// TestQueue has a user of another office be on the phone while others call: they wait in their order, and ring when they are next.
func TestQueue(t *testing.T) {
	t.Parallel()
	w := together(t)
	ann, from := w.person(t, 0, "Ann", nil)
	_, second := w.person(t, 0, "Ben", nil)
	_, third := w.person(t, 1, "Cid", nil)
	_, fourth := w.person(t, 1, "Don", nil)
	bob, desk := w.person(t, 1, "Bob", nil)
	eve, other := w.person(t, 1, "Eve", nil)
	w.policy(t, bob, map[string]any{"queue_length": 2, "queue_seconds": 60})

	own, talks := ring(t, desk, eve.number.Dial, other) // a call of the callee's own
	talks.Answer()
	saw(t, own, phone.Answered)

	out := dial(t, from, bob.number.Dial)
	queued(t, out, "Queued, number 1")
	next := dial(t, second, bob.number.Dial)
	queued(t, next, "Queued, number 2")
	if e := over(t, dial(t, third, bob.number.Dial)); e.Code != 486 || e.Words != "Busy, and too many are waiting" {
		t.Errorf("the third hears %d %q", e.Code, e.Words)
	}

	direct, err := w.Client.Numbers().Create(soon(t), rest.Number{
		Site: w.Offices[1].Site.ID, Digits: fmt.Sprint(w.extensions.Add(1)), User: bob.user.ID, QueueLength: rest.NeverWaits,
	})
	if err != nil {
		t.Fatal(err)
	}
	knocks := dial(t, third, direct.Dial) // calls to this number of his do not wait
	in := incoming(t, desk, knocks)
	in.Decline(486, "Busy Here")
	if e := over(t, knocks); e.Code != 486 {
		t.Errorf("who knocks hears %d %q", e.Code, e.Words)
	}

	hangUp(t, own, talks)
	in = incoming(t, desk, out)
	queued(t, next, "Queued, number 1")
	in.Answer()
	saw(t, out, phone.Answered)
	last := dial(t, fourth, bob.number.Dial)
	queued(t, last, "Queued, number 2")
	next.HangUp() // gives up
	over(t, next)
	queued(t, last, "Queued, number 1")
	hangUp(t, out, in)
	in = incoming(t, desk, last)
	in.Decline(486, "Busy Here") // with something that the switch does not know of
	over(t, in)
	var waits rest.QueuedCall
	until(t, func() string { // it waits again
		q, err := w.Client.Queues(soon(t))
		i := slices.IndexFunc(q.Items, func(v rest.QueuedCall) bool { return v.To.User == bob.user.ID }) // others wait for others
		if err != nil || i < 0 {
			return fmt.Sprintf("who waits: %+v, %v", q, err)
		}
		waits = q.Items[i]
		return ""
	})
	if waits.From.Name != "Don" || waits.Position != 1 {
		t.Errorf("who waits: %+v", waits)
	}
	if err := w.Client.RemoveQueued(soon(t), waits.Call); err != nil {
		t.Fatal(err)
	}
	if e := over(t, last); e.Code != 480 || e.Words != "Taken out of the queue by the administrator" {
		t.Errorf("who is taken out hears %d %q", e.Code, e.Words)
	}

	r := w.record(t, ann.user, 2)
	if got := waited(r); got != "1 answered" {
		t.Errorf("the record says %q of the queue: %+v", got, r.Ladder)
	}
}

// TestQueueTime has a caller wait as long as may be; the call goes to the fall-back then.
func TestQueueTime(t *testing.T) {
	t.Parallel()
	w := together(t)
	ann, from := w.person(t, 0, "Ann", nil)
	cid, third := w.person(t, 1, "Cid", nil)
	bob, desk := w.person(t, 1, "Bob", nil)
	eve, other := w.person(t, 1, "Eve", nil)
	w.policy(t, bob, map[string]any{"queue_length": 2, "queue_seconds": 10, "fallback_queue_time": cid.number.Dial})
	own, talks := ring(t, desk, eve.number.Dial, other)
	talks.Answer()
	saw(t, own, phone.Answered)
	out := dial(t, from, bob.number.Dial)
	queued(t, out, "Queued, number 1")
	in := incoming(t, third, out)
	in.Answer()
	saw(t, out, phone.Answered)
	hangUp(t, out, in)
	r := w.record(t, ann.user, 2)
	if got, want := waited(r), "1 "+string(errs.QueueTime); got != want || len(r.Diversions) != 1 {
		t.Errorf("the record says %q of the queue, diversions %q", got, diverted(r))
	}
	hangUp(t, own, talks)
}

// TestAppWaits has an app wait for a desk phone: it hears where it stands and music, and then the phone, which has another codec.
func TestAppWaits(t *testing.T) {
	t.Parallel()
	w := together(t)
	bob, desk := w.person(t, 1, "Bob", func(c *phone.Config) { c.Say = phone.Sine(high, 60) })
	dan, other := w.person(t, 1, "Dan", nil)
	eve, _ := w.roamer(t, "Eve")
	app := w.app(t, eve, "apns")
	w.policy(t, bob, map[string]any{"queue_length": 1})
	own, talks := ring(t, desk, dan.number.Dial, other)
	talks.Answer()
	saw(t, own, phone.Answered)
	begun := time.Now()
	v := phone.NewVoice(phone.Sine(low, 60))
	call := app.calls(t, bob.number.Dial, v)
	if e := app.sees(t, sdk.Queued); e.Position != 1 || e.Wait != -1 || e.Words != "Queued, number 1" {
		t.Errorf("the app is told %+v", e)
	}
	app.sees(t, sdk.EarlyMedia)
	busy := clip(t, "en/busy")
	until(t, func() string {
		if n, want := len(v.Heard()), len(busy)+rate; n < want {
			return fmt.Sprintf("heard %d of %d samples", n, want)
		}
		return ""
	})
	if s := phone.Compare(busy, v.Heard()); s.Score < 0.9 && !late.busy(begun) {
		t.Errorf("of the words the app heard %+v", s)
	}
	hangUp(t, own, talks)
	in := comes(t, desk)
	app.sees(t, sdk.Ringing)
	hearsTone(t, 425, v.Heard)
	in.Answer()
	app.sees(t, sdk.Connected)
	hearsTone(t, high, v.Heard)
	hearsTone(t, low, in.Heard)
	if got := call.Codec(); got != sdk.PCMU {
		t.Errorf("the app speaks %s to a phone that has PCMU", got)
	}
	call.Hangup()
	app.sees(t, sdk.Ended)
	over(t, in)
}
