package command

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"strowger/pkg/errs"
	"strowger/pkg/rest"
)

type deviceImport struct {
	File   string `arg:"" help:"CSV with a heading: name, and any of number, switch, username, password, device. \"-\" reads the standard input." placeholder:"FILE"`
	Switch string `help:"Switch of lines that name none: name or id. Default: the only one." placeholder:"SWITCH"`
}

// importColumns is what a file may have, and where it goes.
var importColumns = map[string]func(*rest.ImportLine) *string{
	"name":     func(l *rest.ImportLine) *string { return &l.Name },
	"number":   func(l *rest.ImportLine) *string { return &l.Number },
	"switch":   func(l *rest.ImportLine) *string { return &l.Switch },
	"username": func(l *rest.ImportLine) *string { return &l.Username },
	"password": func(l *rest.ImportLine) *string { return &l.Password },
	"device":   func(l *rest.ImportLine) *string { return &l.Device },
}

// Run adds people with a desk phone each. The accounts go to the standard output as CSV, what was refused and how far it is
// to the standard error: a line that is refused keeps no other from being added.
func (c *deviceImport) Run(e *env) error {
	in := io.Reader(os.Stdin)
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }() // only read from
		in = f
	}
	i := importer{env: e, switches: map[string]string{}, fallback: c.Switch, out: csv.NewWriter(e.out)}
	if err := i.read(in); err != nil {
		return err
	}
	if i.refused > 0 {
		return errs.New(errs.Invalid, "%d of %d lines were refused", i.refused, i.refused+i.added)
	}
	return nil
}

// importer adds the lines of a file.
type importer struct {
	*env
	switches       map[string]string // ids, by what the file calls them
	fallback       string
	out            *csv.Writer
	added, refused int
}

// batch is lines of the file, with their numbers.
type batch struct {
	lines []rest.ImportLine
	at    []int
}

func (i *importer) read(in io.Reader) error {
	r := csv.NewReader(in)
	r.TrimLeadingSpace = true
	head, err := r.Read()
	if errors.Is(err, io.EOF) {
		return errs.New(errs.Invalid, "the file is empty: its first line is the heading, such as name,number")
	}
	if err != nil {
		return fmt.Errorf("heading: %w", err)
	}
	if err := checkHeading(head); err != nil {
		return err
	}
	if err := i.write("line", "name", "number", "username", "password"); err != nil {
		return err
	}
	var b batch
	for {
		fields, err := r.Read()
		if errors.Is(err, io.EOF) {
			return i.send(&b)
		}
		at, _ := r.FieldPos(0)
		if errors.Is(err, csv.ErrFieldCount) {
			i.refuse(at, fmt.Sprintf("has %d fields, the heading has %d", len(fields), len(head)))
			continue
		}
		if err != nil {
			return errors.Join(err, i.send(&b))
		}
		var l rest.ImportLine
		for k, name := range head {
			*importColumns[name](&l) = strings.TrimSpace(fields[k])
		}
		if l.Switch, err = i.switchOf(l.Switch); err != nil {
			i.refuse(at, err.Error())
			continue
		}
		b.lines, b.at = append(b.lines, l), append(b.at, at)
		if len(b.lines) == rest.MaxImport {
			if err := i.send(&b); err != nil {
				return err
			}
		}
	}
}

// checkHeading makes column names comparable and refuses those that mean nothing.
func checkHeading(head []string) error {
	seen := map[string]bool{}
	for k, name := range head {
		name = strings.ToLower(strings.TrimSpace(strings.TrimPrefix(name, "\ufeff"))) // spreadsheets begin with it
		if importColumns[name] == nil || seen[name] {
			return errs.New(errs.Invalid, "column %d is %q, want each of name, number, switch, username, password, device at most once, with commas between", k+1, name)
		}
		head[k], seen[name] = name, true
	}
	if !slices.Contains(head, "name") {
		return errs.New(errs.Invalid, "there is no column \"name\": the first line is the heading")
	}
	return nil
}

// switchOf is the id of the switch that a line means.
func (i *importer) switchOf(ref string) (string, error) {
	if ref == "" {
		ref = i.fallback
	}
	if id, ok := i.switches[ref]; ok {
		return id, nil
	}
	sw, err := phoneSwitch(i.env, rest.User{}, ref, "")
	if err == nil {
		i.switches[ref] = sw.ID
	}
	return sw.ID, err
}

// send adds the lines of a batch and empties it.
func (i *importer) send(b *batch) error {
	if len(b.lines) == 0 {
		return nil
	}
	done, err := i.client.Import(i.ctx, b.lines)
	if err != nil {
		return fmt.Errorf("lines %d to %d: %w", b.at[0], b.at[len(b.at)-1], err)
	}
	if len(done.Lines) != len(b.lines) {
		return errs.New(errs.Internal, "the cloud answered %d of %d lines", len(done.Lines), len(b.lines))
	}
	for k, l := range done.Lines {
		if l.Error != nil {
			i.refuse(b.at[k], l.Error.Words)
			continue
		}
		i.added++
		if err := i.write(fmt.Sprint(b.at[k]), b.lines[k].Name, b.lines[k].Number, l.Username, l.Password); err != nil {
			return err
		}
	}
	fmt.Fprintf(i.err, "%d added, %d refused\n", i.added, i.refused)
	*b = batch{}
	return nil
}

func (i *importer) refuse(line int, why string) {
	i.refused++
	fmt.Fprintf(i.err, "line %d: %s\n", line, why)
}

func (i *importer) write(fields ...string) error {
	if err := i.out.Write(fields); err != nil {
		return err
	}
	i.out.Flush()
	return i.out.Error()
}
