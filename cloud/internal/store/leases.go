package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"strowger/pkg/fabric"
	"strowger/pkg/rest"
)

// Lease is the last lease of a node and when it came.
type Lease struct {
	fabric.Lease
	SeenAt time.Time
}

// Live says whether the node is alive by this lease.
func (l Lease) Live(now time.Time) bool {
	return !l.Leaving && now.Before(l.SeenAt.Add(fabric.LeaseLifetime))
}

// PutLease stores a node's lease in place of the last, whose registrations it keeps if it is of the same run and says that
// they are unchanged. If the node can now be reached otherwise than before, it counts as a change of the registry: copies
// carry addresses.
func (s *Store) PutLease(ctx context.Context, org string, l fabric.Lease, now time.Time) error {
	moved := true
	err := inTx(ctx, s.write, func(tx *sql.Tx) error {
		if _, err := switchState(ctx, tx, org, l.Node.ID); err != nil {
			return err
		}
		old, err := leases(ctx, tx, `SELECT seen_at, lease FROM leases WHERE node = $1`, l.Node.ID)
		if err != nil {
			return err
		}
		if !l.Changed && len(old) > 0 && old[0].Node.Boot == l.Node.Boot {
			l.Registered = old[0].Registered
		}
		body, err := json.Marshal(l)
		if err != nil {
			return fmt.Errorf("lease of %s: %w", l.Node.ID, err)
		}
		moved = len(old) == 0 || !slices.Equal(old[0].Node.Addresses, l.Node.Addresses) || old[0].Node.DTLS != l.Node.DTLS
		if moved {
			if _, err := tx.ExecContext(ctx, bumpRevision, org); err != nil {
				return fmt.Errorf("count the change of organization %s: %w", org, err)
			}
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO leases (node, org, seen_at, lease) VALUES ($1, $2, $3, $4)
			ON CONFLICT (node) DO UPDATE SET seen_at = excluded.seen_at, lease = excluded.lease`, l.Node.ID, org, now.UnixMicro(), string(body))
		if err != nil {
			return fmt.Errorf("store lease of %s: %w", l.Node.ID, err)
		}
		return nil
	})
	if err == nil && moved {
		s.tellChanged(org)
	}
	return err
}

// Leases returns the last lease of every node of an organization, live or not.
func (s *Store) Leases(ctx context.Context, org string) ([]Lease, error) {
	return leases(ctx, s.read, `SELECT seen_at, lease FROM leases WHERE org = $1 ORDER BY node`, org)
}

func leases(ctx context.Context, q querier, query, arg string) ([]Lease, error) {
	var ls []Lease
	err := rows(ctx, q, func(r *sql.Rows) error {
		var l Lease
		var body string
		if err := r.Scan(micros{&l.SeenAt}, &body); err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(body), &l.Lease); err != nil {
			return err
		}
		ls = append(ls, l)
		return nil
	}, query, arg)
	if err != nil {
		return nil, fmt.Errorf("read leases of %s: %w", arg, err)
	}
	return ls, nil
}

// fillSwitches adds what leases say of switches.
func (s *Store) fillSwitches(ctx context.Context, q querier, items []rest.Switch) error {
	ls, err := leases(ctx, q, `SELECT seen_at, lease FROM leases WHERE org = $1`, items[0].Organization)
	if err != nil {
		return err
	}
	byNode := make(map[string]Lease, len(ls))
	for _, l := range ls {
		byNode[l.Node.ID] = l
	}
	for i := range items {
		v := &items[i]
		l, ok := byNode[v.ID]
		if !ok {
			continue
		}
		v.Live = v.State == stateEnrolled && l.Live(s.now())
		v.SeenAt, v.Addresses, v.SIP, v.Software = &l.SeenAt, l.Node.Addresses, l.SIP, l.Version
	}
	return nil
}

// fillDevices adds what leases say of devices.
func (s *Store) fillDevices(ctx context.Context, q querier, items []rest.Device) error {
	ls, err := leases(ctx, q, `SELECT seen_at, lease FROM leases WHERE org = $1`, items[0].Organization)
	if err != nil {
		return err
	}
	at := make(map[string]string) // device: the switch where it is registered
	for _, l := range ls {
		if !l.Live(s.now()) {
			continue
		}
		for _, d := range l.Registered {
			at[d] = l.Node.ID
		}
	}
	for i := range items {
		items[i].Registered = items[i].Switch != "" && at[items[i].ID] == items[i].Switch
	}
	return nil
}

// Registry is all of one organization at one moment.
type Registry struct {
	Organization rest.Organization
	Sites        []rest.Site
	Switches     []rest.Switch
	Users        []rest.User
	Devices      []rest.Device
	Numbers      []rest.Number
	SwitchKeys   map[string]string // as the method of that name
	Revision     int64             // grows with every change
}

// Registry reads an organization as it is at one moment, each kind in the order of ids.
func (s *Store) Registry(ctx context.Context, org string) (Registry, error) {
	var g Registry
	tx, err := s.read.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return g, fmt.Errorf("read registry: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // nothing was written
	if g.Revision, err = revision(ctx, tx, org); err != nil {
		return g, err
	}
	if g.Organization, err = s.Organizations.get(ctx, tx, org, org); err != nil {
		return g, err
	}
	if g.Sites, err = s.Sites.find(ctx, tx, org, nil, nil, 0); err != nil {
		return g, err
	}
	if g.Switches, err = s.Switches.find(ctx, tx, org, nil, nil, 0); err != nil {
		return g, err
	}
	if g.Users, err = s.Users.find(ctx, tx, org, nil, nil, 0); err != nil {
		return g, err
	}
	if g.Devices, err = s.Devices.find(ctx, tx, org, nil, nil, 0); err != nil {
		return g, err
	}
	if g.Numbers, err = s.Numbers.find(ctx, tx, org, nil, nil, 0); err != nil {
		return g, err
	}
	g.SwitchKeys, err = switchKeys(ctx, tx, org)
	return g, err
}
