package switchnode

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/switchnode/internal/call"
	"strowger/switchnode/internal/queue"
)

// Limits is what a switch takes at once.
type Limits struct {
	Calls       int           `help:"Calls that this switch takes at once. Default: ${default}." default:"10000" placeholder:"N"`
	Waiting     int           `help:"Calls beyond --calls that wait for one of these to end. 0: they are refused. Default: ${default}." default:"200" placeholder:"N"`
	WaitingTime time.Duration `help:"How long one of them waits at most. Default: ${default}." default:"3m" placeholder:"TIME"`
	SourceRate  float64       `help:"SIP messages a second that one IP address may send before it has shown a password; ten times as many at once. 0: no limit. Default: ${default}." default:"200" name:"source-rate" placeholder:"N"`

	Scanners Scanners `embed:""`
}

// DefaultSourceRate is the default of Limits.SourceRate.
const DefaultSourceRate = 200

// Defaults where a program leaves 0.
const (
	defaultCalls       = 10_000
	defaultWaitingTime = 3 * time.Minute
)

// validate returns the limits with their defaults.
func (r Limits) validate() (Limits, error) {
	switch {
	case r.Calls < 0:
		return r, fmt.Errorf("--calls %d: want 1 or more", r.Calls)
	case r.Waiting < 0:
		return r, fmt.Errorf("--waiting %d: want 0 or more", r.Waiting)
	case r.WaitingTime != 0 && r.WaitingTime < time.Second:
		return r, fmt.Errorf("--waiting-time %v: want 1s or more", r.WaitingTime)
	case r.SourceRate < 0:
		return r, fmt.Errorf("--source-rate %v: want 0 or more messages a second", r.SourceRate)
	}
	if err := r.Scanners.validate(); err != nil {
		return r, err
	}
	r.Calls, r.WaitingTime = cmp.Or(r.Calls, defaultCalls), cmp.Or(r.WaitingTime, defaultWaitingTime)
	return r, nil
}

// crowd is a call that waits for room at the switch. Nobody has been asked whom it is for.
type crowd struct {
	calls *calls
	entry queue.Entry
	let   chan struct{} // closed when there is room
	gone  func()        // it waits no longer; may be called more than once
}

// crowdAround has a call that came when the switch was full wait before its admission.
func (c *calls) crowdAround(s *call.Session, from designation.Party, dialled string, admit call.Admission) call.Admission {
	w := &crowd{
		calls: c, entry: queue.Entry{Call: s.ID(), Line: queue.Whole, From: from, To: designation.Party{Number: dialled}},
		let: make(chan struct{}), gone: sync.OnceFunc(c.leaveCrowd),
	}
	s.Post(call.Crowded{Queue: w})
	return func(ctx context.Context) call.Event {
		defer w.gone()
		select {
		case <-w.let:
			return admit(ctx)
		case <-ctx.Done():
			return call.Refusal{Cause: call.CauseOf(errs.Congested, "")}
		}
	}
}

// Join waits for room.
func (w *crowd) Join(s *call.Session) {
	w.calls.occupy(s, seatOf{w.entry.Line, w.entry.Call})
	if err := w.calls.hall.Join(w.entry, queue.Limits{Length: w.calls.limits.Waiting, Wait: w.calls.limits.WaitingTime}, place{seat{s}, w}); err != nil {
		s.Post(call.Expelled{Cause: call.CauseOfError(err)})
	}
}

// Return is never called: a switch with room has room.
func (w *crowd) Return() {}

// Leave waits no longer.
func (w *crowd) Leave(why call.Leaving, _ string) {
	w.gone()
	if why == call.Let {
		close(w.let)
	}
	w.calls.hall.Left(w.entry.Line, w.entry.Call, queue.Reason(why), "")
}

// place tells a call what becomes of it in the crowd.
type place struct {
	seat
	crowd *crowd
}

// Expel refuses it.
func (p place) Expel(why queue.Reason) {
	p.crowd.gone()
	if why == queue.Full || why == queue.TooLong {
		p.session.Post(call.Expelled{Cause: call.CauseOfError(p.crowd.calls.limits.refusal())})
		return
	}
	p.seat.Expel(why)
}

func (r Limits) refusal() error {
	return errs.New(errs.Congested, "this switch has %d calls, the most it takes", r.Calls)
}

// leaveCrowd notes that one call less waits for room.
func (c *calls) leaveCrowd() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.crowd--
}

// inside notes that a call has room.
func (c *calls) inside(s *call.Session, name string) {
	if c.limits.Waiting > 0 {
		c.occupy(s, seatOf{queue.Whole, name})
		c.hall.Occupied(queue.Whole, name)
	}
}
