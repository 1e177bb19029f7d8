package call

import (
	"net/netip"
	"slices"

	"strowger/pkg/errs"
	"strowger/pkg/ledger"
	"strowger/pkg/sdp"
)

// Two phones of this switch that reach each other may send their media straight to each other: once they talk, each is offered the
// other's address by a re-INVITE. Their ports here stay bridged, so that what is on its way arrives. As soon as this switch is to hear
// or to play something, or one of the two is to talk to somebody else, both are told to send here again, and only then it goes on. Any
// change that a phone asks for itself comes back here as well: what passes from leg to leg names this switch.

// Reach is where another phone may send media to that of a leg. The zero value: nowhere but here.
type Reach struct {
	At      netip.AddrPort // RTP, with RTCP at the next port; of the host that the leg's SIP comes from
	Formats []sdp.Format   // whose payload types mean the same in both directions, without parameters
}

// Same says whether both are the same.
func (r Reach) Same(o Reach) bool { return r.At == o.At && slices.Equal(r.Formats, o.Formats) }

// Reached is where another phone may send media to that of a leg from now on.
type Reached struct {
	Leg LegID
	Reach
	Stays bool // it has refused to send elsewhere
}

func (Reached) event() {}

// Bounds on offers of an address. Phones that take another port at each offer would follow each other for ever.
const (
	maxTurns    = 6  // since one of the two asked for a change
	maxStraight = 60 // since they met
)

// course is what a call remembers of where its media went.
type course struct {
	queued bool // it waited in a queue, and stays here
	turns  int  // offers of an address since one of the two asked for a change
	all    int  // since they met
}

func (c *Call) reachable(r Reached) []Action {
	l := &c.legs[r.Leg]
	l.reach, l.stays = r.Reach, l.stays || r.Stays
	return nil
}

// shared are the codecs of a description that another one has as well.
func shared(d, of sdp.Description) []sdp.Codec {
	return slices.DeleteFunc(slices.Clone(d.Codecs), func(codec sdp.Codec) bool { return !slices.ContainsFunc(of.Codecs, codec.Same) })
}

// sendsTo is where a leg is to send its media: straight to the other, or, the zero value, here.
func (c *Call) sendsTo(id LegID) (here netip.AddrPort) {
	if c.state != Up || c.transferring() || c.succession.of != nobody || c.queued || c.back {
		return here
	}
	a, b := &c.legs[id], &c.legs[c.other(id)]
	for _, l := range []*leg{a, b} {
		if l.state != up || l.stays || l.held || l.music || l.agreed.Direction != sdp.SendRecv || !l.reach.At.IsValid() {
			return here
		}
	}
	if !neighbours(a.reach.At.Addr(), b.reach.At.Addr()) || !c.understand(a, b) {
		return here
	}
	return b.reach.At
}

// neighbours says whether two hosts are likely to reach each other: not if one is in a private network and the other is not, or if
// both share one public address.
func neighbours(a, b netip.Addr) bool {
	a, b = a.Unmap(), b.Unmap()
	inside := func(ip netip.Addr) bool { return ip.IsPrivate() || ip.IsLoopback() || ip.IsLinkLocalUnicast() }
	return a.Is4() == b.Is4() && a.IsLoopback() == b.IsLoopback() && inside(a) == inside(b) && (a != b || inside(a))
}

// understand says whether what one of two sends means the same to the other as it does here: there is nobody in between who writes
// payload types anew, or makes tones of telephone events.
func (c *Call) understand(a, b *leg) bool {
	common := shared(a.agreed, b.agreed)
	for _, codec := range common {
		f, ok := sdp.Find(a.reach.Formats, codec)
		if g, has := sdp.Find(b.reach.Formats, codec); !ok || !has || f.PT != g.PT {
			return false
		}
	}
	return slices.ContainsFunc(common, sdp.Codec.Speech)
}

// straighten has each of two who talk send its media where they are to go, one after the other.
func (c *Call) straighten() []Action {
	if c.exchange.from != nobody || c.talk.near == nobody || c.state == Over {
		return nil
	}
	for _, id := range c.talk.both() {
		l, to := &c.legs[id], c.sendsTo(id)
		switch {
		case l.state != up || c.state != Up && id != c.asker:
		case l.told != to, to.IsValid() && len(shared(l.agreed, c.legs[c.other(id)].agreed)) < len(l.agreed.Codecs):
			return c.lead(id, to)
		}
	}
	return nil
}

// lead offers a leg where to send its media.
func (c *Call) lead(id LegID, to netip.AddrPort) []Action {
	from := c.other(id)
	l, d := &c.legs[id], c.offerOf(exchange{from: from, kind: asked, offer: c.legs[from].agreed})
	if c.legs[from].state != up {
		d.Direction = sdp.SendRecv // what we play in their place
	}
	if to.IsValid() {
		if c.turns++; c.turns > maxTurns || c.all >= maxStraight {
			l.stays = true
			return c.straighten()
		}
		c.all++
		d.Codecs, d.Direction = shared(d, l.agreed), sdp.SendRecv
	}
	c.exchange = exchange{from: from, kind: leading, offer: d, to: to}
	return []Action{Offer{Leg: id, Description: d, Insist: true, To: to}}
}

// led takes the answer of a leg to where it is to send.
func (c *Call) led(id LegID, e exchange, d sdp.Description) []Action {
	l := &c.legs[id]
	switch {
	case c.legs[e.from].state != up:
		return nil
	case !e.to.IsValid() && len(d.Codecs) < len(e.offer.Codecs) && !c.legs[e.from].told.IsValid():
		return c.pass(exchange{from: id, kind: restoring, offer: d}) // one that is to come back as well is offered that then
	case e.to.IsValid() && d.Direction != sdp.SendRecv: // it holds, or whatever it does: it will say so
		l.stays = true
	case e.to.IsValid() && c.legs[e.from].told.IsValid():
		return append(c.noteStraight(), c.follow()...)
	}
	return append(c.tune(), c.follow()...)
}

// unled goes on with a leg that does not send where it is to: what it refuses once it is not asked again. One that does not come back
// could not hear whatever comes next.
func (c *Call) unled(id LegID, e exchange) []Action {
	if !e.to.IsValid() {
		return c.end("system", CauseOf(errs.NoCommonCodec, "The phone does not bring its audio back to the switch"))
	}
	c.legs[id].stays = true
	return c.follow()
}

// noteStraight has the ledger tell that nothing comes here any more.
func (c *Call) noteStraight() (acts []Action) {
	for _, id := range c.talk.both() {
		l := &c.legs[id]
		acts = append(acts, note(ledger.Event{Kind: ledger.Media, Leg: l.id, Device: l.device, Codec: c.codec, Local: Straight, Remote: l.told.String()}))
	}
	return acts
}

// Straight is where the ledger has media come in that go straight to the other phone.
const Straight = "direct"
