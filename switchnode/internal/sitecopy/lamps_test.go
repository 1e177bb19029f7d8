package sitecopy

import (
	"slices"
	"testing"

	"strowger/pkg/fabric"
	"strowger/pkg/sitecopy"
	"strowger/pkg/wish"
)

// TestLampsOfNamedWatchers: over a link a switch asks for private lamps in the name of its own users only. Dan of this switch is in a group with
// ada and bob, who lives at another switch of the office, and with yan of another office.
func TestLampsOfNamedWatchers(t *testing.T) {
	w := newWorld(t)
	w.copies[w.paris].Groups = []sitecopy.Group{{ID: "gr_1", Kind: "pickup", Members: []string{"us_ada", "us_bob", "us_dan", "us_yan"}}}
	for i := range w.copies[w.paris].Users {
		if u := &w.copies[w.paris].Users[i]; u.ID == "us_dan" {
			u.Wishes = &wish.Wishes{Lamp: "private"}
		}
	}
	s := w.fetched(w.x).Snapshot()
	for _, c := range []struct {
		from, number, by string
		want             bool
	}{
		{w.x2.Node, "888", "us_bob", true},
		{w.x2.Node, "888", "us_dan", false}, // the watched themselves, who live here
		{w.x2.Node, "888", "us_ada", false},
		{w.x2.Node, "888", "us_yan", false}, // nobody of this office
		{w.x2.Node, "888", "us_eve", false}, // in no group
		{w.y.Node, "888", "us_yan", true},
		{w.y.Node, "888", "us_bob", false},
		{w.y.Node, "777", "us_bob", true}, // not private: whoever it is
		{"", "888", "us_bob", true},       // the cloud has looked
		{"", "888", "us_eve", false},
	} {
		got, err := s.Asked(fabric.LampAsk{Number: c.number, By: []string{c.by}}, c.from)
		if err != nil || slices.Contains(got.By, c.by) != c.want || slices.Contains(got.Denied, c.by) == c.want {
			t.Errorf("%s asks for the lamp of %s in the name of %s: %+v, %v", c.from, c.number, c.by, got, err)
		}
	}
}
