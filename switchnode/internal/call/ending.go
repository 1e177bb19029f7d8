package call

import (
	"strowger/pkg/errs"
	"strowger/pkg/ledger"
)

func (c *Call) cancelled(keep bool) []Action {
	l := &c.legs[Caller]
	if l.state != trying || c.back {
		return []Action{Count{"cancel after the final response"}}
	}
	l.state, l.cause = ending, CauseOf(errs.CallerLeft, "")
	if keep = keep && c.keeps() && !c.followed(Caller); keep {
		l.cause = CauseOf(errs.CallerLeft, keptPlace)
	}
	acts := []Action{c.noteLegEnd(Caller)}
	if c.followed(Caller) {
		return append(append(c.hush(), c.separate()...), acts...)
	}
	if keep {
		return append(acts, c.keep("caller", l.cause)...)
	}
	return append(acts, c.end("caller", l.cause)...)
}

func (c *Call) hungUp(id LegID, cause ledger.Cause) []Action {
	l := &c.legs[id]
	if l.state != up && (id != Caller || l.state != trying) {
		// Our BYE crossed theirs, or the peer ended a leg that we took back.
		return []Action{Count{"hang-up of a leg that is not up"}}
	}
	l.state, l.cause = ending, cause
	return append([]Action{c.noteLegEnd(id)}, c.without(id, side(id), cause)...)
}

func (c *Call) lost(id LegID, cause ledger.Cause) []Action {
	l := &c.legs[id]
	switch l.state {
	case trying, ringing:
		if id != Caller || c.back {
			return c.refused(id, cause)
		}
	case cancelling, coming:
		return c.refused(id, cause)
	case ending:
		return []Action{Count{"loss of a leg that ends"}}
	}
	l.state, l.cause = ending, cause
	return append([]Action{c.noteLegEnd(id)}, c.without(id, "system", cause)...)
}

// without goes on without a leg that has hung up, or ends the call.
func (c *Call) without(id LegID, who string, cause ledger.Cause) []Action {
	switch {
	case c.leaves(id):
		return c.left()
	case c.state == Up && id == c.succession.of:
		return c.deserted(id)
	case c.followed(id):
		return append(c.hush(), c.separate()...)
	case c.state < Over && id == c.succession.heir:
		return c.astray()
	}
	return c.end(who, cause)
}

// followed says that somebody comes in the place of a leg for which it rings still: it may go before.
func (c *Call) followed(id LegID) bool {
	return (c.state == Trying || c.state == Queued) && id == c.succession.of
}

// end brings every leg that is left to its end and writes who ended the call and why. It is idempotent.
func (c *Call) end(who string, cause ledger.Cause) []Action {
	if c.state == Over {
		return nil
	}
	if c.interrupted(cause) {
		cause.Words = stoppedKept
		return c.keep(who, cause)
	}
	acts := append([]Action{Disarm{RingTimer}}, c.dequeue(c.leaving(who, cause))...)
	acts = append(append(acts, c.hush()...), c.silence()...)
	if c.state == Trying || c.state == Queued {
		acts = append(acts, c.dropBranches(cause)...)
	}
	c.state = Over
	acts = append(append(acts, c.reports(487, "The other party hung up")...), c.unclaimed()...)
	c.transfer, c.succession = transfer{by: nobody}, noSuccession()
	for i := range c.legs {
		id, l := LegID(i), &c.legs[i]
		switch {
		case id == Caller && c.back && l.state == waiting:
			l.state = closed
		case id == Caller && c.back && l.state < up:
			l.state, l.cause = cancelling, cause
			acts = append(acts, Cancel{id, cause})
		case id == Caller && l.state == trying:
			l.state, l.cause = ending, cause
			acts = append(acts, Refuse{id, cause}, c.noteLegEnd(id))
		case l.state == coming:
			l.state, l.cause = cancelling, cause
			acts = append(acts, Cancel{id, cause})
		case l.state == up:
			l.state, l.cause = ending, cause
			acts = append(acts, HangUp{id, cause}, c.noteLegEnd(id))
		}
	}
	acts = append(acts, note(ledger.Event{Kind: ledger.Ended, By: who, Cause: &cause}))
	return append(acts, c.finish()...)
}

func (c *Call) closed(id LegID) []Action {
	l := &c.legs[id]
	var acts []Action
	switch {
	case l.state == waiting:
		return []Action{Count{"close of a leg that was not started"}}
	case l.state.live(): // a leg that vanished without a word
		acts = c.lost(id, CauseOf(errs.LegLost, ""))
	case l.state == coming:
		acts = c.refused(id, CauseOf(errs.LegLost, ""))
	case l.state == cancelling:
		acts = c.refused(id, l.cause)
	}
	l.state = closed
	return append(acts, c.finish()...)
}

func (c *Call) finish() []Action {
	if c.state != Over {
		return nil
	}
	for _, l := range c.legs {
		if l.state != closed {
			return nil
		}
	}
	return []Action{Finish{}}
}

func (c *Call) noteLegEnd(id LegID) Action {
	l := &c.legs[id]
	cause := l.cause
	return note(ledger.Event{Kind: ledger.LegEnded, Leg: l.id, Device: l.device, Cause: &cause})
}
