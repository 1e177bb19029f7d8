package cloud

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"strowger/cloud/internal/store"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/rest"
)

// queues asks switches who waits.
type queues struct{ c *instance }

// Switches are asked so many at once, and have this long to answer.
const (
	queueAsked = 16
	queueTime  = 2 * time.Second
)

// Waiting asks all switches that are there.
func (q queues) Waiting(ctx context.Context, org string) (rest.Queues, error) {
	all := rest.Queues{Items: []rest.QueuedCall{}}
	err := q.each(ctx, org, fabric.QueueOrder{}, func(sw rest.Switch, r fabric.Queued, err error) {
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
	err = q.each(ctx, org, fabric.QueueOrder{Call: call, Position: position}, func(_ rest.Switch, r fabric.Queued, err error) {
		found = found || err == nil && r.Found
	})
	return found, err
}

// each asks the switches of an organization, and tells of each answer, one at a time.
func (q queues) each(ctx context.Context, org string, order fabric.QueueOrder, tell func(rest.Switch, fabric.Queued, error)) error {
	switches, err := q.switches(ctx, org)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	var asked sync.WaitGroup
	places := make(chan struct{}, queueAsked)
	for _, sw := range switches {
		places <- struct{}{}
		asked.Go(func() {
			defer func() { <-places }()
			r, err := q.ask(ctx, org, sw, order)
			mu.Lock()
			defer mu.Unlock()
			tell(sw, r, err)
		})
	}
	asked.Wait()
	return nil
}

// switches is those of an organization that calls may be at.
func (q queues) switches(ctx context.Context, org string) (all []rest.Switch, err error) {
	query := store.Query{Limit: store.MaxLimit}
	for {
		page, next, err := q.c.store.Switches.List(ctx, org, query)
		if err != nil {
			return nil, err
		}
		for _, sw := range page {
			if sw.State == "enrolled" {
				all = append(all, sw)
			}
		}
		if query.Cursor = next; next == "" {
			return all, nil
		}
	}
}

func (q queues) ask(ctx context.Context, org string, sw rest.Switch, order fabric.QueueOrder) (fabric.Queued, error) {
	if !sw.Live {
		return fabric.Queued{}, errs.New(errs.Unreachable, "switch %s does not report", sw.Name)
	}
	ctx, cancel := context.WithTimeout(ctx, queueTime)
	defer cancel()
	return fabric.Request[fabric.QueueOrder, fabric.Queued](ctx, q.c.exchange.Client(), fabric.SubjectQueue(org, sw.ID), order)
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
