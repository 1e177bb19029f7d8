package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"strowger/pkg/errs"
)

// Change is a committed write to an organization's registry: what to read again.
type Change struct {
	Org      string
	Revision int64 // that it made, see Revision; 0: not known, then All is meant

	Base    bool     // the organization, its sites, its switches and their leases, its trunks
	Users   []string // ids, of what was removed too
	Devices []string // ids
	Dials   []string // numbers, by what the organization dials: old and new
	Rates   []string // trunks
	All     bool     // more than can be named
}

// OnChange has f called after each committed write to an organization's registry, on the writer's goroutine: f must not
// block. Writes at the same time may be told in another order than that of their revisions.
func (s *Store) OnChange(f func(Change)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changed = append(s.changed, f)
}

func (s *Store) tellChanged(c Change) {
	s.mu.Lock()
	fs := s.changed[:len(s.changed):len(s.changed)]
	s.mu.Unlock()
	for _, f := range fs {
		f(c)
	}
}

// bumpRevision counts a change of an organization's registry, and locks it.
const bumpRevision = `UPDATE organizations SET writes = writes + 1 WHERE id = $1 RETURNING writes`

// bump begins a write to the registry of c's organization; it sets c.Revision.
func bump(ctx context.Context, tx *sql.Tx, c *Change) error {
	err := tx.QueryRowContext(ctx, bumpRevision, c.Org).Scan(&c.Revision)
	if errors.Is(err, sql.ErrNoRows) {
		return errs.New(errs.NotFound, "there is no organization %q", c.Org)
	}
	if err != nil {
		return fmt.Errorf("lock registry of organization %s: %w", c.Org, err)
	}
	return nil
}

// registryTx runs f under the lock of the organization's registry and tells the change after the commit; f may add to it.
func (s *Store) registryTx(ctx context.Context, c *Change, f func(tx *sql.Tx) error) error {
	err := s.inTx(ctx, func(tx *sql.Tx) error {
		if err := bump(ctx, tx, c); err != nil {
			return err
		}
		return f(tx)
	})
	if err == nil {
		s.tellChanged(*c)
	}
	return err
}

// Revision returns the revision of an organization's registry as it is now: it grows by one with every change.
func (s *Store) Revision(ctx context.Context, org string) (int64, error) {
	return revision(ctx, s.read, org)
}

func revision(ctx context.Context, q querier, org string) (n int64, err error) {
	err = q.QueryRowContext(ctx, `SELECT writes FROM organizations WHERE id = $1`, org).Scan(&n)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return 0, errs.New(errs.NotFound, "there is no organization %q", org)
	case err != nil:
		return 0, fmt.Errorf("read revision of organization %s: %w", org, err)
	}
	return n, nil
}

// Revisions returns the revision of every organization's registry.
func (s *Store) Revisions(ctx context.Context) (map[string]int64, error) {
	all := make(map[string]int64)
	err := rows(ctx, s.read, func(r *sql.Rows) error {
		var org string
		var n int64
		err := r.Scan(&org, &n)
		all[org] = n
		return err
	}, `SELECT id, writes FROM organizations`)
	if err != nil {
		return nil, fmt.Errorf("read revisions of organizations: %w", err)
	}
	return all, nil
}
