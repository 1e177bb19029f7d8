package spool

import (
	"context"
	"fmt"
	"time"

	"strowger/pkg/ledger"
	"strowger/switchnode/internal/journal"
)

// writeRetry is the pause after a failed write: a full disk does not empty faster.
const writeRetry = time.Second

// event is a ledger event on its way to the disk.
type event struct {
	json []byte
	opening
	written chan<- struct{} // instead of the others: closed when those before it are written
}

// batch is events that become durable together.
type batch struct {
	records []byte
	events  uint64
	calls   []opening // that may begin or end with it
	ahead   int       // bytes of records that are written already, but not durable
	placed  bool      // some were: the batch belongs to the active file
	waiting []chan<- struct{}
}

// release tells those who wait for what is written now, or cannot be.
func (b *batch) release() {
	for _, written := range b.waiting {
		close(written)
	}
	b.waiting = nil
}

// reset empties a batch, whose memory serves the next.
func (b *batch) reset() { *b = batch{records: b.records[:0], calls: b.calls[:0]} }

func (b *batch) add(e event) {
	if e.written != nil {
		b.waiting = append(b.waiting, e.written)
		return
	}
	b.records = journal.Append(b.records, e.json)
	b.events++
	b.calls = append(b.calls, e.opening)
}

// writeAll moves events from the queue to the disk until ctx ends and the queue is empty. While a batch cannot be
// written nothing else is taken, so that the queue, which is bounded, fills.
func (s *Spool) writeAll(ctx context.Context) {
	for b := (batch{}); ; b.reset() {
		s.gather(ctx, &b)
		if b.events == 0 {
			b.release()
			if ctx.Err() != nil {
				return
			}
			continue
		}
		for s.write(b) != nil {
			b.release()
			b.ahead = 0 // what the disk has is not known
			select {
			case <-ctx.Done():
				lost := b.events + uint64(len(s.queue))
				s.count(func(c *Counts) { c.Lost += lost })
				s.cfg.Logger.Error("call ledger events are lost: they could not be written before the end", "folder", s.cfg.Dir, "events", lost)
				return
			case <-time.After(writeRetry):
			}
		}
		b.release()
	}
}

// gather waits for an event and takes those that follow within SyncInterval; on the way it writes them ahead. The batch
// stays empty when ctx has ended and nothing is left.
func (s *Spool) gather(ctx context.Context, b *batch) {
	select {
	case e := <-s.queue:
		b.add(e)
	case <-ctx.Done():
	}
	sync := time.NewTimer(SyncInterval)
	defer sync.Stop()
	ahead := time.NewTimer(WriteInterval)
	defer ahead.Stop()
	for ctx.Err() == nil && len(b.records) < ledger.MaxBatch && s.active != nil {
		select {
		case e := <-s.queue:
			if b.ahead == len(b.records) {
				ahead.Reset(WriteInterval)
			}
			b.add(e)
			if e.written != nil {
				ahead.Reset(0)
			}
		case <-ahead.C:
			s.writeAhead(b)
		case <-sync.C:
			return
		case <-ctx.Done():
		}
	}
	for len(b.records) < ledger.MaxBatch {
		select {
		case e := <-s.queue:
			b.add(e)
		default:
			return
		}
	}
}

// writeAhead writes what a batch has so far, so that this process may be killed. What goes wrong here goes wrong again, and
// is told, when the batch is made durable.
func (s *Spool) writeAhead(b *batch) {
	if s.turns(*b) || s.full(len(b.records)) {
		return
	}
	b.placed = true
	if _, err := s.active.file.WriteAt(b.records[b.ahead:], s.active.end+int64(b.ahead)); err == nil {
		b.ahead = len(b.records)
		b.release()
	}
}

// turns says whether a batch begins a new file.
func (s *Spool) turns(b batch) bool {
	seg := s.active
	return seg == nil || !b.placed && seg.end+int64(len(b.records)) > s.cfg.SegmentSize && seg.last > 0
}

// write makes a batch durable. After an error the same batch is written again to the same place: whatever part of it
// did reach the disk has the same numbers then.
func (s *Spool) write(b batch) error {
	err := s.store(b)
	s.mu.Lock()
	was := s.broken
	s.broken = err
	if err != nil {
		s.counts.WriteErrors++
	}
	dropped := s.counts.Dropped
	s.mu.Unlock()
	switch {
	case err != nil && was == nil:
		s.cfg.Logger.Error("call ledger cannot be written; calls go on without records", "folder", s.cfg.Dir, "error", err)
	case err == nil && was != nil:
		s.cfg.Logger.Info("call ledger is written again", "folder", s.cfg.Dir, "dropped", dropped)
	}
	if err == nil {
		s.dropping.Store(false)
		s.wake()
	}
	return err
}

// wake has the deliverer look at the segments.
func (s *Spool) wake() {
	select {
	case s.stored <- struct{}{}:
	default: // it has not looked since the last time
	}
}

func (s *Spool) store(b batch) error {
	seg := s.active
	if s.turns(b) {
		next, err := s.begin()
		if err != nil {
			return err
		}
		if seg != nil {
			s.seal(seg)
		}
		seg = next
	}
	if s.full(len(b.records)) {
		return fmt.Errorf("undelivered events take %d bytes, which is the limit", s.cfg.Limit)
	}
	if _, err := seg.file.WriteAt(b.records[b.ahead:], seg.end+int64(b.ahead)); err != nil {
		return err
	}
	if err := seg.file.Sync(); err != nil {
		return err
	}
	for _, c := range b.calls {
		s.open.note(c)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	seg.last += b.events
	seg.end += int64(len(b.records))
	s.size += int64(len(b.records))
	s.counts.Stored += b.events
	return nil
}

func (s *Spool) full(more int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.size+int64(more) > s.cfg.Limit
}

// seal ends the writing of a segment. Its events are durable already, so an error of Close changes nothing.
func (s *Spool) seal(seg *segment) {
	_ = seg.file.Close()
	s.mu.Lock()
	seg.sealed = true
	s.mu.Unlock()
	s.wake()
}

// close ends the writing, and removes the files that the cloud has all of: the last one if no call is left open.
func (s *Spool) close() error {
	s.oldest()
	seg := s.active
	if seg == nil {
		return nil
	}
	s.seal(seg)
	s.active = nil
	if seg.done < seg.last || len(s.open.calls) > 0 {
		return nil
	}
	return seg.discard()
}
