package routing

import (
	"sync"
	"time"

	"strowger/pkg/designation"
)

// maxOffers bounds the plans that wait for their INVITE. A plan that finds no room is asked for when the INVITE comes.
const maxOffers = 4096

// offers is the plans that came before their INVITE, until they expire.
type offers struct {
	mu    sync.Mutex
	plans map[named]designation.Plan
	sweep time.Time
}

// named is what an offer is found by: the call, and the nonce that was promised to an app that calls.
type named struct{ call, nonce string }

// add keeps a plan, and says whether there was room.
func (o *offers) add(p designation.Plan, nonce string, now time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.forget(now)
	if o.plans == nil {
		o.plans = map[named]designation.Plan{}
	}
	if len(o.plans) >= maxOffers || !now.Before(p.Expiry) {
		return false
	}
	o.plans[named{p.Call, nonce}] = p
	return true
}

func (o *offers) take(call, nonce string, now time.Time) (designation.Plan, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	p, ok := o.plans[named{call, nonce}]
	delete(o.plans, named{call, nonce})
	return p, ok && now.Before(p.Expiry)
}

// has says whether the plan of a call waits here.
func (o *offers) has(call string, now time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for k, p := range o.plans {
		if k.call == call {
			return now.Before(p.Expiry)
		}
	}
	return false
}

// forget drops what expired, at most once a second.
func (o *offers) forget(now time.Time) {
	if now.Before(o.sweep) {
		return
	}
	o.sweep = now.Add(time.Second)
	for id, p := range o.plans {
		if now.After(p.Expiry) {
			delete(o.plans, id)
		}
	}
}
