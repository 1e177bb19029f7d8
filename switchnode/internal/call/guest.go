package call

import (
	"sync/atomic"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/ledger"
	"strowger/pkg/sdp"
	"strowger/switchnode/internal/media"
)

// Two who call each other at the same time get one call (2-call-flows, "Glare"). The call that goes on has the other's caller
// Joined, as a branch of its own: a Guest. When that is started it asks the other call for its leg, by Crossed. That call hands
// the leg over and ends, or, if its caller waits no longer, spurns the guest, which is then a branch that refused.

// Joined has the caller of another call, who calls this one's caller, answer this one.
type Joined struct{ Branch Branch }

// Crossed has the call hand its caller's leg over to the call of the callee's.
type Crossed struct {
	To    *Guest
	Cause ledger.Cause // of the end of this call
}

// HandOver gives a leg to a guest, whose call sees to it from here on. One that is up comes of it as Gone, or as Stuck.
type HandOver struct {
	Leg   LegID
	To    *Guest
	Offer sdp.Description // the caller's, or what one that is up has agreed on
	At    Reached         // of one that is up
}

// Spurn tells a guest that there is no leg for it.
type Spurn struct{ To *Guest }

func (Joined) event()    {}
func (Crossed) event()   {}
func (HandOver) action() {}
func (Spurn) action()    {}

func (c *Call) joined(j Joined) []Action {
	if c.state != Trying && c.state != Queued {
		return []Action{Count{"guest of a call that rings no longer"}}
	}
	c.legs = append(c.legs, leg{id: j.Branch.Leg, device: j.Branch.Device, branch: j.Branch})
	return c.start(LegID(len(c.legs) - 1))
}

func (c *Call) crossed(x Crossed) []Action {
	l := &c.legs[Caller]
	if l.state != trying || c.state > Trying || c.back {
		return []Action{Spurn{x.To}}
	}
	l.state, l.cause = ending, x.Cause
	acts := append(c.hush(), HandOver{Leg: Caller, To: x.To, Offer: c.asks()}, c.noteLegEnd(Caller))
	return append(acts, c.end("system", x.Cause)...)
}

// glare is what a session knows of the calls that cross its own.
type glare struct {
	guests []Branch        // that Joined before there was a plan
	host   *Session        // the call that a leg was handed over to
	away   LegID           // that one
	moved  func(any) bool  // takes the inputs of that leg
	parted <-chan struct{} // closed when that call is over; nil without one
}

// handOver gives a leg away. What is still told to this session of it, it passes on, until that call is over.
func (s *Session) handOver(h HandOver) {
	l := s.legs[h.Leg]
	gave := h.To.grasp(handed) && h.To.give(given{l, h.Offer, h.At})
	switch {
	case gave:
		s.legs[h.Leg], s.away, s.host, s.moved, s.parted = nil, h.Leg, h.To.to, h.To.setup.Post, h.To.to.Done()
		if s.cfg.Parted != nil {
			s.cfg.Parted()
		}
		if h.To.up {
			s.step(Gone{})
		}
	case h.To.up:
		s.step(Stuck{Cause: CauseOf(errs.Gone, "The other call is over")})
	default:
		l.Do(Refuse{Caller, h.To.cause})
	}
}

// turnAway spurns the guests that asked this session as it ended.
func (s *Session) turnAway() {
	s.directed.left(nobody, true)
	for {
		select {
		case m := <-s.in:
			switch x := m.input.(type) {
			case Crossed:
				x.To.setup.Post(spurned{})
			case Claimed:
				x.To.setup.Post(spurned{})
			case Wanted:
				x.By.turn(CauseOf(errs.Gone, "The call is over"))
			case Directed:
				x.Told <- CauseOf(errs.Gone, "The call is over")
			case Picked:
				x.By.turn(CauseOf(errs.NotRinging, "The call is over"))
			}
		default:
			return
		}
	}
}

// over says whether nobody reads any more what is posted.
func (s *Session) over() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// overflow ends a call that gets more than it can take, or the one that its caller's leg has become one of.
func (s *Session) overflow() {
	s.cfg.Count("mailbox full")
	stop := Stop{CauseOf(errs.Congested, "The call sent more messages than it may")}
	if s.host != nil {
		s.host.Post(stop)
	}
	s.step(stop)
}

// Guest is the target, and then the leg, of a caller who comes from a call of their own.
type Guest struct {
	from, to *Session
	cause    ledger.Cause // of the end of the call that it leaves
	setup    Setup
	offer    sdp.Description // of the caller whom it meets
	leg      Leg             // nil until it is given
	unwanted *ledger.Cause   // why it was taken back before that
	spurned  bool
	turned   chan ledger.Cause // of a picker; see Turned
	errand
}

// errand is what else there is to know of a guest who is up in the call that it leaves.
type errand struct {
	up       bool
	early    bool              // only who rings is to be replaced
	succeeds bool              // takes the place of a leg
	who      designation.Party // the guest
	by       designation.Party // who transfers them
	words    string            // of the transfer
	home     Fallback          // the phone of who transfers
	// may is whether they may have whose place the guest is to take, who talks or rings, do that.
	may  func(of designation.Party, talks bool) error
	with designation.Party // whom the guest will talk to
	seat Target            // of the switch itself, in place of a leg that comes; nil: one comes
	fate atomic.Int32
}

// The fates of a guest who is up: at first either call can decide, and the first that does has.
const (
	open     int32 = iota
	handed         // to the call that it comes to
	unwanted       // there, any more
)

// grasp decides the fate of a guest, and says whether that is so.
func (g *Guest) grasp(fate int32) bool { return g.fate.CompareAndSwap(open, fate) }

// lodger is a Guest that was dialled.
type lodger struct{ *Guest }

// Inputs of a lodger besides those of its leg.
type (
	given struct {
		leg   Leg
		offer sdp.Description
		at    Reached
	}
	spurned struct{}
)

// NewGuest returns the caller of one session, a desk phone, as a target of the other. The call that it leaves ends with a cause.
func NewGuest(from, to *Session, cause ledger.Cause) *Guest {
	return &Guest{from: from, to: to, cause: cause}
}

// Dial makes the leg; Start asks for the one that it is to be.
func (g *Guest) Dial(s Setup) (Leg, error) {
	g.setup = s
	return lodger{g}, nil
}

// give gives the guest its leg, and says whether it takes it.
func (g *Guest) give(what given) bool { return g.setup.Post(what) }

// Port is the leg's media.
func (l lodger) Port() *media.Port {
	if l.leg == nil {
		return nil
	}
	return l.leg.Port()
}

// Do carries out an action of the call.
func (l lodger) Do(a LegAction) {
	switch a := a.(type) {
	case Start:
		l.offer = a.Offer
		var ask Event = Crossed{l.Guest, l.cause}
		if l.up {
			ask = Claimed{l.Guest, l.with, a.Offer}
		}
		if !l.from.Post(ask) || l.from.over() { // which may have come too late for turnAway
			l.setup.Post(spurned{})
		}
		return
	case Cancel:
		if l.leg == nil {
			l.unwanted = &a.Cause
			if l.up && l.grasp(unwanted) {
				l.setup.Post(spurned{})
			}
			return
		}
		l.leg.Do(HangUp(a)) // it was accepted when it came
		return
	}
	if l.leg != nil {
		l.leg.Do(a)
	}
}

// Handle turns an input into events of the call.
func (l lodger) Handle(input any) []Event {
	id := l.setup.Leg
	switch in := input.(type) {
	case given:
		return l.take(in)
	case spurned:
		if l.leg != nil || l.Guest.spurned {
			return nil
		}
		l.Guest.spurned = true
		return []Event{Refused{id, CauseOf(errs.Gone, "")}, Closed{id}}
	}
	if l.leg == nil {
		return nil
	}
	evs := l.leg.Handle(input)
	for i, ev := range evs {
		evs[i] = at(ev, id)
	}
	return evs
}

// take accepts the caller who came: the two have called each other.
func (l lodger) take(in given) []Event {
	id := l.setup.Leg
	l.leg = in.leg
	switch why := l.unwanted; {
	case why != nil && l.up:
		l.leg.Do(HangUp{id, *why})
		return nil
	case why != nil:
		l.leg.Do(Refuse{id, l.spoiled(*why)})
		return nil
	case l.up:
		in.at.Leg = id
		return []Event{in.at, Arrived{id, in.offer}}
	}
	return l.greet(in)
}

// greet answers the caller who came.
func (l lodger) greet(in given) []Event {
	id := l.setup.Leg
	theirs, err := sdp.Common(l.offer, in.offer)
	if err != nil {
		cause := CauseOfError(err)
		l.leg.Do(Refuse{id, cause})
		return []Event{Refused{id, cause}}
	}
	ours, _ := sdp.Common(in.offer, l.offer) // as there are common codecs one way, there are the other way
	l.leg.Do(Accept{id, ours, l.setup.SessionID})
	if l.succeeds {
		return []Event{Arrived{id, theirs}}
	}
	return []Event{Answered{Leg: id, Description: theirs, SessionID: l.from.cfg.SessionID}}
}
