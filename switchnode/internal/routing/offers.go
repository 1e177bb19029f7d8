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
	plans map[string]designation.Plan
	sweep time.Time
}

func (o *offers) add(p designation.Plan, now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.forget(now)
	if o.plans == nil {
		o.plans = map[string]designation.Plan{}
	}
	if len(o.plans) < maxOffers && now.Before(p.Expiry) {
		o.plans[p.Call] = p
	}
}

func (o *offers) take(call string, now time.Time) (designation.Plan, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	p, ok := o.plans[call]
	delete(o.plans, call)
	return p, ok && now.Before(p.Expiry)
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
