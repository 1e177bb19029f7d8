package queue

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"strowger/pkg/designation"
)

// lobby is a hall with callers in it, in a bubble.
type lobby struct {
	*Hall
	path string

	mu   sync.Mutex
	left []string // calls, with their reasons
	said []string // what callers were told, in order
	deaf bool     // nobody looks whether a place is on disk
}

func newLobby(t *testing.T, path string) *lobby {
	t.Helper()
	l := &lobby{path: path}
	var err error
	l.Hall, err = NewHall(Config{
		Path: path, Now: time.Now, Count: func(name string) { t.Errorf("counted: %s", name) }, Logger: slog.New(slog.DiscardHandler),
		Left: func(e Entry, why Reason) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.left = append(l.left, e.Call+" "+string(why))
		},
		Kept:   func(e Entry) { l.say(e.Call + " is away") },
		Recall: func(e Entry) { l.say(e.Call + " is called back") },
	})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// open runs the hall until the test ends or close is called.
func (l *lobby) open(t *testing.T) (closes func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func (l *lobby) say(words string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.said = append(l.said, words)
}

// heard is what callers were told since the last time.
func (l *lobby) heard() string {
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	said := strings.Join(l.said, ", ")
	l.said = nil
	return said
}

// caller is one that waits.
type caller struct {
	*lobby
	name string
}

func (c caller) Stands(s Standing) {
	if c.deaf {
		return
	}
	on, err := openDisk(c.path, slog.New(slog.DiscardHandler))
	if _, kept := on.live[c.name]; err != nil || !kept && c.Ready() == nil {
		c.say(c.name + " is told of a place that is not on disk")
		return
	}
	c.say(fmt.Sprintf("%s at %d", c.name, s.Position))
}
func (c caller) Turn(Offer)     { c.say(c.name + " rings") }
func (c caller) Expel(r Reason) { c.say(c.name + " " + string(r)) }

func (l *lobby) join(t *testing.T, name string, limits Limits) {
	t.Helper()
	e := Entry{Call: name, Line: "us_b", From: designation.Party{Number: "1001", User: "us_a", Device: map[bool]string{true: "dv_" + name}[strings.HasPrefix(name, "app")]}}
	if err := l.Join(e, limits, caller{l, name}); err != nil {
		t.Fatal(err)
	}
}

func (l *lobby) wants(t *testing.T, want string) {
	t.Helper()
	if got := l.heard(); got != want {
		t.Errorf("callers were told %q, want %q", got, want)
	}
}

var roomy = Limits{Length: 10, Wait: time.Minute}

// TestHall has calls wait, be served, moved, taken out, and be too many or too late.
func TestHall(t *testing.T) {
	path := filepath.Join(t.TempDir(), "queue")
	synctest.Test(t, func(t *testing.T) {
		l := newLobby(t, path)
		defer l.open(t)()
		l.join(t, "a", roomy)
		l.wants(t, "a rings") // nobody before it: it does not wait
		l.Left("us_b", "a", Answered, "")
		l.join(t, "b", roomy)
		l.join(t, "c", roomy)
		l.wants(t, "b at 1, c at 2")
		l.join(t, "d", Limits{Length: 2, Wait: time.Minute})
		l.wants(t, "d full")
		if !l.Reorder(t.Context(), "c", 1) || l.Reorder(t.Context(), "d", 1) {
			t.Error("c cannot be moved, or d can")
		}
		l.wants(t, "c at 1, b at 2")
		if all := l.Waiting()["us_b"]; len(all) != 2 || all[0].Call != "c" || all[1].Position != 2 {
			t.Errorf("who waits: %+v", all)
		}
		l.Freed("us_b", "a")
		l.wants(t, "c rings, b at 1")
		l.Returned("us_b", "c")
		l.wants(t, "c at 1, b at 2")
		time.Sleep(retry)
		l.wants(t, "c rings, b at 1")
		l.Left("us_b", "c", Unserved, "")
		l.wants(t, "b rings")
		l.Freed("us_b", "b")
		l.Occupied("us_b", "own")
		l.join(t, "e", roomy)
		time.Sleep(repeat)
		l.wants(t, "e at 1, e at 1")
		time.Sleep(roomy.Wait - repeat)
		l.wants(t, "e too-long")
		l.join(t, "f", roomy)
		synctest.Wait()
		if !l.Reorder(t.Context(), "f", 0) {
			t.Error("f cannot be taken out")
		}
		l.wants(t, "f at 1, f removed")
		l.Freed("us_b", "own")
		synctest.Wait()
		if want := []string{"c unserved", "b unserved", "e too-long", "f removed"}; !slices.Equal(l.left, want) {
			t.Errorf("left: %q, want %q", l.left, want)
		}
	})
}

// TestHallAfterAKill finds on disk who waited, and tells how that ended: once.
func TestHallAfterAKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "queue")
	synctest.Test(t, func(t *testing.T) {
		l := newLobby(t, path)
		closes := l.open(t)
		l.Occupied("us_b", "own")
		l.join(t, "a", roomy)
		time.Sleep(30 * time.Second)
		l.join(t, "b", roomy)
		l.join(t, "c", roomy)
		l.wants(t, "a at 1, b at 2, c at 3")
		l.Left("us_b", "c", GaveUp, "")
		synctest.Wait()
		closes() // the file is as a kill leaves it: what is in it was synced before
		if err := os.WriteFile(path, append(must(os.ReadFile(path))(t), 1, 2, 3), 0o600); err != nil {
			t.Fatal(err)
		}
		time.Sleep(35 * time.Second)
		for _, want := range [][]string{{"a elapsed", "b cut-off"}, nil} {
			again := newLobby(t, path)
			closes = again.open(t)
			synctest.Wait()
			closes()
			slices.Sort(again.left)
			if !slices.Equal(again.left, want) {
				t.Errorf("after the kill: %q, want %q", again.left, want)
			}
		}
	})
}

// TestHallCallsBack has callers hang up and keep their place, over a kill of the switch; one answers at last, one never does.
func TestHallCallsBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "queue")
	synctest.Test(t, func(t *testing.T) {
		l := newLobby(t, path)
		closes := l.open(t)
		l.Occupied("us_b", "own")
		l.join(t, "app1", roomy)
		l.wants(t, "app1 at 1")
		l.Kept("us_b", "app1")
		l.wants(t, "app1 is away")
		l.join(t, "app2", roomy)
		l.wants(t, "app2 at 2")
		closes()
		again := newLobby(t, path)
		defer again.open(t)()
		again.wants(t, "app2 is away")
		time.Sleep(startPause)
		again.wants(t, "app1 is called back")
		again.Missed("us_b", "app1", Pause, true)
		again.wants(t, "app2 is called back")
		again.Reached("us_b", "app2", caller{again, "app2"})
		again.wants(t, "app2 rings")
		again.Returned("us_b", "app2")
		again.wants(t, "app2 at 2")
		time.Sleep(retry)
		again.wants(t, "app2 rings")
		again.Left("us_b", "app2", Answered, "")
		time.Sleep(Pause)
		again.wants(t, "")
		again.Freed("us_b", "app2")
		again.wants(t, "app1 is called back")
		again.Missed("us_b", "app1", Pause, true)
		synctest.Wait()
		if want := []string{"app2 called-back", "app1 not-reached"}; !slices.Equal(again.left, want) || len(l.left) != 0 {
			t.Errorf("left: %q, want %q; before the kill %q", again.left, want, l.left)
		}
	})
}

// TestHallWithoutADisk has calls wait all the same, and says so.
func TestHallWithoutADisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gone", "queue")
	synctest.Test(t, func(t *testing.T) {
		l := newLobby(t, path)
		defer l.open(t)()
		l.Occupied("us_b", "own")
		l.join(t, "a", roomy)
		l.wants(t, "a at 1")
		if l.Ready() == nil {
			t.Error("nothing says that a crash would lose the call")
		}
		if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		l.join(t, "b", roomy)
		l.wants(t, "b at 2")
		if on, err := openDisk(path, slog.New(slog.DiscardHandler)); err != nil || len(on.live) != 2 || l.Ready() != nil {
			t.Errorf("when the disk is back it has %v, %v; %v", on.live, err, l.Ready())
		}
	})
}

// TestHallOfMany has 200 calls wait for one callee, who takes one after the other.
func TestHallOfMany(t *testing.T) {
	path := filepath.Join(t.TempDir(), "queue")
	synctest.Test(t, func(t *testing.T) {
		l := newLobby(t, path)
		defer l.open(t)()
		const many = 200
		l.deaf = true
		l.Occupied("us_b", "own")
		for i := range many {
			l.join(t, fmt.Sprint("c", i), Limits{Length: many, Wait: time.Hour})
		}
		l.heard()
		last := "own"
		for i := range many {
			l.Freed("us_b", last)
			if last = fmt.Sprint("c", i); !strings.HasPrefix(l.heard(), last+" rings") {
				t.Fatalf("%s does not ring", last)
			}
			l.Left("us_b", last, Answered, "")
		}
		l.Freed("us_b", last)
		synctest.Wait()
		if len(l.left) != many || len(l.Waiting()) != 0 {
			t.Errorf("%d left, %d lines", len(l.left), len(l.Waiting()))
		}
	})
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
