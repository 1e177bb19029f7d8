package fabric

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/nats-io/nats.go"

	"strowger/pkg/errs"
	"strowger/pkg/ident"
)

const (
	waitingPerWorker     = 16      // requests that may wait for each worker before more are refused as congested
	waitingForSubscriber = 1 << 10 // announcements that may wait before more are dropped
)

// Handle answers the requests on a subject (a pattern with Any) by f, on the given number of workers. With a queue, the
// clients that handle the subject share the requests. A request without an answer address is handled all the same.
//
// The context of f ends with ctx and at the request's deadline. An error of f is sent as the answer, its code and its words;
// what carries no code may tell of the inside, and is logged under the id that is sent as Internal. Requests past their deadline are dropped unanswered. The returned function, or Close, ends the
// handler and waits for its workers. Without a connection the handler is in effect from the next one on.
func Handle[Q, R any, PQ questionOf[Q], PR answerOf[R]](ctx context.Context, c *Client, subject, queue string, workers int,
	f func(context.Context, Subject, Q) (R, error)) (stop func(), err error) {
	full := func(m *nats.Msg) {
		c.refuse(m, errs.New(errs.Congested, "too many requests on %s; try again later", subject))
	}
	return c.receive(subject, queue, workers, workers*waitingPerWorker, full, func(m *nats.Msg) {
		var q Q
		s, ok := c.open(m, PQ(&q))
		if !ok {
			return
		}
		ctx, cancel := c.within(ctx, PQ(&q).header())
		defer cancel()
		if ctx.Err() != nil {
			c.late.Add(1)
			return
		}
		r, err := f(ctx, s, q)
		if err != nil {
			c.refuse(m, c.coded(ctx, s, err))
			return
		}
		c.answer(m, PR(&r))
	})
}

// coded is err as it may be told.
func (c *Client) coded(ctx context.Context, s Subject, err error) error {
	var known *errs.Error
	if errors.As(err, &known) || ctx.Err() != nil { // nobody waits any more
		return err
	}
	id := ident.New(ident.Request)
	c.log.Error("a request cannot be answered", "id", id, "subject", s.String(), "error", err)
	return errs.New(errs.Internal, "something failed inside; the log of who was asked says what under %s", id)
}

// Subscribe passes the announcements on a subject to f, one after the other; requests that others answer may be listened
// to as well. When too many wait for f the newest are dropped. The returned function, or Close, ends the subscription and
// waits for f.
func Subscribe[M any](c *Client, subject string, f func(Subject, M)) (stop func(), err error) {
	return c.receive(subject, "", 1, waitingForSubscriber, func(*nats.Msg) {}, func(m *nats.Msg) {
		var v M
		s, err := decode(m.Subject, m.Data, MaxReply, &v)
		if err != nil {
			c.malformed.Add(1)
			c.log.Warn("dropped a message of the fabric", "subject", m.Subject, "error", err)
			return
		}
		f(s, v)
	})
}

// receive subscribes and has messages handled by a bounded number of workers; at most waiting wait for them, others are given
// to full.
func (c *Client) receive(subject, queue string, workers, waiting int, full, handle func(*nats.Msg)) (stop func(), err error) {
	var wg sync.WaitGroup
	crew := &crew{handle: handle, most: workers, waiting: waiting, work: &wg}
	wg.Add(1)
	sub, err := c.conn.QueueSubscribe(subject, queue, func(m *nats.Msg) {
		if !crew.take(m) {
			c.overflow.Add(1)
			full(m)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("subscribe to %s: %w", subject, err)
	}
	sub.SetClosedHandler(func(string) { wg.Done() }) // after the last message
	c.workers.Go(wg.Wait)
	if c.state.status().Connected {
		// In effect when the caller goes on. Lost with the connection, it is repeated by nats.go on the next.
		_ = c.conn.FlushTimeout(writeTimeout)
	}
	return func() {
		_ = sub.Unsubscribe() // fails only when the client is closed, which ends the workers too
		wg.Wait()
	}, nil
}

// open reads a request; what is wrong with it is told to the sender.
func (c *Client) open(m *nats.Msg, q question) (Subject, bool) {
	s, err := decode(m.Subject, m.Data, MaxRequest, q)
	if err == nil && m.Reply != "" && !s.mayAnswerTo(m.Reply, c.cfg.MayAsk) {
		c.malformed.Add(1)
		c.log.Warn("dropped a request whose answer was to go to another node", "subject", m.Subject, "inbox", m.Reply)
		return s, false
	}
	if err != nil {
		c.malformed.Add(1)
		c.log.Warn("refused a request of the fabric", "subject", m.Subject, "error", err)
		c.refuse(m, err)
		return s, false
	}
	return s, true
}

// decode reads a message of at most limit bytes and its subject.
func decode(subject string, data []byte, limit int, v any) (Subject, error) {
	s, err := ParseSubject(subject)
	if err != nil {
		return s, errs.New(errs.Invalid, "%w", err)
	}
	if len(data) > limit {
		return s, errs.New(errs.Invalid, "the message on %s has %d bytes, %d are allowed", subject, len(data), limit)
	}
	if err := json.Unmarshal(data, v); err != nil {
		return s, errs.New(errs.Invalid, "the message on %s cannot be read: %w", subject, err)
	}
	return s, nil
}

// within bounds ctx by the deadline of a request.
func (c *Client) within(ctx context.Context, h *Header) (context.Context, context.CancelFunc) {
	remaining := DefaultDeadline
	if !h.Deadline.IsZero() {
		remaining = min(h.Deadline.Sub(c.Now()), MaxDeadline)
	}
	return context.WithTimeout(ctx, remaining)
}

func (c *Client) refuse(m *nats.Msg, err error) {
	c.answer(m, &Reply{Error: errs.From(err)})
}

func (c *Client) answer(m *nats.Msg, r answer) {
	if m.Reply == "" {
		return
	}
	if c.cfg.Cloud {
		r.reply().Now = c.Now()
	}
	data, err := encode(m.Subject, r, MaxReply)
	if err != nil {
		data, err = encode(m.Subject, &Reply{Now: r.reply().Now, Error: errs.From(err)}, MaxReply)
	}
	if err == nil {
		err = m.Respond(data)
	}
	if err != nil {
		c.log.Warn("cannot answer a request", "subject", m.Subject, "error", err)
	}
}
