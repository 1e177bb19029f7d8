package cloud

import (
	"cmp"
	"context"
	"slices"
	"time"

	"strowger/pkg/fabric"
	"strowger/pkg/rest"
)

// queues asks switches who waits.
type queues struct{ c *instance }

// Waiting asks all switches that are there.
func (q queues) Waiting(ctx context.Context, org string) (rest.Queues, error) {
	all := rest.Queues{Items: []rest.QueuedCall{}}
	err := eachSwitch(ctx, q.c, org, q.order(org, fabric.QueueOrder{}), func(sw rest.Switch, r fabric.Queued, err error) {
		if err != nil {
			all.Away = append(all.Away, sw.Name)
			return
		}
		all.More += r.More
		for _, w := range r.Waiting {
			all.Items = append(all.Items, queuedCall(sw, w))
		}
	})
	slices.Sort(all.Away)
	slices.SortStableFunc(all.Items, func(a, b rest.QueuedCall) int {
		return cmp.Or(cmp.Compare(a.SwitchName, b.SwitchName), cmp.Compare(a.To.User, b.To.User), a.Position-b.Position)
	})
	return all, err
}

// Reorder tells all switches: one has the call.
func (q queues) Reorder(ctx context.Context, org, call string, position int) (found bool, err error) {
	err = eachSwitch(ctx, q.c, org, q.order(org, fabric.QueueOrder{Call: call, Position: position}), func(_ rest.Switch, r fabric.Queued, err error) {
		found = found || err == nil && r.Found
	})
	return found, err
}

func (q queues) order(org string, order fabric.QueueOrder) func(context.Context, rest.Switch) (fabric.Queued, error) {
	return func(ctx context.Context, sw rest.Switch) (fabric.Queued, error) {
		return fabric.Request[fabric.QueueOrder, fabric.Queued](ctx, q.c.exchange.Client(), fabric.SubjectQueue(org, sw.ID), order)
	}
}

func queuedCall(sw rest.Switch, w fabric.QueuedCall) rest.QueuedCall {
	c := rest.QueuedCall{
		Call: w.Call, Switch: sw.ID, SwitchName: sw.Name, From: w.From, To: w.To, Position: w.Position,
		Priority: w.Priority, Emergency: w.Emergency, Since: w.Since.UTC(), Until: w.Until.UTC(), Away: w.Away,
	}
	if w.Known {
		seconds := int(w.Wait / time.Second)
		c.WaitSeconds = &seconds
	}
	return c
}
