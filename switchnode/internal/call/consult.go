package call

import (
	"context"
	"strings"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/ledger"
)

// Transferring is what a phone asks of its switch: that whom it talks with calls somebody else.
type Transferring struct {
	By, For designation.Party // who transfers, and whom
	To      string            // as dialled
	App     *App              // what who transfers shows; nil: it is a phone of this switch
	// With is the other call of who transfers, in which whom they transfer is to take their place as a Guest; nil: To is called.
	With  *Named
	Guest *Guest
}

// Transfer finds out what to ring: it returns Onward or Stuck. It may block and must end with its context.
type Transfer func(context.Context, Transferring) Event

// consult asks whether a transfer may be, beside the call.
func (s *Session) consult(a Consult) {
	t := Transferring{By: s.parties[a.By], For: s.parties[a.For], To: a.To, App: a.App}
	if t.With = a.With; a.With != nil {
		t.Guest = s.leaver(a.For, t)
	}
	s.from = t.For // whoever is rung from here on is called by them
	if s.cfg.Transfer == nil {
		s.step(Stuck{Cause: CauseOf(errs.Forbidden, "Calls cannot be transferred here")})
		return
	}
	s.asking.Go(func() { s.consulted <- s.cfg.Transfer(s.ctx, t) })
}

// leaver is a leg of this call as a guest of another one.
func (s *Session) leaver(id LegID, t Transferring) *Guest {
	g := &Guest{from: s}
	g.up, g.who, g.by, g.words = true, t.For, t.By, whom(t.By)+" transferred the call"
	g.who.Device = s.call.legs[id].device
	return g
}

// Allow says what else has to be known of a guest who is up: where the call goes if the one who transfers it hangs up and it is not
// taken over, and whether they may put somebody in the place of another.
func (g *Guest) Allow(home Fallback, may func(of designation.Party, talks bool) error) {
	g.home, g.may = home, may
}

// NewSuccessor returns the caller of a session, who has not been answered, as one who takes the place of a leg of another one: the call
// that it leaves ends with a cause. If it does not come to that, Turned says why.
func NewSuccessor(from *Session, who designation.Party, early bool, may func(of designation.Party, talks bool) error, cause ledger.Cause) *Guest {
	g := &Guest{from: from, cause: cause, turned: make(chan ledger.Cause, 1)}
	g.who, g.by, g.early, g.may, g.words = who, who, early, may, whom(who)+" took the call over"
	return g
}

// Host is the id of the call that the guest goes to.
func (g *Guest) Host() string { return g.to.ID() }

// Went says that the guest has left its call.
func (g *Guest) Went() bool { return g.fate.Load() == handed }

// left is what those are told whose legs end for the guest.
func (g *Guest) left() string {
	if g.up {
		return "The call was transferred"
	}
	return g.words
}

// Succession is how the guest takes the place of a leg, as a leg of that id.
func (g *Guest) Succession(of LegID, leg string) Succeeds {
	var target Target = g
	if g.seat != nil {
		target = seat{g.seat}
	}
	return Succeeds{Leg: of, By: g, Branch: Branch{Leg: leg, Device: g.who.Device, User: g.who.User, Name: g.who.Name, Target: target}}
}

// Turn says why the guest stays where it is.
func (g *Guest) Turn(why ledger.Cause) { g.turn(why) }

// sought looks at who wants to take the place of a leg of this call; nil: they may not.
func (s *Session) sought(su Succeeds) Event {
	if err := su.By.may(s.parties[su.Leg], s.call.talking(su.Leg)); err != nil {
		su.By.turn(CauseOfError(err))
		return nil
	}
	with, known := s.parties[s.call.peer(su.Leg)]
	if !known {
		with = s.to
	}
	if su.By.up && outward(su.By.who, with) {
		su.By.turn(CauseOf(errs.GuardOutside, whom(su.By.who)+" and "+whom(with)+" are both outside: they are not joined at the cost of this office"))
		return nil
	}
	su.By.to, su.By.with, su.By.succeeds = s, with, s.call.talking(su.Leg)
	return su
}

// outward says that of two who would talk one calls from outside, and the other was called at a phone number: whoever transferred them
// would leave a call behind that no transfer of the caller alone may begin.
func outward(a, b designation.Party) bool {
	called := func(p designation.Party) bool {
		return p.Trunk == "" && p.User == "" && strings.HasPrefix(p.Number, "+")
	}
	return a.Trunk != "" && called(b) || b.Trunk != "" && called(a)
}

// wanted finds the leg that somebody names by what a lamp shows.
func (s *Session) wanted(w Wanted) Event {
	found := nobody
	for i, l := range s.call.legs {
		id := LegID(i)
		switch {
		case l.id != w.Ours && l.id != w.Theirs:
		case l.state == ringing, l.id == w.Theirs && s.call.talking(id): // RFC 3891, 6.1: the from-tag is that of who is replaced
			found = id
		}
	}
	if found == nobody {
		w.By.turn(CauseOf(errs.Gone, "There is no such call"))
		return nil
	}
	return s.sought(w.By.Succession(found, w.Leg))
}

// expects notes who comes.
func (s *Session) expects(id LegID, g *Guest) {
	s.parties[id] = g.who
	if g.up && s.cfg.Answered != nil {
		s.cfg.Answered(g.who.User) // before the other call says that they have left it
	}
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
	if p, ok := s.parties[s.call.asker]; ok && s.call.asker != Caller { // who came in the caller's place
		from = p
	}
	if s.call.transferring() && s.call.phase == returning {
		return Back(from)
	}
	return from
}

// Back is who comes back from a transfer, as they are shown.
func Back(p designation.Party) designation.Party {
	p.Name = "Back: " + whom(p)
	return p
}

func whom(p designation.Party) string {
	if p.Name != "" {
		return p.Name
	}
	return p.Number
}
