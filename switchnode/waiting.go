package switchnode

import (
	"context"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/switchnode/internal/call"
	"strowger/switchnode/internal/queue"
)

// waiter is a call as it waits for its callee.
type waiter struct {
	calls   *calls
	entry   queue.Entry
	limits  queue.Limits
	session *call.Session // nil before it joined
}

// waiting is where the calls of a plan wait.
func (c *calls) waiting(p designation.Plan) call.Queue {
	return &waiter{calls: c, entry: queue.Entry{
		Call: p.Call, Line: p.Queue.Line, From: p.From, To: p.To, Priority: p.Priority, Emergency: p.Emergency,
		Members: p.Queue.Members, Ring: p.Queue.Ring,
	}, limits: queue.Limits{Length: p.Queue.Length, Wait: p.Queue.Wait}}
}

// Join waits for the turn of a call.
func (w *waiter) Join(s *call.Session) {
	w.session = s
	w.calls.occupy(s, seatOf{w.entry.Line, w.entry.Call})
	if err := w.calls.hall.Join(w.entry, w.limits, seat{s}); err != nil {
		s.Post(call.Expelled{Cause: call.CauseOfError(err)})
	}
}

// Return waits for another turn.
func (w *waiter) Return() { w.calls.hall.Returned(w.entry.Line, w.entry.Call) }

// Leave waits no longer.
func (w *waiter) Leave(why call.Leaving, by string) {
	if why == call.Kept {
		w.keep()
		return
	}
	w.calls.hall.Left(w.entry.Line, w.entry.Call, queue.Reason(why), by)
}

// seat tells a call what becomes of it in a queue. One whose mailbox is full ends, and frees its place with that.
type seat struct{ session *call.Session }

// Stands says where the call stands.
func (s seat) Stands(at queue.Standing) {
	s.session.Post(call.Placed{Standing: call.Standing{Position: at.Position, Wait: at.Wait, Known: at.Known}})
}

// Turn has it ring the callee.
func (s seat) Turn(o queue.Offer) { s.session.Post(call.Turn{Of: o.Members, More: o.More}) }

// Expel ends its waiting.
func (s seat) Expel(why queue.Reason) {
	code := errs.QueueRemoved
	switch why {
	case queue.Full:
		code = errs.QueueFull
	case queue.TooLong:
		code = errs.QueueTime
	}
	s.session.Post(call.Expelled{Cause: call.CauseOf(code, "")})
}

// seatOf is that of a call at a line.
type seatOf struct{ line, call string }

// occupy notes that a call is about whom a line is for; when its session is over, they are free.
func (c *calls) occupy(s *call.Session, at seatOf) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.occupied[s] = append(c.occupied[s], at)
}

// vacate says that a session is over to those whom it occupied.
func (c *calls) vacate(s *call.Session) {
	c.mu.Lock()
	seats := c.occupied[s]
	delete(c.occupied, s)
	c.mu.Unlock()
	for _, at := range seats {
		c.hall.Freed(at.line, at.call)
	}
}

// onThePhone notes that somebody is, who calls or has answered and for whom others may wait.
func (c *calls) onThePhone(s *call.Session, user, id string) {
	if user != "" && c.queues(user) {
		c.occupy(s, seatOf{user, id})
		c.hall.Occupied(user, id)
	}
}

// queueWorkers answer who asks for the queues side by side.
const queueWorkers = 2

// queueOrder does with the queues what an administrator wants, and says who waits then.
func (n *node) queueOrder(ctx context.Context, _ fabric.Subject, q fabric.QueueOrder) (fabric.Queued, error) {
	var r fabric.Queued
	if q.Call != "" {
		r.Found = n.calls.hall.Reorder(ctx, q.Call, q.Position)
	}
	for _, told := range n.calls.hall.Waiting() {
		for _, w := range told {
			if len(r.Waiting) == fabric.MaxQueued {
				r.More++
				continue
			}
			r.Waiting = append(r.Waiting, fabric.QueuedCall{
				Call: w.Call, From: w.From, To: w.To, Position: w.Position, Wait: w.Wait, Known: w.Known,
				Priority: w.Priority, Emergency: w.Emergency, Since: w.Since, Until: w.Until, Away: w.Absent(),
			})
		}
	}
	return r, nil
}

// left writes how the waiting ended of an entry whose call is over: its caller hung up and kept the place, or a kill of this switch cut
// it off.
func (c *calls) left(e queue.Entry, why queue.Reason) {
	if e.Away || why == queue.Lost || why == queue.Elapsed {
		c.unqueued(e.Call, why)
	}
}
