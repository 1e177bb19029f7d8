package fabric

import (
	"sync"

	"github.com/nats-io/nats.go"
)

// crew handles messages side by side, with no more goroutines than there are messages to handle.
type crew struct {
	handle  func(*nats.Msg)
	most    int // goroutines
	waiting int // messages that may wait for one
	work    *sync.WaitGroup

	mu    sync.Mutex
	busy  int
	queue []*nats.Msg
}

// take has a message handled, in turn, unless too many wait. c.work must count something else meanwhile.
func (c *crew) take(m *nats.Msg) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.busy < c.most:
		c.busy++
		c.work.Go(func() {
			for next := m; next != nil; next = c.next() {
				c.handle(next)
			}
		})
	case len(c.queue) < c.waiting:
		c.queue = append(c.queue, m)
	default:
		return false
	}
	return true
}

// next is the message that has waited longest; without one, the goroutine that asks ends.
func (c *crew) next() *nats.Msg {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.queue) == 0 {
		c.busy--
		c.queue = nil
		return nil
	}
	m := c.queue[0]
	c.queue[0] = nil
	c.queue = c.queue[1:]
	return m
}
