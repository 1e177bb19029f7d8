// Package push hands sealed wakes to push services: each push is tried until it is accepted, refused for good, or for nobody
// any more, beside others and without harm to them.
//
// Pushes to one service for one app share a lane, laneTries of which are being tried; the others wait for that, or for their next
// try. All lanes of a provider have providerPushes at most, and one of them no more than they leave free: the first that is slow
// has lanePushes, the next half as many, and so on. What finds no room is refused as congested, so that a service that is slow or
// away costs its own pushes and no others, even if somebody runs several (anybody may choose the services of Web Push).
//
// A push service that cannot be reached, that does not answer in time, or that says that it is overloaded is tried
// again after a jittered, doubling pause, or when it says, until the ring is over.
package push

import (
	"cmp"
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"strowger/pkg/fabric"
)

// Limits.
const (
	laneTries      = 32
	lanePushes     = providerPushes / 2
	providerPushes = 256
	// MaxPushes is the most pushes under way.
	MaxPushes = 4 * providerPushes
)

// Times of tries.
const (
	firstPause = 250 * time.Millisecond
	maxPause   = 4 * time.Second
	// MaxRing is the longest that a push is tried.
	MaxRing = 5 * time.Minute
)

// Reasons of refusals that are not the push service's own words.
const (
	Congested     = "congested"      // too many pushes to this service are under way
	NotConfigured = "not configured" // this bridge has no credentials for the service or the app
	Over          = "ring is over"   // before the service accepted
	Stopped       = "bridge stops"
	Stalled       = "no answer"        // of the service in time
	NotReached    = "not reached"      // no connection to the service
	Malformed     = "malformed target" // the token is none for this provider
)

// Alert is what a push shows that wakes nobody for a call: the call is over.
type Alert struct {
	Title  string // for a lock screen
	Code   string // why, of package errs
	Words  string // why, for people
	Urgent bool   // it does not wait until the device is used, and is heard
}

// Push is one wake for one app on one device, or the alert in its place.
type Push struct {
	Target  fabric.Target
	Payload string        // the sealed wake in base64; "" for a phone that is only to register (RFC 8599)
	Call    string        // id: a later push of a call replaces an earlier one that is undelivered
	Until   time.Time     // end of the ring, by the cloud's time
	Left    time.Duration // of the ring when a sender gets it
	Alert   *Alert        // nil: a wake
}

// Outcome is what came of one try.
type Outcome struct {
	Accepted bool
	Reason   string        // the service's own word, or one of the reasons of this package
	Dead     bool          // the token is no longer valid
	Again    bool          // it may be accepted later
	After    time.Duration // not before; 0 leaves it to the bridge
	Err      error         // for the log, if there is more to say
}

// Sender knows one provider.
type Sender interface {
	// Lane names the service and the app of a target; ok is false if the bridge is not configured for it.
	Lane(fabric.Target) (lane string, ok bool)
	// Send tries once.
	Send(context.Context, Push) Outcome
}

// Tried is what is told of each try, and of what was refused without one.
type Tried struct {
	Provider fabric.Provider
	Outcome  string // "accepted", "again", "refused"
	Reason   string
}

// Config configures a Pusher.
type Config struct {
	Senders map[fabric.Provider]Sender
	Timeout time.Duration    // of a try
	Now     func() time.Time // the cloud's time
	Count   func(Tried)
	Logger  *slog.Logger
}

// Pusher sends pushes. It is safe for concurrent use and starts nothing.
type Pusher struct {
	cfg Config

	mu    sync.Mutex
	lanes map[laneKey]*lane // those in use
	under map[fabric.Provider]int
}

type laneKey struct {
	provider fabric.Provider
	name     string
}

// lane is the pushes under way to one service for one app.
type lane struct {
	pushes int           // guarded by Pusher.mu
	tries  chan struct{} // capacity laneTries
}

// New returns a pusher.
func New(cfg Config) *Pusher {
	return &Pusher{cfg: cfg, lanes: map[laneKey]*lane{}, under: map[fabric.Provider]int{}}
}

// Len is how many pushes are under way.
func (p *Pusher) Len() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, u := range p.under {
		n += u
	}
	return n
}

// Send sends one push and returns when its fate is known or ctx ends. Before each further try it tells what came of the last.
func (p *Pusher) Send(ctx context.Context, q Push, tried func(fabric.PushResult)) fabric.PushResult {
	provider := q.Target.Provider
	refuse := func(reason string) fabric.PushResult {
		p.count(provider, Outcome{Reason: reason})
		return fabric.PushResult{Provider: provider, Reason: reason}
	}
	sender := p.cfg.Senders[provider]
	if sender == nil {
		return refuse(NotConfigured)
	}
	name, ok := sender.Lane(q.Target)
	if !ok {
		return refuse(NotConfigured)
	}
	l, leave := p.enter(laneKey{provider, name})
	if l == nil {
		return refuse(Congested)
	}
	defer leave()
	return p.untilAccepted(ctx, l, sender, q, tried)
}

// enter takes a place in a lane, nil if there is none.
func (p *Pusher) enter(k laneKey) (l *lane, leave func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if l = p.lanes[k]; l == nil {
		l = &lane{tries: make(chan struct{}, laneTries)}
	}
	if l.pushes >= providerPushes-p.under[k.provider] {
		return nil, nil
	}
	p.lanes[k] = l
	l.pushes++
	p.under[k.provider]++
	return l, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.under[k.provider]--
		if l.pushes--; l.pushes == 0 {
			delete(p.lanes, k)
		}
	}
}

// untilAccepted tries a push as long as that makes sense.
func (p *Pusher) untilAccepted(ctx context.Context, l *lane, s Sender, q Push, tried func(fabric.PushResult)) fabric.PushResult {
	ctx, cancel := context.WithTimeout(ctx, min(q.Until.Sub(p.cfg.Now()), MaxRing))
	defer cancel()
	r := fabric.PushResult{Provider: q.Target.Provider}
	for {
		o, ok := p.try(ctx, l, s, q)
		if !ok {
			r.Reason = cmp.Or(r.Reason, p.ended(ctx, q))
			return r
		}
		r.Tries++
		r.Accepted, r.Reason, r.Dead = o.Accepted, o.Reason, o.Dead
		p.count(q.Target.Provider, o)
		if !o.Again {
			return r
		}
		p.cfg.Logger.Debug("push is tried again", "call", q.Call, "target", q.Target, "tries", r.Tries, "reason", o.Reason, "error", o.Err)
		tried(r)
		if !pause(ctx, max(o.After, backoff(r.Tries))) {
			return r
		}
	}
}

// try waits for its turn and sends once; false if ctx ended before.
func (p *Pusher) try(ctx context.Context, l *lane, s Sender, q Push) (Outcome, bool) {
	select {
	case <-ctx.Done():
		return Outcome{}, false
	case l.tries <- struct{}{}:
	}
	defer func() { <-l.tries }()
	q.Left = q.Until.Sub(p.cfg.Now())
	if ctx.Err() != nil || q.Left <= 0 {
		return Outcome{}, false
	}
	ctx, cancel := context.WithTimeout(ctx, p.cfg.Timeout)
	defer cancel()
	return s.Send(ctx, q), true
}

// ended says why a push was never tried.
func (p *Pusher) ended(ctx context.Context, q Push) string {
	o := Outcome{Reason: Over}
	if ctx.Err() != nil && q.Until.After(p.cfg.Now()) {
		o.Reason = Stopped
	}
	p.count(q.Target.Provider, o)
	return o.Reason
}

func (p *Pusher) count(provider fabric.Provider, o Outcome) {
	t := Tried{Provider: provider, Outcome: "refused", Reason: o.Reason}
	switch {
	case o.Accepted:
		t.Outcome = "accepted"
	case o.Again:
		t.Outcome = "again"
	}
	p.cfg.Count(t)
}

// backoff is the pause after so many tries: it doubles, and varies by half so that pushes which failed together do not come
// back together.
func backoff(tries int) time.Duration {
	d := firstPause
	for i := 1; i < tries && d < maxPause; i++ {
		d *= 2
	}
	return d/2 + rand.N(d/2+1)
}

// pause says false if ctx ended, or would end before d has passed.
func pause(ctx context.Context, d time.Duration) bool {
	if end, ok := ctx.Deadline(); ok && time.Until(end) <= d {
		return false
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
