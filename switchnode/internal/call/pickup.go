package call

import (
	"cmp"

	"strowger/pkg/errs"
	"strowger/pkg/ledger"
)

// A call that rings can be picked up: somebody else's call, to a number for that, becomes a branch of the one that rings, which
// answers it as a guest does. Who picks up a call that cannot be, any more, is told why, and their own call ends with that.

// Picked has somebody who called for that answer this call.
type Picked struct {
	Branch Branch
	By     *Guest
}

// TurnAway tells a guest who was not asked in why.
type TurnAway struct {
	Guest *Guest
	Cause ledger.Cause
}

func (Picked) event()    {}
func (TurnAway) action() {}

func (c *Call) picked(p Picked) []Action {
	why := CauseOf(errs.NotRinging, "The call is over")
	switch {
	case c.state == Trying && !c.diverting:
		id := LegID(len(c.legs))
		c.legs = append(c.legs, leg{id: p.Branch.Leg, device: p.Branch.Device, branch: p.Branch, picks: true})
		return c.start(id)
	case c.state == Queued:
		why = CauseOf(errs.NotRinging, "The call waits in a queue, and rings nowhere")
	case c.state == Up:
		why = CauseOf(errs.NotRinging, "The call has just been answered")
	case c.state < Over:
		why = CauseOf(errs.NotRinging, "The call rings nowhere now")
	}
	return []Action{TurnAway{p.By, why}, Count{"pick-up of a call that does not ring"}}
}

// elsewhere is what those are told who did not answer: of a pick-up also who did.
func (c *Call) elsewhere() ledger.Cause {
	l := &c.legs[c.winner]
	if !l.picks {
		return CauseOf(errs.Elsewhere, "")
	}
	return CauseOf(errs.Elsewhere, "Call completed elsewhere: picked up by "+cmp.Or(l.branch.Name, "somebody"))
}

// NewPicker returns the caller of one session as a target of the other, which is to be Picked by it. The call that it leaves ends with a
// cause. If it is not joined, Turned says why.
func NewPicker(from, to *Session, cause ledger.Cause) *Guest {
	g := NewGuest(from, to, cause)
	g.turned = make(chan ledger.Cause, 1)
	return g
}

// Turned gets why a picker was not let in; nothing if it was.
func (g *Guest) Turned() <-chan ledger.Cause { return g.turned }

// turn tells a picker, or a guest, that there is no call for it. It is told once.
func (g *Guest) turn(why ledger.Cause) {
	if g.up {
		g.from.Post(Stuck{Cause: why})
		return
	}
	select {
	case g.turned <- why:
	default:
	}
}

// spoiled is what a caller is told who came over for nothing.
func (g *Guest) spoiled(why ledger.Cause) ledger.Cause {
	switch {
	case g.turned == nil:
		return CauseOf(errs.Crossing, "")
	case why.Code == string(errs.Elsewhere):
		return CauseOf(errs.NotRinging, "Somebody else has just answered the call")
	}
	return CauseOf(errs.NotRinging, "The call is over: "+why.Words)
}
