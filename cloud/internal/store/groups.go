package store

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"slices"

	"strowger/pkg/e164"
	"strowger/pkg/errs"
	"strowger/pkg/ident"
	"strowger/pkg/rest"
)

const (
	maxGroup     = 100 // users
	maxPhoneBook = 10_000
	maxPark      = 99 // slots
	minParked    = 10 // seconds
	maxParked    = 3600
)

var (
	codeForm  = regexp.MustCompile(`^[0-9]{1,4}$`)
	speedForm = regexp.MustCompile(`^[0-9]{2}$`)
)

func groups(s *Store) *Table[rest.Group] {
	return &Table[rest.Group]{
		s: s, noun: "group", table: "user_groups", kind: ident.Group, scope: "org",
		meta: func(v *rest.Group) *rest.Meta { return &v.Meta },
		org:  func(v *rest.Group) *string { return &v.Organization },
		columns: []column[rest.Group]{
			{field: "name", name: "name", at: func(v *rest.Group) any { return &v.Name }},
			{field: "kind", name: "kind", at: func(v *rest.Group) any { return &v.Kind }},
			{field: "code", name: "code", at: func(v *rest.Group) any { return &v.Code }},
			{field: "members", name: "members", at: func(v *rest.Group) any { return texts{&v.Members} }},
			{field: "others", name: "others", at: func(v *rest.Group) any { return texts{&v.Others} }},
		},
		check:   checkGroup,
		touched: func(c *Change, _, _ *rest.Group) { c.Base = true },
	}
}

func checkGroup(ctx context.Context, tx *sql.Tx, v *rest.Group) error {
	if v.Kind != rest.PickUpGroup && v.Kind != rest.PagingGroup {
		return errs.New(errs.Invalid, "kind: %q is neither %s nor %s", v.Kind, rest.PickUpGroup, rest.PagingGroup)
	}
	if v.Code != "" && !codeForm.MatchString(v.Code) {
		return errs.New(errs.Invalid, "code: %q is not 1 to 4 digits", v.Code)
	}
	if err := checkName(v.Name); err != nil {
		return err
	}
	for field, all := range map[string][]string{"members": v.Members, "others": v.Others} {
		if n := len(all); n > maxGroup || len(slices.Compact(slices.Sorted(slices.Values(all)))) < n {
			return errs.New(errs.Invalid, "%s: %d, want at most %d, each once", field, n, maxGroup)
		}
		for _, id := range all {
			if err := refers(ctx, tx, field, userByID, id, v.Organization); err != nil {
				return err
			}
		}
	}
	if v.Code != "" {
		if err := taken(ctx, tx, v.Kind+" code "+v.Code, groupByCode, v.ID, v.Organization, v.Kind, v.Code); err != nil {
			return err
		}
	}
	return taken(ctx, tx, v.Kind+" group "+v.Name, groupByName, v.ID, v.Organization, v.Kind, v.Name)
}

func contacts(s *Store) *Table[rest.PhoneContact] {
	return &Table[rest.PhoneContact]{
		s: s, noun: "contact", table: "contacts", kind: ident.Contact, scope: "org",
		meta: func(v *rest.PhoneContact) *rest.Meta { return &v.Meta },
		org:  func(v *rest.PhoneContact) *string { return &v.Organization },
		columns: []column[rest.PhoneContact]{
			{field: "number", name: "number", at: func(v *rest.PhoneContact) any { return &v.Number }},
			{field: "name", name: "name", at: func(v *rest.PhoneContact) any { return &v.Name }},
			{field: "speed_dial", name: "speed_dial", at: func(v *rest.PhoneContact) any { return &v.SpeedDial }},
		},
		check:   checkContact,
		touched: func(c *Change, _, _ *rest.PhoneContact) { c.Base = true },
	}
}

func checkContact(ctx context.Context, tx *sql.Tx, v *rest.PhoneContact) error {
	v.Number = e164.Plain(v.Number)
	switch {
	case v.SpeedDial != "" && !speedForm.MatchString(v.SpeedDial):
		return errs.New(errs.Invalid, "speed_dial: %q is not two digits, 00 to 99", v.SpeedDial)
	case v.SpeedDial == "" && !e164.Written(v.Number):
		return errs.New(errs.Invalid, "number: %q is no phone number as +4930123456 is; others are here for a speed_dial only", v.Number)
	case !fallbackForm.MatchString(v.Number):
		return errs.New(errs.Invalid, "number: %q is not 1 to 38 digits, *, # or +", v.Number)
	}
	var n int
	if err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM contacts WHERE org = $1 AND id <> $2`, v.Organization, v.ID).Scan(&n); err != nil {
		return fmt.Errorf("count contacts: %w", err)
	}
	if n >= maxPhoneBook {
		return errs.New(errs.Invalid, "number: the phone book has %d contacts, all that it takes", n)
	}
	if err := checkName(v.Name); err != nil {
		return err
	}
	if v.SpeedDial != "" {
		if err := taken(ctx, tx, "speed dial "+v.SpeedDial, contactBySpeed, v.ID, v.Organization, v.SpeedDial); err != nil {
			return err
		}
	}
	return taken(ctx, tx, "number "+v.Number, contactByNumber, v.ID, v.Organization, v.Number)
}

// checkPark looks at where a site parks calls.
func checkPark(v *rest.Site) error {
	switch n := v.ParkSeconds; {
	case v.ParkSlots < rest.NoPark || v.ParkSlots > maxPark:
		return errs.New(errs.Invalid, "park_slots: %d is not between 1 and %d, nor 0 for as many as usual, nor %d for none", v.ParkSlots, maxPark, rest.NoPark)
	case n != 0 && (n < minParked || n > maxParked):
		return errs.New(errs.Invalid, "park_seconds: %d is neither 0 nor between %d and %d", n, minParked, maxParked)
	}
	return nil
}

// How often phones behind NATs may be asked something, in seconds.
const minKeepAlive, maxKeepAlive = 10, 300

// checkKeepAlive looks at how often a site asks phones behind NATs.
func checkKeepAlive(v *rest.Site) error {
	if n := v.KeepAliveSeconds; n != 0 && n != rest.NoKeepAlive && (n < minKeepAlive || n > maxKeepAlive) {
		return errs.New(errs.Invalid, "keep_alive_seconds: %d is neither between %d and %d, nor 0 for as often as usual, nor %d for never", n, minKeepAlive, maxKeepAlive, rest.NoKeepAlive)
	}
	return nil
}

// Ungrouped says whether a user may be removed: errs.Conflict while a group names them, or a schedule that they may override.
func (s *Store) Ungrouped(ctx context.Context, org, user string) error {
	all, err := s.Groups.find(ctx, s.read, org, nil, nil, 0)
	if err != nil {
		return err
	}
	for _, v := range all {
		if slices.Contains(v.Members, user) || slices.Contains(v.Others, user) {
			return errs.New(errs.Conflict, "user %s is still in the %s group %s (%s); take them out first", user, v.Kind, v.Name, v.ID)
		}
	}
	schedules, err := s.Schedules.find(ctx, s.read, org, nil, nil, 0)
	if err != nil {
		return err
	}
	for _, v := range schedules {
		if slices.Contains(v.Users, user) {
			return errs.New(errs.Conflict, "user %s may still override the schedule %s (%s); take them out first", user, v.Name, v.ID)
		}
	}
	return nil
}
