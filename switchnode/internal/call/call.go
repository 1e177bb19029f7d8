package call

import (
	"strowger/pkg/errs"
	"strowger/pkg/ledger"
	"strowger/pkg/sdp"
)

// State is where a call stands.
type State uint8

// The states of a call.
const (
	Admitting State = iota // the caller waits, nobody was asked to ring yet
	Recalling              // the caller, who kept a place in a queue, is called back
	Queued                 // the callee is on the phone, and the caller waits
	Trying                 // at least one branch is or will be tried
	Up                     // a branch answered, the two talk
	Over                   // ended; some leg is not closed yet
)

// Call is the state of one call at one node. The zero value is of no use; see New.
type Call struct {
	state    State
	offer    sdp.Description // the caller's
	legs     []leg
	winner   LegID // the branch that answered last
	asker    LegID // the leg on whose behalf branches are tried
	talk     pair
	rung     bool // the caller was told Ring
	woke     bool // the caller was told Wake
	back     bool // the caller is called back
	callable bool // the caller can be
	exchange exchange
	codec    string // that the answer chose
	direct   bool   // the two are apps, whose media do not come here
	transfer
	succession succession
	attempt
	place
	hearing
	course
}

// New returns the call of a caller's INVITE; callerLeg is the leg's id in the ledger and device the caller's, "" for a link.
func New(callerLeg, device string, offer sdp.Description) *Call {
	return &Call{
		offer:    offer,
		legs:     []leg{{id: callerLeg, device: device, state: trying}},
		winner:   nobody,
		talk:     pair{nobody, nobody},
		exchange: exchange{from: nobody},
		hearing:  hearing{from: nobody},
		transfer: transfer{by: nobody}, succession: noSuccession(),
	}
}

// State returns where the call stands.
func (c *Call) State() State { return c.state }

// Step takes an event and returns what is to be done, in order. Events may come in any order and more than once: what
// the state does not expect is answered by a Count.
func (c *Call) Step(ev Event) []Action {
	established := c.back || c.established() || c.bereft()
	acts := c.step(ev)
	acts = append(acts, c.proceed()...)
	if established {
		return heard(acts)
	}
	return acts
}

func (c *Call) step(ev Event) []Action {
	if id, ok := legOf(ev); ok && (id < 0 || int(id) >= len(c.legs) || c.legs[id].state == closed) {
		return []Action{Count{"event of no leg"}}
	}
	switch ev := ev.(type) {
	case Planned:
		return c.planned(ev)
	case Recalled:
		return c.recalled(ev)
	case Refusal:
		return c.refusal(ev)
	case Fired:
		return c.fired(ev.Timer)
	case Ringing:
		return c.alerting(ev)
	case Waking:
		return c.waking(ev)
	case Stalled:
		return c.stalled(ev.Leg)
	case Forwarded:
		return c.forwarded(ev)
	case Diverted:
		return c.diverted(ev)
	case Crowded:
		return c.crowded(ev.Queue)
	case Placed:
		return c.placed(ev)
	case Turn:
		return c.turn(ev)
	case Expelled:
		return c.expelled(ev)
	case Waits:
		return c.waits(ev)
	case Joined:
		return c.joined(ev)
	case Picked:
		return c.picked(ev)
	case Parked:
		return c.parked(ev)
	case Crossed:
		return c.crossed(ev)
	case Early:
		return c.early(ev)
	case Key:
		return c.keyed(ev)
	case Answered:
		return c.answered(ev)
	case Refused:
		return c.refused(ev.Leg, ev.Cause)
	case Cancelled:
		return c.cancelled(ev.Keep)
	case HungUp:
		return c.hungUp(ev.Leg, ev.Cause)
	case Lost:
		return c.lost(ev.Leg, ev.Cause)
	case Closed:
		return c.closed(ev.Leg)
	case Stop:
		return c.end("system", ev.Cause)
	case Offered:
		return c.offered(ev)
	case OfferAccepted:
		return c.offerAccepted(ev)
	case OfferRefused:
		return c.offerRefused(ev)
	case OfferWithdrawn:
		return c.offerWithdrawn(ev.Leg)
	case Reached:
		return c.reachable(ev)
	case Routed:
		return c.routed(ev)
	case Pressed:
		return c.pressed(ev)
	case Referred:
		return c.referred(ev)
	case Succeeds:
		return c.succeeds(ev)
	case Arrived:
		return c.arrived(ev)
	case Claimed:
		return c.claimed(ev)
	case Gone:
		return c.gone()
	case Joining:
		return c.joins(ev)
	case Onward:
		return c.onward(ev)
	case Stuck:
		return c.stuck(ev)
	}
	return []Action{Count{"unknown event"}}
}

func (c *Call) planned(p Planned) []Action {
	if c.state != Admitting || c.back {
		return []Action{Count{"plan after the end"}}
	}
	called := p.To // whom the call is recorded to
	if len(p.Diverted) > 0 {
		called = p.Diverted[0].From
	}
	acts := []Action{note(ledger.Event{Kind: ledger.Admitted, From: &p.From, To: &called, Anchor: p.Anchor, Offline: p.Offline})}
	if len(p.Diverted) > 0 {
		acts = append(append(acts, diversions(p.Diverted)...), c.forward(p.To.Number))
	}
	c.attempt = attempt{to: p.To.Number, ring: p.Ring, fallback: p.Fallback}
	c.language, c.callable, c.toApps = p.Language, p.From.Callable() && !p.Barred, p.Apps
	offline := CauseOf(errs.Offline, "")
	if p.Queue != nil {
		return append(acts, c.enqueue(p.Queue, Fallback{To: p.To, Ring: p.Ring, Renew: p.Renew})...)
	}
	switch _, on := c.next(offline); {
	case len(p.Branches) > 0:
		c.state = Trying
		return append(acts, c.try(p.Branches)...)
	case on:
		c.state = Trying
		return append(acts, c.giveUp("system", offline)...)
	}
	return append(acts, c.refusal(Refusal{Cause: offline})...)
}

func (c *Call) refusal(r Refusal) []Action {
	if c.state != Admitting {
		return []Action{Count{"refusal after the end"}}
	}
	e := ledger.Event{Kind: ledger.Refused, Cause: &r.Cause}
	if r.To.User != "" {
		e.To = &r.To
	}
	return append([]Action{note(e)}, c.end("system", r.Cause)...)
}

func (c *Call) fired(t Timer) []Action {
	switch {
	case c.joining() && t == RingTimer:
		return c.stuck(Stuck{Cause: CauseOf(errs.Gone, "The other call does not answer")})
	case c.state == Recalling && t == RingTimer:
		return c.unreached()
	case c.state != Trying:
		return []Action{Count{"timer after the attempt"}}
	case t == RingTimer:
		return c.giveUp("system", c.unanswered())
	case int(t) < len(c.legs) && c.legs[t].state == waiting:
		return c.start(LegID(t))
	}
	return []Action{Count{"timer of no branch"}}
}

func (c *Call) alerting(r Ringing) []Action {
	l := &c.legs[r.Leg]
	if c.state != Trying && c.state != Recalling || (r.Leg == Caller) != (c.state == Recalling) || l.state != trying && (l.state != ringing || c.rung) {
		// RFC 3261, 13.2.2.1: provisional responses repeat, and may arrive after the final one.
		return []Action{Count{"late or repeated ringing"}}
	}
	var acts []Action
	if l.state == trying {
		l.state, c.rang = ringing, true
		acts = append(acts, note(ledger.Event{Kind: ledger.Ringing, Leg: l.id, Device: l.device}))
	}
	if !c.rung {
		c.rung = true
		acts = append(append(append(acts, Ring{c.asker, r.SessionID}), c.ringback()...), c.reports(180, "Ringing")...)
	}
	return acts
}

// waking notes a step, and tells the caller once, unless a phone rings already.
func (c *Call) waking(w Waking) []Action {
	l := &c.legs[w.Leg]
	if w.Leg == Caller && !c.back || l.state == waiting || l.state > up {
		return []Action{Count{"wake of a leg that is over"}} // a provider may be slower than everybody else
	}
	l.woken = true
	var acts []Action
	if w.Step != "" {
		acts = append(acts, note(ledger.Event{Kind: ledger.Wake, Leg: l.id, Device: l.device, Text: w.Step, Cause: w.Cause}))
	}
	if c.state == Trying && w.Leg != Caller && !c.rung && !c.woke {
		c.woke = true
		acts = append(acts, Wake{c.asker})
	}
	return acts
}

func (c *Call) answered(a Answered) []Action {
	l := &c.legs[a.Leg]
	switch {
	case a.Leg == Caller && !c.back || l.state != trying && l.state != ringing:
		return []Action{Count{"answer of a leg that was not asked"}}
	case a.Leg == Caller:
		return c.reached(a)
	}
	common, err := agreed(c.askedOf(l), a.Description)
	if err != nil {
		cause := CauseOfError(err)
		if a.Unusable != nil {
			cause = *a.Unusable
		}
		l.state, l.cause = ending, cause
		acts := []Action{HangUp{a.Leg, cause}, c.noteLegEnd(a.Leg)}
		return append(acts, c.branchFailed(a.Leg, cause)...)
	}
	asker, established := &c.legs[c.asker], c.established()
	if l.state = up; !c.bereft() {
		asker.state = up
	}
	if l.agreed = common; !established || c.back {
		asker.agreed = c.asks()
	}
	c.state, c.winner, c.codec = Up, a.Leg, codecOf(common)
	c.meet(c.asker, a.Leg)
	c.direct = common.Body != nil
	acts := append([]Action{Disarm{RingTimer}}, c.dequeue(Served)...)
	acts = append(acts, c.dropBranches(c.elsewhere())...)
	acts = append(acts, note(ledger.Event{Kind: ledger.Answered, Leg: l.id, Device: l.device, Codec: c.codec, To: c.member()}))
	acts = append(acts, c.hush()...)
	if c.bereft() { // who comes in their place is not here yet
		return append(acts, c.transferred()...)
	}
	if !c.direct {
		acts = append(acts, Connect{c.asker, a.Leg})
	}
	l.unfollowed = c.differs(common)
	acts = append(append(acts, Accept{c.asker, common, a.SessionID}), c.transferred()...)
	if l.asked != nil && c.exchange.from == nobody && !speaksOnly(l.agreed, asker.agreed) {
		l.unfollowed = false
		return append(acts, c.introduce(c.asker)...)
	}
	return append(acts, c.follow()...)
}

// dropBranches takes back every branch that has not answered.
func (c *Call) dropBranches(cause ledger.Cause) []Action {
	return c.drop(cause, func(*leg) bool { return true })
}

// drop takes back some of the branches that have not answered.
func (c *Call) drop(cause ledger.Cause, which func(*leg) bool) []Action {
	var acts []Action
	for i := 1; i < len(c.legs); i++ {
		id, l := LegID(i), &c.legs[i]
		if !which(l) {
			continue
		}
		switch l.state {
		case waiting:
			l.state, l.cause = closed, cause
			acts = append(acts, Disarm{Timer(id)}, c.noteLegEnd(id))
		case trying, ringing:
			l.state, l.cause = cancelling, cause
			acts = append(acts, Cancel{id, cause})
		}
	}
	return acts
}

func (c *Call) refused(id LegID, cause ledger.Cause) []Action {
	l := &c.legs[id]
	switch {
	case id == Caller && !c.back:
		return []Action{Count{"refusal by the caller"}}
	case l.state == coming:
		l.state, l.cause = ending, cause
		return append([]Action{c.noteLegEnd(id)}, c.astray()...)
	case l.state == cancelling: // the 487 that a CANCEL asks for, or a refusal that crossed it
		l.state = ending
		return []Action{c.noteLegEnd(id)}
	case l.state == trying || l.state == ringing:
		l.state, l.cause = ending, cause
		if id == Caller {
			return append([]Action{c.noteLegEnd(id)}, c.end(by(cause), cause)...)
		}
		return append([]Action{c.noteLegEnd(id)}, c.branchFailed(id, cause)...)
	}
	return []Action{Count{"refusal after the answer"}}
}

// by says who ended an attempt that failed with a cause.
func by(cause ledger.Cause) string {
	switch errs.Code(cause.Code) {
	case errs.Busy, errs.Declined:
		return "callee"
	}
	return "system"
}

func note(e ledger.Event) Action { return Note{e} }

func codecOf(d sdp.Description) string {
	c, ok := d.Speech()
	if !ok {
		return ""
	}
	return c.String()
}
