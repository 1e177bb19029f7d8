package directory

import (
	"fmt"
	"slices"
	"testing"

	"strowger/pkg/enrol"
	"strowger/pkg/rest"
)

func TestContacts(t *testing.T) {
	s := NewSnapshot(twoOffices())
	own, all := s.Contacts("us_alice")
	if !slices.Equal(own, []string{"201001", "20777"}) {
		t.Errorf("own numbers %v", own)
	}
	var got []string
	for _, c := range all {
		got = append(got, c.Name+" "+c.Number)
	}
	// Not alice herself, dora, who is disabled, gina, whose only phone is, and who has no phone or number.
	want := []string{"bob 301001", "carol 301002", "erik 555", "fred 201006"}
	for _, w := range want {
		if !slices.Contains(got, w) {
			t.Errorf("contacts %v lack %s", got, w)
		}
	}
	for _, c := range all {
		if c.Name == "alice" || c.Name == "dora" || c.Name == "gina" {
			t.Errorf("contacts %v have %s", got, c.Name)
		}
	}
	if !slices.IsSorted(got) {
		t.Errorf("contacts %v are not by name", got)
	}
	if own, all := s.Contacts("us_x"); own != nil || all != nil {
		t.Errorf("a stranger has numbers %v and contacts %v", own, all)
	}
}

func TestTooManyContacts(t *testing.T) {
	g := twoOffices()
	for i := range enrol.MaxContacts {
		u := rest.NewUser(fmt.Sprint("user ", i))
		u.ID = fmt.Sprint("us_more", i)
		g.Users = append(g.Users, u)
	}
	if own, all := NewSnapshot(g).Contacts("us_alice"); len(own) != 2 || all != nil {
		t.Errorf("numbers %v, %d contacts", own, len(all))
	}
}
