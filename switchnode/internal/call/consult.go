package call

import (
	"context"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
)

// Transferring is what a phone asks of its switch: that whom it talks with calls somebody else.
type Transferring struct {
	By, For designation.Party // who transfers, and whom
	To      string            // as dialled
}

// Transfer finds out what to ring: it returns Onward or Stuck. It may block and must end with its context.
type Transfer func(context.Context, Transferring) Event

// consult asks whether a transfer may be, beside the call.
func (s *Session) consult(a Consult) {
	t := Transferring{By: s.parties[a.By], For: s.parties[a.For], To: a.To}
	s.from = t.For // whoever is rung from here on is called by them
	if s.cfg.Transfer == nil {
		s.step(Stuck{Cause: CauseOf(errs.Forbidden, "Calls cannot be transferred here")})
		return
	}
	s.asking.Go(func() { s.consulted <- s.cfg.Transfer(s.ctx, t) })
}

// consultation takes what came of that.
func (s *Session) consultation(ev Event) Event {
	o, ok := ev.(Onward)
	if !ok {
		return ev
	}
	if len(o.Branches) > s.cfg.Breadth {
		return Stuck{CauseOf(errs.TooWide, ""), o.Home}
	}
	s.to, s.first, s.branches = o.To, LegID(len(s.call.legs)), len(o.Branches)
	return o
}

// party is who is at a branch that is dialled.
func (s *Session) party(b Branch) designation.Party {
	p := s.to
	if b.Device != "" {
		p.Device = b.Device
	}
	if b.User != "" && b.User != p.User {
		p.User, p.Name = b.User, b.Name
	}
	return p
}

// shows is who calls, as the device of a branch is to show it.
func (s *Session) shows() designation.Party {
	from := s.from
	if s.call.transferring() && s.call.phase == returning {
		from.Name = returned + whom(from)
	}
	return from
}

// returned stands before the name of who comes back from a transfer.
const returned = "Back: "

func whom(p designation.Party) string {
	if p.Name != "" {
		return p.Name
	}
	return p.Number
}
