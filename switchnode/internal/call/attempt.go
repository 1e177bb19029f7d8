package call

import (
	"slices"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/ledger"
)

// attempt is the ringing of one callee: of who was called, and then of their fall-back, if nobody answered.
type attempt struct {
	to        string       // number of the callee
	first     LegID        // of its branches
	best      ledger.Cause // of those that failed
	rang      bool         // one of them rang
	ring      time.Duration
	fallback  []Fallback // where the call may go from here
	diverting bool       // it is on the way to the callee: a Diverted is due
}

// try rings branches, each at its time.
func (c *Call) try(branches []Branch) []Action {
	c.first = LegID(len(c.legs))
	for _, b := range branches {
		c.legs = append(c.legs, leg{id: b.Leg, device: b.Device, branch: b})
	}
	acts := []Action{Arm{RingTimer, c.ring}}
	started := false
	for i, b := range branches {
		id, after := c.first+LegID(i), b.Delay-b.Lead
		if after > 0 {
			acts = append(acts, Arm{Timer(id), after})
			continue
		}
		started = true
		acts = append(acts, c.start(id)...)
	}
	if !started { // the devices before these are not there
		acts = append(acts, c.advance()...)
	}
	return acts
}

func (c *Call) start(id LegID) []Action {
	l := &c.legs[id]
	l.state = trying
	acts := append(c.separate(), note(ledger.Event{Kind: ledger.Trying, Leg: l.id, Device: l.device}))
	return append(acts, Start{id, l.branch, c.asks()})
}

// advance starts the branches that are next in order, at once.
func (c *Call) advance() []Action {
	var next []LegID
	for i := range c.legs {
		switch id, l := LegID(i), &c.legs[i]; {
		case l.state != waiting:
		case len(next) == 0 || l.branch.Delay < c.legs[next[0]].branch.Delay:
			next = []LegID{id}
		case l.branch.Delay == c.legs[next[0]].branch.Delay:
			next = append(next, id)
		}
	}
	var acts []Action
	for _, id := range next {
		acts = append(append(acts, Disarm{Timer(id)}), c.start(id)...)
	}
	return acts
}

// stalled has the next in order ring beside a device that does not come (2-call-flows, "Wake ledger").
func (c *Call) stalled(id LegID) []Action {
	if c.state != Trying || c.legs[id].state != trying {
		return []Action{Count{"stall of a wake that nobody waits for"}}
	}
	return c.advance()
}

// branchFailed has the next in order take the place of a device that is out. The attempt ends if nothing is left to try, or if
// the callee said no for every phone.
func (c *Call) branchFailed(id LegID, cause ledger.Cause) []Action {
	if rank(cause) > rank(c.best) || c.best.Code == "" {
		c.best = cause
	}
	if c.state == Queued { // a guest's
		return nil
	}
	var spared []Action
	if user := c.legs[id].branch.User; cause.SIP >= 600 { // RFC 3261, 16.7, step 5: a 6xx ends the search, for this user
		if !c.others(user) {
			return c.giveUp(by(c.best), c.best)
		}
		spared = c.drop(cause, func(l *leg) bool { return l.branch.User == user })
	}
	tried, again := false, false          // is a device still, or this one at another contact
	for _, l := range c.legs[Caller+1:] { // those of earlier attempts are over, but for a guest
		started := l.state == trying || l.state == ringing
		tried = tried || started
		again = again || started && l.device == c.legs[id].device
	}
	if again {
		return spared
	}
	acts := append(spared, c.advance()...)
	if len(acts) == len(spared) && !tried {
		return append(acts, c.giveUp(by(c.best), c.best)...)
	}
	return acts
}

// others says whether another user may still answer.
func (c *Call) others(user string) bool {
	return slices.ContainsFunc(c.legs[Caller+1:], func(l leg) bool {
		return l.branch.User != user && (l.state == waiting || l.state == trying || l.state == ringing)
	})
}

// unanswered is why an attempt failed that rang long enough.
func (c *Call) unanswered() ledger.Cause {
	for _, l := range c.legs[c.first:] {
		if c.rang || !l.woken && l.state != waiting {
			return CauseOf(errs.NoAnswer, "")
		}
	}
	return CauseOf(errs.Asleep, "")
}

// next is where the call goes after an attempt that failed with a cause.
func (c *Call) next(cause ledger.Cause) (Fallback, bool) {
	on := designation.OccasionOf(errs.Code(cause.Code))
	i := slices.IndexFunc(c.fallback, func(f Fallback) bool { return slices.Contains(f.On, on) })
	if i < 0 {
		return Fallback{}, false
	}
	return c.fallback[i], true
}

// giveUp ends an attempt that failed: the call goes to the fall-back of the callee, or ends.
func (c *Call) giveUp(who string, cause ledger.Cause) []Action {
	if c.queue != nil && (c.more || cause.Code == string(errs.Busy)) {
		return c.requeue(cause)
	}
	f, ok := c.next(cause)
	if !ok && c.transferring() {
		return append(c.dequeue(c.leaving(who, cause)), c.unreachedBy(cause)...)
	}
	if !ok {
		return c.end(who, cause)
	}
	acts := append(c.dequeue(c.leaving(who, cause)), Disarm{RingTimer})
	acts = append(acts, c.dropBranches(cause)...)
	step := designation.Diversion{From: designation.Party{Number: c.to}, To: f.To, Code: errs.Code(cause.Code), Words: cause.Words}
	if len(f.Diverted) > 0 {
		step.To = f.Diverted[0].From
	}
	acts = append(acts, diversions(append([]designation.Diversion{step}, f.Diverted...))...)
	c.attempt = attempt{to: f.To.Number, first: LegID(len(c.legs)), ring: f.Ring, fallback: f.Next, diverting: true}
	return append(acts, c.forward(f.To.Number), Divert{To: f})
}

// forward tells the caller where the call goes on. What it rings there, or wakes, the caller is told again.
func (c *Call) forward(to string) Action {
	c.rung, c.woke = false, false
	return Forward{c.asker, to}
}

// diverted goes on at a fall-back.
func (c *Call) diverted(d Diverted) []Action {
	if c.state != Trying || !c.diverting {
		return []Action{Count{"diversion of a call that goes nowhere"}}
	}
	c.diverting = false
	if len(d.Branches) == 0 {
		return c.giveUp("system", d.Cause)
	}
	return c.try(d.Branches)
}

// forwarded tells the caller that the anchor sends the call on.
func (c *Call) forwarded(f Forwarded) []Action {
	l := &c.legs[f.Leg]
	if c.state != Trying || f.Leg == Caller || l.state != trying && l.state != ringing {
		return []Action{Count{"forwarding of a leg that is over"}}
	}
	l.state = trying
	return []Action{c.forward(f.To)}
}

// diversions notes steps of a call.
func diversions(steps []designation.Diversion) (acts []Action) {
	for _, d := range steps {
		cause := CauseOf(d.Code, d.Words)
		acts = append(acts, note(ledger.Event{Kind: ledger.Diverted, To: &d.To, Text: d.From.Number, Cause: &cause}))
	}
	return acts
}
