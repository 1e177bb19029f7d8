package store

import (
	"database/sql"
	"database/sql/driver"
	"encoding/json"

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

// scanJSON reads a column of JSON, which may be empty.
func scanJSON(v, into any) error {
	var s sql.NullString
	if err := s.Scan(v); err != nil || s.String == "" {
		return err
	}
	return json.Unmarshal([]byte(s.String), into)
}

// checkWishes looks at wishes by themselves, and puts them into the form in which they are kept.
func checkWishes(w *wish.Wishes) error {
	w.Tidy()
	return w.Check()
}
