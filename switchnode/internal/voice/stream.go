package voice

import (
	"context"
	"time"
)

// streamed is a recording that is handed on as it is made.
type streamed struct {
	on   bool
	gone int // samples that were handed on
}

// lead is what is kept of the silence before somebody speaks, in samples: the beginning of a word is not loud.
const lead = Rate * 3 / 10

// due says whether there is a second to hand on. Silence at the beginning is forgotten.
func (t *tape) due() bool {
	if !t.on {
		return false
	}
	if !t.spoken {
		t.samples = t.samples[max(len(t.samples)-lead, 0):]
	}
	return len(t.samples) >= Rate
}

// Taped is what was recorded, and handed on.
type Taped struct {
	Length int // samples of Rate, without the silence that ended it: what was handed on may be more
	Ending Ending
	Key    byte // of Keyed
	Spoken bool // somebody said something
}

// Tape records as Record does, without the silence before somebody speaks, and hands on each second as it is said. An error of
// write ends it.
func (c *Conversation) Tape(ctx context.Context, limit, quiet time.Duration, write func([]int16) error) (Taped, error) {
	t := &tape{limit: samples(limit), quiet: samples(quiet), streamed: streamed{on: true}}
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
	r.Length, r.Spoken = t.gone, t.spoken
	if r.Ending != Full {
		r.Length -= min(t.silent, r.Length)
	}
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
