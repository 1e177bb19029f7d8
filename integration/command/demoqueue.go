package command

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"strowger/integration/phone"
	"strowger/pkg/ledger"
	"strowger/pkg/rest"
)

// queueTime bounds the demo's queue: three calls after each other.
const queueTime = 90 * time.Second

// talkTime is how long the callee of the demo's queue talks to each caller.
const talkTime = 2 * time.Second

// caller is one of the demo's queue.
type caller struct {
	name  string
	phone *phone.Phone
	call  *phone.Call
	away  bool // hung up, and will be called back
}

// queue has two callers wait for a third's callee, one of them to be called back, and shows what they are told and how the records have it.
func (d *demo) queue() error {
	ctx, cancel := context.WithTimeout(d.ctx, queueTime)
	defer cancel()
	d.steps.next("registering three phones in office 20, and Bell's in office 30, for whom callers wait")
	var running sync.WaitGroup
	defer running.Wait()
	phones, stop := context.WithCancel(ctx)
	defer stop()
	bell, err := d.phone(phones, &running, 1, "Bell", "callee", "2001", phone.Answer)
	if err != nil {
		return err
	}
	if err := d.letWait("Bell"); err != nil {
		return err
	}
	number := d.stack.Offices[1].Site.Code + "2001"
	var callers []*caller
	for i, name := range []string{"Watson", "Ada", "Grace"} {
		ph, err := d.phone(phones, &running, 0, name, "caller", fmt.Sprint("200", i+1), phone.Ring)
		if err != nil {
			return err
		}
		d.steps.next(name + " calls Bell")
		c, err := ph.Dial(ctx, number)
		if err != nil {
			return err
		}
		told := phone.Answered
		if i > 0 {
			told = phone.Progress
		}
		e, err := waitFor(ctx, c, told, "Queued")
		if err != nil {
			return err
		}
		d.steps.next(name + " is told: " + said(e))
		callers = append(callers, &caller{name: name, phone: ph, call: c})
	}
	q, err := d.stack.Client.Queues(ctx)
	if err != nil {
		return err
	}
	d.steps.done()
	if err := (&queueList{}).show(d.env, q); err != nil {
		return err
	}
	if err := d.keepPlace(ctx, callers[1]); err != nil {
		return err
	}
	return d.serve(ctx, bell, callers)
}

func said(e phone.Event) string {
	if e.Kind == phone.Answered {
		return "answered"
	}
	return e.Words
}

// letWait turns on the queue of a user.
func (d *demo) letWait(name string) error {
	length, wait := 5, 3*time.Minute
	u, err := users().find(d.admin(), name)
	if err != nil {
		return err
	}
	_, err = d.stack.Client.Users().Update(d.env.ctx, u.ID, u.Version, map[string]any{"queue_length": length, "queue_seconds": int(wait / time.Second)})
	return err
}

// keepPlace has a caller who hears the music press the key to be called back.
func (d *demo) keepPlace(ctx context.Context, c *caller) error {
	for len(c.call.Heard()) == 0 {
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	c.call.SendDTMF('1')
	e, err := c.call.Wait(ctx, phone.Ended)
	if err != nil {
		return err
	}
	c.away = true
	d.steps.next(c.name + " hears music and their place, presses 1, and is told: " + e.Words)
	return nil
}

// serve hangs up each call after a while, and checks that the next in line is then answered, or called back.
func (d *demo) serve(ctx context.Context, callee *phone.Phone, callers []*caller) error {
	records := len(callers)
	for i, c := range callers {
		if c.away {
			back, err := incoming(ctx, c.phone)
			if err != nil {
				return fmt.Errorf("%s was not called back: %w", c.name, err)
			}
			d.steps.next(c.name + " is called back, and answers")
			back.Answer()
			c.call, records = back, records+1
		}
		at, err := incoming(ctx, callee)
		if err == nil {
			_, err = at.Wait(ctx, phone.Answered)
		}
		if err != nil {
			return err
		}
		d.steps.next(fmt.Sprintf("%s talks to Bell for %v", c.name, talkTime))
		for _, later := range callers[i+1:] {
			if answered(later.call) {
				return fmt.Errorf("%s was answered before their turn: %v", later.name, later.call.Events())
			}
		}
		select {
		case <-time.After(talkTime):
		case <-ctx.Done():
			return ctx.Err()
		}
		c.call.HangUp()
		<-c.call.Done()
	}
	d.steps.done()
	return d.tellQueue(ctx, records)
}

// incoming is the next call of a phone.
func incoming(ctx context.Context, p *phone.Phone) (*phone.Call, error) {
	select {
	case c := <-p.Incoming():
		return c, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func answered(c *phone.Call) bool {
	for _, e := range c.Events() {
		if e.Kind == phone.Answered {
			return true
		}
	}
	return false
}

// waitFor waits for an event of a kind whose words begin so, where it has words.
func waitFor(ctx context.Context, c *phone.Call, k phone.Kind, words string) (phone.Event, error) {
	for {
		if _, err := c.Wait(ctx, k); err != nil {
			return phone.Event{}, err
		}
		for _, e := range c.Events() {
			if e.Kind == k && (k != phone.Progress || strings.HasPrefix(e.Words, words)) {
				return e, nil
			}
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-c.Done():
			return phone.Event{}, fmt.Errorf("the call ended: %v", c.Events())
		}
	}
}

// tellQueue shows how the records of the last calls have the waiting.
func (d *demo) tellQueue(ctx context.Context, n int) error {
	page, err := d.stack.Client.Calls().Page(ctx, rest.Filter{}, n, "")
	if err != nil {
		return err
	}
	back := map[string]bool{}
	for i := len(page.Items) - 1; i >= 0; i-- {
		v, err := d.stack.Client.Calls().Get(ctx, page.Items[i].ID)
		if err != nil {
			return err
		}
		var places []string
		for _, e := range v.Ladder {
			if e.Kind == ledger.Queued || e.Kind == ledger.Unqueued {
				places = append(places, string(e.Kind)+" "+e.Text)
			}
		}
		switch {
		case len(places) > 0:
		case back[v.From.User]:
			places = []string{"called back, and answered"}
		default:
			places = []string{"rang at once"}
		}
		back[v.From.User] = true // calls again only as who is called back
		d.say("%s to %s: %s\n", party(v.From), party(v.To), strings.Join(places, ", "))
	}
	return nil
}
