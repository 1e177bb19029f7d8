package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/ident"
	"strowger/pkg/rest"
)

// States of a switch.
const (
	stateNew      = "new"
	stateEnrolled = "enrolled"
	stateRevoked  = "revoked"
)

func switches(s *Store) *Table[rest.Switch] {
	return &Table[rest.Switch]{
		s: s, noun: "switch", table: "switches", kind: ident.Switch, scope: "org",
		meta: func(v *rest.Switch) *rest.Meta { return &v.Meta },
		org:  func(v *rest.Switch) *string { return &v.Organization },
		columns: []column[rest.Switch]{
			{field: "site", name: "site", at: func(v *rest.Switch) any { return &v.Site }},
			{field: "name", name: "name", at: func(v *rest.Switch) any { return &v.Name }},
			{field: "pool", name: "pool", at: func(v *rest.Switch) any { return &v.Pool }},
			{field: "state", name: "state", fixed: true, at: func(v *rest.Switch) any { return &v.State }},
			{field: "key_hash", name: "key_hash", fixed: true, at: func(v *rest.Switch) any { return &v.KeyHash }},
			{field: "certificate_expires_at", name: "not_after", fixed: true, at: func(v *rest.Switch) any { return optionalTime{&v.NotAfter} }},
		},
		check: func(ctx context.Context, tx *sql.Tx, v *rest.Switch) error {
			if v.Site == "" {
				return errs.New(errs.Invalid, "site: a switch belongs to one; name it")
			}
			if err := checkName(v.Name); err != nil {
				return err
			}
			if err := refers(ctx, tx, "site", siteByID, v.Site, v.Organization); err != nil {
				return err
			}
			return taken(ctx, tx, "switch name "+v.Name, switchByName, v.ID, v.Organization, v.Name)
		},
		fill:    s.fillSwitches,
		touched: func(c *Change, _, _ *rest.Switch) { c.Base = true },
		referrers: []referrer{
			{noun: "device", table: "devices", column: "switch", label: "name"},
			{noun: "user", table: "users", column: "home_switch", label: "name"},
		},
	}
}

// SetSwitchEnrolled records the key that a switch enrolled or renewed with: the hash of its node key, its Ed25519 signing
// key (unpadded base64url) and the end of its certificate. A revoked switch is errs.Revoked.
func (s *Store) SetSwitchEnrolled(ctx context.Context, org, sw, keyHash, signingKey string, notAfter time.Time) error {
	return s.registryTx(ctx, &Change{Org: org, Base: true}, func(tx *sql.Tx) error {
		state, err := switchState(ctx, tx, org, sw)
		if err != nil {
			return err
		}
		if state == stateRevoked {
			return errs.New(errs.Revoked, "switch %s is revoked for good; add a new switch instead", sw)
		}
		_, err = tx.ExecContext(ctx, `UPDATE switches SET state = $1, key_hash = $2, signing_key = $3, not_after = $4,
			version = version + 1, updated_at = $5 WHERE id = $6`, stateEnrolled, keyHash, signingKey, notAfter.UnixMicro(), s.now().UnixMicro(), sw)
		if err != nil {
			return fmt.Errorf("enrol switch %s: %w", sw, err)
		}
		return nil
	})
}

// RevokeSwitch marks a switch as revoked, for good; a second time does nothing.
func (s *Store) RevokeSwitch(ctx context.Context, org, sw string) error {
	return s.registryTx(ctx, &Change{Org: org, Base: true}, func(tx *sql.Tx) error {
		if _, err := switchState(ctx, tx, org, sw); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `UPDATE switches SET state = $1, version = version + 1, updated_at = $2 WHERE id = $3 AND state <> $1`,
			stateRevoked, s.now().UnixMicro(), sw)
		if err != nil {
			return fmt.Errorf("revoke switch %s: %w", sw, err)
		}
		return nil
	})
}

func switchState(ctx context.Context, tx *sql.Tx, org, sw string) (state string, err error) {
	err = tx.QueryRowContext(ctx, `SELECT state FROM switches WHERE id = $1 AND org = $2`, sw, org).Scan(&state)
	if errors.Is(err, sql.ErrNoRows) {
		return "", errs.New(errs.NotFound, "there is no switch %q", sw)
	}
	if err != nil {
		return "", fmt.Errorf("read state of switch %s: %w", sw, err)
	}
	return state, nil
}

// SwitchKeys returns the Ed25519 signing keys (unpadded base64url) of an organization's enrolled switches, by switch id.
func (s *Store) SwitchKeys(ctx context.Context, org string) (map[string]string, error) {
	return switchKeys(ctx, s.read, org)
}

func switchKeys(ctx context.Context, q querier, org string) (map[string]string, error) {
	keys := make(map[string]string)
	err := rows(ctx, q, func(r *sql.Rows) error {
		var id, key string
		err := r.Scan(&id, &key)
		keys[id] = key
		return err
	}, `SELECT id, signing_key FROM switches WHERE org = $1 AND state = $2`, org, stateEnrolled)
	if err != nil {
		return nil, fmt.Errorf("read signing keys of switches: %w", err)
	}
	return keys, nil
}

// AddRevocation gives the next number of the organization, and the one before, to sign and stores the statement that it
// returns. Numbers are at least the Unix time, so that a restored backup, which may have forgotten some, gives none that nodes
// hold already. sign must not call the store.
func (s *Store) AddRevocation(ctx context.Context, org string, sign func(number, previous uint64) (string, error)) (number uint64, err error) {
	err = s.registryTx(ctx, &Change{Org: org}, func(tx *sql.Tx) error {
		var previous uint64
		if err := tx.QueryRowContext(ctx, `SELECT COALESCE(MAX(number), 0) FROM revocations WHERE org = $1`, org).Scan(&previous); err != nil {
			return fmt.Errorf("number a revocation: %w", err)
		}
		number = max(previous+1, uint64(s.now().Unix()))
		statement, err := sign(number, previous)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO revocations (org, number, statement) VALUES ($1, $2, $3)`, org, int64(number), statement); err != nil {
			return fmt.Errorf("store revocation %d: %w", number, err)
		}
		return nil
	})
	return number, err
}

// Revocations returns the statements after a number, in order.
func (s *Store) Revocations(ctx context.Context, org string, after uint64) ([]string, error) {
	var statements []string
	err := rows(ctx, s.read, func(r *sql.Rows) error {
		var st string
		err := r.Scan(&st)
		statements = append(statements, st)
		return err
	}, `SELECT statement FROM revocations WHERE org = $1 AND number > $2 ORDER BY number`, org, int64(after))
	if err != nil {
		return nil, fmt.Errorf("read revocations after %d: %w", after, err)
	}
	return statements, nil
}
