package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"strowger/pkg/errs"
)

// Enrolment is a one-time code, by the hash of its secret, and the node that it lets in.
type Enrolment struct {
	Hash      []byte
	Org, Node string
	ExpiresAt time.Time
}

// CreateEnrolment stores an enrolment; earlier ones of the same node are void.
func (s *Store) CreateEnrolment(ctx context.Context, e Enrolment) error {
	return s.inTx(ctx, func(tx *sql.Tx) error {
		if _, err := switchState(ctx, tx, e.Org, e.Node); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM enrolments WHERE node = $1`, e.Node); err != nil {
			return fmt.Errorf("void enrolments of %s: %w", e.Node, err)
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO enrolments (hash, org, node, expires_at) VALUES ($1, $2, $3, $4)`,
			e.Hash, e.Org, e.Node, e.ExpiresAt.UnixMicro())
		if err != nil {
			return fmt.Errorf("store enrolment of %s: %w", e.Node, err)
		}
		return nil
	})
}

// UseEnrolment uses a code for the node key with that hash. The same key may repeat it until it expires. It is
// errs.NotFound, errs.Used (with another key) or errs.Expired.
func (s *Store) UseEnrolment(ctx context.Context, hash []byte, keyHash string, now time.Time) (Enrolment, error) {
	e := Enrolment{Hash: hash}
	err := s.inTx(ctx, func(tx *sql.Tx) error {
		// The update comes first: it locks the row, so that of two keys only one wins.
		var usedBy string
		err := tx.QueryRowContext(ctx, `UPDATE enrolments SET used_by = CASE WHEN used_by = '' AND expires_at > $1 THEN $2 ELSE used_by END
			WHERE hash = $3 RETURNING org, node, expires_at, used_by`, now.UnixMicro(), keyHash, hash).
			Scan(&e.Org, &e.Node, micros{&e.ExpiresAt}, &usedBy)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return errs.New(errs.NotFound, "this enrolment code is not known, or a newer one replaced it; ask for a new one")
		case err != nil:
			return fmt.Errorf("use enrolment code: %w", err)
		case usedBy != "" && usedBy != keyHash:
			return errs.New(errs.Used, "this enrolment code was used before, by another key; ask for a new one")
		case !now.Before(e.ExpiresAt):
			return errs.New(errs.Expired, "this enrolment code expired at %s; ask for a new one", e.ExpiresAt.Format(time.RFC3339))
		}
		return nil
	})
	if err != nil {
		return Enrolment{}, err
	}
	return e, nil
}
