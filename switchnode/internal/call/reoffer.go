package call

import (
	"strowger/pkg/ledger"
	"strowger/pkg/sdp"
)

// other is the leg that talks to a leg of an answered call.
func (c *Call) other(id LegID) LegID {
	if id == Caller {
		return c.winner
	}
	return Caller
}

// talking says that the call is up and the leg is one of the two.
func (c *Call) talking(id LegID) bool {
	return c.state == Up && c.legs[id].state == up
}

func (c *Call) offered(o Offered) []Action {
	switch {
	case !c.talking(o.Leg):
		return []Action{RefuseOffer{o.Leg, 481}, Count{"offer outside the conversation"}} // RFC 3261, 12.2.2
	case c.offering != nobody:
		return []Action{RefuseOffer{o.Leg, 491}} // RFC 3261, 14.2: the other side's is under way
	}
	c.offering, c.direction = o.Leg, o.Description.Direction
	return []Action{Offer{c.other(o.Leg), o.Description}}
}

// hold notes that a leg put the other on hold or took it back (RFC 3264, 8.4).
func (c *Call) hold(id LegID) []Action {
	l := &c.legs[id]
	held := c.direction == sdp.SendOnly || c.direction == sdp.Inactive
	if held == l.held {
		return nil
	}
	l.held = held
	kind := ledger.Resumed
	if held {
		kind = ledger.Held
	}
	return []Action{note(ledger.Event{Kind: kind, Leg: l.id, Device: l.device})}
}

func (c *Call) offerAccepted(a OfferAccepted) []Action {
	from := c.offering
	if !c.talking(a.Leg) || from == nobody || from == a.Leg {
		return []Action{Count{"answer to no offer"}}
	}
	c.offering = nobody
	return append([]Action{AcceptOffer{from, a.Description}}, c.hold(from)...)
}

func (c *Call) offerRefused(r OfferRefused) []Action {
	from := c.offering
	if !c.talking(r.Leg) || from == nobody || from == r.Leg {
		return []Action{Count{"refusal of no offer"}}
	}
	c.offering = nobody
	return []Action{RefuseOffer{from, r.Status}}
}

func (c *Call) pressed(p Pressed) []Action {
	if !c.talking(p.Leg) {
		return []Action{Count{"digit outside the conversation"}}
	}
	return []Action{Press{c.other(p.Leg), p.Digit, p.Duration}}
}
