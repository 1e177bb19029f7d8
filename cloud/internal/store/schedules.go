package store

import (
	"cmp"
	"context"
	"database/sql"
	"slices"

	"strowger/pkg/e164"
	"strowger/pkg/errs"
	"strowger/pkg/ident"
	"strowger/pkg/rest"
	"strowger/pkg/schedule"
)

// maxOverriders is how many users may override one schedule.
const maxOverriders = 100

func schedules(s *Store) *Table[rest.Schedule] {
	return &Table[rest.Schedule]{
		s: s, noun: "schedule", table: "schedules", kind: ident.Schedule, scope: "org",
		meta: func(v *rest.Schedule) *rest.Meta { return &v.Meta },
		org:  func(v *rest.Schedule) *string { return &v.Organization },
		columns: []column[rest.Schedule]{
			{field: "name", name: "name", at: func(v *rest.Schedule) any { return &v.Name }},
			{field: "site", name: "site", at: func(v *rest.Schedule) any { return optional{&v.Site} }},
			{field: "time_zone", name: "time_zone", at: func(v *rest.Schedule) any { return &v.TimeZone }},
			{field: "weekly", name: "weekly", at: func(v *rest.Schedule) any { return listed[schedule.Opening]{&v.Weekly} }},
			{field: "holidays", name: "holidays", at: func(v *rest.Schedule) any { return listed[schedule.Holiday]{&v.Holidays} }},
			{field: "override", name: "override", at: func(v *rest.Schedule) any { return &v.Override }},
			{field: "users", name: "users", at: func(v *rest.Schedule) any { return texts{&v.Users} }},
		},
		check:   s.checkSchedule,
		fill:    s.fillSchedules,
		touched: func(c *Change, _, _ *rest.Schedule) { c.Base = true },
	}
}

func (s *Store) checkSchedule(ctx context.Context, tx *sql.Tx, v *rest.Schedule) error {
	if err := checkName(v.Name); err != nil {
		return err
	}
	if err := refers(ctx, tx, "site", siteByID, v.Site, v.Organization); err != nil {
		return err
	}
	if v.Site == "" && v.TimeZone == "" {
		return errs.New(errs.Invalid, "site: by whose clocks does it go? Name a site, or a time zone")
	}
	if n := len(v.Users); n > maxOverriders || len(slices.Compact(slices.Sorted(slices.Values(v.Users)))) < n {
		return errs.New(errs.Invalid, "users: %d, want at most %d, each once", n, maxOverriders)
	}
	for _, id := range v.Users {
		if err := refers(ctx, tx, "users", userByID, id, v.Organization); err != nil {
			return err
		}
	}
	all := []rest.Schedule{*v}
	if err := s.fillSchedules(ctx, tx, all); err != nil {
		return err
	}
	if _, err := schedule.New(all[0].Schedule()); err != nil {
		return err
	}
	return taken(ctx, tx, "schedule name "+v.Name, scheduleByName, v.ID, v.Organization, v.Name)
}

// fillSchedules finds by which clocks schedules go, and how they stand.
func (s *Store) fillSchedules(ctx context.Context, q querier, items []rest.Schedule) error {
	zones := map[string]string{"": "UTC"} // by site
	err := rows(ctx, q, func(r *sql.Rows) error {
		var id, zone, country string
		err := r.Scan(&id, &zone, &country)
		zones[id] = e164.Zone(zone, country).String()
		return err
	}, `SELECT id, time_zone, country FROM sites WHERE org = $1`, items[0].Organization)
	if err != nil {
		return err
	}
	now := s.now()
	for i := range items {
		v := &items[i]
		v.Zone = cmp.Or(v.TimeZone, zones[v.Site])
		c, err := schedule.New(v.Schedule())
		if err != nil { // before it is checked; what was stored is right
			continue
		}
		v.Open = c.Open(now)
		if next, ok := c.Next(now); ok {
			v.ChangesAt = &next
		}
	}
	return nil
}

// Unscheduled says whether a schedule may be removed: errs.Conflict while something goes by it.
func (s *Store) Unscheduled(ctx context.Context, org, id string) error {
	used := func(noun, name, by string) error {
		return errs.New(errs.Conflict, "schedule %s is still used by %s %s (%s); change that first", id, noun, name, by)
	}
	set := []string{"hours <> ''"}
	queues, err := s.Queues.find(ctx, s.read, org, set, nil, 0)
	if err != nil {
		return err
	}
	for _, v := range queues {
		if v.Schedule == id {
			return used("queue", v.Name, v.ID)
		}
	}
	numbers, err := s.Numbers.find(ctx, s.read, org, set, nil, 0)
	if err != nil {
		return err
	}
	for _, v := range numbers {
		if v.Schedule == id {
			return used("number", v.Dial, v.ID)
		}
	}
	users, err := s.Users.find(ctx, s.read, org, []string{"wishes <> ''"}, nil, 0)
	if err != nil {
		return err
	}
	for _, v := range users {
		if slices.Contains(v.Schedules(), id) {
			return used("user", v.Name, v.ID)
		}
	}
	return nil
}
