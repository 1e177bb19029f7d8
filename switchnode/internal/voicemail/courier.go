package voicemail

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"sync"
	"time"

	"strowger/pkg/errs"
)

// Courier takes messages out of the switch. What is to be taken is in the mailboxes, on disk: a crash between the other side's yes and the
// note of it has a message taken twice, and none is lost.
type Courier struct {
	Store *Store
	// Carry takes a message, whose speech is in G.722, by the way of its Delivery. errs.Invalid: it never will be taken.
	Carry func(ctx context.Context, p Post, speech []byte) error
	// GaveUp is told of what was not taken.
	GaveUp func(p Post)
	Now    func() time.Time
	Logger *slog.Logger

	mu     sync.Mutex
	counts map[string]uint64 // guarded by mu
}

// carriers is how many messages are under way at once.
const carriers = 4

// Run takes messages until ctx ends.
func (c *Courier) Run(ctx context.Context) error {
	type way struct{ user, by string }
	busy, done := map[way]bool{}, make(chan way, carriers)
	var under sync.WaitGroup
	defer under.Wait()
	t := time.NewTimer(0)
	defer t.Stop()
	for {
		next := time.Hour
		for _, p := range c.Store.outgoing() {
			at := way{p.User, p.By}
			if wait := p.Next.Sub(c.Now()); wait > 0 {
				next = min(next, wait)
				break
			}
			if busy[at] || len(busy) >= carriers {
				continue // done says when it is its turn
			}
			busy[at] = true
			under.Go(func() {
				c.take(ctx, p)
				done <- at
			})
		}
		t.Reset(next)
		select {
		case <-ctx.Done():
			return nil
		case at := <-done:
			delete(busy, at)
		case <-c.Store.posted:
		case <-t.C:
		}
	}
}

// take takes one message.
func (c *Courier) take(ctx context.Context, p Post) {
	log := c.Logger.With("user", p.User, "message", p.Message.ID, "by", p.By)
	speech, err := c.Store.speech(p.User, p.Message.ID)
	if errs.CodeOf(err) == errs.NotFound {
		return // it was deleted since
	}
	if err == nil {
		err = c.Carry(ctx, p, speech)
	}
	if ctx.Err() != nil {
		return // the next run tries again
	}
	p.Delivery = p.Tried(c.Now(), p.At, err)
	switch {
	case err == nil:
		c.count("taken")
		log.Info("a message was sent", "tries", p.Tries)
	case p.Lost():
		c.count("given-up")
		log.Warn("a message is not sent", "tries", p.Tries, "error", err)
		c.GaveUp(p)
	default:
		c.count("failed")
		log.Info("a message is sent later", "tries", p.Tries, "next", p.Next, "error", err)
	}
	for told := false; ; told = true {
		err := c.Store.settle(p, p.Delivery)
		if err == nil {
			return
		}
		if !told {
			log.Warn("what became of a message is not on disk: a restart would send it twice", "error", err)
		}
		if !wait(ctx, maxPause) { // until it is, nothing is sent to them: that would be this message, again and again
			return
		}
	}
}

// speech is the whole of a message.
func (s *Store) speech(user, id string) ([]byte, error) {
	unread := func(err error) error {
		if e := (*fs.PathError)(nil); errors.As(err, &e) && !errors.Is(err, fs.ErrNotExist) {
			return errs.New(errs.Unreachable, "the message cannot be read now: %w", err)
		}
		return errs.New(errs.Invalid, "the message cannot be read: %w", err)
	}
	a, err := s.Listen(user, id)
	if errs.CodeOf(err) == errs.NotFound {
		return nil, err
	}
	if err != nil {
		return nil, unread(err)
	}
	defer a.Close()
	for speech := []byte(nil); ; {
		b, err := a.Next()
		if errors.Is(err, io.EOF) {
			return speech, nil
		}
		if err != nil {
			return nil, unread(err)
		}
		speech = append(speech, b...)
	}
}

func (c *Courier) count(outcome string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.counts == nil {
		c.counts = map[string]uint64{}
	}
	c.counts[outcome]++
}

// Counts is how many tries there were, by outcome.
func (c *Courier) Counts() map[string]uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.counts)
}
