package sdk

import (
	"context"
	"sync"
	"time"
)

// life is the context of a phone, from NewPhone to Close. A phone is bound to languages that have no contexts, so nobody
// gives it one.
type life struct {
	done chan struct{}
	end  func()
}

func newLife() life {
	done := make(chan struct{})
	return life{done: done, end: sync.OnceFunc(func() { close(done) })}
}

func (life) Deadline() (time.Time, bool) { return time.Time{}, false }
func (life) Value(any) any               { return nil }
func (l life) Done() <-chan struct{}     { return l.done }

func (l life) Err() error {
	select {
	case <-l.done:
		return context.Canceled
	default:
		return nil
	}
}
