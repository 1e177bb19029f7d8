package store

import (
	"context"
	"database/sql"
	"fmt"

	"strowger/pkg/rest"
)

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

// Who belongs to a site: who has a phone at one of its switches, one of its numbers, or a home switch there.
const usersOfSite = `(SELECT d.user_id FROM devices d JOIN switches s ON s.id = d.switch WHERE s.site = $1
	UNION SELECT n.user_id FROM numbers n WHERE n.site = $1
	UNION SELECT u.id FROM users u JOIN switches s ON s.id = u.home_switch WHERE s.site = $1)`

// Office reads what the documents of a site are made of, as it is at one moment: of an organization's registry all sites and
// switches, the users who belong to the site, all devices of these, and their numbers; each kind in the order of ids.
func (s *Store) Office(ctx context.Context, org, site string) (Registry, error) {
	return s.readRegistry(ctx, org, func(tx *sql.Tx, g *Registry) (err error) {
		if g.Users, err = s.Users.find(ctx, tx, org, []string{"id IN " + usersOfSite}, []any{site}, 0); err != nil {
			return err
		}
		if g.Devices, err = s.Devices.find(ctx, tx, org, []string{"user_id IN " + usersOfSite}, []any{site}, 0); err != nil {
			return err
		}
		g.Numbers, err = s.Numbers.find(ctx, tx, org, []string{"user_id IN " + usersOfSite}, []any{site}, 0)
		return err
	})
}

// Registry reads an organization as it is at one moment, each kind in the order of ids.
func (s *Store) Registry(ctx context.Context, org string) (Registry, error) {
	return s.readRegistry(ctx, org, func(tx *sql.Tx, g *Registry) (err error) {
		if g.Users, err = s.Users.find(ctx, tx, org, nil, nil, 0); err != nil {
			return err
		}
		if g.Devices, err = s.Devices.find(ctx, tx, org, nil, nil, 0); err != nil {
			return err
		}
		g.Numbers, err = s.Numbers.find(ctx, tx, org, nil, nil, 0)
		return err
	})
}

// readRegistry reads what is needed of every organization, and what more adds, in one transaction.
func (s *Store) readRegistry(ctx context.Context, org string, more func(*sql.Tx, *Registry) error) (Registry, error) {
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
	if g.SwitchKeys, err = switchKeys(ctx, tx, org); err != nil {
		return g, err
	}
	return g, more(tx, &g)
}
