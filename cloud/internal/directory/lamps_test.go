package directory

import "testing"

// TestLampHome: there are users without a home, and those who are none.
func TestLampHome(t *testing.T) {
	g := twoOffices()
	s := NewSnapshot(g)
	for _, u := range g.Users {
		if home, known := s.LampHome(u.ID); !known || home != s.HomeOfUser(u.ID) {
			t.Errorf("%s: %q, %v", u.ID, home, known)
		}
	}
	if home, known := s.LampHome("us_made_up"); known || home != "" {
		t.Errorf("nobody lives at %q", home)
	}
}
