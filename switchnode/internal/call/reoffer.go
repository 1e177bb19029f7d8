package call

import (
	"net/netip"
	"slices"

	"strowger/pkg/errs"
	"strowger/pkg/ledger"
	"strowger/pkg/sdp"
)

// exchange is one leg's description on its way to the other leg. There is at most one at a time.
type exchange struct {
	from  LegID // whose description it is; nobody if none is under way
	kind  exchangeKind
	offer sdp.Description
	to    netip.AddrPort // where who is offered it is to send; the zero value: here
}

type exchangeKind uint8

const (
	asked       exchangeKind = iota // from waits for the answer
	withdrawn                       // from no longer waits
	settled                         // from has it already: the other leg has to follow
	restoring                       // from has had it all along: the other leg has to come back to it
	deserted                        // from has hung up, and another leg comes in its place
	introducing                     // from is to have what the other leg, which has just come, says to that
	leading                         // from has it: the other leg is to send elsewhere, see straighten
)

func (c *Call) offered(o Offered) []Action {
	switch {
	case !c.talking(o.Leg) && o.Settled && c.legs[o.Leg].state == up && c.state == Trying:
		l := &c.legs[o.Leg] // whom it talks to next follows
		l.agreed, l.unfollowed = o.Description, true
		return nil
	case c.talking(o.Leg) && c.bereft() && o.Settled:
		l := &c.legs[o.Leg] // who comes follows
		l.agreed = o.Description
		return nil
	case c.talking(o.Leg) && c.bereft():
		return []Action{RefuseOffer{o.Leg, 491}}
	case !c.talking(o.Leg) && o.Settled:
		return []Action{Count{"change outside the conversation"}}
	case !c.talking(o.Leg) && c.legs[o.Leg].state == up && c.state < Over:
		return []Action{RefuseOffer{o.Leg, 491}} // RFC 3261, 14.2: there is nobody to ask yet
	case !c.talking(o.Leg):
		return []Action{RefuseOffer{o.Leg, 481}, Count{"offer outside the conversation"}} // RFC 3261, 12.2.2
	case o.Settled:
		l := &c.legs[o.Leg]
		l.agreed, l.unfollowed = o.Description, true
		return c.follow()
	case c.exchange.from != nobody:
		return []Action{RefuseOffer{o.Leg, 491}} // RFC 3261, 14.2: the other side's is under way
	}
	return c.pass(exchange{from: o.Leg, kind: asked, offer: o.Description})
}

// pass offers what one leg described to the other.
func (c *Call) pass(e exchange) []Action {
	c.exchange = e
	c.legs[e.from].unfollowed = false
	return []Action{Offer{Leg: c.other(e.from), Description: c.offerOf(e), Insist: e.kind != asked}}
}

// follow has the other leg follow a change that one leg has settled, if none is under way.
func (c *Call) follow() []Action {
	if c.exchange.from != nobody || c.state != Up || c.bereft() {
		return nil
	}
	for _, id := range c.talk.both() {
		if l := c.legs[id]; l.unfollowed {
			return c.pass(exchange{from: id, kind: settled, offer: l.agreed})
		}
	}
	return nil
}

// hold notes that a leg put the other on hold or took it back (RFC 3264, 8.4).
func (c *Call) hold(id LegID, d sdp.Direction) []Action {
	l := &c.legs[id]
	held := d == sdp.SendOnly || d == sdp.Inactive
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

// concluded returns the exchange that a leg's answer ends.
func (c *Call) concluded(id LegID) (e exchange, ok bool) {
	e = c.exchange
	if !c.talking(id) && !(c.transferring() && c.state == Trying && id == c.asker) || e.from == nobody || e.from == id {
		return e, false
	}
	c.exchange = exchange{from: nobody}
	return e, true
}

func (c *Call) offerAccepted(a OfferAccepted) []Action {
	e, ok := c.concluded(a.Leg)
	if !ok {
		return []Action{Count{"answer to no offer"}}
	}
	l := &c.legs[a.Leg]
	l.agreed, l.unfollowed, l.told = a.Description, false, e.to
	if c.state != Up { // whose offer it was has hung up
		c.preview = a.Description
		return nil
	}
	var acts []Action
	switch e.kind {
	case asked:
		from := &c.legs[e.from]
		from.agreed, from.told, c.turns = e.offer, netip.AddrPort{}, 0
		acts = append([]Action{AcceptOffer{e.from, c.answerOf(a.Leg, a.Description)}}, c.hold(e.from, e.offer.Direction)...)
	case introducing:
		return c.introduced(a.Leg, e, a.Description)
	case leading:
		return c.led(a.Leg, e, a.Description)
	case withdrawn:
		return c.pass(exchange{from: e.from, kind: restoring, offer: c.legs[e.from].agreed})
	case settled, restoring:
		acts = c.hold(e.from, e.offer.Direction)
		if !sameCodecs(e.offer, a.Description) { // and so the one who settled is brought to what is left
			return append(acts, c.pass(exchange{from: a.Leg, kind: restoring, offer: a.Description})...)
		}
	}
	return append(append(acts, c.tune()...), c.follow()...)
}

func (c *Call) offerRefused(r OfferRefused) []Action {
	e, ok := c.concluded(r.Leg)
	if !ok {
		return []Action{Count{"refusal of no offer"}}
	}
	if e.kind == leading {
		return c.unled(r.Leg, e)
	}
	if c.state != Up {
		return nil
	}
	switch e.kind {
	case settled, introducing: // back to what both had
		return c.pass(exchange{from: r.Leg, kind: restoring, offer: c.legs[r.Leg].agreed})
	case restoring:
		return c.end("system", CauseOf(errs.NoCommonCodec, "The phones do not agree on the session any more"))
	case asked:
		return append([]Action{RefuseOffer{e.from, r.Status}}, c.follow()...)
	case deserted:
		return nil
	}
	return c.follow()
}

func (c *Call) offerWithdrawn(id LegID) []Action {
	if !c.talking(id) || c.exchange.from != id || c.exchange.kind != asked {
		return []Action{Count{"withdrawal of no offer"}}
	}
	c.exchange.kind = withdrawn
	return nil
}

func sameCodecs(a, b sdp.Description) bool {
	return slices.EqualFunc(a.Codecs, b.Codecs, sdp.Codec.Same)
}

func (c *Call) pressed(p Pressed) []Action {
	if c.state == Queued {
		return c.keyed(Key{p.Leg, p.Digit})
	}
	if !c.talking(p.Leg) || c.bereft() {
		return []Action{Count{"digit outside the conversation"}}
	}
	return []Action{Press{c.other(p.Leg), p.Digit, p.Duration}}
}
