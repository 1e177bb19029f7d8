package call

import (
	"slices"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/ledger"
	"strowger/pkg/sdp"
)

// Who has two calls may have the two others talk to each other (RFC 5589, 7): its REFER in one call names its dialog of the other (RFC
// 3891). The other party of the first call moves over: the second call expects it, as a leg that is coming, in the place of the
// transferor's leg; asks the first call for it; and has the transferor's leg end when it has come. The first call ends then. Until the leg
// is handed over nothing has changed for anybody, whatever goes wrong: see Guest.grasp.

// Succeeds says that somebody who is in another call is to take the place of a leg.
type Succeeds struct {
	Leg    LegID // whose place
	Branch Branch
	By     *Guest
}

// Arrived says that they have come.
type Arrived struct {
	Leg         LegID
	Description sdp.Description // their side of the session that they have
}

// Claimed says that another call is ready for the leg that goes over to it.
type Claimed struct {
	To    *Guest
	With  designation.Party // whom it will talk to
	Offer sdp.Description   // what they speak
}

// Gone says that the leg has gone over.
type Gone struct{}

func (Succeeds) event() {}
func (Arrived) event()  {}
func (Claimed) event()  {}
func (Gone) event()     {}

// Named is a dialog of this switch, by the ids that the phone at its other end has for it (RFC 3891, 6.1).
type Named struct {
	CallID, Ours, Theirs string
	Early                bool // only if it is not answered yet
}

// Wanted is who is to take the place of one of two legs that talk or ring, by their ids in the ledger, which is what lamps show: that of
// who rings, or is theirs.
type Wanted struct {
	Ours, Theirs string
	Leg          string // id of the one that comes, for the ledger
	By           *Guest
}

func (Wanted) event() {}

// succession is a leg in whose place another one comes.
type succession struct {
	of   LegID // nobody if there is none
	heir LegID
	by   *Guest
	here bool // it has come, and waits for the end of an exchange
}

func noSuccession() succession { return succession{of: nobody, heir: nobody} }

// succeeds expects a leg.
func (c *Call) succeeds(s Succeeds) []Action {
	l := &c.legs[s.Leg]
	var why ledger.Cause
	switch {
	case c.succession.of != nobody || c.transferring():
		why = requestPending("Another transfer of that call is under way")
	case c.direct:
		why = CauseOf(errs.Forbidden, "Only a call whose media pass this switch can be joined with another")
	case !s.By.up && s.Leg != Caller && c.state == Trying && (l.state == trying || l.state == ringing): // RFC 3891, 3: a dialog that we began
		return c.picked(Picked{s.Branch, s.By})
	case s.By.early && c.talking(s.Leg): // RFC 3891, 3
		why = CauseOf(errs.Busy, "The call has been answered")
	case c.talking(s.Leg), c.state == Trying && s.Leg == Caller && l.state == trying && !c.back && s.By.up:
		return c.expect(s)
	default:
		why = CauseOf(errs.Gone, "That call is over, or has not begun to ring")
	}
	return []Action{TurnAway{s.By, why}, Count{"succession in a call that cannot have it"}}
}

// requestPending is why something cannot be while something else is: 491.
func requestPending(words string) ledger.Cause {
	why := CauseOf(errs.Congested, words)
	why.SIP = 491
	return why
}

func (c *Call) expect(s Succeeds) []Action {
	id := LegID(len(c.legs))
	c.legs = append(c.legs, leg{id: s.Branch.Leg, device: s.Branch.Device, branch: s.Branch, state: coming})
	c.succession = succession{of: s.Leg, heir: id, by: s.By}
	return []Action{note(ledger.Event{Kind: ledger.Trying, Leg: s.Branch.Leg, Device: s.Branch.Device}), Start{id, s.Branch, c.meets(s.Leg)}}
}

// meets is what the other party of a leg has.
func (c *Call) meets(id LegID) sdp.Description {
	if far := c.other(id); far != nobody {
		return sdp.Description{Codecs: c.legs[far].agreed.Codecs, Direction: sdp.SendRecv, Ptime: c.legs[far].agreed.Ptime}
	}
	return c.asks()
}

// arrived has the leg that came take its place, as soon as no exchange is under way.
func (c *Call) arrived(a Arrived) []Action {
	l := &c.legs[a.Leg]
	if l.state != coming || c.state == Over {
		return []Action{Count{"arrival of a leg that nobody expects"}}
	}
	l.state, l.agreed, c.succession.here = up, a.Description, true
	return nil
}

// astray goes on without the leg that was to come, or that came and has hung up since.
func (c *Call) astray() []Action {
	of := c.succession.of
	c.succession = noSuccession()
	if l := &c.legs[of]; l.state > up {
		return c.end(side(of), l.cause)
	}
	return nil
}

// bereft says that one of two who talked has hung up, and somebody comes in their place.
func (c *Call) bereft() bool {
	of := c.succession.of
	return of != nobody && c.legs[of].state > up
}

// deserted goes on without the leg whose place is taken: it has hung up before.
func (c *Call) deserted(id LegID) (acts []Action) {
	if l := &c.legs[id]; l.music {
		l.music = false
		acts = append(acts, Play{id, Sound{}})
	}
	switch {
	case c.exchange.from == id && c.exchange.kind == leading:
	case c.exchange.from == id:
		c.exchange.kind = deserted
	case c.exchange.from != nobody && c.other(c.exchange.from) == id && c.exchange.kind == asked:
		from := c.exchange.from
		c.exchange = exchange{from: nobody}
		acts = append(acts, RefuseOffer{from, 491})
	case c.exchange.from != nobody && c.other(c.exchange.from) == id:
		c.exchange = exchange{from: nobody}
	}
	return acts
}

// succeed has the leg that came take its place.
func (c *Call) succeed() []Action {
	s := c.succession
	if !s.here || c.exchange.from != nobody || c.state == Over {
		return nil
	}
	c.succession = noSuccession()
	if c.state != Up {
		return c.succeedEarly(s)
	}
	far := c.other(s.of)
	acts := append(c.silence(), c.retire(s.of, s.by.left())...)
	if c.asker == s.of {
		c.asker = s.heir
	}
	if c.talk.near == s.of {
		c.meet(s.heir, far)
	} else {
		c.meet(far, s.heir)
	}
	acts = append(acts, c.noteSuccession(s), Play{s.heir, Sound{}}, Connect{c.talk.near, c.talk.far})
	c.legs[s.heir].unfollowed, c.legs[far].unfollowed = false, false
	acts = append(acts, c.tune()...)
	if !s.by.up { // it has just been offered what the other has
		return append(acts, c.rejoins(s.heir, far)...)
	}
	return append(acts, c.introduce(far)...)
}

// retire ends the leg whose place was taken.
func (c *Call) retire(id LegID, words string) []Action {
	l := &c.legs[id]
	switch l.state {
	case up:
		l.state, l.cause = ending, CauseOf(Normal, words)
		return []Action{HangUp{id, l.cause}, c.noteLegEnd(id)}
	case trying:
		l.state, l.cause = ending, CauseOf(errs.CallerLeft, words)
		return []Action{Refuse{id, l.cause}, c.noteLegEnd(id)}
	}
	return nil
}

// noteSuccession has the ledger tell who talks now.
func (c *Call) noteSuccession(s succession) Action {
	of, cause := &c.legs[s.of], CauseOf(Transferred, s.by.words)
	return note(ledger.Event{Kind: ledger.Diverted, Leg: of.id, Device: of.device, To: &s.by.who, Text: s.by.by.Number, Cause: &cause})
}

// introduce offers who has just come what the other has, and then the other what comes of that: they may have been on hold, each in
// their own call, and may differ in what they speak.
func (c *Call) introduce(far LegID) []Action {
	l, heir := &c.legs[far], &c.legs[c.other(far)]
	offer := sdp.Description{Codecs: l.agreed.Codecs, Direction: sdp.SendRecv, Ptime: l.agreed.Ptime}
	if l.held {
		offer.Direction = l.agreed.Direction
	}
	if sameCodecs(offer, heir.agreed) && heir.agreed.Direction == sdp.SendRecv && l.agreed.Direction == sdp.SendRecv {
		return nil
	}
	return c.pass(exchange{from: far, kind: introducing, offer: offer})
}

// rejoins offers the other party what is left of its session with somebody who has come from another phone.
func (c *Call) rejoins(heir, far LegID) []Action {
	l, d := &c.legs[far], c.legs[heir].agreed
	if sameCodecs(l.agreed, d) && (l.held || l.agreed.Direction == sdp.SendRecv) {
		return nil
	}
	return c.pass(exchange{from: heir, kind: restoring, offer: d})
}

// introduced takes the answer of who has just come.
func (c *Call) introduced(id LegID, e exchange, d sdp.Description) []Action {
	acts := c.hold(id, d.Direction)
	if l := &c.legs[e.from]; !sameCodecs(l.agreed, d) || !l.held && (l.agreed.Direction != sdp.SendRecv || d.Direction != sdp.SendRecv) {
		return append(acts, c.pass(exchange{from: id, kind: restoring, offer: d})...)
	}
	return append(append(acts, c.tune()...), c.follow()...)
}

// succeedEarly has the call go on to ring for who came, as one that was transferred without asking. Nobody is told how it goes.
func (c *Call) succeedEarly(s succession) []Action {
	heir, rung, asked := &c.legs[s.heir], c.rung, c.asks().Codecs
	for i := range c.legs {
		if l := &c.legs[i]; LegID(i) != s.of && (l.state == trying || l.state == ringing) && l.asked == nil {
			l.asked = asked
		}
	}
	acts := append(append(c.separate(), c.hush()...), c.retire(s.of, s.by.left())...)
	c.asker, c.transfer = s.heir, transfer{by: s.of, phase: reaching, home: s.by.home}
	c.offer = sdp.Description{Codecs: heir.agreed.Codecs, Direction: sdp.SendRecv, Ptime: heir.agreed.Ptime}
	c.hears, c.previewed, c.preview, c.from, c.playing = true, true, heir.agreed, nobody, Music
	c.callable = false // it was the one before who could keep the place
	if rung {
		c.playing = RingingTone
	}
	return append(acts, c.noteSuccession(s), Play{s.heir, Sound{Kind: c.playing}})
}

// askedOf is what a branch was offered: one that rang already when somebody else came knows nothing of what they speak.
func (c *Call) askedOf(l *leg) sdp.Description {
	if l.asked == nil {
		return c.offer
	}
	return sdp.Description{Codecs: l.asked, Direction: sdp.SendRecv}
}

// speaksOnly says whether all that one speaks is among what another one does.
func speaksOnly(d, of sdp.Description) bool {
	return !slices.ContainsFunc(d.Codecs, func(codec sdp.Codec) bool { return !slices.ContainsFunc(of.Codecs, codec.Same) })
}

// joining says that the other party of the transferor is to go over to another call.
func (c *Call) joining() bool {
	return c.transferring() && c.transfer.joins && c.transfer.phase == asking && c.state < Over
}

// claimed hands a leg over to the call that it goes on in, as soon as no exchange is under way.
func (c *Call) claimed(x Claimed) []Action {
	if !c.joining() || c.transfer.claim != nil {
		return []Action{Spurn{x.To}, Count{"claim of a leg that does not go over"}}
	}
	c.transfer.claim = &x
	return nil
}

// handOn hands over the leg that was claimed.
func (c *Call) handOn() []Action {
	x := c.transfer.claim
	if x == nil || c.exchange.from != nobody || !c.joining() {
		return nil
	}
	id := c.other(c.transfer.by)
	if _, err := sdp.Common(x.Offer, c.legs[id].agreed); err != nil { // neither call could go on
		return append(c.unclaimed(), c.unreachedBy(CauseOfError(err))...)
	}
	c.transfer.phase = handing
	return []Action{HandOver{Leg: id, To: x.To, Offer: c.legs[id].agreed, At: Reached{Reach: c.legs[id].reach, Stays: c.legs[id].stays}}}
}

// gone ends the call whose other leg has gone over to another one.
func (c *Call) gone() []Action {
	if !c.transferring() || c.transfer.phase != handing {
		return []Action{Count{"leg that went without being handed over"}}
	}
	by, with, guest := c.transfer.by, c.transfer.claim.With, c.transfer.claim.To
	id, cause := c.other(by), CauseOf(Transferred, guest.words)
	l, transferor := &c.legs[id], &c.legs[by]
	acts := []Action{note(ledger.Event{Kind: ledger.Diverted, Leg: transferor.id, Device: transferor.device, To: &with, Text: guest.by.Number, Cause: &cause})}
	l.state, l.cause, l.music, c.playing = ending, cause, false, Silence
	acts = append(append(acts, c.noteLegEnd(id)), c.reports(200, "OK")...)
	c.transfer = transfer{by: nobody}
	if transferor.state == up {
		acts = append(append(acts, c.silence()...), c.retire(by, guest.left())...)
	}
	return append(acts, c.end(side(by), cause)...)
}

// unclaimed is what a transfer that fails tells the call that expects its leg.
func (c *Call) unclaimed() []Action {
	if x := c.transfer.claim; x != nil && c.transfer.phase == asking {
		c.transfer.claim = nil
		return []Action{Spurn{x.To}}
	}
	return nil
}
