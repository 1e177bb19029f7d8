package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
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
	moved, change := true, Change{Org: org, Base: true}
	err := s.inTx(ctx, func(tx *sql.Tx) error {
		if _, err := nodeState(ctx, tx, org, l.Node.ID); err != nil {
			return err
		}
		known, err := s.leasesWhere(ctx, tx, "node = $1", l.Node.ID)
		if err != nil {
			return err
		}
		old, ok := known[l.Node.ID]
		if ok && !l.Changed && old.Node.Boot == l.Node.Boot {
			l.Registered = old.Registered
		}
		body, err := json.Marshal(l)
		if err != nil {
			return fmt.Errorf("lease of %s: %w", l.Node.ID, err)
		}
		moved = !ok || !slices.Equal(old.Node.Addresses, l.Node.Addresses) || old.Node.DTLS != l.Node.DTLS
		if moved {
			if err := bump(ctx, tx, &change); err != nil {
				return err
			}
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO leases (node, org, seen_at, lease) VALUES ($1, $2, $3, $4)
			ON CONFLICT (node) DO UPDATE SET seen_at = excluded.seen_at, lease = excluded.lease`, l.Node.ID, org, now.UnixMicro(), string(body))
		if err != nil {
			return fmt.Errorf("store lease of %s: %w", l.Node.ID, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	l.Registered = slices.Sorted(slices.Values(l.Registered))
	s.known.add(map[string]Lease{l.Node.ID: {Lease: l, SeenAt: time.UnixMicro(now.UnixMicro()).UTC()}})
	if moved {
		s.tellChanged(change)
	}
	return nil
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

// known is leases as they were last read, so that a long list of registrations is read from JSON once and not with each
// device that somebody asks for.
type known struct {
	mu     sync.Mutex
	leases map[string]Lease // by node, each with Registered sorted
}

func (k *known) add(leases map[string]Lease) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.leases = maps.Clone(k.leases) // others read the old map
	maps.Copy(k.leases, leases)
}

// leasesWhere returns, by node, the leases that meet a condition on $1.
func (s *Store) leasesWhere(ctx context.Context, q querier, where, arg string) (map[string]Lease, error) {
	all, stale := make(map[string]Lease), []string(nil)
	s.known.mu.Lock()
	have := s.known.leases
	s.known.mu.Unlock()
	err := rows(ctx, q, func(r *sql.Rows) error {
		var node string
		var seen time.Time
		if err := r.Scan(&node, micros{&seen}); err != nil {
			return err
		}
		if l, ok := have[node]; ok && l.SeenAt.Equal(seen) {
			all[node] = l
		} else {
			stale = append(stale, node)
		}
		return nil
	}, `SELECT node, seen_at FROM leases WHERE `+where, arg)
	if err != nil {
		return nil, fmt.Errorf("read leases of %s: %w", arg, err)
	}
	if len(stale) == 0 {
		return all, nil
	}
	for _, node := range stale {
		ls, err := leases(ctx, q, `SELECT seen_at, lease FROM leases WHERE node = $1`, node)
		if err != nil {
			return nil, err
		}
		for _, l := range ls {
			slices.Sort(l.Registered)
			all[node] = l
		}
	}
	s.known.add(all)
	return all, nil
}

// fillSwitches adds what leases say of switches.
func (s *Store) fillSwitches(ctx context.Context, q querier, items []rest.Switch) error {
	where, arg := "org = $1", items[0].Organization
	if len(items) == 1 {
		where, arg = "node = $1", items[0].ID
	}
	byNode, err := s.leasesWhere(ctx, q, where, arg)
	if err != nil {
		return err
	}
	for i := range items {
		v := &items[i]
		l, ok := byNode[v.ID]
		if !ok {
			continue
		}
		v.Live = v.State == stateEnrolled && l.Live(s.now())
		v.SeenAt, v.Addresses, v.SIP, v.Software = &l.SeenAt, l.Node.Addresses, l.SIP, l.Version
		v.Copy, v.CopyError, v.DiskError = l.Copy, l.CopyError, l.DiskError
	}
	return nil
}

// fillPhones adds what leases say of desk phones.
func (s *Store) fillPhones(ctx context.Context, q querier, items []rest.Device) error {
	at := make(map[string]Lease) // by switch
	for i := range items {
		d := &items[i]
		l, ok := at[d.Switch]
		if !ok && d.Switch != "" {
			one, err := s.leasesWhere(ctx, q, "node = $1", d.Switch)
			if err != nil {
				return err
			}
			l = one[d.Switch]
			at[d.Switch] = l
		}
		if l.Live(s.now()) {
			_, d.Registered = slices.BinarySearch(l.Registered, d.ID)
			d.Reachable = d.Registered
		}
	}
	return nil
}

// fillTrunks adds what leases say of trunks.
func (s *Store) fillTrunks(ctx context.Context, q querier, items []rest.Trunk) error {
	where, arg := "org = $1", items[0].Organization
	if len(items) == 1 {
		where, arg = "node = $1", items[0].Switch
	}
	byNode, err := s.leasesWhere(ctx, q, where, arg)
	if err != nil {
		return err
	}
	for i := range items {
		l := byNode[items[i].Switch]
		if !l.Live(s.now()) {
			continue
		}
		for _, t := range l.Trunks {
			if t.Trunk == items[i].ID {
				items[i].Status = append(items[i].Status, rest.TrunkServer{
					Server: t.Server, Registration: t.Registration, Since: sometime(t.Since), Until: sometime(t.Until), Retry: sometime(t.Retry), Code: t.Code, Words: t.Words,
					Health: t.Health, HealthSince: sometime(t.HealthSince), HealthCode: t.HealthCode, HealthWords: t.HealthWords,
				})
			}
		}
	}
	return nil
}

// sometime is a time as the API shows it: absent if there is none.
func sometime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
