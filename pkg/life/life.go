// Package life runs the parts of a role: start them, wait for them, and end them in phases.
//
// A role makes a Group, starts its parts with Go and calls Run with the context of its own Run. When that context ends,
// the role shuts down in phases: not ready (new work is refused), drain (work under way may end, up to a deadline), close
// (the parts' contexts end), wait. A part that fails ends the role without a drain.
package life

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// errStopped ends the parts of a group that does as it was told.
var errStopped = errors.New("stopped")

// Group is the parts of a role.
type Group struct {
	log    *slog.Logger
	ctx    context.Context // of the parts; outlives the role's so that they work while it drains
	cancel context.CancelCauseFunc
	parts  sync.WaitGroup
}

// NewGroup returns a group whose parts keep the values of ctx but not its end.
func NewGroup(ctx context.Context, log *slog.Logger) *Group {
	g := &Group{log: log}
	g.ctx, g.cancel = context.WithCancelCause(context.WithoutCancel(ctx))
	return g
}

// Go starts a part. It must return soon after its context ends; an error that it returns before that ends the group.
func (g *Group) Go(name string, part func(ctx context.Context) error) {
	g.parts.Go(func() {
		if err := part(g.ctx); err != nil && g.ctx.Err() == nil {
			g.cancel(fmt.Errorf("%s: %w", name, err))
		}
	})
}

// Shutdown is what a role does in the phases of its end; nil functions are skipped.
type Shutdown struct {
	NotReady func()                    // stop being ready, refuse new work
	Drain    func(ctx context.Context) // return when the work under way is done, or when ctx ends
	Deadline time.Duration             // of Drain
	Close    func()                    // close what parts block on and what their contexts do not end
}

// Run waits until ctx ends or a part fails, then goes through the phases and waits for all parts. It returns the error of
// the part that failed first.
func (g *Group) Run(ctx context.Context, s Shutdown) error {
	select {
	case <-ctx.Done():
	case <-g.ctx.Done():
	}
	call(s.NotReady)
	if s.Drain != nil && g.ctx.Err() == nil {
		g.drain(s)
	}
	g.cancel(errStopped)
	call(s.Close)
	g.parts.Wait()
	if err := context.Cause(g.ctx); !errors.Is(err, errStopped) {
		return err
	}
	return nil
}

func (g *Group) drain(s Shutdown) {
	ctx, cancel := context.WithTimeout(g.ctx, s.Deadline)
	defer cancel()
	s.Drain(ctx)
	if ctx.Err() != nil {
		g.log.Warn("closing with work under way", "deadline", s.Deadline)
	}
}

func call(f func()) {
	if f != nil {
		f()
	}
}
