package tariff

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// MaxRates bounds a table: real ones have 10,000 to 50,000 rates.
const MaxRates = 200_000

// MediaType is that of a file of rates.
const MediaType = "text/csv"

// MaxFile bounds a file, in bytes.
const MaxFile = 16 << 20

// maxSpan bounds First and Step: an hour.
const maxSpan = 3600

// columns of a file; the first three must be there.
func columns() []string {
	return []string{"prefix", "per_minute", "currency", "connect", "first", "step", "from", "until", "days", "hours"}
}

const requiredColumns = 3

// maxDigits is of a number (ITU-T E.164, 6.1).
const maxDigits = 15

// FileError is what is wrong with a file of rates, and where.
type FileError struct {
	Line, Column int // of a field: from 1, the column in bytes; 0 where the whole file is meant
	Field        string
	Err          error
}

func (e *FileError) Error() string {
	text := e.Err.Error()
	if e.Field != "" {
		text = e.Field + ": " + text
	}
	if e.Line == 0 {
		return text
	}
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, text)
}

// Unwrap returns what is wrong.
func (e *FileError) Unwrap() error { return e.Err }

// Read reads a table from a file of comma-separated values (RFC 4180) that begins with the names of its columns, in any order:
//
//	prefix      of the called number: +49, 49 or + for every number
//	per_minute  0.0125: at most six decimals
//	currency    EUR
//	connect     for the answer; else 0
//	first,step  seconds that are paid at least, and in which those after them are counted; else 1
//	from,until  first and last day, 2026-11-30
//	days,hours  mon-fri, 08:00-18:00
//
// An error is a *FileError.
func Read(r io.Reader) ([]Rate, error) {
	file := bufio.NewReader(r)
	if mark, _ := file.Peek(3); bytes.Equal(mark, []byte("\xef\xbb\xbf")) { // that spreadsheets write
		_, _ = file.Discard(len(mark)) // it is there
	}
	t := table{csv: csv.NewReader(file), seen: make(map[key]int)}
	t.csv.ReuseRecord = true
	if err := t.head(); err != nil {
		return nil, err
	}
	var all []Rate
	for {
		rate, err := t.next()
		switch {
		case errors.Is(err, io.EOF) && len(all) == 0:
			return nil, &FileError{Err: errors.New("the file has no rates below the names of its columns")}
		case errors.Is(err, io.EOF):
			return all, nil
		case err != nil:
			return nil, err
		case len(all) == MaxRates:
			return nil, t.wrong(0, fmt.Errorf("the file has more than %d rates", MaxRates))
		}
		all = append(all, rate)
	}
}

// table is a file that is read.
type table struct {
	csv    *csv.Reader
	at     map[string]int // where the columns stand
	fields []string
	seen   map[key]int // lines
}

// key is what a table says one time only.
type key struct {
	prefix string
	when   Window
}

// head reads the names of the columns.
func (t *table) head() error {
	names, err := t.csv.Read()
	if errors.Is(err, io.EOF) {
		return &FileError{Err: errors.New("the file is empty")}
	}
	if err != nil {
		return t.broken(err)
	}
	t.at, t.fields = make(map[string]int), names
	known := columns()
	for i, name := range names {
		name = strings.ToLower(strings.TrimSpace(name))
		_, twice := t.at[name]
		switch {
		case strings.Contains(name, ";"):
			return t.wrong(i, errors.New("the fields are separated by semicolons; save the file with commas"))
		case !slices.Contains(known, name):
			return t.wrong(i, fmt.Errorf("%q is no column of rates, those are %s", names[i], strings.Join(known, ", ")))
		case twice:
			return t.wrong(i, fmt.Errorf("the column %q is there twice", names[i]))
		}
		t.at[name] = i
	}
	for _, name := range known[:requiredColumns] {
		if _, ok := t.at[name]; !ok {
			return t.wrong(0, fmt.Errorf("there is no column %q", name))
		}
	}
	return nil
}

// next reads a rate.
func (t *table) next() (r Rate, err error) {
	if t.fields, err = t.csv.Read(); err != nil {
		if errors.Is(err, io.EOF) {
			return r, err
		}
		return r, t.broken(err)
	}
	take := func(name string, f func(text string) error) {
		if err != nil {
			return
		}
		text := ""
		i, ok := t.at[name]
		if ok {
			text = strings.TrimSpace(t.fields[i])
		}
		if e := f(text); e != nil {
			fe := t.wrong(i, e)
			fe.Field = name
			err = fe
		}
	}
	var from string
	take("prefix", func(s string) (e error) { r.Prefix, e = ParsePrefix(s); return e })
	take("per_minute", func(s string) (e error) { r.PerMinute, e = ParseAmount(s); return e })
	take("currency", func(s string) error { r.Currency = strings.Clone(s); return checkCurrency(s) })
	take("connect", func(s string) (e error) {
		if s != "" {
			r.Connect, e = ParseAmount(s)
		}
		return e
	})
	take("first", func(s string) (e error) { r.First, e = parseSpan(s); return e })
	take("step", func(s string) (e error) { r.Step, e = parseSpan(s); return e })
	take("from", func(s string) (e error) { from = strings.Clone(s); _, e = ParseWindow(s, "", "", ""); return e })
	take("until", func(s string) (e error) { r.When, e = ParseWindow(from, strings.Clone(s), "", ""); return e })
	take("days", func(s string) error { return r.When.Days.UnmarshalText([]byte(s)) })
	take("hours", func(s string) error { return r.When.Hours.UnmarshalText([]byte(s)) })
	if err != nil {
		return r, err
	}
	return r, t.once(r)
}

// once refuses what a line before it said already.
func (t *table) once(r Rate) error {
	k := key{r.Prefix, r.When}
	if line, ok := t.seen[k]; ok {
		return t.wrong(t.at["prefix"], fmt.Errorf("line %d has a rate of %s for the same time", line, r.Prefix))
	}
	t.seen[k], _ = t.csv.FieldPos(0)
	return nil
}

// wrong is what is wrong with a field of the line that was read last.
func (t *table) wrong(field int, err error) *FileError {
	line, column := t.csv.FieldPos(min(field, len(t.fields)-1))
	return &FileError{Line: line, Column: column, Err: err}
}

// broken is an error of the form of the file.
func (t *table) broken(err error) error {
	if e, ok := errors.AsType[*csv.ParseError](err); ok {
		if errors.Is(e.Err, csv.ErrFieldCount) {
			return &FileError{Line: e.Line, Column: e.Column, Err: fmt.Errorf("the line has %d fields, the first line %d", len(t.fields), t.csv.FieldsPerRecord)}
		}
		return &FileError{Line: e.Line, Column: e.Column, Err: e.Err}
	}
	return err
}

// ParsePrefix reads the beginning of a number with its country code, with or without "+".
func ParsePrefix(text string) (string, error) {
	digits := strings.TrimPrefix(text, "+")
	if len(digits) > maxDigits || strings.Trim(digits, "0123456789") != "" || strings.HasPrefix(digits, "0") || text == "" {
		return "", fmt.Errorf("%q is not the beginning of a number with its country code, as +49 or +4930 are; + is every number", text)
	}
	return "+" + digits, nil
}

func checkCurrency(text string) error {
	if len(text) != 3 || strings.Trim(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return fmt.Errorf("%q is no currency as EUR is (ISO 4217)", text)
	}
	return nil
}

func parseSpan(text string) (int, error) {
	if text == "" {
		return 1, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxSpan {
		return 0, fmt.Errorf("%q is not 1 to %d seconds", text, maxSpan)
	}
	return n, nil
}

// Write writes a table as Read reads it.
func Write(w io.Writer, all []Rate) error {
	c := csv.NewWriter(w)
	if err := c.Write(columns()); err != nil {
		return err
	}
	for _, r := range all {
		err := c.Write([]string{
			r.Prefix, Amount(r.PerMinute), r.Currency, Amount(r.Connect), strconv.Itoa(r.First), strconv.Itoa(r.Step),
			r.When.From, r.When.Until, r.When.Days.String(), r.When.Hours.String(),
		})
		if err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}
