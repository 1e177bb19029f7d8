package broker

import (
	"context"
	"time"

	"strowger/cloud/internal/directory"
	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/proof"
)

// Two apps that call each other get one call (2-call-flows, "Glare"). Their switches may be two that know nothing of each other, and
// so may be the instances that they ask: the fabric decides who was first. Each instance tells all, itself too, of the call that an
// app asks for, and answers when it has heard that itself. What it heard before that of the other direction is first. Of two instances
// at two servers of a cluster each may hear itself first: then both calls go on (docs/divergences.md).

const (
	echoWithin = 500 * time.Millisecond // an instance hears itself
	planWithin = 2 * time.Second        // another one knows how the first call's apps come to it
)

// attempt is a call that is under way between two users.
type attempt struct {
	call   string
	anchor string // node, once there is a plan
	app    bool   // an app asked for it: all instances know of it
}

// echo is an attempt of our own that we have not heard of yet.
type echo struct {
	heard chan struct{}
	first string // the call that was there before it, in the other direction
}

// Heard takes what an instance of the cloud, perhaps this one, says of the call of an app.
func (b *Broker) Heard(org string, a fabric.Attempt) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now, there, back := b.cfg.Now(), pair{org, a.From, a.To}, pair{org, a.To, a.From}
	if had, ok := b.underway.get(back, now); ok && had.call == a.Over {
		b.forget(org, had.call)
	}
	other, crosses := b.underway.get(back, now)
	mine := b.echoes[a.Call]
	switch {
	case a.Ended:
		b.forget(org, a.Call)
	case a.Anchor != "":
		b.remember(there, attempt{a.Call, a.Anchor, true})
		for device, d := range a.Rings {
			b.rung.put(ring{org, a.Call, device}, d, now)
		}
	case !crosses:
		b.remember(there, attempt{call: a.Call, app: true})
	case mine != nil:
		mine.first = other.call
	}
	if mine != nil {
		delete(b.echoes, a.Call)
		close(mine.heard)
	}
	close(b.news)
	b.news = make(chan struct{})
}

// remember notes that a pair has a call. b.mu is held.
func (b *Broker) remember(p pair, a attempt) {
	b.underway.put(p, a, b.cfg.Now())
	b.pairs.put(callID{p.org, a.call}, p, b.cfg.Now())
}

// forget forgets a call of a pair. b.mu is held.
func (b *Broker) forget(org, call string) {
	now, id := b.cfg.Now(), callID{org, call}
	p, ok := b.pairs.get(id, now)
	if !ok {
		return
	}
	b.pairs.remove(id)
	if a, ok := b.underway.get(p, now); ok && a.call == call {
		b.underway.remove(p)
	}
}

// begins tells all instances of the call of an app, and returns the call that the callee has under way to the caller, if that was
// first.
func (b *Broker) begins(ctx context.Context, org, call string, r directory.Route, p proof.Admit) (first string) {
	if r.From.User == r.To.User || r.To.User == "" {
		return ""
	}
	a, mine := fabric.Attempt{Call: call, From: r.From.User, To: r.To.User, Over: p.Over}, &echo{heard: make(chan struct{})}
	b.mu.Lock()
	b.echoes[call] = mine
	b.mu.Unlock()
	err := b.cfg.Announce(org, a)
	late := time.NewTimer(echoWithin)
	defer late.Stop()
	if err == nil {
		select {
		case <-mine.heard:
			return mine.first
		case <-late.C:
			err = errs.New(errs.CloudAway, "the fabric did not bring it back in %v", echoWithin)
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	b.cfg.Logger.Warn("other cloud instances may not know of the call of an app", "call", call, "error", err)
	b.Heard(org, a)
	<-mine.heard
	return mine.first
}

// join is the answer to a caller whom the callee called first: the caller's leg of that call. There is none if that call does not ring
// the caller's device, or came to nothing.
func (b *Broker) join(ctx context.Context, org, first string, p proof.Admit, r directory.Route) (fabric.Admitted, bool) {
	late := time.NewTimer(planWithin)
	defer late.Stop()
	for {
		b.mu.Lock()
		now, news := b.cfg.Now(), b.news
		d, rings := b.rung.get(ring{org, first, p.Device}, now)
		a, on := b.underway.get(pair{org, r.To.User, r.From.User}, now)
		b.mu.Unlock()
		switch {
		case !on || a.call != first || a.anchor != "" && !rings:
			return fabric.Admitted{}, false
		case a.anchor != "": // before that it may come to nothing
			return fabric.Admitted{From: r.From, To: r.To, Crossing: first, Designation: &d}, true
		}
		select {
		case <-news:
		case <-late.C:
			return fabric.Admitted{}, false
		case <-ctx.Done():
			return fabric.Admitted{}, false
		}
	}
}

// tellRings tells all instances how the apps that the call of an app rings come to it.
func (b *Broker) tellRings(plan designation.Plan, anchor string) {
	a := fabric.Attempt{Call: plan.Call, From: plan.From.User, To: plan.To.User, Anchor: anchor, Rings: map[string]designation.Designation{}}
	b.mu.Lock()
	for _, v := range plan.Branches {
		if d, ok := b.rung.get(ring{plan.Organization, plan.Call, v.Device}, b.cfg.Now()); ok {
			a.Rings[v.Device] = d
		}
	}
	b.mu.Unlock()
	b.tell(plan.Organization, a)
}

// tell tells all instances of a call; one that they do not hear of is between switches only.
func (b *Broker) tell(org string, a fabric.Attempt) {
	if err := b.cfg.Announce(org, a); err != nil {
		b.cfg.Logger.Warn("other cloud instances may not know of the call of an app", "call", a.Call, "error", err)
		b.Heard(org, a)
	}
}

// Settled says that a call was answered or is over: calling back is no longer a crossing.
func (b *Broker) Settled(org, call string) {
	b.mu.Lock()
	p, ok := b.pairs.get(callID{org, call}, b.cfg.Now())
	a, _ := b.underway.get(p, b.cfg.Now())
	b.forget(org, call)
	b.mu.Unlock()
	if ok && a.app && a.call == call {
		b.tell(org, fabric.Attempt{Call: call, From: p.from, To: p.to, Ended: true})
	}
}

// cross remembers that the caller at a switch calls the callee, and returns the call that the callee has under way to the caller, if
// it is anchored there (glare): the switch makes the two calls one, as soon as that call has come.
func (b *Broker) cross(org, sw string, a attempt, r directory.Route) (crossing string) {
	if r.From.User == "" || r.To.User == "" { // somebody outside
		return ""
	}
	there, back := pair{org, r.From.User, r.To.User}, pair{org, r.To.User, r.From.User}
	b.mu.Lock()
	defer b.mu.Unlock()
	if other, ok := b.underway.get(back, b.cfg.Now()); ok && there != back && other.call != a.call && other.anchor == sw {
		crossing = other.call
	}
	b.remember(there, a)
	return crossing
}
