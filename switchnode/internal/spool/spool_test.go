package spool

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/ledger"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		os.Exit(child(dir))
	}
	goleak.VerifyTestMain(m)
}

// cloud stores events as the real one does: once per (spool, seq), in order.
type cloud struct {
	mu      sync.Mutex
	stored  map[string][]ledger.Event
	order   []string // texts, as they came in
	batches []fabric.Ledger
	answer  func(fabric.Ledger) (through uint64, wait time.Duration, err error) // nil stores all
}

// arrived is a delivery as the cloud reads it: an event's place is its number.
func arrived(sent fabric.LedgerJSON) (q fabric.Ledger, err error) {
	b, err := json.Marshal(sent)
	if err == nil {
		err = json.Unmarshal(b, &q)
	}
	for i := range q.Events {
		q.Events[i].Seq = q.First + uint64(i)
	}
	return q, err
}

func (c *cloud) Deliver(_ context.Context, sent fabric.LedgerJSON) (fabric.LedgerReply, error) {
	q, err := arrived(sent)
	if err != nil {
		return fabric.LedgerReply{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.batches = append(c.batches, q)
	through, wait := q.First+uint64(len(q.Events))-1, time.Duration(0)
	if c.answer != nil {
		through, wait, err = c.answer(q)
	}
	if err != nil {
		return fabric.LedgerReply{}, err
	}
	if c.stored == nil {
		c.stored = map[string][]ledger.Event{}
	}
	for _, e := range q.Events {
		if have := uint64(len(c.stored[q.Spool])); e.Seq <= through && e.Seq > have {
			if e.Seq != have+1 {
				return fabric.LedgerReply{}, fmt.Errorf("event %d follows %d", e.Seq, have)
			}
			c.stored[q.Spool] = append(c.stored[q.Spool], e)
			c.order = append(c.order, e.Text)
		}
	}
	return fabric.LedgerReply{StoredThrough: through, RetryAfter: wait}, nil
}

// runs starts a spool, and returns how to stop it.
func runs(t *testing.T, cfg Config, c *cloud) (*Spool, func()) {
	t.Helper()
	cfg.Deliver = c.Deliver
	cfg.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := s.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	return s, func() { cancel(); running.Wait() }
}

func texts(from, to int) (all []string) {
	for i := from; i <= to; i++ {
		all = append(all, fmt.Sprint(i))
	}
	return all
}

func appendAll(t *testing.T, s *Spool, texts []string) {
	t.Helper()
	for _, text := range texts {
		if err := s.Append(ledger.Event{Call: "ca_1", Kind: ledger.Message, Text: text}); err != nil {
			t.Fatal(err)
		}
	}
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*"+suffix))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestDeliversInOrderAndOnce(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		c := &cloud{}
		s, stop := runs(t, Config{Dir: dir, SegmentSize: 2000}, c)
		for i := range 10 {
			appendAll(t, s, texts(10*i+1, 10*i+10))
			time.Sleep(time.Second)
		}
		if err := s.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(c.stored) < 3 {
			t.Errorf("%d spools, want one for each 2,000 bytes", len(c.stored))
		}
		if n := len(files(t, dir)); n != 1 {
			t.Errorf("%d files are kept, want only the one being written", n)
		}
		stop()
		if !slices.Equal(c.order, texts(1, 100)) {
			t.Errorf("stored %v", c.order)
		}
		if got := s.Counts(); got != (Counts{Stored: 100, Delivered: 100}) || s.Outstanding() != 0 {
			t.Errorf("%+v, %d outstanding", got, s.Outstanding())
		}
		if left := files(t, dir); len(left) != 0 {
			t.Errorf("left behind: %v", left)
		}
	})
}

func TestBatchesAreLimited(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		c := &cloud{}
		s, stop := runs(t, Config{Dir: dir}, c)
		appendAll(t, s, slices.Repeat([]string{strings.Repeat("x", ledger.MaxEvent-100)}, 100))
		if err := s.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		stop()
		for _, b := range c.batches {
			size := 0
			for _, e := range b.Events {
				size += e.Size()
			}
			if size > ledger.MaxBatch {
				t.Errorf("a batch of %d events has %d bytes", len(b.Events), size)
			}
		}
		if len(c.order) != 100 {
			t.Errorf("%d events stored", len(c.order))
		}
	})
}

func TestTriesAgain(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		var at []time.Duration
		start := time.Now()
		c := &cloud{}
		c.answer = func(q fabric.Ledger) (uint64, time.Duration, error) {
			at = append(at, time.Since(start))
			switch len(at) {
			case 1, 2, 3, 4, 5, 6, 7, 8:
				return 0, 0, errs.New(errs.CloudAway, "nobody there")
			case 9:
				return q.First + 1, time.Minute, nil // two of three, and come back later
			}
			return q.First + uint64(len(q.Events)) - 1, 0, nil
		}
		s, stop := runs(t, Config{Dir: dir}, c)
		appendAll(t, s, texts(1, 3))
		if err := s.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		stop()
		if !slices.Equal(c.order, texts(1, 3)) {
			t.Errorf("stored %v", c.order)
		}
		for i, pause := 1, firstPause; i < 9; i, pause = i+1, min(2*pause, lastPause) {
			if d := at[i] - at[i-1]; d < pause/2 || d > pause {
				t.Errorf("pause %d was %v, want %v to %v", i, d, pause/2, pause)
			}
		}
		if d := at[9] - at[8]; d < time.Minute || d > 75*time.Second {
			t.Errorf("came back after %v, asked for a minute", d)
		}
		if q := c.batches[9]; q.First != 3 || len(q.Events) != 1 {
			t.Errorf("after 2 of 3: %d events from %d", len(q.Events), q.First)
		}
	})
}

func TestFlushGivesUp(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s, stop := runs(t, Config{Dir: dir}, never())
		defer stop()
		appendAll(t, s, texts(1, 3))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("flushed without a cloud: %v", err)
		}
		if s.Outstanding() != 3 {
			t.Errorf("%d outstanding, want 3", s.Outstanding())
		}
	})
}

func TestRestartKeepsNumbers(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		var first []fabric.Ledger
		lost := &cloud{answer: func(q fabric.Ledger) (uint64, time.Duration, error) {
			first = append(first, q) // stored by the cloud, but the reply never came
			return 0, 0, io.ErrUnexpectedEOF
		}}
		s, stop := runs(t, Config{Dir: dir}, lost)
		appendAll(t, s, texts(1, 5))
		time.Sleep(time.Second)
		stop()

		c := &cloud{}
		s, stop = runs(t, Config{Dir: dir}, c)
		if s.Counts().Recovered != 5 || s.Outstanding() != 5 {
			t.Errorf("%+v, %d outstanding", s.Counts(), s.Outstanding())
		}
		appendAll(t, s, texts(6, 10))
		if err := s.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		stop()
		if !slices.Equal(c.order, texts(1, 10)) {
			t.Errorf("stored %v", c.order)
		}
		again, next := c.batches[0], c.batches[1]
		if again.Spool != first[0].Spool || again.First != first[0].First || next.Spool == again.Spool {
			t.Errorf("first %s from %d, then %s from %d, then %s", first[0].Spool, first[0].First, again.Spool, again.First, next.Spool)
		}
	})
}

func TestStopMakesDurable(t *testing.T) {
	dir := t.TempDir()
	s, stop := runs(t, Config{Dir: dir}, never())
	appendAll(t, s, texts(1, 1000))
	stop()
	s, stop = runs(t, Config{Dir: dir}, never())
	defer stop()
	if s.Counts().Recovered != 1000 {
		t.Errorf("%+v", s.Counts())
	}
}

// TestWrittenBeforeAKill: whoever waits for it has an event in the file before it is durable, and before others would be.
func TestWrittenBeforeAKill(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s, stop := runs(t, Config{Dir: dir}, never())
		defer stop()
		for i := range 100 {
			begun := time.Now()
			appendAll(t, s, []string{fmt.Sprint("event ", i)})
			s.Written(time.Minute)
			if took := time.Since(begun); took > SyncInterval || i > 0 && took > WriteInterval {
				t.Errorf("event %d was written after %v", i, took)
			}
			b, err := os.ReadFile(files(t, dir)[0])
			if err != nil || !strings.Contains(string(b), fmt.Sprintf("event %d\"", i)) {
				t.Fatalf("event %d is not in the file (%v)", i, err)
			}
		}
	})
}

// TestWrittenGivesUp: who waits for a disk that takes nothing goes on.
func TestWrittenGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := New(Config{Dir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		s.Written(time.Second) // Run does not run
		if time.Since(begun) != time.Second {
			t.Errorf("waited %v", time.Since(begun))
		}
	})
}

func TestRefusesWhatTheLedgerCannotCarry(t *testing.T) {
	s, stop := runs(t, Config{Dir: t.TempDir()}, &cloud{})
	defer stop()
	large := ledger.Event{Text: strings.Repeat("x", ledger.MaxEvent)}
	if err := s.Append(large); errs.CodeOf(err) != errs.Invalid {
		t.Error(err)
	}
	zero := 0.0
	if err := s.Append(ledger.Event{Quality: &ledger.QualityFigures{RoundTrip: 1 / zero}}); errs.CodeOf(err) != errs.Invalid {
		t.Error(err)
	}
	if s.Counts().Refused != 2 || s.Outstanding() != 0 {
		t.Errorf("%+v, %d outstanding", s.Counts(), s.Outstanding())
	}
}

func TestOnlySpoolsAreTouched(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, fmt.Sprintf("%016x%s", 7, suffix))
	if err := os.WriteFile(path, []byte("\x00\x00\x00\x05hello, not a spool"), 0o600); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(dir, "note.txt")
	if err := os.WriteFile(other, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s, stop := runs(t, Config{Dir: dir}, &cloud{})
	defer stop()
	if _, err := os.Stat(other); err != nil || s.serial != 7 {
		t.Errorf("%v, serial %d", err, s.serial)
	}
}
