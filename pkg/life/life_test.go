package life_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"strowger/pkg/life"
)

// trace is what happened, in order.
type trace struct {
	mu   sync.Mutex
	line []string
}

func (t *trace) add(s string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.line = append(t.line, s)
}

func (t *trace) want(tb testing.TB, want ...string) {
	tb.Helper()
	t.mu.Lock()
	defer t.mu.Unlock()
	if !slices.Equal(t.line, want) {
		tb.Errorf("happened %q, want %q", t.line, want)
	}
}

func discard() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// part runs until its context ends.
func (t *trace) part(ctx context.Context) error {
	<-ctx.Done()
	t.add("part ended")
	return ctx.Err()
}

func (t *trace) phases(drain time.Duration) life.Shutdown {
	return life.Shutdown{
		NotReady: func() { t.add("not ready") },
		Drain: func(ctx context.Context) {
			select {
			case <-time.After(drain):
				t.add("drained")
			case <-ctx.Done():
				t.add("drain cut")
			}
		},
		Deadline: 10 * time.Second,
		Close:    func() { t.add("close") },
	}
}

func TestPhases(t *testing.T) {
	for name, c := range map[string]struct {
		drain time.Duration
		took  time.Duration
		want  []string
	}{
		"work ends in time": {3 * time.Second, 3 * time.Second, []string{"not ready", "drained", "close", "part ended"}},
		"work goes on":      {time.Minute, 10 * time.Second, []string{"not ready", "drain cut", "close", "part ended"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var happened trace
				ctx, cancel := context.WithCancel(t.Context())
				g := life.NewGroup(ctx, discard())
				release := make(chan struct{})
				g.Go("part", func(ctx context.Context) error {
					<-release // so that the order of "close" and "part ended" is certain
					return happened.part(ctx)
				})
				s := happened.phases(c.drain)
				s.Close = func() { happened.add("close"); close(release) }
				cancel()
				start := time.Now()
				if err := g.Run(ctx, s); err != nil {
					t.Errorf("run: %v", err)
				}
				if took := time.Since(start); took != c.took {
					t.Errorf("shutdown took %v, want %v", took, c.took)
				}
				happened.want(t, c.want...)
			})
		})
	}
}

func TestFailedPartEndsGroupWithoutDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var happened trace
		broken := errors.New("disk full")
		g := life.NewGroup(t.Context(), discard())
		g.Go("spool", func(context.Context) error { return broken })
		g.Go("sip", func(ctx context.Context) error { <-ctx.Done(); return errors.New("also") })
		err := g.Run(t.Context(), life.Shutdown{
			NotReady: func() { happened.add("not ready") },
			Drain:    func(context.Context) { happened.add("drained") },
			Deadline: time.Second,
			Close:    func() { happened.add("close") },
		})
		if !errors.Is(err, broken) || !strings.HasPrefix(err.Error(), "spool: ") {
			t.Errorf("run: %v, want that of the part that failed first, with its name", err)
		}
		happened.want(t, "not ready", "close")
	})
}

func TestPartThatFailsWhileDraining(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var happened trace
		broken := errors.New("disk full")
		ctx, cancel := context.WithCancel(t.Context())
		g := life.NewGroup(ctx, discard())
		g.Go("spool", func(context.Context) error { time.Sleep(time.Second); return broken })
		cancel()
		if err := g.Run(ctx, happened.phases(time.Minute)); !errors.Is(err, broken) {
			t.Errorf("run: %v, want %v", err, broken)
		}
		happened.want(t, "not ready", "drain cut", "close")
	})
}

func TestPartThatFinishesIsNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		g := life.NewGroup(ctx, discard())
		g.Go("once", func(context.Context) error { return nil })
		time.AfterFunc(time.Minute, cancel)
		start := time.Now()
		if err := g.Run(ctx, life.Shutdown{}); err != nil {
			t.Errorf("run: %v", err)
		}
		if time.Since(start) != time.Minute {
			t.Errorf("the group ended after %v with its first part", time.Since(start))
		}
	})
}
