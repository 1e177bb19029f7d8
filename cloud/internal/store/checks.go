package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"strowger/pkg/errs"
)

const maxName = 100 // characters

func checkName(name string) error {
	if n := utf8.RuneCountInString(name); n < 1 || n > maxName {
		return errs.New(errs.Invalid, "name: has %d characters, not 1 to %d", n, maxName)
	}
	if strings.TrimSpace(name) == "" {
		return errs.New(errs.Invalid, "name: has only spaces; want what people can read")
	}
	return nil
}

// Who has a value that only one may have. Arguments: the organization, the value. Columns: what has it, its name, its id.
const (
	siteByCode       = `SELECT 'site', name, id FROM sites WHERE org = $1 AND code = $2`
	siteByName       = `SELECT 'site', name, id FROM sites WHERE org = $1 AND name = $2`
	switchByName     = `SELECT 'switch', name, id FROM switches WHERE org = $1 AND name = $2`
	bridgeByName     = `SELECT 'bridge', name, id FROM bridges WHERE org = $1 AND name = $2`
	trunkByName      = `SELECT 'trunk', name, id FROM trunks WHERE org = $1 AND name = $2`
	groupByName      = `SELECT 'group', name, id FROM user_groups WHERE org = $1 AND kind = $2 AND name = $3`
	groupByCode      = `SELECT 'group', name, id FROM user_groups WHERE org = $1 AND kind = $2 AND code = $3`
	contactByNumber  = `SELECT 'contact', name, id FROM contacts WHERE org = $1 AND number = $2`
	contactBySpeed   = `SELECT 'contact', name, id FROM contacts WHERE org = $1 AND speed_dial = $2`
	scheduleByName   = `SELECT 'schedule', name, id FROM schedules WHERE org = $1 AND name = $2`
	queueByName      = `SELECT 'queue', name, id FROM queues WHERE org = $1 AND name = $2`
	deviceByUsername = `SELECT 'device', name, id FROM devices WHERE org = $1 AND username = $2`

	deviceByCertificate = `SELECT 'device', name, id FROM devices WHERE org = $1 AND certificate = $2`
)

// taken refuses a value that an object other than id has.
func taken(ctx context.Context, tx *sql.Tx, what, query, id string, args ...any) error {
	var noun, name, by string
	err := tx.QueryRowContext(ctx, query, args...).Scan(&noun, &name, &by)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return fmt.Errorf("look for %s: %w", what, err)
	case by == id:
		return nil
	}
	return errs.New(errs.Conflict, "%s is taken by %s %s (%s)", what, noun, name, by)
}

// Whether an object is of the organization. Arguments: its id, the organization.
const (
	siteByID     = `SELECT id FROM sites WHERE id = $1 AND org = $2`
	switchByID   = `SELECT id FROM switches WHERE id = $1 AND org = $2`
	bridgeByID   = `SELECT id FROM bridges WHERE id = $1 AND org = $2`
	deviceByID   = `SELECT id FROM devices WHERE id = $1 AND org = $2`
	queueByID    = `SELECT id FROM queues WHERE id = $1 AND org = $2`
	scheduleByID = `SELECT id FROM schedules WHERE id = $1 AND org = $2`
	userByID     = `SELECT id FROM users WHERE id = $1 AND org = $2`
)

// refers refuses a reference to what is not there, or is another organization's. An empty one is none.
func refers(ctx context.Context, tx *sql.Tx, field, query, id, org string) error {
	if id == "" {
		return nil
	}
	var found string
	err := tx.QueryRowContext(ctx, query, id, org).Scan(&found)
	if errors.Is(err, sql.ErrNoRows) {
		return errs.New(errs.Invalid, "%s: there is no %q in this organization", field, id)
	}
	if err != nil {
		return fmt.Errorf("look for %s %s: %w", field, id, err)
	}
	return nil
}
