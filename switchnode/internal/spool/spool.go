// Package spool keeps the call ledger's events on disk until the cloud has stored them.
//
// A spool is one file: a journal whose first record names it with a random id and whose further records are events, in
// JSON, numbered by their place from 1. Each run of the node, and each SegmentSize bytes, begins a new file, so that a
// number is never given twice even when the disk loses what it had. Only events that are on the disk are delivered, in
// order, and a file goes when the cloud has stored all of it: an event arrives under the same (spool, seq) however often
// either side is killed.
package spool

import (
	"context"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/ledger"
)

// Defaults of Config.
const (
	DefaultQueue       = 4096
	DefaultSegmentSize = 1 << 20
	DefaultLimit       = 1 << 30
	SyncInterval       = 100 * time.Millisecond // an event is durable after it: what a power cut may cost
	WriteInterval      = 5 * time.Millisecond   // an event is written after it: what a kill of the process may cost
)

// usualEvent is what nearly every event takes, in bytes of JSON.
const usualEvent = 256

// Config says where events are kept and how they leave.
type Config struct {
	Dir string // of this spool alone
	// Deliver sends one batch to the cloud and returns its reply after commit.
	Deliver func(context.Context, fabric.LedgerJSON) (fabric.LedgerReply, error)
	Logger  *slog.Logger
	// Queue is the number of events that may wait for the disk, SegmentSize the bytes after which a new file begins,
	// Limit the bytes that undelivered events may take, at least two segments. 0 is the default.
	Queue       int
	SegmentSize int64
	Limit       int64
}

// Counts is what became of events since the start.
type Counts struct {
	Recovered   uint64 // found on disk at the start
	Stored      uint64 // on disk, durable
	Delivered   uint64 // stored by the cloud
	Dropped     uint64 // not taken: the queue was full
	Refused     uint64 // not taken: too large or not JSON
	Lost        uint64 // taken, but the disk had damaged them when they were to be delivered
	WriteErrors uint64
}

// Spool takes events and delivers them while Run runs.
type Spool struct {
	cfg    Config
	create func(path string) (file, error)

	queue       chan event
	outstanding atomic.Int64  // taken or recovered, not yet delivered
	dropping    atomic.Bool   // the queue was full since events were last written
	stored      chan struct{} // capacity 1: there is something to deliver
	retry       chan struct{} // capacity 1: the cloud is back

	open openCalls // the writer's, once Run runs

	mu       sync.Mutex
	segments []*segment // oldest first; the last may be the one being written
	active   *segment   // nil until the first event
	serial   uint64     // of the newest file
	size     int64      // of all files
	counts   Counts
	broken   error         // why events cannot be written, nil when they can
	changed  chan struct{} // closed and replaced when outstanding falls
}

// New opens the spool in cfg.Dir, which it makes if it must, and finds what earlier runs left there.
func New(cfg Config) (*Spool, error) {
	if cfg.Queue == 0 {
		cfg.Queue = DefaultQueue
	}
	if cfg.SegmentSize == 0 {
		cfg.SegmentSize = DefaultSegmentSize
	}
	if cfg.Limit == 0 {
		cfg.Limit = DefaultLimit
	}
	cfg.Limit = max(cfg.Limit, 2*cfg.SegmentSize)
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, err
	}
	s := &Spool{
		cfg:     cfg,
		create:  createFile,
		queue:   make(chan event, cfg.Queue),
		stored:  make(chan struct{}, 1),
		retry:   make(chan struct{}, 1),
		changed: make(chan struct{}),
	}
	if err := s.recover(); err != nil {
		return nil, err
	}
	return s, nil
}

// Run writes and delivers until ctx ends; what was appended before is then on disk. Nothing may be appended after.
func (s *Spool) Run(ctx context.Context) error {
	if len(s.open.calls) > 0 { // a file of this run names them before the files go that an earlier run left
		if _, err := s.begin(); err != nil {
			s.cfg.Logger.Error("the call ledger cannot be written", "folder", s.cfg.Dir, "error", err)
		}
	}
	var delivering sync.WaitGroup
	delivering.Go(func() { s.deliverAll(ctx) })
	s.writeAll(ctx)
	delivering.Wait()
	return s.close()
}

// Append takes an event; Seq is not looked at. It never waits: when the disk is too slow or full, the event is dropped
// and counted, and the call goes on.
func (s *Spool) Append(e ledger.Event) error {
	e.Seq = 0
	b, err := e.AppendJSON(make([]byte, 0, usualEvent))
	if err != nil {
		s.count(func(c *Counts) { c.Refused++ })
		return errs.New(errs.Invalid, "ledger event %q of call %s: %w", e.Kind, e.Call, err)
	}
	if len(b) > ledger.MaxEvent {
		s.count(func(c *Counts) { c.Refused++ })
		return errs.New(errs.Invalid, "ledger event %q of call %s has %d bytes, at most %d", e.Kind, e.Call, len(b), ledger.MaxEvent)
	}
	s.outstanding.Add(1)
	select {
	case s.queue <- event{json: b, opening: opening{e.At, e.Call, e.Kind}}:
		return nil
	default:
	}
	s.outstanding.Add(-1)
	s.count(func(c *Counts) { c.Dropped++ })
	if !s.dropping.Swap(true) {
		s.cfg.Logger.Error("call ledger events are dropped: the disk is too slow, or takes none", "folder", s.cfg.Dir, "waiting", s.cfg.Queue)
	}
	return errs.New(errs.Congested, "ledger event %q of call %s dropped: %d events wait for the disk", e.Kind, e.Call, s.cfg.Queue)
}

// Written waits until what was appended before is written, so that a kill of the process does not lose it, or the disk takes
// nothing, but not for longer than patience.
func (s *Spool) Written(patience time.Duration) {
	written := make(chan struct{})
	select {
	case s.queue <- event{written: written}:
	default: // full: the disk is slow
		return
	}
	end := time.NewTimer(patience)
	defer end.Stop()
	select {
	case <-written:
	case <-end.C:
	}
}

// Flush waits until nothing is left to deliver. When ctx ends first, its error is returned and the rest stays on disk
// for the next run.
func (s *Spool) Flush(ctx context.Context) error {
	for {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		if s.outstanding.Load() == 0 {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Ready says why events cannot be kept at present, nil when they can.
func (s *Spool) Ready() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.broken
}

// Counts returns what became of events so far.
func (s *Spool) Counts() Counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts
}

// Outstanding is the number of events that the cloud has not stored yet.
func (s *Spool) Outstanding() int64 { return s.outstanding.Load() }

func (s *Spool) count(add func(*Counts)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	add(&s.counts)
}

// settle notes that n events need no delivery any more. The caller holds mu.
func (s *Spool) settle(n uint64) {
	s.outstanding.Add(-int64(n))
	close(s.changed)
	s.changed = make(chan struct{})
}
