package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"strowger/pkg/errs"
)

// Once is a request that must happen once. The first transaction that is made for it notes it: either both are there after a
// crash, or neither.
type Once struct {
	Key, Request [32]byte // hash of who asks what, and of the body
	noted        bool
}

type onceKey struct{}

// WithOnce returns a context whose first transaction notes o. The context is for one goroutine.
func WithOnce(ctx context.Context, o *Once) context.Context {
	return context.WithValue(ctx, onceKey{}, o)
}

// noteOnce notes the request that ctx is of, if any.
func noteOnce(ctx context.Context, tx *sql.Tx) (*Once, error) {
	o, _ := ctx.Value(onceKey{}).(*Once)
	if o == nil || o.noted {
		return nil, nil
	}
	n, err := affected(tx.ExecContext(ctx, `INSERT INTO replies (key, request, at, wrapped) VALUES ($1, $2, $3, $4) ON CONFLICT (key) DO NOTHING`,
		o.Key[:], o.Request[:], time.Now().UnixMicro(), []byte{}))
	switch {
	case err != nil:
		return nil, fmt.Errorf("note a request: %w", err)
	case n == 0: // at another instance, since it was looked for
		return nil, errs.New(errs.Conflict, "the first request with this Idempotency-Key is still under way; try again")
	}
	return o, nil
}

// Reply returns the hash of the body of a request that was noted since a time, and its reply, wrapped; ok says whether
// there was one. The reply is empty when none was kept.
func (s *Store) Reply(ctx context.Context, key [32]byte, since time.Time) (request [32]byte, wrapped []byte, ok bool, err error) {
	var body []byte
	err = s.read.QueryRowContext(ctx, `SELECT request, wrapped FROM replies WHERE key = $1 AND at >= $2`, key[:], since.UnixMicro()).Scan(&body, &wrapped)
	if errors.Is(err, sql.ErrNoRows) {
		return request, nil, false, nil
	}
	if err != nil {
		return request, nil, false, fmt.Errorf("read a kept reply: %w", err)
	}
	copy(request[:], body)
	return request, wrapped, true, nil
}

// PutReply keeps the reply to a request, whether it was noted or not.
func (s *Store) PutReply(ctx context.Context, o *Once, wrapped []byte) error {
	_, err := s.write.ExecContext(ctx, `INSERT INTO replies (key, request, at, wrapped) VALUES ($1, $2, $3, $4)
		ON CONFLICT (key) DO UPDATE SET wrapped = excluded.wrapped`, o.Key[:], o.Request[:], s.now().UnixMicro(), append([]byte{}, wrapped...))
	if err != nil {
		return fmt.Errorf("keep a reply: %w", err)
	}
	return nil
}

// ForgetReply forgets a request if it was noted.
func (s *Store) ForgetReply(ctx context.Context, o *Once) error {
	if !o.noted {
		return nil
	}
	if _, err := s.write.ExecContext(ctx, `DELETE FROM replies WHERE key = $1`, o.Key[:]); err != nil {
		return fmt.Errorf("forget a request: %w", err)
	}
	return nil
}

// ForgetReplies forgets requests that were noted before a time.
func (s *Store) ForgetReplies(ctx context.Context, before time.Time) error {
	if _, err := s.write.ExecContext(ctx, `DELETE FROM replies WHERE at < $1`, before.UnixMicro()); err != nil {
		return fmt.Errorf("forget old replies: %w", err)
	}
	return nil
}
