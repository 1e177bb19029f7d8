package broker

import (
	"context"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/ident"
)

const (
	dialTime  = 10 * time.Second // that a node which is told to dial may take
	reachLife = time.Second      // in which the same request again changes nothing
	maxReach  = 1 << 12
)

// reach is switch x that asked for switch y.
type reach struct{ org, x, y string }

// Reach has a node dial switch x, which does not reach it (2-call-flows, "Reaching a node"). It is told where x is by x's
// lease, never by x's words, and at most once a second.
func (b *Broker) Reach(_ context.Context, org, x string, q fabric.Reach) (fabric.Reply, error) {
	s, err := b.cfg.Snapshot(org)
	if err != nil {
		return fabric.Reply{}, err
	}
	if q.Node == x {
		return fabric.Reply{}, errs.New(errs.Invalid, "node: a switch that asks for itself")
	}
	if _, err := b.live(s, q.Node); err != nil {
		return fabric.Reply{}, err
	}
	from, err := b.live(s, x)
	if err != nil {
		return fabric.Reply{}, err
	}
	key, now := reach{org, x, q.Node}, b.cfg.Now()
	b.mu.Lock()
	_, told := b.reached.get(key, now)
	if !told {
		b.reached.put(key, struct{}{}, now)
	}
	b.mu.Unlock()
	if !told {
		b.cfg.Control(org, q.Node, fabric.Control{
			Header: fabric.Header{Capability: fabric.Capability, ID: ident.New(ident.Request), Deadline: now.Add(dialTime)},
			Dial:   &from,
		})
	}
	return fabric.Reply{}, nil
}
