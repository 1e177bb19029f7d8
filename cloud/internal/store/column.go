package store

import (
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"strowger/pkg/errs"
	"strowger/pkg/guard"
)

// column maps one field of a resource to a column.
type column[T any] struct {
	field string // its name in the API: what filters and errors call it
	name  string // the column
	fixed bool   // read by everyone, written only by the methods of Store that own it
	at    func(*T) any
}

// value is what the field at p holds, as an SQL argument.
func value(p any) (any, error) {
	switch p := p.(type) {
	case *string:
		return *p, nil
	case *bool:
		return *p, nil
	case *int:
		return int64(*p), nil
	case driver.Valuer:
		return p.Value()
	}
	return nil, fmt.Errorf("column of type %T", p)
}

// parse reads a filter's text as a value of the type of the field at p.
func parse(field string, p any, text string) (any, error) {
	switch p.(type) {
	case *bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return nil, errs.New(errs.Invalid, "filter %s: %q is neither true nor false", field, text)
		}
		return b, nil
	case *int:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, errs.New(errs.Invalid, "filter %s: %q is not a number", field, text)
		}
		return n, nil
	}
	return text, checkText("filter "+field, text)
}

// checkText refuses what PostgreSQL cannot hold and JSON cannot carry.
func checkText(field, s string) error {
	if !utf8.ValidString(s) {
		return errs.New(errs.Invalid, "%s: is not valid UTF-8: %q", field, s)
	}
	if strings.ContainsRune(s, 0) {
		return errs.New(errs.Invalid, "%s: contains a NUL character: %q", field, s)
	}
	return nil
}

// optional is a text field that is NULL when empty, as references are.
type optional struct{ s *string }

func (o optional) Value() (driver.Value, error) {
	if *o.s == "" {
		return nil, nil
	}
	return *o.s, nil
}

func (o optional) Scan(v any) error {
	var n sql.NullString
	if err := n.Scan(v); err != nil {
		return err
	}
	*o.s = n.String
	return nil
}

// texts is a list of texts, kept as JSON.
type texts struct{ list *[]string }

func (t texts) Value() (driver.Value, error) {
	if len(*t.list) == 0 {
		return "[]", nil
	}
	b, err := json.Marshal(*t.list)
	return string(b), err
}

func (t texts) Scan(v any) error {
	var s sql.NullString
	if err := s.Scan(v); err != nil {
		return err
	}
	*t.list = nil
	if s.String == "[]" || s.String == "" {
		return nil
	}
	return json.Unmarshal([]byte(s.String), t.list)
}

// policy is the rules against toll fraud of an object, kept as JSON; none are "".
type policy struct{ p **guard.Policy }

func (g policy) Value() (driver.Value, error) {
	if *g.p == nil || reflect.DeepEqual(**g.p, guard.Policy{}) {
		return "", nil
	}
	b, err := json.Marshal(*g.p)
	return string(b), err
}

func (g policy) Scan(v any) error {
	var s sql.NullString
	if err := s.Scan(v); err != nil {
		return err
	}
	*g.p = nil
	if s.String == "" {
		return nil
	}
	return json.Unmarshal([]byte(s.String), g.p)
}

// optionalTime is a time that is NULL when absent.
type optionalTime struct{ t **time.Time }

func (o optionalTime) Value() (driver.Value, error) {
	if *o.t == nil {
		return nil, nil
	}
	return (*o.t).UnixMicro(), nil
}

func (o optionalTime) Scan(v any) error {
	var n sql.NullInt64
	if err := n.Scan(v); err != nil {
		return err
	}
	*o.t = nil
	if n.Valid {
		t := time.UnixMicro(n.Int64).UTC()
		*o.t = &t
	}
	return nil
}

// micros scans a time that is always there.
type micros struct{ t *time.Time }

func (m micros) Scan(v any) error {
	var n sql.NullInt64
	if err := n.Scan(v); err != nil {
		return err
	}
	*m.t = time.UnixMicro(n.Int64).UTC()
	return nil
}
