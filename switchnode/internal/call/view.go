package call

import "slices"

// View is a call as those see it who watch its parties. It is made of the state as it stands, whatever led there: legs that move
// between calls are seen where they are.
type View struct {
	Call    string
	Parties []Seen
}

// Seen is a user in a call, at one leg of it.
type Seen struct {
	Leg    string // id
	User   string // id
	Device string // id, "" on a link
	Phase  Phase
	Caller bool   // they placed the call
	Peer   string // id of the leg that they talk to, or that asks for them; "" for none yet
	Other  Shown  // who is at it
	Own    Shown
}

// Shown is a party as others may see it.
type Shown struct {
	User, Number, Name string
	Withheld           bool // nobody is told who it is
}

// Phase is how far a party of a call is, in the words of RFC 4235, 3.7.1.
type Phase string

// The phases; who is in none is not seen.
const (
	PhaseTrying    Phase = "trying"    // they called, and nothing rings yet
	PhaseEarly     Phase = "early"     // they ring, or hear it ringing, or wait in a queue
	PhaseConfirmed Phase = "confirmed" // they talk, or hold, or are held
)

// stage is the phase of a leg, "" if it is not seen.
func (c *Call) stage(id LegID) Phase {
	l := &c.legs[id]
	switch {
	case l.state == up:
		return PhaseConfirmed
	case id == Caller && !c.back && l.state == trying && c.state == Trying && !c.rung, id == Caller && !c.back && l.state == trying && c.state == Admitting:
		return PhaseTrying
	case id == Caller && !c.back && l.state == trying && c.state != Over:
		return PhaseEarly
	case l.state == ringing:
		return PhaseEarly
	}
	return ""
}

// peer is the leg that a leg talks to, or which asks for it or is asked for.
func (c *Call) peer(id LegID) LegID {
	if other := c.other(id); other != nobody {
		return other
	}
	if id != c.asker {
		return c.asker
	}
	return nobody
}

// at is who is at a leg; at none is whom the call is for.
func (s *Session) at(id LegID) Shown {
	p, known := s.parties[id]
	if !known {
		p = s.to
	}
	return Shown{User: p.User, Number: p.Number, Name: p.Name, Withheld: id == Caller && s.cfg.Withheld}
}

// view is the call as it stands.
func (s *Session) view() View {
	v := View{Call: s.cfg.ID}
	c := s.call
	for i := range c.legs {
		id := LegID(i)
		l := &c.legs[i]
		phase, own := c.stage(id), s.at(id)
		if own.User == "" || phase == "" || id != Caller && l.device == "" { // a link, or the switch itself: a mailbox
			continue
		}
		seen := Seen{Leg: l.id, User: own.User, Device: l.device, Phase: phase, Caller: id == Caller && !c.back, Own: own}
		peer := c.peer(id)
		if peer != nobody {
			seen.Peer = c.legs[peer].id
		}
		seen.Other = s.at(peer)
		v.Parties = append(v.Parties, seen)
	}
	return v
}

// look tells who watches what is new.
func (s *Session) look() {
	if s.cfg.Watch == nil {
		return
	}
	if v := s.view(); !slices.Equal(v.Parties, s.seen) {
		s.seen = v.Parties
		s.cfg.Watch(v)
	}
}

// unseen says that nobody is in the call any more.
func (s *Session) unseen() {
	if s.cfg.Watch != nil && len(s.seen) > 0 {
		s.seen = nil
		s.cfg.Watch(View{Call: s.cfg.ID})
	}
}
