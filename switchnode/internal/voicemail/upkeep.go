package voicemail

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"strowger/pkg/mailbox"
)

// forgotten is how long a message that was deleted may wait for its owner to hang up.
const forgotten = time.Hour

// unowned is how long a mailbox is kept that nobody has: who is removed by mistake finds their greetings again.
const unowned = mailbox.DefaultKeep

// Sweep deletes what was kept long enough, and opens what could not be opened before.
func (s *Store) Sweep() error {
	s.mu.Lock()
	broken := slices.Collect(maps.Keys(s.broken))
	s.mu.Unlock()
	for _, user := range broken {
		s.load(user)
	}
	var err error
	now := s.cfg.Now()
	for _, user := range s.Users() {
		keep := time.Duration(0)
		if s.cfg.Keep != nil {
			keep = s.cfg.Keep(user)
		}
		oldest := now.Add(-cmp.Or(keep, mailbox.DefaultKeep))
		err = errors.Join(err, s.drop(user, func(m Message) bool {
			return m.At.Before(oldest) || !m.Deleted.IsZero() && now.Sub(m.Deleted) > forgotten
		}), s.clear(user, now))
	}
	return err
}

// clear takes a mailbox off the disk that nobody has any more.
func (s *Store) clear(user string, now time.Time) error {
	s.making <- struct{}{}
	defer func() { <-s.making }()
	b, err := s.get(user)
	if b == nil {
		return err
	}
	mark := func(since time.Time) error {
		return b.change(func(x *index) error { x.Unowned = since; return nil })
	}
	switch since, owned := b.state.Load().Unowned, s.cfg.Owned(user); {
	case owned && since.IsZero():
		return nil
	case owned:
		return mark(time.Time{})
	case since.IsZero():
		return mark(now)
	case now.Sub(since) < unowned || len(b.messages()) > 0 || b.recording.Load() > 0:
		return nil
	}
	s.mu.Lock()
	delete(s.boxes, user)
	s.mu.Unlock()
	return s.disk.removeFolder(b.dir)
}

const sweepInterval = 10 * time.Minute

// Run deletes what was kept long enough, until ctx ends.
func (s *Store) Run(ctx context.Context) error {
	t := time.NewTicker(sweepInterval)
	defer t.Stop()
	for {
		if err := s.Sweep(); err != nil {
			s.cfg.Logger.Warn("messages that were kept long enough are not deleted", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}
