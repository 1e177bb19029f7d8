package voice

import (
	"context"
	"sync"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/ledger"
)

// Conversation is what the script of a service has: the parties, and the leg to talk and listen to. Its methods are called by the script's
// goroutine; each returns as soon as ctx ends.
type Conversation struct {
	Call     string // id
	Leg      string // id, of the switch's own
	From, To designation.Party
	Note     func(ledger.Event) // what the script has for the ledger, at its kind and fields

	end    *End
	notice chan struct{} // capacity 1: what was to be said is said, or what was to be recorded is

	mu     sync.Mutex // guards what follows
	saying [][]int16
	tape   *tape
	echo   bool
	over   func([]int16) // see Overhear

	said, heard [Frame]int16 // of the clock's goroutine
}

// tape is a recording under way.
type tape struct {
	samples []int16
	limit   int // samples
	quiet   int // samples without a sound that end it, 0: none do
	silent  int // so far
	spoken  bool
	over    bool
	gone    int // samples that were handed on
}

// End is the leg's other end, for who needs more than what is here. The clock says and listens; nobody else may.
func (c *Conversation) End() *End { return c.end }

// Tick moves it.
func (c *Conversation) Tick(at time.Time) {
	if _, heard := c.end.Heard(); heard {
		c.next(c.said[:])
		c.back(c.said[:])
		c.end.Say(c.said[:])
	} else {
		c.end.Pass() // what is to be said waits: for the way to an app, or for who is on hold
	}
	any := c.end.Listen(c.heard[:], at)
	c.record(c.heard[:], any)
	if to := c.overhears(); to != nil {
		to(c.heard[:])
	}
}

// next fills a frame with what is to be said now.
func (c *Conversation) next(frame []int16) {
	clear(frame)
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.saying) == 0 {
		return
	}
	for len(frame) > 0 && len(c.saying) > 0 {
		n := copy(frame, c.saying[0])
		frame = frame[n:]
		if c.saying[0] = c.saying[0][n:]; len(c.saying[0]) == 0 {
			c.saying = c.saying[1:]
		}
	}
	if len(c.saying) == 0 {
		c.notify()
	}
}

func (c *Conversation) record(frame []int16, any bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.tape
	if t == nil || t.over {
		return
	}
	n := min(len(frame), t.limit-t.gone-len(t.samples))
	t.samples = append(t.samples, frame[:n]...)
	if any && loud(frame) {
		t.spoken, t.silent = true, 0
	} else {
		t.silent += n
	}
	if !t.spoken { // which counts for nothing
		t.samples = t.samples[max(len(t.samples)-lead, 0):]
	}
	if t.gone+len(t.samples) >= t.limit || t.quiet > 0 && t.silent >= t.quiet {
		t.over = true
	}
	if t.over || len(t.samples) >= Rate {
		c.notify()
	}
}

func (c *Conversation) notify() {
	select {
	case c.notice <- struct{}{}:
	default:
	}
}

// Say begins to say clips, in place of what is being said. Samples are of Rate, and must not change.
func (c *Conversation) Say(clips ...[]int16) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.saying = c.saying[:0]
	for _, clip := range clips {
		if len(clip) > 0 {
			c.saying = append(c.saying, clip)
		}
	}
}

// Play says clips to their end, or until a key is pressed, which it returns: who knows the menu need not hear it.
func (c *Conversation) Play(ctx context.Context, clips ...[]int16) (key byte, pressed bool) {
	c.drain()
	c.Say(clips...)
	defer c.Say()
	return c.finish(ctx)
}

// Tell says clips to their end, one right after the other; a key skips the one that is being said.
func (c *Conversation) Tell(ctx context.Context, clips ...[]int16) {
	c.drain()
	c.Say(clips...)
	defer c.Say()
	for pressed := true; pressed; {
		if _, pressed = c.finish(ctx); pressed {
			c.skip()
		}
	}
}

func (c *Conversation) skip() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.saying) > 0 {
		c.saying = c.saying[1:]
	}
}

// finish waits until there is nothing left to say, or a key is pressed.
func (c *Conversation) finish(ctx context.Context) (key byte, pressed bool) {
	for {
		c.mu.Lock()
		over := len(c.saying) == 0
		c.mu.Unlock()
		if over {
			return 0, false
		}
		select {
		case <-ctx.Done():
			return 0, false
		case key = <-c.end.Keys():
			return key, true
		case <-c.notice:
		}
	}
}

func (c *Conversation) drain() {
	select {
	case <-c.notice:
	default:
	}
}

// Key waits for a key. It is false if none is pressed in time.
func (c *Conversation) Key(ctx context.Context, patience time.Duration) (key byte, pressed bool) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return 0, false
	case key = <-c.end.Keys():
		return key, true
	case <-timer.C:
		return 0, false
	}
}

// Digits collects keys until there are most, or the terminator comes, which is not among them, or none comes for patience. A terminator
// of 0 is none. first are keys that came before: what interrupted a Play.
func (c *Conversation) Digits(ctx context.Context, most int, terminator byte, patience time.Duration, first ...byte) string {
	var digits []byte
	for _, key := range first {
		if key == terminator {
			return string(digits)
		}
		digits = append(digits, key)
	}
	for len(digits) < most {
		key, ok := c.Key(ctx, patience)
		if !ok || key == terminator {
			break
		}
		digits = append(digits, key)
	}
	return string(digits)
}

// Ending is why a recording ended.
type Ending uint8

// The endings.
const (
	Full   Ending = iota // the limit was reached
	Fell                 // nobody said anything any more
	Keyed                // by a key
	Parted               // the leg hung up, or the script was told to end
)

func samples(d time.Duration) int { return int(d * Rate / time.Second) }

// speechLevel is the mean of squares above which a frame is speech: -46 dBm0 or so.
const speechLevel = 100 * 100

// loud says whether a frame has speech.
func loud(frame []int16) bool {
	var sum int64
	for _, s := range frame {
		sum += int64(s) * int64(s)
	}
	return len(frame) > 0 && sum/int64(len(frame)) > speechLevel
}
