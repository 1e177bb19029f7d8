package command

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"strowger/pkg/errs"
	"strowger/pkg/ident"
	"strowger/pkg/rest"
)

// column is one column of a table; a detail is shown only for a single object.
type column[T any] struct {
	head   string
	cell   func(T) string
	detail bool
	widest int // characters in a list, 0: as many as there are
}

// noun is one kind of object on the command line.
type noun[T any] struct {
	word    string
	kind    ident.Kind
	in      func(rest.Client) rest.Collection[T]
	meta    func(T) rest.Meta
	label   func(T) string // what people call it
	columns func(names names) []column[T]
	uses    []ident.Kind // whose names the columns show
	listed  string       // command that lists them, if it is not "WORD list"
	// by returns the filters that a name given by a person may mean, the first that finds something wins; search finds by
	// other means, before them. Either may be nil.
	by     func(ref string) []rest.Filter
	search func(e *env, ref string) ([]T, error)
}

// find returns the object that a person means by ref: an id, or a name of which there is only one.
func (n noun[T]) find(e *env, ref string) (T, error) {
	var none T
	if ident.KindOf(ref) == n.kind {
		return n.in(e.client).Get(e.ctx, ref)
	}
	found, err := n.candidates(e, ref)
	switch {
	case err != nil:
		return none, err
	case len(found) == 0:
		return none, errs.New(errs.NotFound, "there is no %s %q; \"strowger %s\" shows what there is", n.word, ref, cmp.Or(n.listed, n.word+" list"))
	case len(found) > 1:
		which := make([]string, len(found))
		for i, v := range found {
			which[i] = fmt.Sprintf("%s (%s)", n.label(v), n.meta(v).ID)
		}
		return none, errs.New(errs.Conflict, "%q may mean more than one %s: give the id of one of %s", ref, n.word, strings.Join(which, ", "))
	}
	return found[0], nil
}

// enoughToAsk is how many candidates an error names.
const enoughToAsk = 5

func (n noun[T]) candidates(e *env, ref string) ([]T, error) {
	if n.search != nil {
		if found, err := n.search(e, ref); err != nil || len(found) > 0 {
			return found, err
		}
	}
	if n.by == nil {
		return nil, nil
	}
	for _, filter := range n.by(ref) {
		p, err := n.in(e.client).Page(e.ctx, filter, enoughToAsk, "")
		if err != nil || len(p.Items) > 0 {
			return p.Items, err
		}
	}
	return nil, nil
}

// byName is the filters of what is only known by its name.
func byName(ref string) []rest.Filter { return []rest.Filter{{"name": ref}} }

// list prints every object that a filter lets through.
func (n noun[T]) list(e *env, filter rest.Filter) error {
	items := []T{}
	for v, err := range n.in(e.client).All(e.ctx, filter) {
		if err != nil {
			return err
		}
		items = append(items, v)
	}
	return e.show(items, func() {
		known := e.names()
		if len(items) > fewNames {
			known.load(n.uses)
		}
		table(e.out, n.columns(known), items, "there is no "+n.word)
	})
}

// show prints the object that ref means.
func (n noun[T]) show(e *env, ref string) error {
	v, err := n.find(e, ref)
	if err != nil {
		return err
	}
	return n.one(e, v)
}

// one prints one object.
func (n noun[T]) one(e *env, v T) error {
	return e.show(v, func() { card(e.out, n.columns(e.names()), v) })
}

// remove deletes the objects that people mean by refs, as they were when they were found.
func (n noun[T]) remove(e *env, refs []string) error {
	for _, ref := range refs {
		v, err := n.find(e, ref)
		if err != nil {
			return err
		}
		if err := n.in(e.client).Delete(e.ctx, n.meta(v).ID, n.meta(v).Version); err != nil {
			return err
		}
		e.say("Removed %s %s.\n", n.word, n.label(v))
	}
	return nil
}

// set changes one object.
func (n noun[T]) set(e *env, ref string, change change) error {
	if len(change) == 0 {
		return errs.New(errs.Invalid, "nothing to change: name at least one field, see strowger %s set --help", n.word)
	}
	v, err := n.find(e, ref)
	if err != nil {
		return err
	}
	if v, err = n.in(e.client).Update(e.ctx, n.meta(v).ID, n.meta(v).Version, change); err != nil {
		return err
	}
	return n.one(e, v)
}

// change is the fields that a set gives.
type change map[string]any

// put adds a field if it was given.
func put[T any](c change, field string, v *T) {
	if v != nil {
		c[field] = *v
	}
}

// switched adds "enabled" if one of the flags was given.
func (c change) switched(enable, disable bool) {
	if enable || disable {
		c["enabled"] = enable
	}
}

// table prints a table for people.
func table[T any](w io.Writer, columns []column[T], items []T, empty string) {
	if len(items) == 0 {
		fmt.Fprintln(w, empty)
		return
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(cell func(column[T]) string) {
		var cells []string
		for _, c := range columns {
			if !c.detail {
				text := []rune(cell(c))
				if c.widest > 0 && len(text) > c.widest {
					text = append(text[:c.widest-3], []rune("...")...)
				}
				cells = append(cells, string(text))
			}
		}
		fmt.Fprintln(tw, strings.Join(cells, "\t"))
	}
	line(func(c column[T]) string { return strings.ToUpper(c.head) })
	for _, v := range items {
		line(func(c column[T]) string { return c.cell(v) })
	}
	_ = tw.Flush() // standard output: nobody is left to tell
}

// card prints one object for people, a field a line.
func card[T any](w io.Writer, columns []column[T], v T) {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, c := range columns {
		if text := c.cell(v); text != "" {
			fmt.Fprintf(tw, "%s\t%s\n", c.head, text)
		}
	}
	_ = tw.Flush() // standard output: nobody is left to tell
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
