package switchnode

import (
	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/switchnode/internal/call"
)

// occupiedBy has the devices of who is in a call, as far as this switch sees, ring as for a call that waits; or none, of who wants no such
// calls. What rings for a queue, for help, or comes back to who parked or transferred it, rings as ever.
func (c *calls) occupiedBy(b designation.Branch, p designation.Plan, targets []call.Target) []call.Target {
	if p.Call == "" || p.Queue != nil || p.Emergency || b.User == "" || !c.busy(b.User) {
		return targets
	}
	if w := c.site().Wishes(b.User); w != nil && w.NoCallWaiting {
		return []call.Target{engaged{}}
	}
	waiting := make([]call.Target, 0, len(targets))
	for _, t := range targets {
		if phone, ok := t.(desk); ok {
			t = second{phone}
		}
		waiting = append(waiting, t)
	}
	return waiting
}

// engaged is who wants no second call.
type engaged struct{}

// Dial makes no leg.
func (engaged) Dial(call.Setup) (call.Leg, error) { return nil, errs.New(errs.Busy, "") }

// second is a desk phone that rings for a second call.
type second struct{ desk }

// Dial makes the leg.
func (t second) Dial(s call.Setup) (call.Leg, error) {
	s.Waits = true
	return t.desk.Dial(s)
}
