package directory

import (
	"testing"

	"strowger/pkg/rest"
)

// TestPlacesOfApps: an app calls the organization's short numbers too.
func TestPlacesOfApps(t *testing.T) {
	g := twoOffices()
	g.Contacts = append(g.Contacts, rest.PhoneContact{Name: "Front desk", Number: "301000", SpeedDial: "10"})
	s := NewSnapshot(g)
	u := s.users.get(g.Users[0].ID)
	if to, err := s.place(u, "*010"); err != nil || to != "301000" {
		t.Errorf("*010 is %q, %v", to, err)
	}
	if _, err := s.place(u, "*011"); err == nil {
		t.Error("nothing is at 11")
	}
}
