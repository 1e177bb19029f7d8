package voice

import (
	"context"
	"sync"
	"time"
)

// Samples of all that is said and heard here.
const (
	Rate  = 16000            // Hz
	Frame = Rate * 20 / 1000 // samples that are moved at a time
)

const (
	pace = 20 * time.Millisecond
	late = 100 * time.Millisecond
)

// Ticker is what a clock moves. Tick is called once in 20 ms, in the clock's goroutine, and must not block.
type Ticker interface{ Tick(at time.Time) }

// Clock moves all that speaks and listens in a switch. It is safe for concurrent use.
type Clock struct {
	wake chan struct{} // capacity 1: there is something to move

	ticking sync.Mutex // held while all are moved
	mu      sync.Mutex // guards what follows
	tickers map[Ticker]struct{}
}

// NewClock returns a clock that stands. Run lets it go.
func NewClock() *Clock {
	return &Clock{wake: make(chan struct{}, 1), tickers: map[Ticker]struct{}{}}
}

// Add begins to move t.
func (c *Clock) Add(t Ticker) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tickers[t] = struct{}{}
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// Remove ends that. When it returns t is not being moved any more. It must not be called by a Tick.
func (c *Clock) Remove(t Ticker) {
	c.mu.Lock()
	delete(c.tickers, t)
	c.mu.Unlock()
	c.ticking.Lock() // a round that began before is over
	defer c.ticking.Unlock()
}

// Moved is how many the clock moves.
func (c *Clock) Moved() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.tickers)
}

// Run goes until ctx ends.
func (c *Clock) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-c.wake:
		}
		timer, next := time.NewTimer(0), time.Now()
		for moving := true; moving; {
			select {
			case <-ctx.Done():
				timer.Stop()
				return nil
			case <-timer.C:
			}
			moving = c.round(time.Now())
			if next = next.Add(pace); time.Since(next) > late {
				next = time.Now() // the machine stood still: what was not said in time is not said
			}
			timer.Reset(time.Until(next))
		}
		timer.Stop()
	}
}

// round moves all once. It is false if there is nothing to move.
func (c *Clock) round(at time.Time) bool {
	c.ticking.Lock()
	defer c.ticking.Unlock()
	c.mu.Lock()
	now := make([]Ticker, 0, len(c.tickers))
	for t := range c.tickers {
		now = append(now, t)
	}
	c.mu.Unlock()
	for _, t := range now {
		t.Tick(at)
	}
	return len(now) > 0
}
