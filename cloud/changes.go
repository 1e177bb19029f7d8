package cloud

import (
	"context"
	"sync"
	"time"
)

// changes collects the organizations whose documents changed, so that many edits are one announcement.
type changes struct {
	now   func() time.Time
	pause func(org string) time.Duration // between two announcements

	mu   sync.Mutex
	due  map[string]time.Time // organizations to announce, and when
	last map[string]time.Time // announcements
	wake chan struct{}        // capacity 1
}

// Announcements collect edits for at least announceEvery. To make the documents of a large organization, and to send and to
// take them, costs all sides some 100 µs for each phone: the pause between two announcements grows with it, so that who
// fills a registry leaves most of the time to calls.
const (
	announceEvery = 50 * time.Millisecond
	pausePerPhone = 500 * time.Microsecond
	longestPause  = 10 * time.Second
)

func newChanges(now func() time.Time, phones func(org string) int) *changes {
	return &changes{
		now: now, due: map[string]time.Time{}, last: map[string]time.Time{}, wake: make(chan struct{}, 1),
		pause: func(org string) time.Duration {
			return min(max(announceEvery, time.Duration(phones(org))*pausePerPhone), longestPause)
		},
	}
}

// note has an organization announced soon.
func (c *changes) note(org string) {
	pause := c.pause(org)
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, noted := c.due[org]; noted {
		return
	}
	c.due[org] = c.now().Add(announceEvery)
	if again := c.last[org].Add(pause); again.After(c.due[org]) {
		c.due[org] = again
	}
	select {
	case c.wake <- struct{}{}:
	default: // run will look
	}
}

// take removes the organizations whose time has come, and says how long the next has.
func (c *changes) take() (orgs []string, wait time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now, wait := c.now(), longestPause
	for org, at := range c.due {
		if left := at.Sub(now); left > 0 {
			wait = min(wait, left)
			continue
		}
		orgs = append(orgs, org)
		c.last[org] = now
		delete(c.due, org)
	}
	return orgs, wait
}

// run announces what was noted until ctx ends.
func (c *changes) run(ctx context.Context, announce func(context.Context, string)) {
	for {
		orgs, wait := c.take()
		for _, org := range orgs {
			announce(ctx, org)
		}
		select {
		case <-ctx.Done():
			return
		case <-c.wake:
		case <-time.After(wait):
		}
	}
}
