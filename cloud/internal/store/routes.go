package store

import (
	"context"
	"database/sql"
	"slices"

	"strowger/pkg/errs"
	"strowger/pkg/ident"
	"strowger/pkg/rest"
	"strowger/pkg/tariff"
)

const (
	maxRouteTrunks = 16

	trunkByID  = `SELECT id FROM trunks WHERE id = $1 AND org = $2`
	routeTwice = `SELECT 'route', prefix, id FROM routes WHERE org = $1 AND prefix = $2 AND days = $3 AND hours = $4`
)

func routes(s *Store) *Table[rest.Route] {
	return &Table[rest.Route]{
		s: s, noun: "route", table: "routes", kind: ident.Route, scope: "org",
		meta: func(v *rest.Route) *rest.Meta { return &v.Meta },
		org:  func(v *rest.Route) *string { return &v.Organization },
		columns: []column[rest.Route]{
			{field: "prefix", name: "prefix", at: func(v *rest.Route) any { return &v.Prefix }},
			{field: "trunks", name: "trunks", at: func(v *rest.Route) any { return texts{&v.Trunks} }},
			{field: "days", name: "days", at: func(v *rest.Route) any { return &v.Days }},
			{field: "hours", name: "hours", at: func(v *rest.Route) any { return &v.Hours }},
		},
		check: func(ctx context.Context, tx *sql.Tx, v *rest.Route) error {
			if err := checkRoute(v); err != nil {
				return err
			}
			for _, id := range v.Trunks {
				if err := refers(ctx, tx, "trunks", trunkByID, id, v.Organization); err != nil {
					return err
				}
			}
			return taken(ctx, tx, "prefix "+v.Prefix+" at that time", routeTwice, v.ID, v.Organization, v.Prefix, v.Days, v.Hours)
		},
		touched: func(c *Change, _, _ *rest.Route) { c.Base = true },
	}
}

// checkRoute looks at a route by itself and writes it as routes are compared.
func checkRoute(v *rest.Route) (err error) {
	if v.Prefix, err = tariff.ParsePrefix(v.Prefix); err != nil {
		return errs.New(errs.Invalid, "prefix: %w", err)
	}
	if n := len(v.Trunks); n < 1 || n > maxRouteTrunks || len(slices.Compact(slices.Sorted(slices.Values(v.Trunks)))) < n {
		return errs.New(errs.Invalid, "trunks: want 1 to %d, each once", maxRouteTrunks)
	}
	w, err := tariff.ParseWindow("", "", v.Days, v.Hours)
	if err != nil {
		return errs.New(errs.Invalid, "days, hours: %w", err)
	}
	v.Days, v.Hours = w.Days.String(), w.Hours.String()
	return nil
}

// Unrouted says whether a trunk may be removed: errs.Conflict while a route names it.
func (s *Store) Unrouted(ctx context.Context, org, trunk string) error {
	all, err := s.Routes.find(ctx, s.read, org, nil, nil, 0)
	if err != nil {
		return err
	}
	for _, v := range all {
		if slices.Contains(v.Trunks, trunk) {
			return errs.New(errs.Conflict, "trunk %s is still used by the route of %s (%s); remove or change that first", trunk, v.Prefix, v.ID)
		}
	}
	return nil
}
