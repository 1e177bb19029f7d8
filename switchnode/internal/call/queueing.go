package call

import (
	"strconv"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/ledger"
)

// Queue is where a call waits while its callee is on the phone (2-call-flows, "Busy: the waiting queue"). Its methods do not
// block; what comes of Join and Return is posted as Placed, Turn or Expelled.
type Queue interface {
	Join(*Session)
	// Return goes on waiting after a Turn: the callee was busy all the same.
	Return()
	// Leave says that the call waits no longer, or needs its turn no longer; by is the user who answered, "" for nobody.
	Leave(why Leaving, by string)
}

// Leaving is why a call leaves its queue.
type Leaving string

// The reasons.
const (
	Served   Leaving = "answered"
	GaveUp   Leaving = "gave-up"  // the caller
	Unserved Leaving = "unserved" // its turn came, and nobody answered
	Let      Leaving = "let"      // the switch has room for it
	CutOff   Leaving = "stopped"
	// Kept is that of a caller who keeps the place, and is called back.
	Kept Leaving = "kept"
	// Unreached is that of a call-back which the caller did not answer.
	Unreached Leaving = "not-reached"
	// NoWay is that of a call-back which no line took: the caller could not have answered.
	NoWay Leaving = "no-line"
	// Barred is that of a call-back which nobody may make, now or later.
	Barred Leaving = "barred"
)

// Standing is where a caller stands in a queue.
type Standing struct {
	Position int           // 1 is the head
	Wait     time.Duration // expected, whole seconds
	Known    bool          // the wait is
}

// Crowded has a call wait before anybody asks whom it is for: the switch has as many calls as it takes.
type Crowded struct{ Queue Queue }

// Placed says where the call stands in the queue that it joined. The place is on disk.
type Placed struct{ Standing }

// Turn says that the callee is free: it is this call's turn.
type Turn struct {
	Of   []string // ids of the users who are free, in the order in which they ring; nil: whomever the plan names
	More bool     // others are not: when these cannot take the call it goes on waiting
}

// Expelled ends the waiting of a call.
type Expelled struct{ Cause ledger.Cause }

// Waits says that the switch at the other end of a link has the call wait.
type Waits struct {
	Leg LegID
	Standing
}

// Enqueue joins a queue.
type Enqueue struct{ Queue Queue }

// Requeue returns to it.
type Requeue struct{ Queue Queue }

// Dequeue leaves it.
type Dequeue struct {
	Queue Queue
	Why   Leaving
	By    string // id of the user who answered, if it is known
}

// Stand tells the caller where they stand: 182 (RFC 3261, 21.1.4).
type Stand struct {
	Leg LegID
	Standing
}

func (Crowded) event()  {}
func (Placed) event()   {}
func (Turn) event()     {}
func (Expelled) event() {}
func (Waits) event()    {}

func (Enqueue) action() {}
func (Requeue) action() {}
func (Dequeue) action() {}
func (Stand) action()   {}

func (a Stand) leg() LegID { return a.Leg }

// place is that of a call in a queue.
type place struct {
	queue  Queue    // nil: the callee has none, or it was left
	callee Fallback // who is rung when the turn comes
	more   bool     // more users are waited for than those whom the turn is to ring
	noted  int      // position that was noted last, 0: the call did not wait
}

// enqueue waits for the turn.
func (c *Call) enqueue(q Queue, callee Fallback) []Action {
	c.state, c.place, c.queued = Queued, place{queue: q, callee: callee}, true
	return []Action{Enqueue{q}}
}

// crowded waits for room.
func (c *Call) crowded(q Queue) []Action {
	if c.state != Admitting || c.queue != nil {
		return []Action{Count{"crowd around a call that is in"}}
	}
	c.place = place{queue: q}
	return []Action{Enqueue{q}}
}

// outside says that the call waits for room.
func (c *Call) outside() bool { return c.state == Admitting && c.queue != nil && !c.back }

// placed tells the caller, and the ledger when the way has become half as long or longer.
func (c *Call) placed(p Placed) []Action {
	if c.state != Queued && !c.outside() {
		return []Action{Count{"place of a call that waits no longer"}}
	}
	c.rung, c.woke = false, false
	acts := append(c.announce(p.Standing), Stand{c.asker, p.Standing})   // the display says what was said last
	if c.noted == 0 || p.Position > c.noted || 2*p.Position <= c.noted { // not each: of a thousand that wait, a turn moves all
		c.noted = p.Position
		acts = append(acts, note(ledger.Event{Kind: ledger.Queued, Text: strconv.Itoa(p.Position)}))
	}
	return acts
}

// turn rings the callee.
func (c *Call) turn(t Turn) []Action {
	if c.outside() {
		return c.dequeue(Let)
	}
	if c.state != Queued || c.diverting {
		return []Action{Count{"turn of a call that waits no longer"}}
	}
	c.state, c.diverting, c.more = Trying, true, t.More
	c.best, c.rang = ledger.Cause{}, false
	return []Action{Divert{To: c.callee, Of: t.Of}}
}

// expelled ends the waiting. The call goes to the fall-back for that, or ends.
func (c *Call) expelled(x Expelled) []Action {
	if c.outside() {
		c.queue = nil
		return append(c.unqueued(x.Cause.Code), c.refusal(Refusal{Cause: x.Cause})...)
	}
	if c.state != Queued {
		return []Action{Count{"end of a wait that was over"}}
	}
	c.state, c.queue = Trying, nil // it has been taken out
	return append(c.unqueued(x.Cause.Code), c.giveUp("system", x.Cause)...)
}

// requeue goes on waiting for a callee who was busy when the turn came.
func (c *Call) requeue(cause ledger.Cause) []Action {
	c.state = Queued
	acts := append([]Action{Disarm{RingTimer}}, c.dropBranches(cause)...)
	return append(acts, Requeue{c.queue})
}

// dequeue leaves the queue, if the call is in one.
func (c *Call) dequeue(why Leaving) []Action {
	if c.queue == nil {
		return nil
	}
	q := c.queue
	c.queue = nil
	return append(c.unqueued(string(why)), Dequeue{q, why, c.answerer()})
}

// answerer is the id of the user who answered, "" for nobody, or a line.
func (c *Call) answerer() string {
	if c.winner == nobody {
		return ""
	}
	return c.legs[c.winner].branch.User
}

// member is who answered of a queue that is several users, or who picked the call up, nil if it was who was called.
func (c *Call) member() *designation.Party {
	b := c.legs[c.winner].branch
	if c.legs[c.winner].picks {
		return &designation.Party{User: b.User, Name: b.Name}
	}
	if b.User == "" || c.callee.To.User == "" || b.User == c.callee.To.User || c.to != c.callee.To.Number {
		return nil
	}
	return &designation.Party{User: b.User, Name: b.Name}
}

// unqueued notes that the call waits no longer, if it did.
func (c *Call) unqueued(why string) []Action {
	if c.noted == 0 {
		return nil
	}
	c.noted = 0
	return []Action{note(ledger.Event{Kind: ledger.Unqueued, Text: why})}
}

// leaving is why a call that ends leaves its queue.
func (c *Call) leaving(who string, cause ledger.Cause) Leaving {
	switch {
	case c.back && c.state <= Recalling:
		return missed(cause)
	case who == "caller":
		return GaveUp
	case cause.Code == string(errs.NodeStopped):
		return CutOff
	}
	return Unserved
}

// waits tells the caller that the anchor has the call wait, for which it may take longer than ringing does.
func (c *Call) waits(w Waits) []Action {
	l := &c.legs[w.Leg]
	if c.state != Trying || w.Leg == Caller || l.state != trying && l.state != ringing {
		return []Action{Count{"place of a leg that is over"}}
	}
	l.state = trying
	c.rung, c.woke = false, false
	return []Action{Arm{RingTimer, c.ring}, Stand{c.asker, w.Standing}}
}
