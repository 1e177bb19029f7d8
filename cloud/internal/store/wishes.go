package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"

	"strowger/pkg/rest"
	"strowger/pkg/wish"
)

// wishes is what a user wishes, kept as JSON; nothing is "".
type wishes struct{ w *wish.Wishes }

func (c wishes) Value() (driver.Value, error) {
	if c.w.Empty() {
		return "", nil
	}
	b, err := json.Marshal(c.w)
	return string(b), err
}

func (c wishes) Scan(v any) error {
	*c.w = wish.Wishes{}
	return scanJSON(v, c.w)
}

// hours is those of a number or a queue, kept as JSON; none are "".
type hours struct{ h *wish.Hours }

func (c hours) Value() (driver.Value, error) {
	if *c.h == (wish.Hours{}) {
		return "", nil
	}
	b, err := json.Marshal(c.h)
	return string(b), err
}

func (c hours) Scan(v any) error {
	*c.h = wish.Hours{}
	return scanJSON(v, c.h)
}

// listed is a list of anything, kept as JSON.
type listed[T any] struct{ list *[]T }

func (c listed[T]) Value() (driver.Value, error) {
	if len(*c.list) == 0 {
		return "[]", nil
	}
	b, err := json.Marshal(*c.list)
	return string(b), err
}

func (c listed[T]) Scan(v any) error {
	*c.list = nil
	err := scanJSON(v, c.list)
	if len(*c.list) == 0 {
		*c.list = nil
	}
	return err
}

// scanJSON reads a column of JSON, which may be empty.
func scanJSON(v, into any) error {
	var s sql.NullString
	if err := s.Scan(v); err != nil || s.String == "" {
		return err
	}
	return json.Unmarshal([]byte(s.String), into)
}

// checkWishes looks at the wishes of a user, and puts them into the form in which they are kept.
func checkWishes(ctx context.Context, tx *sql.Tx, v *rest.User) error {
	v.Tidy()
	if err := v.Wishes.Check(); err != nil {
		return err
	}
	for _, id := range v.Schedules() {
		if err := refers(ctx, tx, "schedule", scheduleByID, id, v.Organization); err != nil {
			return err
		}
	}
	return nil
}

// checkHours looks at the hours of a number or a queue.
func checkHours(ctx context.Context, tx *sql.Tx, h wish.Hours, org string) error {
	if err := h.Check(); err != nil {
		return err
	}
	return refers(ctx, tx, "schedule", scheduleByID, h.Schedule, org)
}
