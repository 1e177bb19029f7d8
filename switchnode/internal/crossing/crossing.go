// Package crossing makes one call of two with which two users call each other at the same time (2-call-flows, "Glare").
//
// A switch sees each call that its phones place and each one that it anchors, so it sees both of a pair: the caller of the one is
// at the anchor of the other. When a call is planned that crosses another, one of the two goes on, and at its anchor the other's
// caller, a desk phone there, becomes the one who answers (call.Guest). Which one goes on both switches of a pair find alike,
// without asking each other or the cloud: the call of an app, which is at its anchor only; of two calls of desk phones the older
// one, by its id. A call that is to give way to one whose anchor is elsewhere rings nobody meanwhile: its caller is fetched there.
// Two apps are the cloud's business.
//
// The cloud hints at a call that it has admitted before, and that is still on its way here: its app dials, say. That is awaited.
package crossing

import (
	"context"
	"sync"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/ident"
	"strowger/switchnode/internal/call"
)

// Origin is where a call comes from: a phone of this switch, an app, or another switch.
type Origin struct {
	App  bool
	Node string // that switch
}

func (o Origin) desk() bool { return o == Origin{} }

const (
	arrival = 3 * time.Second // that a call which the cloud hints at may take to come
	grace   = time.Second     // that the caller of the other call has to come over before phones ring
)

// Config is what Calls work with.
type Config struct {
	Node     string                 // id of this switch
	Expected func(call string) bool // a call that this switch is to anchor, and that has not come yet
	Count    func(name string)
}

// Calls is the calls of a switch that may cross others: those that ring, or are about to.
type Calls struct {
	cfg Config

	mu       sync.Mutex
	ringing  map[pair][]*attempt      // the oldest first
	byID     map[string]*attempt      // by call
	expected map[string]chan struct{} // calls that are awaited; closed when they come
}

// pair is two users of whom one calls the other.
type pair struct{ from, to string }

func (p pair) back() pair { return pair{p.to, p.from} }

// attempt is a call that rings.
type attempt struct {
	pair
	id      string // of the call
	session *call.Session
	Origin
	anchor   string // node
	done     chan struct{}
	answered bool // set before done is closed
	over     bool // done is closed; guarded by Calls.mu
}

// New returns the calls of a switch that has none.
func New(cfg Config) *Calls {
	return &Calls{cfg: cfg, ringing: map[pair][]*attempt{}, byID: map[string]*attempt{}, expected: map[string]chan struct{}{}}
}

// Admission is that of a session's call, after which calls that cross are one.
func (c *Calls) Admission(s *call.Session, from Origin, admit call.Admission) call.Admission {
	return func(ctx context.Context) call.Event {
		ev := admit(ctx)
		p, ok := ev.(call.Planned)
		if !ok || p.From.User == "" || p.To.User == "" || p.From.User == p.To.User {
			return ev
		}
		if p.Crossing != "" {
			c.await(ctx, p.Crossing)
		}
		return c.meet(ctx, p, &attempt{
			pair: pair{p.From.User, p.To.User}, id: s.ID(), session: s, Origin: from, anchor: p.Anchor, done: make(chan struct{}),
		})
	}
}

// Settled says that a call was answered, or is over.
func (c *Calls) Settled(id string, answered bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a := c.byID[id]
	if a == nil {
		return
	}
	delete(c.byID, id)
	left := c.ringing[a.pair][:0]
	for _, o := range c.ringing[a.pair] {
		if o != a {
			left = append(left, o)
		}
	}
	if c.ringing[a.pair] = left; len(left) == 0 {
		delete(c.ringing, a.pair)
	}
	a.answered, a.over = answered, true
	close(a.done)
}

// await waits for a call that is on its way here.
func (c *Calls) await(ctx context.Context, id string) {
	late := time.NewTimer(arrival)
	defer late.Stop()
	c.mu.Lock()
	here := c.expected[id]
	if here == nil {
		here = make(chan struct{})
		c.expected[id] = here
	}
	if c.byID[id] != nil || !c.cfg.Expected(id) {
		c.came(id)
	}
	c.mu.Unlock()
	select {
	case <-here:
	case <-late.C:
	case <-ctx.Done():
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.came(id)
}

// came ends the wait for a call. c.mu is held.
func (c *Calls) came(id string) {
	if here := c.expected[id]; here != nil {
		close(here)
		delete(c.expected, id)
	}
}

// enter enters a call, and returns the oldest one that crosses it, nil for none. One that is over crosses none.
func (c *Calls) enter(a *attempt) *attempt {
	c.mu.Lock()
	defer c.mu.Unlock()
	if a.over {
		return nil
	}
	if c.byID[a.id] == nil {
		c.byID[a.id] = a
		c.ringing[a.pair] = append(c.ringing[a.pair], a)
		c.came(a.id)
	}
	if there := c.ringing[a.back()]; len(there) > 0 {
		return there[0]
	}
	return nil
}

// goesOn says which of two calls that cross goes on.
func goesOn(a, b *attempt) (winner, loser *attempt) {
	if a.App && !b.App || a.App == b.App && a.id < b.id {
		return a, b
	}
	return b, a
}

// meet is the plan of a call, when it is sure that the call rings beside none that crosses it.
func (c *Calls) meet(ctx context.Context, p call.Planned, mine *attempt) call.Event {
	for other := c.enter(mine); other != nil; other = c.enter(mine) {
		winner, loser := goesOn(mine, other)
		joined := loser.desk() && winner.anchor == c.cfg.Node && c.join(winner, loser)
		if joined && winner == mine {
			for i := range p.Branches {
				p.Branches[i].Delay += grace
			}
		}
		fetched := loser.Node != "" && loser.Node == winner.anchor // by that switch
		if winner == mine || !joined && !fetched {
			return p
		}
		select {
		case <-other.done:
		case <-ctx.Done():
			return p // nobody waits for it
		}
		if other.answered {
			return call.Refusal{Cause: call.CauseOf(errs.Crossing, "")}
		}
	}
	return p
}

// join has the caller of a call answer another one.
func (c *Calls) join(winner, loser *attempt) bool {
	c.cfg.Count("calls that crossed")
	cause := call.CauseOf(errs.Crossing, "Both called each other, and have the call "+winner.id)
	return winner.session.Post(call.Joined{Branch: call.Branch{
		Leg: ident.New(ident.Leg), Device: loser.session.Device(), Target: call.NewGuest(loser.session, winner.session, cause),
	}})
}
