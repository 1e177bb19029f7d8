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

func numbers(s *Store) *Table[rest.Number] {
	digits := regexp.MustCompile(`^[0-9*#+]{1,32}$`)
	return &Table[rest.Number]{
		s: s, noun: "number", table: "numbers", kind: ident.Number, scope: "org",
		meta: func(v *rest.Number) *rest.Meta { return &v.Meta },
		org:  func(v *rest.Number) *string { return &v.Organization },
		columns: []column[rest.Number]{
			{field: "site", name: "site", at: func(v *rest.Number) any { return optional{&v.Site} }},
			{field: "digits", name: "digits", at: func(v *rest.Number) any { return &v.Digits }},
			{field: "user", name: "user_id", at: func(v *rest.Number) any { return &v.User }},
			{field: "dial", name: "dial", at: func(v *rest.Number) any { return &v.Dial }},
		},
		check: func(ctx context.Context, tx *sql.Tx, v *rest.Number) error {
			if !digits.MatchString(v.Digits) {
				return errs.New(errs.Invalid, "digits: %q is not 1 to 32 of 0-9 * # +", v.Digits)
			}
			if v.User == "" {
				return errs.New(errs.Invalid, "user: a number points to one; name it")
			}
			if err := refers(ctx, tx, "user", userByID, v.User, v.Organization); err != nil {
				return err
			}
			if err := refers(ctx, tx, "site", siteByID, v.Site, v.Organization); err != nil {
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
	if v.Site != "" {
		var code string
		if err := tx.QueryRowContext(ctx, `SELECT code FROM sites WHERE id = $1`, v.Site).Scan(&code); err != nil {
			return fmt.Errorf("read code of site %s: %w", v.Site, err)
		}
		v.Dial = code + v.Digits
	}
	var id, digits, site string
	err := tx.QueryRowContext(ctx, `SELECT id, digits, COALESCE(site, '') FROM numbers WHERE org = $1 AND dial = $2 AND id <> $3 LIMIT 1`,
		v.Organization, v.Dial, v.ID).Scan(&id, &digits, &site)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return fmt.Errorf("look for number %s: %w", v.Dial, err)
	case site == v.Site && site == "":
		return errs.New(errs.Conflict, "number %s is taken (%s)", v.Digits, id)
	case site == v.Site:
		return errs.New(errs.Conflict, "extension %s is taken in site %s (%s)", v.Digits, site, id)
	}
	return ambiguous(v.Dial, v.Digits, v.Site, digits, site, id)
}

func ambiguous(dial, digits, site, otherDigits, otherSite, other string) error {
	return errs.New(errs.Conflict, "%s would be ambiguous: it is both %s and %s (%s)", dial, described(digits, site), described(otherDigits, otherSite), other)
}

func described(digits, site string) string {
	if site == "" {
		return "system number " + digits
	}
	return "extension " + digits + " of site " + site
}

// checkRenumbering refuses a site code that makes an extension of the site ambiguous with a number outside it.
func checkRenumbering(ctx context.Context, tx *sql.Tx, v *rest.Site) error {
	var digits, otherDigits, otherSite, other string
	err := tx.QueryRowContext(ctx, `SELECT n.digits, o.digits, COALESCE(o.site, ''), o.id
		FROM numbers n JOIN numbers o ON o.org = n.org AND o.dial = CAST($1 AS TEXT) || n.digits AND COALESCE(o.site, '') <> $2
		WHERE n.site = $2 LIMIT 1`, v.Code, v.ID).Scan(&digits, &otherDigits, &otherSite, &other)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("check numbers of site %s: %w", v.ID, err)
	}
	return ambiguous(v.Code+digits, digits, v.ID, otherDigits, otherSite, other)
}

// renumber gives the numbers of a site the site's code.
func renumber(ctx context.Context, tx *sql.Tx, v *rest.Site) error {
	if _, err := tx.ExecContext(ctx, `UPDATE numbers SET dial = CAST($1 AS TEXT) || digits WHERE site = $2`, v.Code, v.ID); err != nil {
		return fmt.Errorf("renumber site %s: %w", v.ID, err)
	}
	return nil
}
