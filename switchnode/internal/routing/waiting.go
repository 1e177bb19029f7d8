package routing

import (
	"context"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/ident"
	"strowger/switchnode/internal/call"
)

// renewal makes the plan of a call anew that has waited for its callee.
type renewal func(context.Context) (designation.Plan, error)

// anew asks the cloud once more for the call of a phone of this switch.
func (r *Router) anew(q fabric.Admit) renewal {
	return func(ctx context.Context) (designation.Plan, error) {
		q.ID = ident.New(ident.Request) // a new question, not a repetition of the old one
		a, err := r.cfg.Directory.Admit(ctx, q)
		switch {
		case err != nil:
			return designation.Plan{}, err
		case a.Plan == nil:
			return designation.Plan{}, errs.New(errs.Gone, "the callee moved to another switch in the meantime")
		}
		return *a.Plan, nil
	}
}

// waited asks the cloud for the plan of a call by the key that it showed.
func (r *Router) waited(key string) renewal {
	return func(ctx context.Context) (designation.Plan, error) { return r.cfg.Directory.Plan(ctx, key, true) }
}

// renewed is what there is to ring when the turn of a call comes. The phones are those that are registered then. Keys and tickets
// of apps live for the ring that the plan was made for: a plan that is older is made anew, as far as the cloud is there.
func (r *Router) renewed(p designation.Plan, anew renewal) call.Renewal {
	return func(ctx context.Context, of []string) []call.Branch {
		if anew != nil && r.cfg.Now().After(p.Expiry.Add(-p.Ring)) {
			fresh, err := anew(ctx)
			if err != nil {
				r.cfg.Logger.Warn("the plan of a call that waited is old: apps may not come", "call", p.Call, "error", err)
			} else {
				p = fresh
			}
		}
		branches, _ := r.branches(p)
		if of == nil || p.Queue == nil {
			return branches
		}
		return hunted(branches, *p.Queue, of)
	}
}

// hunted is the branches of some users, in the order in which these ring.
func hunted(all []call.Branch, q designation.Queue, of []string) []call.Branch {
	var some []call.Branch
	for i, user := range of {
		for _, b := range all {
			if b.User != user {
				continue
			}
			if q.Ring != designation.HuntAll {
				b.Delay += time.Duration(i) * q.Step
			}
			some = append(some, b)
		}
	}
	return some
}
