package call

import (
	"slices"
	"testing"
	"time"
)

// TestParkedCallReturns has a call that nobody retrieves ring who parked it, who has left it, and end in words if they do not answer.
func TestParkedCallReturns(t *testing.T) {
	c := New("caller", "dv_a", speech)
	c.Step(Planned{Branches: []Branch{{Leg: "b1", Device: "dv_b"}}, Ring: time.Minute})
	c.Step(Answered{Leg: 1, Description: speech})
	c.Step(Referred{Leg: 1, To: "*8501"})
	home := Fallback{Branches: func() []Branch { return nil }}
	space := []Branch{{Leg: "space"}}
	if acts := c.Step(Onward{Home: home, Planned: Planned{Branches: space, Ring: 3 * time.Minute}}); !slices.Contains(acts, Action(Arm{RingTimer, 3 * time.Minute})) {
		t.Fatalf("transferred to a space: %v", acts)
	}
	acts := c.Step(Parked{Leg: 2, At: "01"})
	if !slices.Contains(acts, Action(Report{1, 200, "Parked at 01"})) || !slices.Contains(acts, Action(HangUp{1, CauseOf(Normal, "Parked at 01")})) {
		t.Errorf("parked: %v", acts)
	}
	c.Step(Closed{1})
	if c.State() != Trying {
		t.Fatalf("the call does not stay parked: state %d", c.State())
	}
	diverts := func(acts []Action) bool {
		return slices.ContainsFunc(acts, func(a Action) bool { _, ok := a.(Divert); return ok })
	}
	if acts = c.Step(Fired{RingTimer}); !diverts(acts) || c.State() != Trying {
		t.Fatalf("when the time is up: %v", acts)
	}
	c.Step(Diverted{Branches: []Branch{{Leg: "back", Device: "dv_b"}}})
	if c.Step(Fired{RingTimer}); c.State() != Over {
		t.Errorf("nobody takes it back: state %d", c.State())
	}
	for _, l := range c.legs {
		if l.state.live() {
			t.Errorf("leg %s is left", l.id)
		}
	}
}
