package fabric

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"strowger/pkg/errs"
	"strowger/pkg/ident"
)

// question is a message with a Header, answer one with a Reply.
type question interface{ header() *Header }
type answer interface{ reply() *Reply }

// questionOf and answerOf let a function make a Q or an R and reach its Header or Reply.
type questionOf[Q any] interface {
	*Q
	question
}

type answerOf[R any] interface {
	*R
	answer
}

// Request sends q and waits for its answer, for DefaultDeadline if ctx has no deadline. It is called with its first two
// type parameters: Request[Admit, Admitted](ctx, c, SubjectAdmit(org, sw), q).
//
// The error is the answer's own, and then R is what it says besides; Forbidden if this node may not send to the subject; CloudAway if there is no connection,
// nobody to answer, or no answer in time; or that of a ctx that its owner canceled.
func Request[Q, R any, PQ questionOf[Q], PR answerOf[R]](ctx context.Context, c *Client, subject string, q Q) (R, error) {
	var r R
	err := c.request(ctx, subject, PQ(&q), PR(&r))
	if err != nil && PR(&r).reply().Error == nil {
		var none R
		return none, err
	}
	return r, err
}

func (c *Client) request(ctx context.Context, subject string, q question, r answer) error {
	// Asked before nats.go is: it blocks callers while it dials.
	if s := c.state.status(); !s.Connected {
		return errs.New(errs.CloudAway, "cannot ask the cloud on %s: %w", subject, s.Reason)
	}
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, DefaultDeadline)
		defer cancel()
	}
	c.fill(ctx, q.header())
	data, err := encode(subject, q, MaxRequest)
	if err != nil {
		return err
	}
	waiting, done := c.pending.add(ctx, subject)
	defer done()
	sent := time.Now()
	m, err := c.conn.RequestWithContext(waiting, subject, data)
	if err != nil {
		return c.requestError(ctx, waiting, subject, err)
	}
	if err := json.Unmarshal(m.Data, r); err != nil {
		c.malformed.Add(1)
		return errs.New(errs.Internal, "the answer on %s cannot be read: %w", subject, err)
	}
	c.clock.observe(sent, time.Now(), r.reply().Now)
	if e := r.reply().Error; e != nil {
		return e
	}
	return nil
}

// fill sets the header of a request that ctx ends.
func (c *Client) fill(ctx context.Context, h *Header) {
	h.Capability = Capability
	if h.ID == "" {
		h.ID = ident.New(ident.Request)
	}
	h.Deadline = time.Time{}
	remaining := DefaultDeadline
	if deadline, ok := ctx.Deadline(); ok {
		remaining = time.Until(deadline)
	}
	if now, known := c.clock.now(); known {
		h.Deadline = now.Add(remaining)
	}
}

func (c *Client) requestError(ctx, waiting context.Context, subject string, err error) error {
	var denied *errs.Error
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return errs.New(errs.CloudAway, "nobody answers on %s", subject)
	case ctx.Err() == nil && errors.As(context.Cause(waiting), &denied):
		return denied
	case errors.Is(ctx.Err(), context.Canceled):
		return context.Cause(ctx)
	case errors.Is(err, context.DeadlineExceeded):
		c.clock.doubt()
		return errs.New(errs.CloudAway, "no answer on %s in time", subject)
	}
	return errs.New(errs.CloudAway, "cannot ask on %s: %w", subject, err)
}

// Publish sends m and waits for nothing. The header of a request is filled in, so that its reader drops it when late.
// The error is CloudAway without a connection; a denied subject is only logged and counted.
func Publish[M any](ctx context.Context, c *Client, subject string, m M) error {
	if s := c.state.status(); !s.Connected {
		return errs.New(errs.CloudAway, "cannot send on %s: %w", subject, s.Reason)
	}
	if q, ok := any(&m).(question); ok {
		c.fill(ctx, q.header())
	}
	data, err := encode(subject, &m, MaxRequest)
	if err != nil {
		return err
	}
	if err := c.conn.Publish(subject, data); err != nil {
		return errs.New(errs.CloudAway, "cannot send on %s: %w", subject, err)
	}
	return nil
}

func encode(subject string, m any, limit int) ([]byte, error) {
	data, err := marshal(m)
	if err != nil {
		return nil, errs.New(errs.Internal, "encode the message on %s: %w", subject, err)
	}
	if len(data) > limit {
		return nil, errs.New(errs.Invalid, "the message on %s has %d bytes, %d are allowed", subject, len(data), limit)
	}
	return data, nil
}

// marshal is json.Marshal, but for a message that knows better.
func marshal(m any) ([]byte, error) {
	if l, ok := m.(*LedgerJSON); ok {
		return l.encode()
	}
	return json.Marshal(m)
}

// pending is the requests that wait for an answer, to end them when none can come.
type pending struct {
	mu   sync.Mutex
	next uint64
	wait map[uint64]waiter
}

type waiter struct {
	subject string
	cancel  context.CancelCauseFunc
}

func newPending() *pending { return &pending{wait: make(map[uint64]waiter)} }

// add returns a context that ends with ctx, or with the cause given to fail.
func (p *pending) add(ctx context.Context, subject string) (waiting context.Context, done func()) {
	waiting, cancel := context.WithCancelCause(ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next++
	id := p.next
	p.wait[id] = waiter{subject, cancel}
	return waiting, func() {
		cancel(nil)
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.wait, id)
	}
}

// fail ends the requests on matching subjects.
func (p *pending) fail(match func(subject string) bool, cause error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, w := range p.wait {
		if match(w.subject) {
			w.cancel(cause)
		}
	}
}
