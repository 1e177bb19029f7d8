package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"strowger/pkg/fabric"
	"strowger/pkg/ident"
	"strowger/pkg/rest"
)

func bridges(s *Store) *Table[rest.Bridge] {
	return &Table[rest.Bridge]{
		s: s, noun: "bridge", table: "bridges", kind: ident.Bridge, scope: "org",
		meta: func(v *rest.Bridge) *rest.Meta { return &v.Meta },
		org:  func(v *rest.Bridge) *string { return &v.Organization },
		columns: []column[rest.Bridge]{
			{field: "name", name: "name", at: func(v *rest.Bridge) any { return &v.Name }},
			{field: "state", name: "state", fixed: true, at: func(v *rest.Bridge) any { return &v.State }},
			{field: "key_hash", name: "key_hash", fixed: true, at: func(v *rest.Bridge) any { return &v.KeyHash }},
			{field: "certificate_expires_at", name: "not_after", fixed: true, at: func(v *rest.Bridge) any { return optionalTime{&v.NotAfter} }},
			{field: "seen_at", name: "seen_at", fixed: true, at: func(v *rest.Bridge) any { return optionalTime{&v.SeenAt} }},
			{field: "live_until", name: "live_until", fixed: true, at: func(v *rest.Bridge) any { return optionalTime{&v.LiveUntil} }},
			{field: "software", name: "software", fixed: true, at: func(v *rest.Bridge) any { return &v.Software }},
		},
		check: func(ctx context.Context, tx *sql.Tx, v *rest.Bridge) error {
			if err := checkName(v.Name); err != nil {
				return err
			}
			return taken(ctx, tx, "bridge name "+v.Name, bridgeByName, v.ID, v.Organization, v.Name)
		},
		fill: func(_ context.Context, _ querier, items []rest.Bridge) error {
			for i := range items {
				v := &items[i]
				v.Live = v.State == stateEnrolled && v.LiveUntil != nil && s.now().Before(*v.LiveUntil)
			}
			return nil
		},
		touched: func(*Change, *rest.Bridge, *rest.Bridge) {}, // nobody keeps them in memory
	}
}

// PutBridgeLease notes that a bridge lives.
func (s *Store) PutBridgeLease(ctx context.Context, org, bridge string, l fabric.Lease, now time.Time) error {
	until := now.Add(fabric.LeaseLifetime)
	if l.Leaving {
		until = now
	}
	_, err := s.write.ExecContext(ctx, `UPDATE bridges SET seen_at = $1, live_until = $2, software = $3 WHERE id = $4 AND org = $5`,
		now.UnixMicro(), until.UnixMicro(), l.Version, bridge, org)
	if err != nil {
		return fmt.Errorf("store lease of bridge %s: %w", bridge, err)
	}
	return nil
}
