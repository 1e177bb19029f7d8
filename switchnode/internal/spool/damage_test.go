package spool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/ledger"
)

// never is a cloud that cannot be reached.
func never() *cloud {
	return &cloud{answer: func(fabric.Ledger) (uint64, time.Duration, error) { return 0, 0, io.ErrUnexpectedEOF }}
}

// written makes a spool of n events and returns its only file.
func written(t *testing.T, dir string, n int) string {
	t.Helper()
	s, stop := runs(t, Config{Dir: dir}, never())
	appendAll(t, s, texts(1, n))
	stop()
	all := files(t, dir)
	if len(all) != 1 {
		t.Fatalf("files %v, want one", all)
	}
	return all[0]
}

func TestEveryTornTail(t *testing.T) {
	path := written(t, t.TempDir(), 3)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var have []uint64
	for cut := range len(whole) + 1 {
		dir := t.TempDir()
		if err := os.WriteFile(fmt.Sprintf("%s/%016x%s", dir, 1, suffix), whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := New(Config{Dir: dir, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		have = append(have, s.Counts().Recovered)
		if kept := len(files(t, dir)) == 1; kept != (s.Counts().Recovered > 0) {
			t.Fatalf("cut at %d: %d events, file kept: %v", cut, s.Counts().Recovered, kept)
		}
	}
	if !slices.IsSorted(have) || !slices.Equal(slices.Compact(have), []uint64{0, 1, 2, 3}) {
		t.Errorf("events by cut: %v", have)
	}
}

func TestDamagedEventsAreLostAlone(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		open := atomic.Bool{}
		c := &cloud{}
		c.answer = func(q fabric.Ledger) (uint64, time.Duration, error) {
			if !open.Load() {
				return 0, 0, io.ErrUnexpectedEOF
			}
			return q.First + uint64(len(q.Events)) - 1, 0, nil
		}
		s, stop := runs(t, Config{Dir: dir, SegmentSize: 400}, c)
		defer stop()
		for i := range 3 {
			appendAll(t, s, texts(5*i+1, 5*i+5))
			time.Sleep(time.Second)
		}
		all := files(t, dir)
		if len(all) != 3 {
			t.Fatalf("files %v, want three", all)
		}
		b, err := os.ReadFile(all[1])
		if err != nil {
			t.Fatal(err)
		}
		b[len(b)-1] ^= 1 // in event 10
		if err := os.WriteFile(all[1], b, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(all[0]); err != nil {
			t.Fatal(err)
		}
		open.Store(true)
		if err := s.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if want := slices.Concat(texts(6, 9), texts(11, 15)); !slices.Equal(c.order, want) || s.Counts().Lost != 6 {
			t.Errorf("stored %v, lost %d", c.order, s.Counts().Lost)
		}
	})
}

// A file whose head is damaged is kept for people, and one with a damaged event goes aside when the rest is delivered.
func TestDamagedFilesAreSetAside(t *testing.T) {
	dir := t.TempDir()
	path := written(t, dir, 3)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []int{12, len(whole) - 3} { // in the head, in the last event
		damaged := slices.Clone(whole)
		damaged[at] ^= 1
		if err := os.WriteFile(path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		c := &cloud{}
		s, stop := runs(t, Config{Dir: dir}, c)
		if err := s.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		stop()
		if kept, err := os.ReadFile(path + aside); err != nil || !slices.Equal(kept, damaged) {
			t.Errorf("byte %d is damaged: the file is not set aside: %v", at, err)
		}
		if all := files(t, dir); len(all) != 0 {
			t.Errorf("byte %d is damaged: %v stay", at, all)
		}
		if want := texts(1, 2); at > 12 && !slices.Equal(c.order, want) {
			t.Errorf("stored %v, want %v", c.order, want)
		}
	}
}

// A process that is killed has written what it took, but for the last milliseconds, though none of it is durable yet.
func TestWrittenBeforeItIsDurable(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s, stop := runs(t, Config{Dir: dir}, never())
		defer stop()
		appendAll(t, s, texts(1, 1))
		time.Sleep(2 * SyncInterval)
		for i := range 5 {
			appendAll(t, s, texts(i+2, i+2))
			time.Sleep(2 * WriteInterval)
			next, err := New(Config{Dir: dir, Logger: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			if n := next.Counts().Recovered; n != uint64(i+2) || s.Counts().Stored != 1 {
				t.Fatalf("the next run finds %d events of %d; %d are durable", n, i+2, s.Counts().Stored)
			}
		}
	})
}

// frail is a file on a disk that is full at times: it then takes half of what is written, or cannot sync it.
type frail struct {
	file
	full, unsynced *atomic.Bool
}

func (f frail) WriteAt(b []byte, at int64) (int, error) {
	if f.full.Load() {
		n, _ := f.file.WriteAt(b[:len(b)/2], at)
		return n, syscall.ENOSPC
	}
	return f.file.WriteAt(b, at)
}

func (f frail) Sync() error {
	if f.unsynced.Load() {
		return syscall.EIO
	}
	return f.file.Sync()
}

func TestFullDiskDropsAndGoesOn(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		var full, unsynced atomic.Bool
		c := &cloud{}
		s, err := New(Config{Dir: dir, Queue: 5, Deliver: c.Deliver, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		s.create = func(path string) (file, error) {
			f, err := createFile(path)
			return frail{f, &full, &unsynced}, err
		}
		done := make(chan error)
		ctx, stop := context.WithCancel(t.Context())
		go func() { done <- s.Run(ctx) }()

		appendAll(t, s, texts(1, 2))
		time.Sleep(time.Second)
		for i, fault := range []*atomic.Bool{&full, &unsynced} {
			fault.Store(true)
			appendAll(t, s, texts(10*i+11, 10*i+12)) // the batch that waits for the disk
			time.Sleep(time.Second)
			if s.Ready() == nil {
				t.Error("ready with a full disk")
			}
			appendAll(t, s, texts(10*i+13, 10*i+17)) // the queue
			if err := s.Append(ledger.Event{}); errs.CodeOf(err) != errs.Congested {
				t.Errorf("taken by a full queue: %v", err)
			}
			fault.Store(false)
			if err := s.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := s.Ready(); err != nil {
				t.Errorf("not ready: %v", err)
			}
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if want := slices.Concat(texts(1, 2), texts(11, 17), texts(21, 27)); !slices.Equal(c.order, want) {
			t.Errorf("stored %v", c.order)
		}
		if n := s.Counts(); n.Dropped != 2 || n.Stored != 16 || n.WriteErrors < 2 {
			t.Errorf("%+v", n)
		}
	})
}

func TestNoFolderForTheFirstFile(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		c := &cloud{}
		s, stop := runs(t, Config{Dir: dir}, c)
		defer stop()
		if err := os.Remove(dir); err != nil {
			t.Fatal(err)
		}
		appendAll(t, s, texts(1, 3))
		time.Sleep(time.Second)
		if err := s.Ready(); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("ready without a folder: %v", err)
		}
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := s.Flush(t.Context()); err != nil || !slices.Equal(c.order, texts(1, 3)) {
			t.Errorf("%v, stored %v", err, c.order)
		}
	})
}

func TestLimit(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		away := atomic.Bool{}
		away.Store(true)
		c := &cloud{}
		c.answer = func(q fabric.Ledger) (uint64, time.Duration, error) {
			if away.Load() {
				return 0, 0, io.ErrUnexpectedEOF
			}
			return q.First + uint64(len(q.Events)) - 1, 0, nil
		}
		s, stop := runs(t, Config{Dir: dir, SegmentSize: 500, Limit: 1000}, c)
		defer stop()
		for i := range 10 {
			appendAll(t, s, texts(3*i+1, 3*i+3))
			time.Sleep(time.Second)
		}
		if s.Ready() == nil {
			t.Error("ready beyond the limit")
		}
		away.Store(false)
		if err := s.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := s.Ready(); err != nil || !slices.Equal(c.order, texts(1, 30)) {
			t.Errorf("%v, stored %v", err, c.order)
		}
	})
}
