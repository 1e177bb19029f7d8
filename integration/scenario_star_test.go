package integration

import (
	"testing"

	"strowger/integration/phone"
	"strowger/pkg/rest"
)

// TestRedial has a phone call the number again that it called last, by a code, also after one that nobody has.
func TestRedial(t *testing.T) {
	t.Parallel()
	w := together(t)
	ann, from := w.person(t, 0, "Ann", says(1))
	bob, to := w.person(t, 1, "Bob", says(2))
	if e := over(t, dial(t, from, "*66")); e.Code != 404 || e.Words != "this phone has called nobody yet" {
		t.Errorf("a phone that has called nobody hears %d %q", e.Code, e.Words)
	}
	talk(t, from, bob.number.Dial, to)
	talk(t, from, "*66", to)
	if e := over(t, dial(t, from, "*666")); e.Code != 404 {
		t.Errorf("a code that there is not: %d %q", e.Code, e.Words)
	}
	out, in := ring(t, from, "*66#", to)
	in.Decline(486, "Busy Here")
	if e := saw(t, out, phone.Ended); e.Code != 486 {
		t.Errorf("the caller saw %d %q", e.Code, e.Words)
	}
	over(t, out)
	over(t, in)
	w.recorded(t, ann.user, "the code", func(c rest.Call) bool {
		return c.Dialled == "*66" && c.To.User == bob.user.ID && c.AnsweredAt != nil
	})
}
