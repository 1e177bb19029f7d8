package trunk

import (
	"slices"
	"sync"
)

// Channels is which calls have the channels of trunks. The zero value has none taken. It is safe for concurrent use.
type Channels struct {
	mu     sync.Mutex
	trunks map[string]*lines
	count  uint64
}

// lines is what is known of one trunk.
type lines struct {
	most    int    // channels, 0 for no limit
	used    []*Use // in the order in which they were taken
	waiting []*Use // emergency calls, until who has to make way has gone
}

// Use is a channel that a call has, or waits for. Its functions are called without a lock held, and must not block.
type Use struct {
	Trunk string
	Help  bool   // an emergency call: others make way for it
	End   func() // ends an ordinary call, whose channel is needed; nil: it cannot be ended
	Ready func() // says that the channel is there that an emergency call waited for

	since  uint64 // of the answer; 0 before
	ending bool   // End was called
}

// Outcome is what becomes of a wish for a channel.
type Outcome uint8

// The outcomes.
const (
	Taken Outcome = iota
	Full          // no channel is free, and no ordinary call has one
	Waits         // an ordinary call is ended: Ready follows when it has gone
)

// Take gives a call one of a trunk's channels, of which there are so many, 0 for no limit. When all are taken the ordinary call that
// was answered last makes way for an emergency call, else the one that was begun last.
func (c *Channels) Take(u *Use, most int) Outcome {
	c.mu.Lock()
	if c.trunks == nil {
		c.trunks = map[string]*lines{}
	}
	t := c.trunks[u.Trunk]
	if t == nil {
		t = &lines{}
		c.trunks[u.Trunk] = t
	}
	t.most = most
	outcome, end := Taken, func() {}
	switch victim := t.victim(); {
	case t.free():
		t.used = append(t.used, u)
	case u.Help && victim != nil:
		victim.ending = true
		outcome, end, t.waiting = Waits, victim.End, append(t.waiting, u)
	default:
		outcome = Full
	}
	c.mu.Unlock()
	end()
	return outcome
}

func (t *lines) free() bool { return t.most == 0 || len(t.used) < t.most }

// victim is who makes way, nil for nobody.
func (t *lines) victim() (last *Use) {
	for _, u := range t.used {
		if !u.Help && !u.ending && u.End != nil && (last == nil || u.since >= last.since) {
			last = u
		}
	}
	return last
}

// Bind says how the call of a channel can be ended.
func (c *Channels) Bind(u *Use, end func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	u.End = end
}

// Answered says that the call of a channel was.
func (c *Channels) Answered(u *Use) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if u.since == 0 {
		c.count++
		u.since = c.count
	}
}

// Insist gives a channel to a call that has waited long enough, whether or not who has to make way has gone.
func (c *Channels) Insist(u *Use) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.trunks[u.Trunk]
	if i := slices.Index(t.waiting, u); i >= 0 {
		t.waiting, t.used = slices.Delete(t.waiting, i, i+1), append(t.used, u)
	}
}

// Release takes a channel back, or a wish for one, of a call that Take was asked for. Twice is once.
func (c *Channels) Release(u *Use) {
	c.mu.Lock()
	t := c.trunks[u.Trunk]
	t.used = slices.DeleteFunc(t.used, func(v *Use) bool { return v == u })
	t.waiting = slices.DeleteFunc(t.waiting, func(v *Use) bool { return v == u })
	var ready []func()
	for len(t.waiting) > 0 && t.free() {
		next := t.waiting[0]
		t.waiting, t.used = t.waiting[1:], append(t.used, next)
		ready = append(ready, next.Ready)
	}
	c.mu.Unlock()
	for _, tell := range ready {
		tell()
	}
}

// InUse is how many channels of a trunk are taken.
func (c *Channels) InUse(trunk string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t := c.trunks[trunk]; t != nil {
		return len(t.used)
	}
	return 0
}
