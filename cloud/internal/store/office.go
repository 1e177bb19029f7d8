package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"strowger/pkg/rest"
	"strowger/pkg/tariff"
)

// Registry is all of one organization at one moment.
type Registry struct {
	Organization rest.Organization
	Sites        []rest.Site
	Switches     []rest.Switch
	Users        []rest.User
	Devices      []rest.Device
	Numbers      []rest.Number
	Bridges      []rest.Bridge
	Trunks       []rest.Trunk
	Routes       []rest.Route
	Queues       []rest.Queue
	Schedules    []rest.Schedule
	Groups       []rest.Group
	Contacts     []rest.PhoneContact
	Rates        map[string]*tariff.Table // by trunk: of all, or of those that a change names; not in an Office,
	ShortRates   map[string][]tariff.Rate // which has this
	SwitchKeys   map[string]string        // as the method of that name
	Revision     int64                    // grows with every change
}

// Who belongs to a site: who has a phone at one of its switches, one of its numbers, or a home switch there.
const usersOfSite = `(SELECT d.user_id FROM devices d JOIN switches s ON s.id = d.switch WHERE s.site = $1
	UNION SELECT n.user_id FROM numbers n WHERE n.site = $1
	UNION SELECT u.id FROM users u JOIN switches s ON s.id = u.home_switch WHERE s.site = $1)`

// Which queues belong to a site: those at its switches, and those that one of its numbers leads to.
const queuesOfSite = `(SELECT q.id FROM queues q JOIN switches s ON s.id = q.switch WHERE s.site = $1
	UNION SELECT n.queue_id FROM numbers n WHERE n.site = $1)`

// Office reads what the documents of a site are made of, as it is at one moment: of an organization's registry all sites and
// switches, the users who belong to the site, all devices of these, and their numbers; also the members of groups, wherever they live, and their
// devices, and whoever has rules against toll fraud of their own: their calls may leave by a line of this site. Each kind is in the order of ids.
func (s *Store) Office(ctx context.Context, org, site string) (Registry, error) {
	return s.readRegistry(ctx, org, func(q querier, g *Registry) (err error) {
		if g.Users, err = s.Users.find(ctx, q, org, []string{"id IN " + usersOfSite}, []any{site}, 0); err != nil {
			return err
		}
		if g.Devices, err = s.Devices.find(ctx, q, org, []string{"user_id IN " + usersOfSite}, []any{site}, 0); err != nil {
			return err
		}
		if err := s.addMembers(ctx, q, org, g); err != nil {
			return err
		}
		if err := s.addGuarded(ctx, q, org, g); err != nil {
			return err
		}
		if g.ShortRates, err = shortRates(ctx, q, org, site); err != nil {
			return err
		}
		g.Numbers, err = s.Numbers.find(ctx, q, org, []string{"(user_id IN " + usersOfSite + " OR queue_id IN " + queuesOfSite + ")"}, []any{site}, 0)
		return err
	})
}

// Registry reads an organization as it is at one moment, each kind in the order of ids.
func (s *Store) Registry(ctx context.Context, org string) (Registry, error) {
	var all list
	g, err := s.ReadRegistry(ctx, org, func(Registry) Reader { return &all })
	g.Users, g.Devices, g.Numbers = all.users, all.devices, all.numbers
	return g, err
}

type list struct {
	users   []rest.User
	devices []rest.Device
	numbers []rest.Number
}

func (l *list) User(v rest.User)     { l.users = append(l.users, v) }
func (l *list) Device(v rest.Device) { l.devices = append(l.devices, v) }
func (l *list) Number(v rest.Number) { l.numbers = append(l.numbers, v) }

// Reader takes what there may be a million of: first all users, then all devices, then all numbers, each kind in the order
// of ids. Whether a device is registered is not read.
type Reader interface {
	User(rest.User)
	Device(rest.Device)
	Number(rest.Number)
}

// ReadRegistry reads an organization as it is at one moment. It returns all but users, devices and numbers, which it passes
// to the reader that begin returns.
func (s *Store) ReadRegistry(ctx context.Context, org string, begin func(Registry) Reader) (Registry, error) {
	return s.readRegistry(ctx, org, func(q querier, g *Registry) (err error) {
		if g.Rates, err = rateTables(ctx, q, org, nil); err != nil {
			return err
		}
		r := begin(*g)
		if err := s.Users.each(ctx, q, org, nil, nil, 0, r.User); err != nil {
			return err
		}
		if err := s.Devices.each(ctx, q, org, nil, nil, 0, r.Device); err != nil {
			return err
		}
		return s.Numbers.each(ctx, q, org, nil, nil, 0, r.Number)
	})
}

// ReadChanged is ReadRegistry of no more users, devices and numbers than a change names. What it names and is not read was
// removed.
func (s *Store) ReadChanged(ctx context.Context, c Change, begin func(Registry) Reader) (Registry, error) {
	return s.readRegistry(ctx, c.Org, func(q querier, g *Registry) (err error) {
		if len(c.Rates) > 0 {
			if g.Rates, err = rateTables(ctx, q, c.Org, c.Rates); err != nil {
				return err
			}
		}
		r := begin(*g)
		if err := some(ctx, q, s.Users, c.Org, "id", c.Users, r.User); err != nil {
			return err
		}
		if err := some(ctx, q, s.Devices, c.Org, "id", c.Devices, r.Device); err != nil {
			return err
		}
		return some(ctx, q, s.Numbers, c.Org, "dial", c.Dials, r.Number)
	})
}

// addGuarded adds the users with rules of their own against toll fraud who are not of the site.
func (s *Store) addGuarded(ctx context.Context, q querier, org string, g *Registry) error {
	have := make(map[string]bool, len(g.Users))
	for _, u := range g.Users {
		have[u.ID] = true
	}
	err := s.Users.each(ctx, q, org, []string{"guard <> ''"}, nil, 0, func(u rest.User) {
		if !have[u.ID] {
			g.Users = append(g.Users, u)
		}
	})
	slices.SortFunc(g.Users, func(a, b rest.User) int { return cmp.Compare(a.ID, b.ID) })
	return err
}

// addMembers adds the members of groups who are not of the site, and their devices.
func (s *Store) addMembers(ctx context.Context, q querier, org string, g *Registry) error {
	have := make(map[string]bool, len(g.Users))
	for _, u := range g.Users {
		have[u.ID] = true
	}
	var more []string
	for _, v := range g.Groups {
		for _, id := range v.Members {
			if !have[id] {
				have[id] = true
				more = append(more, id)
			}
		}
	}
	if len(more) == 0 {
		return nil
	}
	if err := some(ctx, q, s.Users, org, "id", more, func(u rest.User) { g.Users = append(g.Users, u) }); err != nil {
		return err
	}
	if err := some(ctx, q, s.Devices, org, "user_id", more, func(d rest.Device) { g.Devices = append(g.Devices, d) }); err != nil {
		return err
	}
	slices.SortFunc(g.Users, func(a, b rest.User) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(g.Devices, func(a, b rest.Device) int { return cmp.Compare(a.ID, b.ID) })
	return nil
}

// maxArgs is how many values one statement names.
const maxArgs = 500

// some reads the objects of which a column has one of the values.
func some[T any](ctx context.Context, q querier, t *Table[T], org, column string, values []string, take func(T)) error {
	for part := range slices.Chunk(values, maxArgs) {
		args := make([]any, len(part))
		for i, v := range part {
			args[i] = v
		}
		if err := t.each(ctx, q, org, []string{fmt.Sprintf("%s IN (%s)", column, places(len(args)))}, args, 0, take); err != nil {
			return err
		}
	}
	return nil
}

// readRegistry reads what is needed of every organization, and what more adds, in one transaction.
func (s *Store) readRegistry(ctx context.Context, org string, more func(querier, *Registry) error) (Registry, error) {
	var g Registry
	q, err := s.snapshot(ctx)
	if err != nil {
		return g, fmt.Errorf("read registry: %w", err)
	}
	defer q.end(ctx)
	if g.Revision, err = revision(ctx, q, org); err != nil {
		return g, err
	}
	if g.Organization, err = s.Organizations.get(ctx, q, org, org); err != nil {
		return g, err
	}
	if g.Sites, err = s.Sites.find(ctx, q, org, nil, nil, 0); err != nil {
		return g, err
	}
	if g.Switches, err = s.Switches.find(ctx, q, org, nil, nil, 0); err != nil {
		return g, err
	}
	if g.SwitchKeys, err = switchKeys(ctx, q, org); err != nil {
		return g, err
	}
	if g.Bridges, err = s.Bridges.find(ctx, q, org, nil, nil, 0); err != nil {
		return g, err
	}
	if g.Trunks, err = s.Trunks.find(ctx, q, org, nil, nil, 0); err != nil {
		return g, err
	}
	if g.Routes, err = s.Routes.find(ctx, q, org, nil, nil, 0); err != nil {
		return g, err
	}
	if g.Queues, err = s.Queues.find(ctx, q, org, nil, nil, 0); err != nil {
		return g, err
	}
	if g.Schedules, err = s.Schedules.find(ctx, q, org, nil, nil, 0); err != nil {
		return g, err
	}
	if g.Groups, err = s.Groups.find(ctx, q, org, nil, nil, 0); err != nil {
		return g, err
	}
	if g.Contacts, err = s.Contacts.find(ctx, q, org, nil, nil, 0); err != nil {
		return g, err
	}
	return g, more(q, &g)
}
