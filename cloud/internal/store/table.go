package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/ident"
	"strowger/pkg/rest"
)

// Table is the objects of one kind. T is one of the resources of package rest.
//
// The org argument names the organization whose objects are meant; objects of others are errs.NotFound. It may be empty
// for Organizations and APIKeys only, and then means the whole installation.
type Table[T any] struct {
	s     *Store
	noun  string // "site"
	table string
	kind  ident.Kind
	scope string // column that the org argument limits: "org", or "id" for organizations
	wide  bool   // org may be empty

	meta    func(*T) *rest.Meta
	org     func(*T) *string // nil: the object is an organization
	columns []column[T]

	check     func(ctx context.Context, tx *sql.Tx, v *T) error     // may v be written?
	after     func(ctx context.Context, tx *sql.Tx, v *T) error     // nil: nothing depends on a written v
	fill      func(ctx context.Context, q querier, items []T) error // nil: all fields are columns
	touched   func(c *Change, old, v *T)                            // what readers of the registry must read again; old or v is nil
	referrers []referrer
}

// referrer is a column of another table that names objects of this one.
type referrer struct{ noun, table, column, label string }

// Create stores a new object. It fills the object's id, version 1, times and organization; what is not stored (a password,
// a secret) is empty afterwards.
func (t *Table[T]) Create(ctx context.Context, org string, v *T) error {
	m := t.meta(v)
	now := t.s.now().UTC().Truncate(time.Microsecond)
	*m = rest.Meta{ID: ident.New(t.kind), Version: 1, CreatedAt: now, UpdatedAt: now}
	if err := t.own(org, v); err != nil {
		return err
	}
	return t.inTx(ctx, t.owner(v, true), m.ID, func(tx *sql.Tx, c *Change) error {
		if err := t.valid(ctx, tx, v); err != nil {
			return err
		}
		t.touched(c, nil, v)
		if err := t.insert(ctx, tx, []*T{v}); err != nil {
			return fmt.Errorf("create %s: %w", t.noun, err)
		}
		return t.settle(ctx, tx, org, v)
	})
}

// Get returns an object, or errs.NotFound.
func (t *Table[T]) Get(ctx context.Context, org, id string) (T, error) {
	return t.get(ctx, t.s.read, org, id)
}

// Update replaces an object by v and fills what v does not decide (version, times, read-only fields). v's version must be
// the stored one, or 0 for any; else it is errs.Conflict.
func (t *Table[T]) Update(ctx context.Context, org string, v *T) error {
	m := t.meta(v)
	if err := t.own(org, v); err != nil {
		return err
	}
	old, err := t.Get(ctx, org, m.ID)
	if err != nil {
		return err
	}
	if t.org != nil {
		*t.org(v) = *t.org(&old) // an object never moves to another organization
	}
	return t.inTx(ctx, t.owner(v, false), m.ID, func(tx *sql.Tx, c *Change) error {
		old, err := t.get(ctx, tx, org, m.ID)
		if err != nil {
			return err
		}
		have := t.meta(&old).Version
		if m.Version != 0 && m.Version != have {
			return errs.New(errs.Conflict, "%s %s was changed meanwhile: it has version %d and you edited version %d; read it again", t.noun, m.ID, have, m.Version)
		}
		if err := t.valid(ctx, tx, v); err != nil {
			return err
		}
		t.touched(c, &old, v)
		names, args, err := t.writable(v)
		if err != nil {
			return err
		}
		for i, n := range names {
			names[i] = fmt.Sprintf("%s = $%d", n, i+1)
		}
		n := len(args)
		query := fmt.Sprintf(`UPDATE %s SET %s, version = version + 1, updated_at = $%d WHERE id = $%d AND version = $%d`,
			t.table, strings.Join(names, ", "), n+1, n+2, n+3)
		written, err := affected(tx.ExecContext(ctx, query, append(args, t.s.now().UnixMicro(), m.ID, have)...))
		if err != nil {
			return fmt.Errorf("update %s %s: %w", t.noun, m.ID, err)
		}
		if written == 0 {
			return errs.New(errs.Conflict, "%s %s was changed at this very moment; read it again", t.noun, m.ID)
		}
		return t.settle(ctx, tx, org, v)
	})
}

// Delete removes an object. While others refer to it, it is errs.Conflict and the words name one of them.
func (t *Table[T]) Delete(ctx context.Context, org, id string) error {
	old, err := t.Get(ctx, org, id)
	if err != nil {
		return err
	}
	return t.inTx(ctx, t.owner(&old, false), id, func(tx *sql.Tx, c *Change) error {
		t.touched(c, &old, nil)
		if err := t.unused(ctx, tx, id); err != nil {
			return err
		}
		n, err := affected(tx.ExecContext(ctx, `DELETE FROM `+t.table+` WHERE id = $1`, id))
		if err != nil {
			return fmt.Errorf("delete %s %s: %w", t.noun, id, err)
		}
		if n == 0 {
			return t.notFound(id)
		}
		return nil
	})
}

// Unused says whether an object may be removed: nil, or the errs.Conflict of Delete. For those who do what cannot be undone first.
func (t *Table[T]) Unused(ctx context.Context, id string) error { return t.unused(ctx, t.s.read, id) }

func (t *Table[T]) unused(ctx context.Context, q querier, id string) error {
	for _, r := range t.referrers {
		var by, label string
		err := q.QueryRowContext(ctx, fmt.Sprintf(`SELECT id, %s FROM %s WHERE %s = $1 ORDER BY id LIMIT 1`, r.label, r.table, r.column), id).Scan(&by, &label)
		if err == nil {
			return errs.New(errs.Conflict, "%s %s is still used by %s %s (%s); remove or change that first", t.noun, id, r.noun, label, by)
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("delete %s %s: look for uses by a %s: %w", t.noun, id, r.noun, err)
		}
	}
	return nil
}

// inTx runs a write. Objects of an organization are written under the lock of its registry; creating an organization,
// removing one, and keys of the whole installation have none to lock.
func (t *Table[T]) inTx(ctx context.Context, owner, id string, f func(tx *sql.Tx, c *Change) error) error {
	c := &Change{Org: owner}
	if owner != "" {
		return t.s.registryTx(ctx, c, func(tx *sql.Tx) error { return f(tx, c) })
	}
	err := t.s.inTx(ctx, func(tx *sql.Tx) error { return f(tx, c) })
	if err == nil && t.org == nil {
		t.s.tellChanged(Change{Org: id, All: true})
	}
	return err
}

// owner is the organization whose registry v is part of, "" for none.
func (t *Table[T]) owner(v *T, create bool) string {
	switch {
	case t.org != nil:
		return *t.org(v)
	case create:
		return ""
	}
	return t.meta(v).ID
}

// own checks the org argument against v and makes v its own.
func (t *Table[T]) own(org string, v *T) error {
	if org == "" && !t.wide {
		return errs.New(errs.Invalid, "organization: a %s belongs to one; name it", t.noun)
	}
	if t.org != nil && org != "" {
		*t.org(v) = org
	}
	return nil
}

func (t *Table[T]) valid(ctx context.Context, tx *sql.Tx, v *T) error {
	for _, c := range t.columns {
		arg, err := value(c.at(v))
		if err != nil {
			return err
		}
		if s, ok := arg.(string); ok && !c.fixed {
			if err := checkText(c.field, s); err != nil {
				return err
			}
		}
	}
	return t.check(ctx, tx, v)
}

// writable is the columns that Create and Update write, with v's values.
func (t *Table[T]) writable(v *T) (names []string, args []any, err error) {
	for _, c := range t.columns {
		if c.fixed {
			continue
		}
		arg, err := value(c.at(v))
		if err != nil {
			return nil, nil, err
		}
		names, args = append(names, c.name), append(args, arg)
	}
	return names, args, nil
}

// settle does what depends on a written v and reads v as it is now.
func (t *Table[T]) settle(ctx context.Context, tx *sql.Tx, org string, v *T) error {
	if t.after != nil {
		if err := t.after(ctx, tx, v); err != nil {
			return err
		}
	}
	now, err := t.get(ctx, tx, org, t.meta(v).ID)
	if err == nil {
		*v = now
	}
	return err
}

func (t *Table[T]) get(ctx context.Context, q querier, org, id string) (T, error) {
	var zero T
	items, err := t.find(ctx, q, org, []string{"id = $1"}, []any{id}, 1)
	if err != nil {
		return zero, err
	}
	if len(items) == 0 {
		return zero, t.notFound(id)
	}
	return items[0], nil
}

func (t *Table[T]) notFound(id string) error {
	return errs.New(errs.NotFound, "there is no %s %q", t.noun, id)
}

func optionalArg(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// places is "$1, $2, ..., $n".
func places(n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "$%d", i+1)
	}
	return b.String()
}
