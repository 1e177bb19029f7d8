package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"

	"strowger/pkg/errs"
	"strowger/pkg/ident"
	"strowger/pkg/rest"
)

// Two-level numbering: an extension is dialled bare within its site and after the site code from everywhere; a system
// number is dialled as it is. What the whole organization dials (column dial) must name one number only.

var digitsForm = regexp.MustCompile(`^[0-9*#+]{1,32}$`)

// ownerOf is who has a number, of users u and queues q.
const ownerOf = `COALESCE('user ' || u.name, 'queue ' || q.name)`

func badDigits(digits string) error {
	return errs.New(errs.Invalid, "digits: %q is not 1 to 32 of 0-9 * # +", digits)
}

func numbers(s *Store) *Table[rest.Number] {
	return &Table[rest.Number]{
		s: s, noun: "number", table: "numbers", kind: ident.Number, scope: "org",
		meta: func(v *rest.Number) *rest.Meta { return &v.Meta },
		org:  func(v *rest.Number) *string { return &v.Organization },
		columns: []column[rest.Number]{
			{field: "site", name: "site", at: func(v *rest.Number) any { return optional{&v.Site} }},
			{field: "digits", name: "digits", at: func(v *rest.Number) any { return &v.Digits }},
			{field: "user", name: "user_id", at: func(v *rest.Number) any { return optional{&v.User} }},
			{field: "queue", name: "queue_id", at: func(v *rest.Number) any { return optional{&v.Queue} }},
			{field: "queue_length", name: "queue_length", at: func(v *rest.Number) any { return &v.QueueLength }},
			{field: "queue_seconds", name: "queue_seconds", at: func(v *rest.Number) any { return &v.QueueSeconds }},
			{field: "hours", name: "hours", at: func(v *rest.Number) any { return hours{&v.Hours} }},
			{field: "dial", name: "dial", at: func(v *rest.Number) any { return &v.Dial }},
		},
		check: func(ctx context.Context, tx *sql.Tx, v *rest.Number) error {
			if !digitsForm.MatchString(v.Digits) {
				return badDigits(v.Digits)
			}
			if err := checkQueue(v.QueueLength, v.QueueSeconds, rest.NeverWaits); err != nil {
				return err
			}
			if (v.User == "") == (v.Queue == "") {
				return errs.New(errs.Invalid, "user: a number leads to one, or to a queue; name one of them")
			}
			if v.Queue != "" && v.QueueLength != 0 {
				return errs.New(errs.Invalid, "queue_length: how many wait is set at the queue that the number leads to")
			}
			if err := refers(ctx, tx, "user", userByID, v.User, v.Organization); err != nil {
				return err
			}
			if err := refers(ctx, tx, "queue", queueByID, v.Queue, v.Organization); err != nil {
				return err
			}
			if err := refers(ctx, tx, "site", siteByID, v.Site, v.Organization); err != nil {
				return err
			}
			if err := checkHours(ctx, tx, v.Hours, v.Organization); err != nil {
				return err
			}
			return checkDial(ctx, tx, v)
		},
		touched: func(c *Change, old, v *rest.Number) {
			for _, n := range []*rest.Number{old, v} {
				if n != nil {
					c.Dials = append(c.Dials, n.Dial)
				}
			}
		},
	}
}

// checkDial sets v.Dial and refuses it if another number is dialled the same.
func checkDial(ctx context.Context, tx *sql.Tx, v *rest.Number) error {
	v.Dial = v.Digits
	var site string // its name
	if v.Site != "" {
		var code string
		if err := tx.QueryRowContext(ctx, `SELECT code, name FROM sites WHERE id = $1`, v.Site).Scan(&code, &site); err != nil {
			return fmt.Errorf("read code of site %s: %w", v.Site, err)
		}
		v.Dial = code + v.Digits
	}
	var digits, otherSite, user string
	err := tx.QueryRowContext(ctx, `SELECT n.digits, COALESCE(s.name, ''), `+ownerOf+` FROM numbers n LEFT JOIN users u ON u.id = n.user_id
		LEFT JOIN queues q ON q.id = n.queue_id LEFT JOIN sites s ON s.id = n.site WHERE n.org = $1 AND n.dial = $2 AND n.id <> $3 LIMIT 1`,
		v.Organization, v.Dial, v.ID).Scan(&digits, &otherSite, &user)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return fmt.Errorf("look for number %s: %w", v.Dial, err)
	case otherSite == site && digits == v.Digits:
		return errs.New(errs.Conflict, "%s is taken by %s", described(digits, site), user)
	}
	return ambiguous(v.Dial, described(v.Digits, site), described(digits, otherSite), user)
}

func ambiguous(dial, number, other, user string) error {
	return errs.New(errs.Conflict, "%s would be ambiguous: it is both %s and %s, which %s has", dial, number, other, user)
}

func described(digits, site string) string {
	if site == "" {
		return "system number " + digits
	}
	return "extension " + digits + " of site " + site
}

// checkRenumbering refuses a site code that makes an extension of the site ambiguous with a number outside it.
func checkRenumbering(ctx context.Context, tx *sql.Tx, v *rest.Site) error {
	var digits, otherDigits, otherSite, user string
	err := tx.QueryRowContext(ctx, `SELECT n.digits, o.digits, COALESCE(s.name, ''), `+ownerOf+`
		FROM numbers n JOIN numbers o ON o.org = n.org AND o.dial = CAST($1 AS TEXT) || n.digits AND COALESCE(o.site, '') <> $2
		LEFT JOIN users u ON u.id = o.user_id LEFT JOIN queues q ON q.id = o.queue_id LEFT JOIN sites s ON s.id = o.site
		WHERE n.site = $2 LIMIT 1`, v.Code, v.ID).Scan(&digits, &otherDigits, &otherSite, &user)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("check numbers of site %s: %w", v.ID, err)
	}
	return ambiguous(v.Code+digits, described(digits, v.Name), described(otherDigits, otherSite), user)
}

// renumber gives the numbers of a site the site's code.
func renumber(ctx context.Context, tx *sql.Tx, v *rest.Site) error {
	if _, err := tx.ExecContext(ctx, `UPDATE numbers SET dial = CAST($1 AS TEXT) || digits WHERE site = $2`, v.Code, v.ID); err != nil {
		return fmt.Errorf("renumber site %s: %w", v.ID, err)
	}
	return nil
}
