package api

import (
	"context"
	"errors"

	"strowger/cloud/internal/store"
	"strowger/pkg/errs"
	"strowger/pkg/rest"
)

// checkFallbacks refuses new fall-backs to a number that nobody has, or that leads back to whose policy it is, a user or a queue. Numbers
// come and go: a fall-back that was good stays, and is none when a call would go there.
func (a *API) checkFallbacks(ctx context.Context, was, now *rest.Policy, of callee) error {
	for _, f := range []struct{ was, to string }{
		{was.FallbackNoAnswer, now.FallbackNoAnswer}, {was.FallbackBusy, now.FallbackBusy},
		{was.FallbackDND, now.FallbackDND}, {was.FallbackUnreachable, now.FallbackUnreachable},
		{was.FallbackQueueFull, now.FallbackQueueFull}, {was.FallbackQueueTime, now.FallbackQueueTime},
	} {
		if f.to == "" || f.to == f.was {
			continue
		}
		if err := a.checkFallback(ctx, of, f.to); err != nil {
			return err
		}
	}
	return nil
}

// callee is a user or a queue that sends calls elsewhere.
type callee struct {
	id, name string
	user     *rest.User // nil for a queue
}

func userOf(v *rest.User) callee { return callee{v.ID, v.Name, v} }

// errNobody is of a number to which calls cannot go.
var errNobody = errors.New("nobody has the number")

// checkFallback looks at a number as a fall-back of somebody.
func (a *API) checkFallback(ctx context.Context, of callee, to string) error {
	org, err := a.organization(ctx)
	if err != nil {
		return err
	}
	found := false
	for _, field := range []string{"dial", "digits"} { // what all dial, or those of a site
		numbers, _, err := a.store.Numbers.List(ctx, org, store.Query{Filter: map[string]string{field: to}, Limit: store.MaxLimit})
		if err != nil {
			return err
		}
		for _, n := range numbers {
			if found = true; of.id != "" && (n.User == of.id || n.Queue == of.id) {
				return errs.New(errs.Invalid, "%s is a number of %s: calls would come back; name another", to, of.name)
			}
		}
	}
	if found {
		return nil
	}
	return a.checkOutside(ctx, org, of, to)
}
