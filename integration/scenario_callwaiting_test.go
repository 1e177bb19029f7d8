package integration

import (
	"slices"
	"testing"

	"strowger/integration/phone"
)

// TestCallWaiting has a second call ring as one that waits, and find who wants none busy: the caller is told, or goes to the forward for that.
func TestCallWaiting(t *testing.T) {
	t.Parallel()
	w := together(t)
	_, annsPhone := w.person(t, 0, "Ann", nil)
	bell, bellsPhone := w.person(t, 0, "Bell", nil)
	_, catsPhone := w.person(t, 1, "Cat", nil)
	dan, dansPhone := w.person(t, 0, "Dan", nil)
	out, in := connect(t, annsPhone, bell.number.Dial, bellsPhone)
	waits := func(c *phone.Call) bool {
		return slices.Equal(c.Headers("Alert-Info"), []string{"<urn:alert:service:call-waiting>"})
	}
	if waits(in) {
		t.Error("the first call is one that waits")
	}
	out2, in2 := ring(t, catsPhone, bell.number.Dial, bellsPhone)
	if !waits(in2) {
		t.Errorf("the second call rings with %q", in2.Headers("Alert-Info"))
	}
	out2.HangUp()
	over(t, in2)
	change(t, w.Client.Users(), bell.user.ID, map[string]any{"no_call_waiting": true})
	w.settle(t)
	for _, from := range []*phone.Phone{catsPhone, dansPhone} {
		if e := over(t, dial(t, from, bell.number.Dial)); e.Code != 486 {
			t.Errorf("who calls somebody that wants no second call is told %s", e)
		}
	}
	change(t, w.Client.Users(), bell.user.ID, map[string]any{"forward_busy": dan.number.Dial})
	w.settle(t)
	out2, in2 = ring(t, catsPhone, bell.number.Dial, dansPhone)
	out2.HangUp()
	over(t, in2)
	silent(t, bellsPhone, "Bell wants no second call")
	hangUp(t, out, in)
	out, in = connect(t, catsPhone, bell.number.Dial, bellsPhone) // free again
	hangUp(t, out, in)
}
