package store

import (
	"context"
	"database/sql"
	"fmt"

	"strowger/pkg/errs"
	"strowger/pkg/ident"
	"strowger/pkg/rest"
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
			{noun: "trunk", table: "trunks", column: "switch", label: "name"},
			{noun: "queue", table: "queues", column: "switch", label: "name"},
		},
	}
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

// RevokedSwitches returns the ids of an organization's revoked switches, and of those that were revoked and removed since.
func (s *Store) RevokedSwitches(ctx context.Context, org string) ([]string, error) {
	var all []string
	err := rows(ctx, s.read, func(r *sql.Rows) error {
		var id string
		err := r.Scan(&id)
		all = append(all, id)
		return err
	}, `SELECT id FROM switches WHERE org = $1 AND state = $2 UNION
		SELECT node FROM revocations WHERE org = $1 AND SUBSTR(node, 1, 3) = $3 ORDER BY 1`, org, stateRevoked, string(ident.Switch)+"_")
	if err != nil {
		return nil, fmt.Errorf("read revoked switches: %w", err)
	}
	return all, nil
}

// AddRevocation gives the next number of the organization, and the one before, to sign and stores the statement that it
// returns. Numbers are at least the Unix time, so that a restored backup, which may have forgotten some, gives none that nodes
// hold already. sign must not call the store.
func (s *Store) AddRevocation(ctx context.Context, org, node string, sign func(number, previous uint64) (string, error)) (number uint64, err error) {
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
		if _, err := tx.ExecContext(ctx, `INSERT INTO revocations (org, number, node, statement) VALUES ($1, $2, $3, $4)`, org, int64(number), node, statement); err != nil {
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
