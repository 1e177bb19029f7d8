package sipside

import (
	"cmp"
	"context"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/ledger"
	"strowger/pkg/sip"
	"strowger/pkg/sitecopy"
	"strowger/pkg/tariff"
	"strowger/switchnode/internal/call"
	"strowger/switchnode/internal/media"
	"strowger/switchnode/internal/sipleg"
	"strowger/switchnode/internal/toll"
	"strowger/switchnode/internal/trunk"
)

// silence is how long a carrier may take for its first word: INVITEs went out four times until then (RFC 3261, 17.1.1.2: T1 and
// its doublings). One that is cancelled after that rings no more than a moment.
const silence = 6 * time.Second

// grace is what is left of it once the session has looked up: a switch that stood still hears what came meanwhile before it judges.
const grace = 500 * time.Millisecond

// Leaving is a call that wants to leave by one of some trunks.
type Leaving struct {
	call.Setup
	Number    string
	Payer     *designation.Party // who forwards it there, nil: From pays
	Emergency bool               // as its plan says
	Trunks    []sitecopy.Trunk
	Rates     map[string]tariff.Rate // by trunk, where they are known
	Lives     func() bool            // says whether the call is still there
	Spent     func(error)            // ends it
}

// Line is the trunks that may take a call to a phone number.
func (p *Phones) Line(b designation.Branch, of designation.Plan) call.Target {
	return toNumber{p, b, of.Emergency, nil}
}

type toNumber struct {
	phones    *Phones
	branch    designation.Branch
	emergency bool
	heard     sip.Trace // besides the ladder, nil for nobody
}

// Dial makes the leg. It looks for carriers when it is told Start.
func (l toNumber) Dial(s call.Setup) (call.Leg, error) {
	all := slices.DeleteFunc(slices.Clone(l.phones.cfg.Trunks()), func(t sitecopy.Trunk) bool { return !slices.Contains(l.branch.Trunks, t.ID) })
	if len(all) == 0 {
		return nil, errs.New(errs.NoLine, "this switch does not know the trunk to %s yet; dial again", l.branch.Number)
	}
	port, err := l.phones.open(l.emergency)
	if err != nil {
		return nil, err
	}
	return &toCarrier{phones: l.phones, branch: l.branch, trunks: all, setup: s, port: port, told: l.heard, course: trunk.Course{Help: l.emergency}}, nil
}

// toCarrier is the leg to a phone number: the carriers are tried in their order (package trunk); the call notices nothing.
type toCarrier struct {
	phones   *Phones
	branch   designation.Branch
	trunks   []sitecopy.Trunk
	setup    call.Setup
	port     *media.Port
	told     sip.Trace
	start    call.Start
	cause    ledger.Cause // of giving up
	course   trunk.Course
	carriers []carrier
	permit   *toll.Permit // nil: none is needed
	tries    []*try
	at       *try         // that the call speaks with, nil before the first
	use      *trunk.Use   // the channel that the call has, or waits for
	uses     []*trunk.Use // those of trunks before it, until their carriers are done
	pending  bool         // it waits for the channel of the next carrier
	failure  ledger.Cause // of the last carrier that made way
	closed   bool
}

// carrier is one server of a trunk.
type carrier struct {
	trunk sitecopy.Trunk
	uri   sip.URI
	peer  sip.Peer
	way   way
	sound bool // as far as is known, it can take calls

	where bool // it is told where the caller is
	// trouble is why there is no connection to it.
	trouble error
}

// soundFirst has the servers that are in trouble tried last: a call is not to wait for them, and none is given up.
func soundFirst(all []carrier) []carrier {
	slices.SortStableFunc(all, func(a, b carrier) int {
		switch {
		case a.sound == b.sound:
			return 0
		case a.sound:
			return -1
		}
		return 1
	})
	return all
}

// try is a carrier that was invited.
type try struct {
	*sipleg.Leg
	carrier  int
	use      *trunk.Use
	line     *sipleg.Line
	patience *time.Timer
	open     bool
	rang     bool
	answered bool
}

// The inputs of the leg.
type (
	located struct { // what there is to try, if the call may leave
		carriers []carrier
		permit   *toll.Permit
		err      error
	}
	alive struct{}              // nothing: the leg is there
	spent struct{ cause error } // the call must end
	said  struct {              // something for one of the dialogs
		to *try
		in any // sip.Input or sipleg.Keyed
	}
	silent struct { // the time for its first word is over, but for grace unless it is last
		to   *try
		last bool
	}
	room struct {
		use     *trunk.Use
		carrier int
	} // an emergency call has its channel, or has waited long enough
	leaves struct{} // the call makes way for an emergency call
)

// Port is the leg's media.
func (c *toCarrier) Port() *media.Port { return c.port }

// Do carries out an action of the call.
func (c *toCarrier) Do(a call.LegAction) {
	switch a := a.(type) {
	case call.Start:
		c.start = a
		c.locate()
	case call.Cancel:
		c.cause = a.Cause
		c.follow(nil, c.course.Step(trunk.Cancelled{}))
		c.settle()
	default:
		if c.at != nil {
			c.at.Do(a)
		}
	}
}

// locate finds the servers of the trunks beside the session.
func (c *toCarrier) locate() {
	p := c.phones
	p.work.Go(func() {
		<-p.ready
		ctx, cancel := context.WithTimeout(p.ctx, lookup)
		defer cancel()
		ranks := make([]trunk.Rank, len(c.trunks))
		for i, t := range c.trunks {
			ranks[i] = trunk.Rank{Order: c.branch.RankOf(t.ID, t.Order), Weight: t.Weight}
		}
		var l located
		l.permit, l.err = c.permitted(ctx)
		for _, i := range trunk.Arrange(ranks, rand.N) {
			if l.err == nil && l.permit.Allows(c.trunks[i].ID) {
				l.carriers = append(l.carriers, p.carriers(ctx, c.trunks[i])...)
			}
		}
		l.carriers = p.connect(ctx, soundFirst(l.carriers))
		if !c.setup.Post(l) {
			l.permit.End()
		}
	})
}

// permitted asks the guards.
func (c *toCarrier) permitted(ctx context.Context) (*toll.Permit, error) {
	if c.phones.cfg.Guard == nil {
		return nil, nil
	}
	return c.phones.cfg.Guard(ctx, Leaving{
		Setup: c.setup, Number: c.branch.Number, Payer: c.branch.Payer, Emergency: c.course.Help, Trunks: c.trunks, Rates: c.branch.Rates,
		Lives: func() bool { return c.setup.Post(alive{}) },
		Spent: func(why error) { c.setup.Post(spent{why}) },
	})
}

// carriers is the servers of a trunk in the order in which to try them.
func (p *Phones) carriers(ctx context.Context, t sitecopy.Trunk) (all []carrier) {
	for _, server := range t.Servers {
		w := wayTo(t, server)
		peers, uri, err := p.servers(ctx, w)
		if err != nil {
			p.cfg.Logger.Warn("a server of a trunk cannot be found", "trunk", t.Name, "server", server, "error", err)
		}
		if t.Domain != "" {
			uri = sip.URI{Scheme: uri.Scheme, Host: t.Domain}
		}
		for _, peer := range peers {
			all = append(all, carrier{trunk: t, uri: uri, peer: peer, way: w, sound: p.stations.sound(t.ID, server)})
		}
	}
	return all
}

// Handle turns an input into events of the call.
func (c *toCarrier) Handle(input any) (evs []call.Event) {
	switch in := input.(type) {
	case located:
		c.carriers, c.permit, c.failure = c.located(in.carriers), in.permit, call.CauseOf(errs.NoLine, "no server of the trunk can be found")
		if in.err != nil {
			c.failure = call.CauseOfError(in.err)
		}
		evs = c.follow(nil, c.course.Step(trunk.Found{Carriers: len(c.carriers)}))
	case spent:
		evs = []call.Event{call.Stop{Cause: call.CauseOfError(in.cause)}}
	case silent:
		if in.to.open && !in.last {
			in.to.patience = time.AfterFunc(grace, func() { c.setup.Post(silent{in.to, true}) })
			return nil
		}
		if in.to.open && !in.to.Dialog().Heard() {
			c.failure = c.noLine(in.to, "no answer")
			c.note(in.to, 0, &c.failure)
			evs = c.follow(nil, c.course.Step(trunk.Silent{Carrier: in.to.carrier}))
		}
	case room:
		c.enter(in)
	case leaves:
		return []call.Event{call.Stop{Cause: call.CauseOf(errs.Preempted, "")}}
	case said:
		for _, ev := range in.to.Handle(in.in) {
			evs = append(evs, c.heard(in.to, ev)...)
		}
	}
	c.release()
	c.settle()
	if !c.closed && !c.pending && c.course.Over() && !slices.ContainsFunc(c.tries, func(t *try) bool { return t.open }) {
		c.closed = true
		evs = append(evs, call.Closed{Leg: c.setup.Leg})
	}
	return evs
}

// settle tells the guards that the call is over, once nobody talks. Carriers that were given up may say nothing for half a minute more:
// their call counts no longer, for if one takes it, it is hung up.
func (c *toCarrier) settle() {
	if c.course.Over() && (c.at == nil || !c.at.answered || !c.at.open) {
		c.permit.End()
		c.permit = nil
	}
}

// heard handles what a carrier says.
func (c *toCarrier) heard(t *try, ev call.Event) []call.Event {
	id := t.carrier
	switch e := ev.(type) {
	case call.Closed:
		t.open = false
		t.patience.Stop()
		return nil
	case call.Ringing, call.Forwarded:
		t.rang = true
		return c.follow(ev, c.course.Step(trunk.Rang{Carrier: id}))
	case call.Answered:
		t.answered = true
		c.permit.Answered(c.carriers[id].trunk.ID)
		c.note(t, 200, nil)
		c.phones.channels.Answered(t.use)
		return c.follow(ev, c.course.Step(trunk.Answered{Carrier: id}))
	case call.Refused:
		moves := e.Cause.SIP >= 500 && e.Cause.SIP < 600 || e.Cause.SIP == 408
		return c.fails(t, e.Cause.SIP, e.Cause, moves)
	case call.Lost:
		if !t.answered {
			return c.fails(t, 0, e.Cause, true)
		}
	}
	if t != c.at || c.course.Over() && !t.answered {
		return nil // it was given up
	}
	return []call.Event{ev}
}

// fails goes on from a carrier that does not take the call; code is what it answered, 0 for nothing.
func (c *toCarrier) fails(t *try, code int, cause ledger.Cause, moves bool) []call.Event {
	moves = moves || c.course.Help
	switch {
	case moves && t.rang && !c.course.Help: // it had the call: nobody else is to ring
		cause = call.CauseOf(errs.NoAnswer, cause.Words)
	case moves && c.carriers[t.carrier].trouble != nil:
		cause = c.noLine(t, c.carriers[t.carrier].trouble.Error())
	case moves:
		cause = c.noLine(t, cause.Words)
	}
	c.note(t, code, &cause)
	c.failure = cause
	return c.follow(call.Refused{Leg: c.setup.Leg, Cause: cause}, c.course.Step(trunk.Failed{Carrier: t.carrier, Moves: moves}))
}

// note tells the ledger what became of a call at a carrier. What the call costs is settled with the answer.
func (c *toCarrier) note(t *try, code int, cause *ledger.Cause) {
	v := c.carriers[t.carrier].trunk
	use := ledger.LineUse{Trunk: v.ID, Name: v.Name, Number: c.branch.Number, SIP: code}
	if by := c.branch.Payer; by != nil {
		use.Payer = by.User
	}
	if rate, ok := c.branch.Rates[v.ID]; ok && cause == nil {
		use.Rate = &rate
	}
	c.setup.Note(ledger.Event{Kind: ledger.Line, Leg: c.setup.ID, Line: &use, Cause: cause})
}

// noLine is the cause of a call that a carrier cannot take.
func (c *toCarrier) noLine(t *try, words string) ledger.Cause {
	return call.CauseOf(errs.NoLine, "trunk "+c.carriers[t.carrier].trunk.Name+": "+words)
}

// follow carries out what the course wants; ev is what a carrier said.
func (c *toCarrier) follow(ev call.Event, actions []trunk.Action) (evs []call.Event) {
	for _, a := range actions {
		switch a := a.(type) {
		case trunk.Try:
			evs = append(evs, c.try(a.Carrier)...)
		case trunk.Drop:
			if c.pending { // nobody is invited: what it waits for comes soon
				continue
			}
			c.at.Do(call.Cancel{Leg: c.setup.Leg, Cause: c.cause})
		case trunk.Tell:
			evs = append(evs, ev)
		case trunk.Exhausted:
			evs = append(evs, call.Refused{Leg: c.setup.Leg, Cause: c.failure})
		}
	}
	return evs
}

// invite invites a carrier.
func (c *toCarrier) invite(i int) {
	p, s, to := c.phones, c.setup, c.carriers[i]
	c.port.Unbridge() // what the carrier before played is over
	t := &try{carrier: i, use: c.use, open: true, line: c.line(i)}
	c.permit.Tried(to.trunk.ID)
	uri := to.uri
	uri.User = c.branch.Number
	shown := p.shown(c.branch, to.trunk, s.From)
	s.Withheld = s.Withheld && !c.course.Help // who helps must know whom
	from, extra := p.callerID(to.trunk, sip.Party{Name: s.From.Name, User: shown, Host: cmp.Or(to.trunk.Domain, p.cfg.to(to.peer.Addr.Addr()))}, s.Withheld)
	extra = append(extra, sip.NewHeader("Max-Breadth", strconv.Itoa(s.Breadth)))
	parts, geolocation := c.where(to, from)
	extra = append(extra, geolocation...)
	d := p.sip.NewDialog(sip.InviteParams{
		To:          uri,
		From:        from,
		Peer:        to.peer,
		Hops:        s.Hops,
		Headers:     append(p.signed(s, c.branch, to.trunk, shown), extra...),
		SessionID:   sip.SessionID{Local: s.SessionID},
		Credentials: p.credentials(to.trunk),
		Attached:    parts,
		Owner:       func(_ *sip.Dialog, in sip.Input) bool { return s.Post(said{t, in}) },
	})
	d.SetTrace(both(sipleg.Tracer(p.cfg.Node, "trunk "+to.trunk.Name, s.Trace), c.told))
	t.Leg = sipleg.Calling(sipleg.Config{
		ID: s.Leg, Dialog: d, Port: c.port, Lost: errs.LegLost, Early: true, Line: t.line, Post: func(in any) bool { return s.Post(said{t, in}) },
	})
	t.patience = time.AfterFunc(silence-grace, func() { s.Post(silent{t, false}) })
	c.tries, c.at = append(c.tries, t), t
	t.Do(c.start)
}
