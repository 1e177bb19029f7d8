package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/ident"
)

// Enrolment is a one-time code, by the hash of its secret, and what it enrols.
type Enrolment struct {
	Hash         []byte
	Org, Subject string // id of a switch, a bridge or a device
	ExpiresAt    time.Time
}

// subjectColumn is the column that names what a code enrols, and how to find that.
func subjectColumn(subject string) (column, byID string) {
	switch ident.KindOf(subject) {
	case ident.Bridge:
		return "bridge", bridgeByID
	case ident.Device:
		return "device", deviceByID
	}
	return "node", switchByID
}

// CreateEnrolment stores an enrolment; earlier ones of the same subject are void.
func (s *Store) CreateEnrolment(ctx context.Context, e Enrolment) error {
	column, byID := subjectColumn(e.Subject)
	return s.inTx(ctx, func(tx *sql.Tx) error {
		if err := refers(ctx, tx, "enrolment", byID, e.Subject, e.Org); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM enrolments WHERE `+column+` = $1`, e.Subject); err != nil {
			return fmt.Errorf("void enrolments of %s: %w", e.Subject, err)
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO enrolments (hash, org, `+column+`, expires_at) VALUES ($1, $2, $3, $4)`,
			e.Hash, e.Org, e.Subject, e.ExpiresAt.UnixMicro())
		if err != nil {
			return fmt.Errorf("store enrolment of %s: %w", e.Subject, err)
		}
		return nil
	})
}

// UseEnrolment uses a code for the key with that hash or thumbprint. The same key may repeat it until it expires. It is
// errs.NotFound, errs.Used (with another key) or errs.Expired; and errs.Invalid for a code that enrols something else: want is
// ident.Device, ident.Switch, ident.Bridge, or empty for a node of whichever kind. What is refused leaves the code as it was.
func (s *Store) UseEnrolment(ctx context.Context, hash []byte, key string, want ident.Kind, now time.Time) (Enrolment, error) {
	e := Enrolment{Hash: hash}
	err := s.inTx(ctx, func(tx *sql.Tx) error {
		// The update comes first: it locks the row, so that of two keys only one wins. An error undoes it.
		var usedBy string
		err := tx.QueryRowContext(ctx, `UPDATE enrolments SET used_by = CASE WHEN used_by = '' AND expires_at > $1 THEN $2 ELSE used_by END
			WHERE hash = $3 RETURNING org, COALESCE(node, bridge, device), expires_at, used_by`, now.UnixMicro(), key, hash).
			Scan(&e.Org, &e.Subject, micros{&e.ExpiresAt}, &usedBy)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return errs.New(errs.NotFound, "this enrolment code is not known, or a newer one replaced it; ask for a new one")
		case err != nil:
			return fmt.Errorf("use enrolment code: %w", err)
		case want == ident.Device && ident.KindOf(e.Subject) != ident.Device:
			return errs.New(errs.Invalid, "this enrolment code is that of a switch or a bridge, not of an app")
		case want != ident.Device && ident.KindOf(e.Subject) == ident.Device:
			return errs.New(errs.Invalid, "this enrolment code is that of an app: open the link, or scan the QR code, that came with it")
		case want == ident.Switch && ident.KindOf(e.Subject) != want:
			return errs.New(errs.Invalid, "this enrolment code is that of a bridge, this is a switch: 'strowger switch add' makes one for it")
		case want == ident.Bridge && ident.KindOf(e.Subject) != want:
			return errs.New(errs.Invalid, "this enrolment code is that of a switch, this is a bridge: 'strowger bridge add' makes one for it")
		case usedBy != "" && usedBy != key:
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
