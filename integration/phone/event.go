package phone

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Kind names what a phone saw of a call.
type Kind string

// The kinds of events.
const (
	Dialled  Kind = "dialled"
	Incoming Kind = "incoming" // Words: the caller
	Progress Kind = "progress" // Code, Words; a 180 is the ringing that a caller hears
	Answered Kind = "answered" // audio flows both ways from here
	Held     Kind = "held"     // the other side put us on hold
	Resumed  Kind = "resumed"
	OnHold   Kind = "on-hold" // the other side agreed to our hold
	OffHold  Kind = "off-hold"
	Digit    Kind = "digit"    // Words: the key
	Referred Kind = "referred" // the answer to our REFER: Code, Words
	Told     Kind = "told"     // how that goes: Code, Words
	Ended    Kind = "ended"    // Code, Words: why
)

// Event is one thing that a phone saw of a call. Codes are SIP status codes; an answered call that ends normally has 200.
type Event struct {
	Kind  Kind
	Code  int
	Words string
	Q850  int // of Ended: the ITU-T Q.850 cause that the other side gave, 0 for none
	At    time.Time
}

func (e Event) String() string {
	s := string(e.Kind)
	if e.Code != 0 {
		s += fmt.Sprintf(" %d", e.Code)
	}
	if e.Words != "" {
		s += " " + e.Words
	}
	return s
}

// record adds an event and wakes who waits.
func (c *Call) record(e Event) {
	e.At = time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.events = append(c.events, e)
	close(c.news)
	c.news = make(chan struct{})
}

// Events returns what happened so far, in order.
func (c *Call) Events() []Event {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.events)
}

// Wait returns the first event of a kind, waiting for it if need be. A call that ends without it is an error that lists
// what did happen.
func (c *Call) Wait(ctx context.Context, k Kind) (Event, error) {
	for {
		c.mu.Lock()
		events, news := c.events, c.news
		c.mu.Unlock()
		for _, e := range events {
			if e.Kind == k {
				return e, nil
			}
		}
		if n := len(events); n > 0 && events[n-1].Kind == Ended {
			return Event{}, fmt.Errorf("the call of %s with %s ended without %q: %s", c.phone.cfg.User, c.other(), k, list(events))
		}
		select {
		case <-news:
		case <-ctx.Done():
			return Event{}, fmt.Errorf("waiting for %q in the call of %s with %s, saw %s: %w", k, c.phone.cfg.User, c.other(), list(events), ctx.Err())
		}
	}
}

func list(events []Event) string {
	var s []string
	for _, e := range events {
		s = append(s, e.String())
	}
	return strings.Join(s, ", ")
}
