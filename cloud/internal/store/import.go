package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/ident"
	"strowger/pkg/rest"
)

// Phone is a person with a desk phone and, unless its digits are empty, a number. Ids are made by who makes the Phone: the
// credential is bound to that of the device.
type Phone struct {
	User       rest.User
	Device     rest.Device
	Number     rest.Number
	Credential []byte // wrapped digests
}

// NewPhone returns a phone with its ids, and what they refer to each other by.
func NewPhone() Phone {
	p := Phone{User: rest.NewUser("")}
	p.User.ID = ident.New(ident.User)
	p.Device = rest.NewDevice(p.User.ID, "")
	p.Device.ID = ident.New(ident.Device)
	p.Number = rest.Number{Meta: rest.Meta{ID: ident.New(ident.Number)}, User: p.User.ID}
	return p
}

// Import stores phones in one transaction, with a number in the site of its switch each, and completes them. Those that
// cannot be stored are left out: refused has, for each phone, nil or why it was.
func (s *Store) Import(ctx context.Context, org string, phones []Phone) (refused []error, err error) {
	refused = make([]error, len(phones))
	c := &Change{Org: org}
	err = s.registryTx(ctx, c, func(tx *sql.Tx) error {
		if err := s.placePhones(ctx, tx, org, phones, refused); err != nil {
			return err
		}
		if err := alone(ctx, tx, org, phones, refused); err != nil {
			return err
		}
		return s.putPhones(ctx, tx, c, phones, refused)
	})
	if err != nil {
		return nil, err
	}
	return refused, nil
}

// placePhones checks each phone by itself and gives its number a site.
func (s *Store) placePhones(ctx context.Context, tx *sql.Tx, org string, phones []Phone, refused []error) error {
	codes, places := make(map[string]string), make(map[string]string) // code of a site, site of a switch
	err := rows(ctx, tx, func(r *sql.Rows) error {
		var sw, site, code string
		err := r.Scan(&sw, &site, &code)
		codes[site], places[sw] = code, site
		return err
	}, `SELECT w.id, s.id, s.code FROM switches w JOIN sites s ON s.id = w.site WHERE w.org = $1`, org)
	if err != nil {
		return fmt.Errorf("read switches: %w", err)
	}
	for i := range phones {
		p := &phones[i]
		site, ok := places[p.Device.Switch]
		if !ok {
			refused[i] = errs.New(errs.Invalid, "switch: there is no %q in this organization", p.Device.Switch)
			continue
		}
		p.User.Organization, p.Device.Organization, p.Number.Organization = org, org, org
		p.Number.Site, p.Number.Dial = site, codes[site]+p.Number.Digits
		refused[i] = p.check()
	}
	return nil
}

// check says what is wrong with a phone by itself.
func (p *Phone) check() error {
	for field, text := range map[string]string{"name": p.User.Name, "device": p.Device.Name} {
		if err := checkText(field, text); err != nil {
			return err
		}
	}
	if err := checkName(p.User.Name); err != nil {
		return err
	}
	if p.Number.Digits != "" && !digitsForm.MatchString(p.Number.Digits) {
		return badDigits(p.Number.Digits)
	}
	return checkDevice(&p.Device)
}

// alone refuses phones whose user name or number another has, in the registry or before them among phones.
func alone(ctx context.Context, tx *sql.Tx, org string, phones []Phone, refused []error) error {
	usernames, dials := make(map[string]bool), make(map[string]bool) // taken
	var names, numbers []string
	for i := range phones {
		if refused[i] == nil {
			names, numbers = append(names, phones[i].Device.Username), append(numbers, phones[i].Number.Dial)
		}
	}
	if err := present(ctx, tx, `SELECT username FROM devices WHERE org = $1 AND username IN (%s)`, org, names, usernames); err != nil {
		return err
	}
	if err := present(ctx, tx, `SELECT dial FROM numbers WHERE org = $1 AND dial IN (%s)`, org, numbers, dials); err != nil {
		return err
	}
	for i := range phones {
		d, n := &phones[i].Device, &phones[i].Number
		switch {
		case refused[i] != nil:
			continue
		case usernames[d.Username]:
			refused[i] = errs.New(errs.Conflict, "username %s is taken", d.Username)
			continue
		case n.Digits != "" && dials[n.Dial]:
			refused[i] = errs.New(errs.Conflict, "number %s is taken: the organization dials %s already", n.Digits, n.Dial)
			continue
		}
		usernames[d.Username], dials[n.Dial] = true, true
	}
	return nil
}

// present adds those of the values that a query finds.
func present(ctx context.Context, tx *sql.Tx, query, org string, values []string, found map[string]bool) error {
	for part := range slices.Chunk(values, maxArgs) {
		args, marks := []any{org}, make([]string, len(part))
		for i, v := range part {
			args = append(args, v)
			marks[i] = fmt.Sprintf("$%d", len(args))
		}
		err := rows(ctx, tx, func(r *sql.Rows) error {
			var v string
			err := r.Scan(&v)
			found[v] = true
			return err
		}, fmt.Sprintf(query, strings.Join(marks, ", ")), args...)
		if err != nil {
			return fmt.Errorf("look for what is taken: %w", err)
		}
	}
	return nil
}

// putPhones stores the phones that were not refused.
func (s *Store) putPhones(ctx context.Context, tx *sql.Tx, c *Change, phones []Phone, refused []error) error {
	now := s.now().UTC().Truncate(time.Microsecond)
	var users []*rest.User
	var devices []*rest.Device
	var numbers []*rest.Number
	var credentials []any
	for i := range phones {
		p := &phones[i]
		if refused[i] != nil {
			continue
		}
		for _, m := range []*rest.Meta{&p.User.Meta, &p.Device.Meta, &p.Number.Meta} {
			m.Version, m.CreatedAt, m.UpdatedAt = 1, now, now
		}
		users, devices = append(users, &p.User), append(devices, &p.Device)
		c.Users, c.Devices = append(c.Users, p.User.ID), append(c.Devices, p.Device.ID)
		credentials = append(credentials, p.Device.ID, c.Org, p.Credential)
		if p.Number.Digits != "" {
			numbers = append(numbers, &p.Number)
			c.Dials = append(c.Dials, p.Number.Dial)
		}
	}
	if err := s.Users.insert(ctx, tx, users); err != nil {
		return err
	}
	if err := s.Devices.insert(ctx, tx, devices); err != nil {
		return err
	}
	if err := insertRows(ctx, tx, "credentials", []string{"device", "org", "wrapped"}, credentials); err != nil {
		return err
	}
	return s.Numbers.insert(ctx, tx, numbers)
}

// insert stores new objects, which were checked.
func (t *Table[T]) insert(ctx context.Context, tx *sql.Tx, items []*T) error {
	var names []string
	var all []any
	for _, v := range items {
		m := t.meta(v)
		own, args, err := t.writable(v)
		if err != nil {
			return err
		}
		names = append([]string{"id", "version", "created_at", "updated_at"}, own...)
		all = append(append(all, m.ID, m.Version, m.CreatedAt.UnixMicro(), m.UpdatedAt.UnixMicro()), args...)
		if t.org != nil {
			names, all = append(names, "org"), append(all, optionalArg(*t.org(v)))
		}
	}
	return insertRows(ctx, tx, t.table, names, all)
}

// insertRows stores rows of values, some in one statement. That is prepared once: to SQLite $N is a name, looked up among those
// before it, so that reading a statement takes longer than running it.
func insertRows(ctx context.Context, tx *sql.Tx, table string, columns []string, values []any) error {
	width := len(columns)
	var insert *sql.Stmt // tx closes it
	size := 0            // in values
	for part := range slices.Chunk(values, max(1, maxArgs/width)*width) {
		if len(part) != size {
			var err error
			if insert, err = tx.PrepareContext(ctx, insertion(table, columns, len(part)/width)); err != nil {
				return fmt.Errorf("insert into %s: %w", table, err)
			}
			size = len(part)
		}
		if _, err := insert.ExecContext(ctx, part...); err != nil {
			return fmt.Errorf("insert into %s: %w", table, err)
		}
	}
	return nil
}

// insertion is the statement that stores so many rows.
func insertion(table string, columns []string, rows int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "INSERT INTO %s (%s) VALUES ", table, strings.Join(columns, ", "))
	for i := range rows * len(columns) {
		switch {
		case i%len(columns) > 0:
			b.WriteString(", ")
		case i == 0:
			b.WriteString("(")
		default:
			b.WriteString("), (")
		}
		fmt.Fprintf(&b, "$%d", i+1)
	}
	return b.String() + ")"
}
