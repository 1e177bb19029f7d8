package store

import (
	"context"
	"database/sql"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"

	"strowger/pkg/errs"
)

// Limits of a page.
const (
	DefaultLimit = 50
	MaxLimit     = 1000
)

// Query chooses what List returns.
type Query struct {
	Limit  int               // at most this many, 1 to MaxLimit; 0 is DefaultLimit
	Cursor string            // where the last page ended; "" is the beginning
	Filter map[string]string // field name in the API: the value that it must equal; "" is absent
}

func (q Query) limit() (int, error) {
	switch {
	case q.Limit < 0 || q.Limit > MaxLimit:
		return 0, errs.New(errs.Invalid, "limit: %d is not between 1 and %d", q.Limit, MaxLimit)
	case q.Limit == 0:
		return DefaultLimit, nil
	}
	return q.Limit, nil
}

// List returns the objects that match, in the order of their ids (which is that of their making), and the cursor of the
// next page, "" after the last. A filter on a field that the kind cannot be filtered by is errs.Invalid.
func (t *Table[T]) List(ctx context.Context, org string, q Query) (items []T, next string, err error) {
	limit, err := q.limit()
	if err != nil {
		return nil, "", err
	}
	if org == "" && !t.wide {
		return nil, "", errs.New(errs.Invalid, "organization: a %s belongs to one; name it", t.noun)
	}
	where, args, err := t.filter(q.Filter)
	if err != nil {
		return nil, "", err
	}
	if q.Cursor != "" {
		after, err := decodeCursor(q.Cursor)
		if err != nil {
			return nil, "", err
		}
		args = append(args, after)
		where = append(where, fmt.Sprintf("id > $%d", len(args)))
	}
	items, err = t.find(ctx, t.s.read, org, where, args, limit+1)
	if err != nil {
		return nil, "", err
	}
	if len(items) > limit {
		items = items[:limit]
		next = encodeCursor(t.meta(&items[limit-1]).ID)
	}
	return items, next, nil
}

func (t *Table[T]) filter(filter map[string]string) (where []string, args []any, err error) {
	var zero T
	for _, field := range slices.Sorted(maps.Keys(filter)) {
		i := slices.IndexFunc(t.columns, func(c column[T]) bool { return c.field == field })
		if i < 0 {
			return nil, nil, errs.New(errs.Invalid, "filter: a %s cannot be listed by %q, only by %s", t.noun, field, strings.Join(t.fields(), ", "))
		}
		text := filter[field]
		if text == "" {
			where = append(where, fmt.Sprintf("COALESCE(CAST(%s AS TEXT), '') = ''", t.columns[i].name))
			continue
		}
		arg, err := parse(field, t.columns[i].at(&zero), text)
		if err != nil {
			return nil, nil, err
		}
		args = append(args, arg)
		where = append(where, fmt.Sprintf("%s = $%d", t.columns[i].name, len(args)))
	}
	return where, args, nil
}

func (t *Table[T]) fields() []string {
	var f []string
	for _, c := range t.columns {
		f = append(f, c.field)
	}
	slices.Sort(f)
	return f
}

// find reads the objects of org (all, if it is empty) that meet the conditions, in the order of their ids; limit 0 is all.
func (t *Table[T]) find(ctx context.Context, q querier, org string, where []string, args []any, limit int) ([]T, error) {
	var items []T
	if err := t.each(ctx, q, org, where, args, limit, func(v T) { items = append(items, v) }); err != nil {
		return nil, err
	}
	if t.fill != nil && len(items) > 0 {
		if err := t.fill(ctx, q, items); err != nil {
			return nil, err
		}
	}
	return items, nil
}

// each is find one by one, without what is no column.
func (t *Table[T]) each(ctx context.Context, q querier, org string, where []string, args []any, limit int, take func(T)) error {
	names := []string{"id", "version", "created_at", "updated_at"}
	if t.org != nil {
		names = append(names, "org")
	}
	for _, c := range t.columns {
		names = append(names, c.name)
	}
	if org != "" {
		args = append(args, org)
		where = append(where, fmt.Sprintf("%s = $%d", t.scope, len(args)))
	}
	query := fmt.Sprintf(`SELECT %s FROM %s`, strings.Join(names, ", "), t.table)
	if len(where) > 0 {
		query += " WHERE " + strings.Join(where, " AND ")
	}
	query += " ORDER BY id"
	if limit > 0 {
		query += fmt.Sprintf(" LIMIT %d", limit)
	}
	scan := func(r *sql.Rows) error {
		var v T
		m := t.meta(&v)
		into := []any{&m.ID, &m.Version, micros{&m.CreatedAt}, micros{&m.UpdatedAt}}
		if t.org != nil {
			into = append(into, optional{t.org(&v)})
		}
		for _, c := range t.columns {
			into = append(into, c.at(&v))
		}
		if err := r.Scan(into...); err != nil {
			return err
		}
		take(v)
		return nil
	}
	if err := rows(ctx, q, scan, query, args...); err != nil {
		return fmt.Errorf("read %s: %w", t.table, err)
	}
	return nil
}

// encodeCursor makes a cursor, opaque to clients: base64url of what sorts last on the page.
func encodeCursor(last string) string { return base64.RawURLEncoding.EncodeToString([]byte(last)) }

func decodeCursor(c string) (string, error) {
	b, err := base64.RawURLEncoding.DecodeString(c)
	if err == nil {
		err = checkText("cursor", string(b))
	}
	if err != nil {
		return "", errs.New(errs.Invalid, "cursor: %q is not one that a list returned", c)
	}
	return string(b), nil
}
