package voice

import (
	"context"
	"time"
)

// Echo says back what the leg says, until a key is pressed or the time is over.
func (c *Conversation) Echo(ctx context.Context, limit time.Duration) {
	c.echoes(true)
	defer c.echoes(false)
	c.Key(ctx, limit)
}

func (c *Conversation) echoes(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.echo = on
}

// back fills a frame with what the leg said last, if it is to hear itself and nothing else.
func (c *Conversation) back(frame []int16) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.echo && len(c.saying) == 0 {
		copy(frame, c.heard[:])
	}
}

// Overhear has everything that the leg says go to another place as well, 20 ms at a time; nil: no longer. What it is given must not be kept.
func (c *Conversation) Overhear(to func(frame []int16)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = to
}

func (c *Conversation) overhears() func([]int16) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.over
}
