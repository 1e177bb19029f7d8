package integration

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"testing"
	"time"

	"strowger/integration/phone"
	"strowger/pkg/ledger"
)

var queueFlag = flag.Int("queue.callers", 12, "how many callers wait in TestKillQueue")

// TestKillQueue kills a switch with a line of callers in front of one phone. All of them are called back, in their order, and
// talk; each leaves the line once.
func TestKillQueue(t *testing.T) {
	t.Parallel()
	d := deploy(t, sqlite, embedded)
	answers := func(c *phone.Config) { c.Policy, c.After, c.Expires = phone.Answer, time.Millisecond, time.Hour }
	agent, desk := d.person(t, 0, "Agent", answers)
	d.policy(t, agent, map[string]any{"queue_length": *queueFlag, "queue_seconds": 7200})
	_, other := d.person(t, 0, "Other", nil)
	talks := dial(t, other, agent.number.Dial)
	saw(t, talks, phone.Answered)
	incoming(t, desk, talks)

	var callers []subscriber
	for i := range *queueFlag {
		s, p := d.person(t, 0, fmt.Sprint("Caller ", i+1), answers)
		queued(t, dial(t, p, agent.number.Dial), fmt.Sprint("Queued, number ", i+1))
		callers = append(callers, s)
	}
	d.switches[0].kill(t)
	d.switches[0].launch(t, d.dir, d.log)
	d.switchStarted(t, 0)

	d.areCalledBack(t, desk, callers)
}

// TestStopQueue stops a switch with callers in a queue as a service manager does (SIGTERM): each is told that they will be called back,
// and is, in their order, by the next run. Each leaves the line once.
func TestStopQueue(t *testing.T) {
	t.Parallel()
	d := deploy(t, sqlite, embedded)
	answers := func(c *phone.Config) { c.Policy, c.After, c.Expires = phone.Answer, time.Millisecond, time.Hour }
	agent, desk := d.person(t, 0, "Agent", answers)
	d.policy(t, agent, map[string]any{"queue_length": 3, "queue_seconds": 7200})
	_, other := d.person(t, 0, "Other", nil)
	talks := dial(t, other, agent.number.Dial)
	saw(t, talks, phone.Answered)
	incoming(t, desk, talks)
	var callers []subscriber
	var calls []*phone.Call
	for i := range 3 {
		s, p := d.person(t, 0, fmt.Sprint("Caller ", i+1), answers)
		c := dial(t, p, agent.number.Dial)
		queued(t, c, fmt.Sprint("Queued, number ", i+1))
		callers, calls = append(callers, s), append(calls, c)
	}
	d.switches[0].stop(t)
	for i, c := range calls {
		if e := over(t, c); e.Code != 503 || e.Words != "The switch stopped. You will be called back" {
			t.Errorf("caller %d hears %d %q", i+1, e.Code, e.Words)
		}
	}
	d.switches[0].launch(t, d.dir, d.log)
	d.switchStarted(t, 0)
	d.areCalledBack(t, desk, callers)
}

// areCalledBack waits until callers are called back in their order, talk, and have left their line once.
func (d *deployment) areCalledBack(t *testing.T, desk *phone.Phone, callers []subscriber) {
	t.Helper()
	for i, s := range callers {
		in := comes(t, desk)
		if in.From != s.number.Digits && in.From != s.number.Dial {
			t.Fatalf("number %d that is called back is %s, want %s of %s", i+1, in.From, s.number.Dial, s.user.Name)
		}
		if _, err := in.Wait(soon(t), phone.Answered); err != nil {
			t.Fatal(err)
		}
		in.HangUp()
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for _, s := range callers {
		until(t, func() string { return d.leftOnce(ctx, t, s) })
	}
	d.checkLedger(t)
}

// leftOnce says what is missing from the records of a caller who waited and was called back: one of waiting, one of talking.
func (w *world) leftOnce(ctx context.Context, t *testing.T, s subscriber) string {
	t.Helper()
	var reasons []string
	talked := 0
	for c, err := range w.Client.Calls().All(ctx, map[string]string{"user": s.user.ID}) {
		if err == nil {
			c, err = w.Client.Calls().Get(ctx, c.ID)
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range c.Ladder {
			if e.Kind == ledger.Unqueued {
				reasons = append(reasons, e.Text)
			}
		}
		if c.AnsweredAt != nil && c.EndedAt != nil {
			talked++
		}
	}
	if !slices.Equal(reasons, []string{"called-back"}) || talked != 1 {
		return fmt.Sprintf("%s left the queue %q, and talked %d times", s.user.Name, reasons, talked)
	}
	return ""
}
