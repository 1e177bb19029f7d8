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

// States of a node.
const (
	stateNew      = "new"
	stateEnrolled = "enrolled"
	stateRevoked  = "revoked"
)

// nodes is where a kind of node is kept, and what people call it.
type nodes struct{ table, noun string }

func nodesOf(node string) nodes {
	if ident.KindOf(node) == ident.Bridge {
		return nodes{"bridges", "bridge"}
	}
	return nodes{"switches", "switch"}
}

// SetEnrolled records the key that a switch or a bridge enrolled with: the hash of its node key, its Ed25519 signing key
// (unpadded base64url) and the end of its certificate. A revoked node is errs.Revoked.
func (s *Store) SetEnrolled(ctx context.Context, org, node, keyHash, signingKey string, notAfter time.Time) error {
	return s.nodeTx(ctx, org, node, func(tx *sql.Tx, n nodes) error {
		_, err := tx.ExecContext(ctx, `UPDATE `+n.table+` SET state = $1, key_hash = $2, signing_key = $3, not_after = $4,
			version = version + 1, updated_at = $5 WHERE id = $6`, stateEnrolled, keyHash, signingKey, notAfter.UnixMicro(), s.now().UnixMicro(), node)
		return err
	})
}

// SetRenewed records the end of the certificate that a node got anew for the key that it enrolled with. A revoked node is
// errs.Revoked, one that has another key by now errs.Conflict.
func (s *Store) SetRenewed(ctx context.Context, org, node, keyHash string, notAfter time.Time) error {
	return s.nodeTx(ctx, org, node, func(tx *sql.Tx, n nodes) error {
		written, err := affected(tx.ExecContext(ctx, `UPDATE `+n.table+` SET not_after = $1, version = version + 1, updated_at = $2
			WHERE id = $3 AND key_hash = $4`, notAfter.UnixMicro(), s.now().UnixMicro(), node, keyHash))
		if err == nil && written == 0 {
			return errs.New(errs.Conflict, "%s %s has enrolled with another key meanwhile", n.noun, node)
		}
		return err
	})
}

// nodeTx changes a node that was not revoked.
func (s *Store) nodeTx(ctx context.Context, org, node string, f func(tx *sql.Tx, n nodes) error) error {
	n := nodesOf(node)
	return s.registryTx(ctx, &Change{Org: org, Base: true}, func(tx *sql.Tx) error {
		state, err := nodeState(ctx, tx, org, node)
		if err != nil {
			return err
		}
		if state == stateRevoked {
			return errs.New(errs.Revoked, "%s %s is revoked for good; add a new one instead", n.noun, node)
		}
		if err := f(tx, n); err != nil {
			return fmt.Errorf("enrol %s %s: %w", n.noun, node, err)
		}
		return nil
	})
}

// RevokeNode marks a switch or a bridge as revoked, for good; a second time does nothing.
func (s *Store) RevokeNode(ctx context.Context, org, node string) error {
	return s.registryTx(ctx, &Change{Org: org, Base: true}, func(tx *sql.Tx) error {
		if _, err := nodeState(ctx, tx, org, node); err != nil {
			return err
		}
		n := nodesOf(node)
		_, err := tx.ExecContext(ctx, `UPDATE `+n.table+` SET state = $1, version = version + 1, updated_at = $2 WHERE id = $3 AND state <> $1`,
			stateRevoked, s.now().UnixMicro(), node)
		if err != nil {
			return fmt.Errorf("revoke %s %s: %w", n.noun, node, err)
		}
		return nil
	})
}

func nodeState(ctx context.Context, tx *sql.Tx, org, node string) (state string, err error) {
	n := nodesOf(node)
	err = tx.QueryRowContext(ctx, `SELECT state FROM `+n.table+` WHERE id = $1 AND org = $2`, node, org).Scan(&state)
	if errors.Is(err, sql.ErrNoRows) {
		return "", errs.New(errs.NotFound, "there is no %s %q", n.noun, node)
	}
	if err != nil {
		return "", fmt.Errorf("read state of %s %s: %w", n.noun, node, err)
	}
	return state, nil
}
