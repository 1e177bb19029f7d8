package switchnode

import (
	"context"
	"slices"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/ident"
	"strowger/pkg/ledger"
	"strowger/switchnode/internal/call"
	"strowger/switchnode/internal/queue"
)

// keep leaves the place to the caller, who is called back.
func (w *waiter) keep() {
	w.calls.leave(w.session, seatOf{w.entry.Line, w.entry.Call})
	w.calls.hall.Kept(w.entry.Line, w.entry.Call)
}

// leave says that a session is no longer about whom a line is for.
func (c *calls) leave(s *call.Session, at seatOf) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.occupied[s] = slices.DeleteFunc(c.occupied[s], func(v seatOf) bool { return v == at })
}

// returning is a call-back as it has the turn of who waited.
type returning struct{ waiter }

// Join takes the turn: the caller has answered.
func (r *returning) Join(s *call.Session) {
	r.session = s
	r.calls.occupy(s, seatOf{r.entry.Line, r.entry.Call})
	r.calls.hall.Reached(r.entry.Line, r.entry.Call, seat{s})
}

// Leave ends the turn, or puts it off.
func (r *returning) Leave(why call.Leaving, by string) {
	switch {
	case why == call.Unreached:
		r.calls.hall.Missed(r.entry.Line, r.entry.Call, queue.Pause, true)
	case why == call.NoWay:
		r.calls.hall.Missed(r.entry.Line, r.entry.Call, queue.Pause, false)
	case why == call.Barred:
		r.calls.hall.Left(r.entry.Line, r.entry.Call, queue.Missing, "")
	case why == call.CutOff && r.session == nil:
		r.calls.hall.Missed(r.entry.Line, r.entry.Call, soon, false)
	default:
		r.waiter.Leave(why, by)
	}
}

// soon is when a caller is called back whom this switch could not call.
const soon = 10 * time.Second

// recall calls the caller of an entry back, whose turn it is.
func (c *calls) recall(e queue.Entry) {
	id, leg := ident.New(ident.Call), ident.New(ident.Leg)
	turn := &returning{waiter{calls: c, entry: e}}
	from := e.From
	q := fabric.Admit{Header: fabric.Header{ID: ident.New(ident.Request)}, Call: id, Back: &from, Dialled: e.To.Number, Media: []string{"audio"}}
	err := c.begin(call.Incoming{
		Call: id, Leg: leg, From: e.From, Dialled: e.To.Number, Hops: recallHops, Breadth: recallBreadth, Back: turn,
		Admission: func(ctx context.Context) call.Event { return c.router.Recall(q)(ctx) },
		Attach:    func(*call.Session) (call.Leg, error) { return nil, nil },
	})
	switch {
	case err == nil:
		c.log.Info("a caller who kept the place is called back", "call", id, "waited", e.Call, "number", e.From.Number, "line", e.Line)
	case errs.CodeOf(err) != errs.NodeStopped: // then the next run calls
		c.hall.Missed(e.Line, e.Call, soon, false)
	}
}

// Of calls that begin here, as RFC 3261, 8.1.1.6, and RFC 5393, 5.3.3 have them: Max-Forwards and Max-Breadth.
const (
	recallHops    = 70
	recallBreadth = 60
)

// unqueued writes how the waiting of a call ended that is over.
func (c *calls) unqueued(id string, why queue.Reason) {
	c.record(ledger.Event{At: c.now().UnixMicro(), Call: id, Kind: ledger.Unqueued, Text: string(why)})
}

// kept writes that a caller hung up and keeps the place.
func (c *calls) kept(e queue.Entry) {
	c.record(ledger.Event{At: c.now().UnixMicro(), Call: e.Call, Kind: ledger.Queued, Text: ledger.KeptPlace})
}

// patienceOfNoting is how long a place in a queue waits for the record of what led to it, which takes a write to a file.
const patienceOfNoting = 200 * time.Millisecond

// noted waits until the ledger has what was told to it: the run after a crash calls back who has a place, and its record begins there.
func (n *node) noted() { n.spool.Written(patienceOfNoting) }
