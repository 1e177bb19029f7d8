package call

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/ledger"
	"strowger/switchnode/internal/media"
)

// Leg carries out actions in one protocol. All methods run in the goroutine of the session and never block.
type Leg interface {
	// Do carries out an action. What comes of it arrives as input.
	Do(LegAction)
	// Handle turns an input that the leg posted to the session into events.
	Handle(input any) []Event
	// Port is the leg's media, nil while it has none.
	Port() *media.Port
}

// Target is something that can be rung.
type Target interface {
	// Dial makes a leg. It does not block: the leg connects when it is told Start.
	Dial(Setup) (Leg, error)
}

// Setup is what a leg of a branch needs to know of its call.
type Setup struct {
	Context   context.Context // ends with the call
	Call      string
	Leg       LegID
	ID        string // of the leg
	From, To  designation.Party
	Hops      int                // Max-Forwards to send
	Breadth   int                // Max-Breadth to send (RFC 5393, 5.3.3)
	Withheld  bool               // phone companies are to tell nobody who calls
	Auto      bool               // a desk phone is to answer by itself
	Waits     bool               // its user is in another call
	SessionID string             // RFC 7989, end to end
	Post      func(any) bool     // an input for Handle; false if the session is gone or its mailbox full
	Trace     func(Arrow)        // a message sent or received, for the ladder
	Note      func(ledger.Event) // what else the leg has for the ledger, at its kind and fields
}

// Arrow is one message of the ladder.
type Arrow struct {
	Sender, Receiver, Text string
	At                     time.Time
}

// Admission finds out what to ring: it returns Planned or Refusal. It may block and must end with its context.
type Admission func(context.Context) Event

// SessionConfig is what every session of a node shares, and what is of one call.
type SessionConfig struct {
	ID        string // of the call
	CallerLeg string // id of the caller's leg
	Device    string // of the caller, "" on a link
	Hops      int    // Max-Forwards to send
	Breadth   int    // Max-Breadth that may be sent, over all branches
	SessionID string
	Withheld  bool               // as Incoming has it
	Record    func(ledger.Event) // to the spool; never blocks
	Answered  func(user string)  // told the id of who answered, "" for a line, nil: nobody is told; never blocks
	Watch     func(View)         // told who is in the call, when that changes; nil: nobody is told; never blocks
	Count     func(name string)
	Now       func() time.Time  // cloud-corrected
	Left      func(user string) // told the id of who leaves a call that goes on; likewise
	Departed  func()            // told when the caller has left a call that goes on; likewise
	Parted    func()            // told when what is left of the call is part of another one; likewise
	Transfer  Transfer          // nil: no call is transferred
	Player    Player            // nil: callers hear nothing of the switch's own
	Logger    *slog.Logger
}

// Player plays sounds. Play does not block; Silence ends what a port hears, before Play returns but for a packet that is on its way.
type Player interface {
	Play(*media.Port, Sound)
}

// mailbox is how many inputs may wait for one call. A call has a handful of messages under way; what fills this is an
// attack or a loop, and the call is ended.
const mailbox = 64

// lastClose is how long after the end legs may take to close: RFC 3261, 17.1.1.2, Timer B (32 s) for the last BYE or
// CANCEL, and as much for the INVITE that it ends.
const lastClose = 70 * time.Second

// Session is the goroutine that owns one call. Everyone else posts to it.
type Session struct {
	cfg  SessionConfig
	call *Call
	legs []Leg
	in   chan message
	full chan struct{} // the mailbox overflowed
	done chan struct{}
	people
	first     LegID // of the branches that are tried
	branches  int   // that are tried
	due       map[Timer]time.Time
	queue     []Event      // being stepped
	renewed   chan renewed // capacity 1: a call asks one thing at a time
	consulted chan Event   // likewise, of transfers
	asking    sync.WaitGroup
	ctx       context.Context // of what is asked beside the call
	finished  bool
	audio     audio
	directed  directed
	told
	glare
}

// people is who is in a call: who calls, as whoever is rung sees it, and whom.
type people struct {
	from, to designation.Party
	shown    designation.Party           // who calls, to a caller who is called back
	parties  map[LegID]designation.Party // who is at each leg
}

// told is what others have been told of a call.
type told struct {
	chatter atomic.Int32 // events recorded of those that a phone may cause at will
	seen    []Seen       // as Watch had it last
}

// message is an input of a leg, or an Event of none.
type message struct {
	leg   LegID
	input any
}

// outside is no leg.
const outside LegID = -1

// NewSession returns the session of an incoming INVITE. Run starts it.
func NewSession(cfg SessionConfig, call *Call, from designation.Party) *Session {
	return &Session{
		cfg: cfg, call: call, people: people{from: from, parties: map[LegID]designation.Party{Caller: from}},
		in: make(chan message, mailbox), full: make(chan struct{}, 1), done: make(chan struct{}),
		due: map[Timer]time.Time{}, renewed: make(chan renewed, 1), consulted: make(chan Event, 1),
	}
}

// ID is the id of the call.
func (s *Session) ID() string { return s.cfg.ID }

// Device is the id of the caller's device, "" on a link.
func (s *Session) Device() string { return s.cfg.Device }

// Done is closed when the call is over and all its legs are closed.
func (s *Session) Done() <-chan struct{} { return s.done }

// PosterOf returns the Post of a leg.
func (s *Session) PosterOf(id LegID) func(any) bool {
	return func(input any) bool { return s.post(message{leg: id, input: input}) }
}

// Post tells the call an event from outside. It reports whether the call will see it.
func (s *Session) Post(ev Event) bool { return s.post(message{leg: outside, input: ev}) }

func (s *Session) post(m message) bool {
	if s.over() {
		return false
	}
	select {
	case s.in <- m:
		return true
	default:
	}
	select {
	case s.full <- struct{}{}:
	default:
	}
	return false
}

// Trace writes an arrow of the ladder. It is called by the session's goroutine, or before Run, and by that of the call which
// the caller's leg was handed over to.
func (s *Session) Trace(a Arrow) {
	s.record(ledger.Event{
		At: a.At.UnixMicro(), Call: s.cfg.ID, Kind: ledger.Message, Sender: a.Sender, Receiver: a.Receiver, Text: a.Text,
	})
}

// Run owns the call until it is finished. caller is its first leg; admit runs beside it. Ending ctx stops the call with
// NodeStopped and still waits for the legs to close, as lastClose allows.
func (s *Session) Run(ctx context.Context, caller Leg, admit Admission) {
	defer s.turnAway() // after the close: who posts later sees that
	defer close(s.done)
	defer s.unseen()
	s.legs = []Leg{caller}
	s.look()
	asked, cancel := context.WithCancel(ctx)
	s.ctx = asked
	admitted := make(chan Event, 1)
	go func() { admitted <- admit(asked) }()
	pending := true
	defer func() {
		cancel()
		if pending {
			<-admitted
		}
		s.asking.Wait()
		s.closePorts()
	}()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	stop := ctx.Done()
	for !s.finished {
		timer.Reset(s.untilNext())
		select {
		case m := <-s.in:
			s.handle(m)
		case ev := <-admitted:
			pending = false
			if ev != nil { // a caller who picks up a call needs no plan
				s.step(s.admitted(ev))
			}
		case r := <-s.renewed:
			s.divertTo(r)
		case ev := <-s.consulted:
			if ev = s.consultation(ev); ev != nil {
				s.step(ev)
			}
		case <-timer.C:
			s.expire()
		case <-s.full:
			s.overflow()
		case <-s.parted:
			s.parted = nil
			s.step(Closed{s.away})
		case <-stop:
			stop = nil
			s.step(Stop{CauseOf(errs.NodeStopped, "")})
		}
	}
}

// admitted keeps what legs that are dialled later need to show, and refuses a plan with more branches than the call may
// still fork into.
func (s *Session) admitted(ev Event) Event {
	p, ok := ev.(Planned)
	if r, back := ev.(Recalled); back {
		s.from, s.to, s.shown = r.From, r.To, r.Shown
		s.parties[Caller] = r.From
		return r
	}
	if !ok {
		return ev
	}
	s.from, s.to, s.first, s.branches = p.From, p.To, Caller+1, len(p.Branches)
	s.parties[Caller] = p.From
	if s.branches > s.cfg.Breadth {
		return Refusal{Cause: CauseOf(errs.TooWide, ""), To: p.To}
	}
	p.Branches = append(s.guests, p.Branches...)
	return p
}

func (s *Session) handle(m message) {
	switch j, joins := m.input.(Joined); {
	case m.leg == outside && joins && s.call.State() == Admitting:
		s.guests = append(s.guests, j.Branch)
		return
	case m.leg == outside:
		ev := m.input.(Event) // Post takes no other
		switch e := ev.(type) {
		case Wanted:
			ev = s.wanted(e)
		case Directed:
			ev = s.direct(e)
		}
		if ev != nil {
			s.step(ev)
		}
		return
	case s.host != nil && m.leg == s.away:
		s.moved(m.input)
		return
	}
	if int(m.leg) >= len(s.legs) || s.legs[m.leg] == nil {
		s.cfg.Count("input of no leg")
		return
	}
	for _, ev := range s.legs[m.leg].Handle(m.input) {
		if su, ok := ev.(Succeeds); ok {
			ev = s.sought(su)
		}
		if ev != nil {
			s.step(ev)
		}
	}
}

// step tells the call an event. An event that comes of an action, a leg that cannot be dialled, waits until the actions
// before it are done.
func (s *Session) step(ev Event) {
	s.queue = append(s.queue, ev)
	if len(s.queue) > 1 {
		return // the loop below, further up the stack, takes it
	}
	for ; len(s.queue) > 0 && !s.finished; s.queue = s.queue[1:] {
		over := s.call.State() == Over
		for _, a := range s.call.Step(s.queue[0]) {
			s.act(a)
		}
		if ev, ok := s.queue[0].(Closed); ok {
			s.directed.left(ev.Leg, false)
		}
		if !over && s.call.State() == Over {
			s.due[closeGuard] = time.Now().Add(lastClose)
		}
		s.listen()
	}
	s.queue = nil
	s.look()
}

func (s *Session) act(a Action) {
	switch a := a.(type) {
	case Start:
		s.dial(a)
	case Divert:
		s.divert(a)
	case Enqueue:
		a.Queue.Join(s)
	case Requeue:
		a.Queue.Return()
	case Dequeue:
		a.Queue.Leave(a.Why, a.By)
	case Connect:
		s.connect(a)
	case Play:
		s.play(a)
	case Disconnect:
		if p := s.port(a.Leg); p != nil {
			p.Unbridge()
		}
	case Consult:
		s.consult(a)
	case HandOver:
		s.handOver(a)
	case Spurn:
		a.To.setup.Post(spurned{})
	case TurnAway:
		a.Guest.turn(a.Cause)
	case Arm:
		s.due[a.Timer] = time.Now().Add(a.After)
	case Disarm:
		delete(s.due, a.Timer)
	case Note:
		s.note(a.Event)
	case Count:
		s.cfg.Count(a.Name)
	case Finish:
		s.finished = true
	case LegAction:
		if l := s.legs[a.leg()]; l != nil && !s.directed.says(a) {
			l.Do(a)
		}
	}
}

// dial makes the leg of a branch. One that cannot be made is refused like one whose phone refuses.
func (s *Session) dial(a Start) {
	for len(s.legs) <= int(a.Leg) {
		s.legs = append(s.legs, nil)
	}
	from, to := s.shows(), s.to
	if a.Leg == Caller {
		from, to = s.shown, s.from
	} else {
		s.parties[a.Leg] = s.party(a.Branch)
	}
	if g, ok := a.Branch.Target.(*Guest); ok && g.may != nil {
		s.expects(a.Leg, g)
	}
	leg, err := a.Branch.Target.Dial(Setup{
		Context: s.ctx, Call: s.cfg.ID, Leg: a.Leg, ID: a.Branch.Leg, From: from, To: to, Hops: s.cfg.Hops, Breadth: s.breadth(a.Leg), Withheld: s.cfg.Withheld,
		SessionID: s.cfg.SessionID, Post: s.PosterOf(a.Leg), Trace: s.Trace, Note: s.note,
	})
	if err != nil {
		s.step(Refused{a.Leg, CauseOfError(err)})
		s.step(Closed{a.Leg})
		return
	}
	s.legs[a.Leg] = leg
	leg.Do(a)
}

func (s *Session) connect(c Connect) {
	a, b := s.port(c.A), s.port(c.B)
	if a == nil || b == nil {
		return
	}
	media.Bridge(a, b)
	s.audio.bridged = true
}

// port is the media of a leg, nil while it has none here.
func (s *Session) port(id LegID) *media.Port {
	if l := s.legs[id]; l != nil {
		return l.Port()
	}
	return nil
}

func (s *Session) play(a Play) {
	p := s.port(a.Leg)
	if p == nil || s.cfg.Player == nil {
		return
	}
	s.cfg.Player.Play(p, a.Sound)
	var told func(byte)
	if a.Sound.Kind == OnHold {
		told = func(digit byte) { s.Post(Key{a.Leg, digit}) }
	}
	p.OnKey(told)
}
