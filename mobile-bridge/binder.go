package mobilebridge

import (
	"context"
	"sync"
	"time"

	"strowger/mobile-bridge/internal/channel"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/ident"
)

// What waits for the cloud. Who is one too many is refused, and comes again; an end that is forgotten is found out by the first wake.
const (
	maxCome = 2 * channel.MaxChannels // all sessions, and as many that are new
	maxGone = 1 << 16
)

// bindRetry is the pause after the cloud did not answer.
const bindRetry = 2 * time.Second

// binder tells the cloud which devices have a channel here: many at once, for it has one question under way at a time.
type binder struct {
	ask func(context.Context, fabric.Bind) (fabric.BindReply, error)

	mu     sync.Mutex
	come   []coming
	gone   []fabric.Bound
	closed bool
	due    chan struct{} // capacity 1
}

// coming is a device whose channel waits for the cloud's word.
type coming struct {
	fabric.Bound
	done func(error)
}

func newBinder(ask func(context.Context, fabric.Bind) (fabric.BindReply, error)) *binder {
	return &binder{ask: ask, due: make(chan struct{}, 1)}
}

// Bind asks whether a device may have a channel here.
func (b *binder) Bind(ctx context.Context, v fabric.Bound) error {
	// One question is of many devices: what no device can be called must not spoil it for them.
	if err := ident.Check(ident.Device, v.Device); err != nil {
		return errs.New(errs.Invalid, "the proof names no device")
	}
	answer := make(chan error, 1)
	b.Rebind(v, func(err error) { answer <- err })
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return errs.New(errs.CloudAway, "the cloud does not say whether device %s may have a channel", v.Device)
	}
}

// Rebind asks it and calls back, at once if too many wait.
func (b *binder) Rebind(v fabric.Bound, done func(error)) {
	b.mu.Lock()
	var refused error
	switch {
	case b.closed:
		refused = errs.New(errs.NodeStopped, "this bridge stops")
	case len(b.come) >= maxCome:
		refused = errs.New(errs.Congested, "%d channels wait for the cloud's word", maxCome)
	default:
		b.come = append(b.come, coming{v, done})
	}
	b.mu.Unlock()
	if refused != nil {
		done(refused)
		return
	}
	b.wake()
}

// Unbind notes that a device's channel is over.
func (b *binder) Unbind(v fabric.Bound) {
	b.mu.Lock()
	if len(b.gone) < maxGone {
		b.gone = append(b.gone, v)
	}
	b.mu.Unlock()
	b.wake()
}

func (b *binder) wake() {
	select {
	case b.due <- struct{}{}:
	default: // run will look
	}
}

// run asks until ctx ends. Who waits then is refused.
func (b *binder) run(ctx context.Context) error {
	defer b.close()
	for {
		come, gone := b.take()
		if len(come)+len(gone) == 0 {
			select {
			case <-ctx.Done():
				return nil
			case <-b.due:
			}
			continue
		}
		if b.tell(ctx, come, gone) == nil {
			continue
		}
		again := time.NewTimer(bindRetry)
		select {
		case <-ctx.Done():
			again.Stop()
			return nil
		case <-again.C:
		}
	}
}

func (b *binder) take() (come []coming, gone []fabric.Bound) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n, m := min(len(b.come), fabric.MaxBound), min(len(b.gone), fabric.MaxBound)
	come, gone = b.come[:n], b.gone[:m]
	if b.come = b.come[n:]; len(b.come) == 0 {
		b.come = nil
	}
	if b.gone = b.gone[m:]; len(b.gone) == 0 {
		b.gone = nil
	}
	return come, gone
}

// tell asks once. Ends that were not heard of are told again.
func (b *binder) tell(ctx context.Context, come []coming, gone []fabric.Bound) error {
	q := fabric.Bind{Gone: gone}
	for _, c := range come {
		q.Come = append(q.Come, c.Bound)
	}
	r, err := b.ask(ctx, q)
	if err == nil && len(r.Refused) != 0 && len(r.Refused) != len(come) {
		err = errs.New(errs.Internal, "the cloud answered for %d devices of %d", len(r.Refused), len(come))
	}
	for i, c := range come {
		switch {
		case err != nil:
			c.done(err)
		case len(r.Refused) > 0 && r.Refused[i] != nil:
			c.done(r.Refused[i])
		default:
			c.done(nil)
		}
	}
	if err != nil {
		for _, v := range gone {
			b.Unbind(v)
		}
	}
	return err
}

// close refuses who waits.
func (b *binder) close() {
	b.mu.Lock()
	b.closed = true
	come := b.come
	b.come = nil
	b.mu.Unlock()
	for _, c := range come {
		c.done(errs.New(errs.NodeStopped, "this bridge stops"))
	}
}
