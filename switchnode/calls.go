package switchnode

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/ident"
	"strowger/pkg/ledger"
	"strowger/switchnode/internal/call"
	"strowger/switchnode/internal/crossing"
	"strowger/switchnode/internal/queue"
	"strowger/switchnode/internal/routing"
)

// maxDeviceCalls bounds the calls that one phone of a switch has placed: more than any desk phone has lines, and few enough
// that one in the wrong hands leaves media ports for the others. One more is congested.
const maxDeviceCalls = 32

// calls is the calls that this switch has under way, each with its session.
type calls struct {
	node   string // name, for ladders
	router *routing.Router
	cross  *crossing.Calls
	hall   *queue.Hall
	limits Limits
	queues func(user string) bool // calls may wait for a user
	record func(ledger.Event)
	raised func(call.Incoming) // somebody calls for help here
	outcomes
	services
	now func() time.Time
	log *slog.Logger

	pickups

	mu sync.Mutex
	roll
	occupied map[*call.Session][]seatOf
	running  sync.WaitGroup
	ctx      context.Context // of all sessions; ends when the switch has drained
	draining bool
}

// roll is the sessions of a switch.
type roll struct {
	sessions map[string]*call.Session
	placed   map[string]int // calls by the device that placed them
	crowd    int            // sessions that wait for room
	parted   int            // sessions whose other leg is part of another call: no calls of their own
}

// begin starts the call that a side brings.
func (c *calls) begin(in call.Incoming) error {
	if in.Hops <= 1 {
		return errs.New(errs.HopsUsed, "the call has passed through too many switches") // RFC 7332, 5: Max-Forwards from leg to leg
	}
	var s *call.Session
	record, name, e := c.recorder(in), nameOf(in), &entered{device: in.Device}
	s = call.NewSession(call.SessionConfig{
		ID: in.Call, CallerLeg: in.Leg, Device: in.Device, Hops: in.Hops - 1, Breadth: in.Breadth, SessionID: in.SessionID, Withheld: in.Withheld,
		Record: func(e ledger.Event) { c.board.Saw(s, e); record(e) }, Answered: func(user string) { c.onThePhone(s, user, in.Call) }, Count: c.tally.add, Now: c.now, Player: c.player, Logger: c.log,
		Left: func(user string) { c.offThePhone(s, user, in.Call) }, Transfer: c.transfer(in), Watch: c.watch,
		Departed: func() { c.departed(e) }, Parted: func() { c.parts(s, name, e) },
	}, machine(in), in.From)
	crowded, err := c.add(s, name, in)
	if err != nil {
		return err
	}
	if in.Claims == nil {
		c.onThePhone(s, in.From.User, in.Call)
	}
	if in.Help != nil && in.Claims == nil {
		c.raised(in)
	}
	c.note(in) // before its messages: a call that the ledger does not see begin could be left without an end by a crash
	leg, err := in.Attach(s)
	if err != nil {
		c.noteRefused(in, err)
		if crowded {
			c.leaveCrowd()
		}
		c.remove(name, e)
		c.vacate(s)
		c.running.Done()
		return err
	}
	admission := c.noteCaller(c.admission(in))
	if !atFallback(in) {
		admission = c.cross.Admission(s, cameFrom(in), admission)
	}
	if crowded {
		admission = c.crowdAround(s, in.From, in.Dialled, admission)
	} else {
		c.inside(s, name)
	}
	go func() {
		defer c.running.Done()
		s.Run(c.ctx, leg, admission)
		c.board.Forget(s)
		c.remove(name, e)
		c.vacate(s)
		if !atFallback(in) {
			c.cross.Settled(in.Call, false) // one that ended while it was admitted
		}
	}()
	return nil
}

// machine is the state of a call that comes in.
func machine(in call.Incoming) *call.Call {
	if in.Back != nil {
		return call.NewRecall(in.Leg, in.From.Device, in.Back)
	}
	m := call.New(in.Leg, in.Device, in.Offer)
	if in.Early {
		m.TakeEarly()
	}
	return m
}

// cameFrom says where a call comes from.
func cameFrom(in call.Incoming) crossing.Origin {
	o := crossing.Origin{App: in.Admission != nil}
	if in.Claims != nil {
		o.Node = in.Claims.Subject
	}
	return o
}

// atFallback says whether a call is a leg that its anchor sends on to a fall-back here.
func atFallback(in call.Incoming) bool { return in.Claims != nil && in.Claims.Diversion.Anchor != "" }

// recorder is what records the events of a call.
func (c *calls) recorder(in call.Incoming) func(ledger.Event) {
	record := func(e ledger.Event) {
		if e.Kind == ledger.Silent {
			c.silent.add(e.By)
		}
		c.record(e)
	}
	if atFallback(in) {
		return record
	}
	return func(e ledger.Event) {
		if e.Kind == ledger.Answered || e.Kind == ledger.Ended {
			c.cross.Settled(in.Call, e.Kind == ledger.Answered)
		}
		record(e)
	}
}

// note begins the ledger of a call at the switch where it was dialled.
func (c *calls) note(in call.Incoming) {
	if in.Claims != nil {
		return
	}
	to := in.From
	to.User, to.Device, to.Name, to.Site, to.Trunk, to.Number = "", "", "", "", "", in.Dialled
	c.record(ledger.Event{At: c.now().UnixMicro(), Call: in.Call, Kind: ledger.Attempt, Leg: in.Leg, Device: in.Device, From: &in.From, To: &to})
}

// noteRefused ends what note began, of a call that finds no leg.
func (c *calls) noteRefused(in call.Incoming, err error) {
	if in.Claims != nil {
		return
	}
	cause := call.CauseOfError(err)
	for _, e := range []ledger.Event{{Kind: ledger.Refused}, {Kind: ledger.Ended, By: "system"}} {
		e.At, e.Call, e.Cause = c.now().UnixMicro(), in.Call, &cause
		c.record(e)
	}
}

func (c *calls) admission(in call.Incoming) call.Admission {
	switch {
	case in.Admission != nil:
		return c.byApp(in)
	case asks(in.Claims):
		return c.askedFor(in)
	case in.Claims != nil && in.Auto:
		return c.spokenTo(c.router.FromLink(*in.Claims, in.Key))
	case in.Claims != nil:
		return c.router.FromLink(*in.Claims, in.Key)
	}
	if in.Replaces != nil && in.Help == nil {
		return c.replaces(in)
	}
	if admit, ok := c.featured(in); ok {
		return admit
	}
	c.notePlaced(in)
	return c.question(in)
}

// question asks the cloud.
func (c *calls) question(in call.Incoming) call.Admission {
	q := fabric.Admit{
		Header: fabric.Header{ID: ident.New(ident.Request)},
		Call:   in.Call, Device: in.Device, Dialled: in.Dialled, Media: []string{"audio"},
	}
	if in.From.Trunk != "" {
		return c.outside(in, q)
	}
	if in.Help != nil {
		return c.asked(in, c.router.ForHelp(q))
	}
	return c.asked(in, c.router.FromPhone(q))
}

// outside is the admission of a call from outside, once its signature has been looked at.
func (c *calls) outside(in call.Incoming, q fabric.Admit) call.Admission {
	return func(ctx context.Context) call.Event {
		if in.Verify != nil {
			from, refused := in.Verify(ctx)
			if refused != nil {
				return call.Refusal{Cause: *refused}
			}
			in.From = from
		}
		q.Trunk, q.From = in.From.Trunk, in.From
		return c.asked(in, c.router.FromPhone(q))(ctx)
	}
}

// asked puts the question to the cloud and its answer into the ladder.
func (c *calls) asked(in call.Incoming, admit call.Admission) call.Admission {
	arrow := func(from, to, text string) {
		c.record(ledger.Event{
			At: c.now().UnixMicro(), Call: in.Call, Kind: ledger.Message, Sender: from, Receiver: to, Text: text,
		})
	}
	return func(ctx context.Context) call.Event {
		arrow(c.node, "cloud", "admit "+in.From.Number+" to "+in.Dialled)
		ev := admit(ctx)
		switch ev := ev.(type) {
		case call.Planned:
			if !ev.Offline {
				arrow("cloud", c.node, "admitted: "+ev.From.Number+" to "+ev.To.Number)
			}
		case call.Refusal:
			arrow("cloud", c.node, "refused: "+ev.Cause.Words)
		}
		return ev
	}
}

// open says why this switch takes no call more, nil if it does.
func (c *calls) open() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.full()
}

// full is open; c.mu is held.
func (c *calls) full() error {
	switch {
	case c.draining:
		return errs.New(errs.NodeStopped, "this switch is shutting down")
	case len(c.sessions)-c.parted >= c.limits.Calls+c.limits.Waiting:
		return c.limits.refusal()
	}
	return nil
}

// nameOf is what a call is entered by: its id, for it is at a switch once. A leg that its anchor sends on to a fall-back may
// come to a switch that has the call already, the caller's say.
func nameOf(in call.Incoming) string {
	if atFallback(in) {
		return in.Call + " " + in.Leg
	}
	return in.Call
}

// add enters a call that a device of this switch placed, or, that being "", that came over a link. It is crowded if it has to
// wait for room, as those do that came before it, unless it calls back; who calls for help finds room always.
func (c *calls) add(s *call.Session, name string, in call.Incoming) (crowded bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	device, most := in.Device, maxDeviceCalls
	help := in.Help != nil
	if help {
		most *= 2
	}
	if err := c.full(); err != nil && (!help || errs.CodeOf(err) != errs.Congested) {
		return false, err
	}
	switch {
	case c.sessions[name] != nil:
		return false, errs.New(errs.Replayed, "the call %s is at this switch already", s.ID())
	case device != "" && c.placed[device] >= most:
		return false, errs.New(errs.Congested, "this phone has placed %d calls that have not ended, the most one may", maxDeviceCalls)
	}
	switch crowded = !help && (c.crowd > 0 || len(c.sessions)-c.parted-c.crowd >= c.limits.Calls); {
	case crowded && in.Back != nil:
		return false, c.limits.refusal()
	case crowded:
		c.crowd++
	}
	c.sessions[name] = s
	c.placed[device]++
	c.running.Add(1)
	return crowded, nil
}

func (c *calls) remove(name string, e *entered) {
	c.departed(e)
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.sessions, name)
	if e.parted {
		c.parted--
	}
}

// entered is how a call counts.
type entered struct {
	device       string // that placed it
	left, parted bool   // who placed it has; what is left of it is part of another call
}

// departed notes that the device that placed a call is not in it any more.
func (c *calls) departed(e *entered) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e.left {
		return
	}
	e.left = true
	device := e.device
	if c.placed[device]--; c.placed[device] == 0 {
		delete(c.placed, device)
	}
}

// parts notes that what is left of a call is part of another one: it takes no room of its own.
func (c *calls) parts(s *call.Session, name string, e *entered) {
	c.departed(e)
	c.mu.Lock()
	if !e.parted {
		e.parted = true
		c.parted++
	}
	c.mu.Unlock()
	if c.limits.Waiting > 0 {
		c.leave(s, seatOf{queue.Whole, name})
		c.hall.Freed(queue.Whole, name)
	}
}

// len is the number of calls.
func (c *calls) len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.sessions) - c.parted
}

// endInterrupted writes the end of the calls that an earlier run of this switch had when it was killed: no record stays
// open for ever.
func (n *node) endInterrupted() {
	calls, last := n.spool.Interrupted()
	last = max(last, n.folder.LastUsed().UnixMicro()) // a quiet call writes nothing
	cause := call.CauseOf(errs.NodeStopped, "The switch stopped during the call")
	for _, id := range calls {
		n.log.Warn("a call was cut off when this switch was killed", "call", id)
		n.record(ledger.Event{Call: id, At: last, Kind: ledger.Ended, By: "system", Cause: &cause})
	}
}

// heartbeatInterval is how exactly the end of a call is known that a kill of this switch cut off.
const heartbeatInterval = 2 * time.Second

// heartbeat notes that this switch lives, until ctx ends.
func (n *node) heartbeat(ctx context.Context) error {
	for {
		if err := n.folder.Touch(); err != nil {
			n.log.Warn("the time of a crash would not be known", "error", err)
		}
		if !sleep(ctx, heartbeatInterval, nil) {
			return nil
		}
	}
}

// refuse takes no more calls.
func (c *calls) refuse() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.draining = true
}

// wait returns when no call is left, or when ctx ends.
func (c *calls) wait(ctx context.Context) {
	done := make(chan struct{})
	go func() {
		c.running.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
}
