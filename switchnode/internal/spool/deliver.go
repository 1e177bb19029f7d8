package spool

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"strowger/pkg/fabric"
	"strowger/pkg/ledger"
)

// Pauses between attempts to deliver double from the first to the last of these; each is cut by up to half, so that the
// switches do not all come back to a restarted cloud at once.
const (
	firstPause = 500 * time.Millisecond
	lastPause  = 10 * time.Second
)

// deliverAll sends what is durable, in order, until ctx ends.
func (s *Spool) deliverAll(ctx context.Context) {
	pause := firstPause
	for ctx.Err() == nil {
		seg, last, end := s.oldest()
		if seg == nil {
			select {
			case <-s.stored:
			case <-ctx.Done():
			}
			continue
		}
		stored, wait, err := s.deliver(ctx, seg, last, end)
		if err != nil {
			s.cfg.Logger.Debug("call ledger not delivered", "spool", seg.id, "error", err)
		}
		switch {
		case stored > 0 && wait == 0:
			pause = firstPause
			continue
		case wait == 0:
			wait = pause/2 + rand.N(pause/2)
			pause = min(2*pause, lastPause)
		default:
			wait += rand.N(wait/4 + 1) // never sooner than the cloud asked for
		}
		select {
		case <-time.After(wait):
		case <-s.retry:
			pause = firstPause
		case <-ctx.Done():
		}
	}
}

// Retry delivers now what waits for the cloud to come back: it has.
func (s *Spool) Retry() {
	select {
	case s.retry <- struct{}{}:
	default: // it will
	}
}

// oldest returns the segment with the oldest undelivered event, and how far that segment is durable. Segments that the
// cloud has stored are removed on the way, but for the one being written.
func (s *Spool) oldest() (seg *segment, last uint64, end int64) {
	for {
		s.mu.Lock()
		if len(s.segments) == 0 {
			s.mu.Unlock()
			return nil, 0, 0
		}
		seg := s.segments[0]
		last, end, sealed := seg.last, seg.end, seg.sealed
		if seg.done == last && sealed {
			s.size -= end
			s.segments = s.segments[1:]
		}
		s.mu.Unlock()
		switch {
		case seg.done < last:
			return seg, last, end
		case !sealed:
			return nil, 0, 0
		}
		if err := seg.discard(); err != nil {
			s.cfg.Logger.Warn("delivered spool stays; its events will be sent again after a restart", "file", seg.path, "error", err)
		}
	}
}

// deliver sends one batch and returns how many events of it the cloud has stored, and how long it asks us to wait.
func (s *Spool) deliver(ctx context.Context, seg *segment, last uint64, end int64) (stored uint64, wait time.Duration, err error) {
	events, ends, err := seg.read(last, end, ledger.MaxBatch)
	if len(events) == 0 && errors.Is(err, errDamaged) {
		s.cfg.Logger.Error("call ledger events are lost", "spool", seg.id, "events", last-seg.done, "error", err)
		s.mu.Lock()
		defer s.mu.Unlock()
		stored = last - seg.done
		seg.done, seg.next, seg.damaged = last, end, true
		s.counts.Lost += stored
		s.settle(stored)
		return stored, 0, nil
	}
	if len(events) == 0 {
		return 0, 0, err
	}
	reply, err := s.cfg.Deliver(ctx, fabric.LedgerJSON{Spool: seg.id, First: seg.done + 1, Events: events})
	if err != nil {
		return 0, 0, err
	}
	wait = max(reply.RetryAfter, 0)
	if reply.StoredThrough <= seg.done {
		return 0, wait, nil
	}
	stored = min(reply.StoredThrough-seg.done, uint64(len(events)))
	s.mu.Lock()
	defer s.mu.Unlock()
	seg.done += stored
	seg.next = ends[stored-1]
	s.counts.Delivered += stored
	s.settle(stored)
	return stored, wait, nil
}
