package api

import (
	"context"

	"strowger/cloud/internal/store"
	"strowger/pkg/errs"
	"strowger/pkg/rest"
)

// checkFallbacks refuses new fall-backs to a number that nobody has, or that leads back to the user. Numbers come and go: a
// fall-back that was good stays, and is none when a call would go there.
func (a *API) checkFallbacks(ctx context.Context, old, v *rest.User) error {
	var was rest.User
	if old != nil {
		was = *old
	}
	for _, f := range []struct{ was, to string }{
		{was.FallbackNoAnswer, v.FallbackNoAnswer}, {was.FallbackBusy, v.FallbackBusy},
		{was.FallbackDND, v.FallbackDND}, {was.FallbackUnreachable, v.FallbackUnreachable},
	} {
		if f.to == "" || f.to == f.was {
			continue
		}
		if err := a.checkFallback(ctx, v, f.to); err != nil {
			return err
		}
	}
	return nil
}

// checkFallback looks at a number as a fall-back of a user.
func (a *API) checkFallback(ctx context.Context, u *rest.User, to string) error {
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
			if found = true; n.User == u.ID {
				return errs.New(errs.Invalid, "the fall-back %s is a number of %s: calls would come back; name another", to, u.Name)
			}
		}
	}
	if !found {
		return errs.New(errs.Invalid, "nobody has the number %s: \"strowger number list\" shows what there is", to)
	}
	return nil
}
