package directory

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"strowger/cloud/internal/store"
	"strowger/pkg/rest"
)

// TestLater has the store ahead of a snapshot: who asks for a later one waits until the change was told, in vain if it is
// not, and not at all if there is none.
func TestLater(t *testing.T) {
	r := newRegistry(t)
	var told []store.Change
	r.store.OnChange(func(c store.Change) { told = append(told, c) })
	d := New(Config{Store: r.store, Logger: slog.New(slog.DiscardHandler)})
	r.ok(d.Load(t.Context()))
	old, err := d.Snapshot(r.org.ID)
	r.ok(err)
	if s := d.Later(t.Context(), r.org.ID, old); s != old {
		t.Error("a later snapshot of what did not change")
	}
	v := rest.NewUser("somebody")
	r.ok(r.store.Users.Create(t.Context(), r.org.ID, &v))
	later := make(chan *Snapshot)
	go func() { later <- d.Later(t.Context(), r.org.ID, old) }()
	d.Changed(told[0])
	d.follow(t.Context())
	if s := <-later; s == old || s.users.len != 1 {
		t.Errorf("the snapshot has %d users, want 1", s.users.len)
	}

	v = rest.NewUser("nobody is told of")
	r.ok(r.store.Users.Create(t.Context(), r.org.ID, &v))
	s, _ := d.Snapshot(r.org.ID)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if got := d.Later(ctx, r.org.ID, s); got != s {
		t.Error("a later snapshot from nowhere")
	}
	for range laterRate {
		d.looks.Take(r.org.ID)
	}
	if got := d.Later(t.Context(), r.org.ID, s); got != s {
		t.Error("a later snapshot beyond the rate")
	}
}

// TestFollow has who changed something wait until it counts.
func TestFollow(t *testing.T) {
	r := newRegistry(t)
	d := New(Config{Store: r.store, Logger: slog.New(slog.DiscardHandler)})
	r.store.OnChange(d.Changed)
	r.ok(d.Load(t.Context()))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- d.Run(ctx) }()
	for n := 1; n <= 50; n++ {
		v := rest.NewUser(fmt.Sprint("somebody ", n))
		r.ok(r.store.Users.Create(t.Context(), r.org.ID, &v))
		d.Follow(t.Context())
		if s, err := d.Snapshot(r.org.ID); err != nil || s.users.len != n {
			t.Fatalf("the snapshot has %d users, want %d: %v", s.users.len, n, err)
		}
	}
	cancel()
	r.ok(<-ended)
	d.Changed(store.Change{Org: r.org.ID}) // nobody takes it any more
	ctx, cancel = context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	d.Follow(ctx)
	if ctx.Err() == nil {
		t.Error("what nobody took was waited for no longer")
	}
}
