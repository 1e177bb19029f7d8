package voice

import (
	"context"
	"time"
)

// lead is what is kept of the silence before somebody speaks, in samples: the beginning of a word is not loud.
const lead = Rate * 3 / 10

// Taped is what was recorded, and handed on.
type Taped struct {
	Length int // samples of Rate, without the silence that ended it: what was handed on may be more
	Ending Ending
	Key    byte // of Keyed
	Spoken bool // somebody said something
}

// Tape records the leg until limit, until it is silent for quiet (0: however long), or until a key is pressed; without the silence before
// somebody speaks. It hands on each second as it is said. An error of write ends it.
func (c *Conversation) Tape(ctx context.Context, limit, quiet time.Duration, write func([]int16) error) (Taped, error) {
	t := &tape{limit: samples(limit), quiet: samples(quiet)}
	c.drain()
	c.mu.Lock()
	c.tape = t
	c.mu.Unlock()
	var r Taped
	var err error
	for done := false; !done && err == nil; {
		select {
		case <-ctx.Done():
			r.Ending, done = Parted, true
		case r.Key = <-c.end.Keys():
			r.Ending, done = Keyed, true
		case <-c.notice:
			done, err = c.handOn(t, Rate, write)
		}
	}
	c.mu.Lock()
	c.tape = nil
	c.mu.Unlock()
	if err == nil {
		_, err = c.handOn(t, 1, write)
	}
	if t.over && r.Ending == Full && t.gone < t.limit {
		r.Ending = Fell
	}
	r.Length, r.Spoken = t.gone-min(t.silent, t.gone), t.spoken
	return r, err
}

// handOn hands on what there is, from so many samples on; done says that the recording is over.
func (c *Conversation) handOn(t *tape, least int, write func([]int16) error) (done bool, err error) {
	c.mu.Lock()
	var all []int16
	if len(t.samples) >= least && t.spoken {
		all, t.samples = t.samples, nil
		t.gone += len(all)
	}
	done = t.over
	c.mu.Unlock()
	if len(all) == 0 {
		return done, nil
	}
	return done, write(all)
}
