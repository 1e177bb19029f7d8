package routing

import (
	"context"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/sessionkey"
	"strowger/switchnode/internal/call"
)

// Promised keeps the plan of a call that this switch promises to take from the app that shows a nonce.
func (r *Router) Promised(p designation.Plan, nonce string) error {
	if !r.offers.add(p, nonce, r.cfg.Now()) {
		return errs.New(errs.Congested, "this switch has %d calls that nobody has come to yet", maxOffers)
	}
	return nil
}

// FromApp is the admission of the call that an app brings here, with a verified key that has the nonce of a promise. Each promise
// is kept once.
func (r *Router) FromApp(c sessionkey.Claims, key string) (call.Admission, error) {
	p, ok := r.offers.take(c.Call, c.Slot, r.cfg.Now())
	if !ok || p.From != c.From || p.To != c.To {
		return nil, errs.New(errs.Gone, "this switch has not promised to take the call, or not for so long; dial again")
	}
	return func(context.Context) call.Event { return r.planned(p, false, r.waited(key)) }, nil
}
