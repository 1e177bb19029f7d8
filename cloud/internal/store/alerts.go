package store

import (
	"context"
	"database/sql"
	"fmt"

	"strowger/pkg/ident"
	"strowger/pkg/rest"
)

// maxAlerts is how many of an organization are kept; the oldest make room.
const maxAlerts = 1000

func alerts(s *Store) *Table[rest.Alert] {
	return &Table[rest.Alert]{
		s: s, noun: "alert", table: "alerts", kind: ident.Alert, scope: "org",
		meta: func(v *rest.Alert) *rest.Meta { return &v.Meta },
		org:  func(v *rest.Alert) *string { return &v.Organization },
		columns: []column[rest.Alert]{
			{field: "kind", name: "kind", fixed: true, at: func(v *rest.Alert) any { return &v.Kind }},
			{field: "severity", name: "severity", fixed: true, at: func(v *rest.Alert) any { return &v.Severity }},
			{field: "node", name: "node", fixed: true, at: func(v *rest.Alert) any { return &v.Node }},
			{field: "site", name: "site", fixed: true, at: func(v *rest.Alert) any { return &v.Site }},
			{field: "subject", name: "subject", fixed: true, at: func(v *rest.Alert) any { return &v.Subject }},
			{field: "call", name: "call", fixed: true, at: func(v *rest.Alert) any { return &v.Call }},
			{field: "words", name: "words", fixed: true, at: func(v *rest.Alert) any { return &v.Words }},
			{field: "contacts", name: "contacts", fixed: true, at: func(v *rest.Alert) any { return texts{&v.Contacts} }},
			{field: "dismissed", name: "dismissed", at: func(v *rest.Alert) any { return &v.Dismissed }},
		},
		check:   func(context.Context, *sql.Tx, *rest.Alert) error { return nil },
		touched: func(*Change, *rest.Alert, *rest.Alert) {}, // no call needs to know
	}
}

// Raise stores an alert of the cloud's own, and gives it its id.
func (s *Store) Raise(ctx context.Context, org string, a rest.Alert) (rest.Alert, error) {
	one := []rest.Alert{a}
	err := s.WriteLedger(ctx, []string{org}, func(l LedgerTx) error { return l.putAlerts(ctx, org, one) })
	return one[0], err
}

// putAlerts stores alerts of an organization, with ids of their own.
func (l LedgerTx) putAlerts(ctx context.Context, org string, all []rest.Alert) error {
	for i := range all {
		v := &all[i]
		v.ID, v.Version, v.Organization, v.UpdatedAt = ident.New(ident.Alert), 1, org, v.CreatedAt
		contacts, err := texts{&v.Contacts}.Value()
		if err != nil {
			return err
		}
		_, err = l.tx.ExecContext(ctx, `INSERT INTO alerts (id, org, version, created_at, updated_at, kind, severity, node, site, subject, call, words, contacts, dismissed)
			VALUES ($1, $2, 1, $3, $3, $4, $5, $6, $7, $8, $9, $10, $11, FALSE)`,
			v.ID, org, v.CreatedAt.UnixMicro(), v.Kind, v.Severity, v.Node, v.Site, v.Subject, v.Call, v.Words, contacts)
		if err != nil {
			return fmt.Errorf("store alert %q: %w", v.Words, err)
		}
	}
	if len(all) == 0 {
		return nil
	}
	_, err := l.tx.ExecContext(ctx, `DELETE FROM alerts WHERE org = $1 AND id NOT IN (SELECT id FROM alerts WHERE org = $1 ORDER BY id DESC LIMIT $2)`, org, maxAlerts)
	if err != nil {
		return fmt.Errorf("drop old alerts of %s: %w", org, err)
	}
	return nil
}
