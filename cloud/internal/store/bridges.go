package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
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
			{field: "addresses", name: "addresses", fixed: true, at: func(v *rest.Bridge) any { return texts{&v.Addresses} }},
			{field: "url", name: "url", fixed: true, at: func(v *rest.Bridge) any { return &v.URL }},
			{field: "web_key_hash", name: "web_key_hash", fixed: true, at: func(v *rest.Bridge) any { return &v.WebKeyHash }},
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

// PutBridgeLease notes that a bridge lives. If it can now be reached otherwise than before, that is a change of the registry:
// copies of sites list bridges. One that leaves will be back where it was.
func (s *Store) PutBridgeLease(ctx context.Context, org, bridge string, l fabric.Lease, now time.Time) error {
	until, moved, change := now.Add(fabric.LeaseLifetime), false, Change{Org: org, Base: true}
	if l.Leaving {
		until = now
	}
	err := s.inTx(ctx, func(tx *sql.Tx) error {
		v, err := s.Bridges.get(ctx, tx, org, bridge)
		if err != nil {
			return err
		}
		was := v
		if l.Face != nil && !l.Leaving {
			v.Addresses, v.URL, v.WebKeyHash = l.Node.Addresses, l.Face.URL, l.Face.KeyHash
		}
		moved = !slices.Equal(v.Addresses, was.Addresses) || v.URL != was.URL || v.WebKeyHash != was.WebKeyHash
		if moved {
			if err := bump(ctx, tx, &change); err != nil {
				return err
			}
		}
		addresses, err := texts{&v.Addresses}.Value()
		if err == nil {
			_, err = tx.ExecContext(ctx, `UPDATE bridges SET seen_at = $1, live_until = $2, software = $3, addresses = $4, url = $5, web_key_hash = $6,
				boot = $7 WHERE id = $8`, now.UnixMicro(), until.UnixMicro(), l.Version, addresses, v.URL, v.WebKeyHash, l.Node.Boot, bridge)
		}
		if err == nil && l.Face != nil && !l.Leaving { // copies of sites do not name it
			_, err = tx.ExecContext(ctx, `UPDATE bridges SET web = $1 WHERE id = $2`, texts{&l.Node.Web}, bridge)
		}
		if err == nil { // channels of an earlier run
			_, err = tx.ExecContext(ctx, `DELETE FROM channels WHERE bridge = $1 AND (boot <> $2 OR $3)`, bridge, l.Node.Boot, l.Leaving)
		}
		if err != nil {
			return fmt.Errorf("store lease of bridge %s: %w", bridge, err)
		}
		return nil
	})
	if err == nil && moved {
		s.tellChanged(change)
	}
	return err
}
