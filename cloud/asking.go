package cloud

import (
	"context"
	"sync"
	"time"

	"strowger/cloud/internal/store"
	"strowger/pkg/errs"
	"strowger/pkg/rest"
)

// Switches are asked so many at once, and have this long to answer.
const (
	askedAtOnce = 16
	askTime     = 2 * time.Second
)

// eachSwitch asks the switches of an organization, and tells of each answer, one at a time.
func eachSwitch[R any](ctx context.Context, c *instance, org string, ask func(context.Context, rest.Switch) (R, error), tell func(rest.Switch, R, error)) error {
	switches, err := c.switches(ctx, org)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	var asked sync.WaitGroup
	places := make(chan struct{}, askedAtOnce)
	for _, sw := range switches {
		places <- struct{}{}
		asked.Go(func() {
			defer func() { <-places }()
			r, err := askOne(ctx, sw, ask)
			mu.Lock()
			defer mu.Unlock()
			tell(sw, r, err)
		})
	}
	asked.Wait()
	return nil
}

func askOne[R any](ctx context.Context, sw rest.Switch, ask func(context.Context, rest.Switch) (R, error)) (R, error) {
	if !sw.Live {
		var none R
		return none, errs.New(errs.Unreachable, "switch %s does not report", sw.Name)
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	return ask(ctx, sw)
}

// switches is those of an organization that are enrolled.
func (c *instance) switches(ctx context.Context, org string) (all []rest.Switch, err error) {
	query := store.Query{Limit: store.MaxLimit}
	for {
		page, next, err := c.store.Switches.List(ctx, org, query)
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
