package lastcall

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"strowger/pkg/designation"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// opened is a book on disk that runs until the returned function is called.
func opened(t *testing.T, path string) (*Book, func()) {
	t.Helper()
	b, err := Open(Config{Path: path, Now: time.Now, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() {
		if err := b.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	return b, func() { cancel(); done.Wait() }
}

// TestRestart has a book that is opened again know what it knew, also of what was written in pieces.
func TestRestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "last")
	synctest.Test(t, func(t *testing.T) {
		b, stop := opened(t, path)
		b.Placed("dv_1", "100")
		b.Came("us_1", designation.Party{Number: "200", Name: "Bob"})
		time.Sleep(2 * delay)
		b.Placed("dv_1", "101")
		time.Sleep(2 * delay)
		b.Placed("dv_2", "102")
		b.Placed("", "103")
		stop()

		b, stop = opened(t, path)
		defer stop()
		for of, want := range map[string]Call{"dv_1": {Number: "101"}, "dv_2": {Number: "102"}, "us_1": {From: designation.Party{Number: "200", Name: "Bob"}}} {
			if c, ok := b.Last(of); !ok || c.Number != want.Number || c.From != want.From || c.At.IsZero() {
				t.Errorf("of %s it knows %+v, %v", of, c, ok)
			}
		}
		if _, ok := b.Last(""); ok {
			t.Error("it knows of nobody's call")
		}
	})
}

// TestRoom holds that a book forgets the oldest when it has no room.
func TestRoom(t *testing.T) {
	now := time.Unix(1, 0)
	b, err := Open(Config{Path: filepath.Join(t.TempDir(), "last"), Now: func() time.Time { now = now.Add(time.Second); return now }})
	if err != nil {
		t.Fatal(err)
	}
	for i := range most + 1 {
		b.Placed(fmt.Sprint("dv_", i), "1")
	}
	_, first := b.Last("dv_0")
	_, kept := b.Last(fmt.Sprint("dv_", most/10))
	_, last := b.Last(fmt.Sprint("dv_", most))
	if first || !kept || !last || len(b.last) > most {
		t.Errorf("%d entries, with the first %v, the next %v, the last %v", len(b.last), first, kept, last)
	}
}
