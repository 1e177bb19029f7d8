package routing

import (
	"context"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/switchnode/internal/call"
)

// Recall is the admission of a call back to who waited at this switch, and whose turn it is.
func (r *Router) Recall(q fabric.Admit) call.Admission {
	return func(ctx context.Context) call.Event {
		a, err := r.cfg.Directory.Admit(ctx, q)
		renew, offline := r.anew(q), errs.CodeOf(err) == errs.CloudAway
		if offline {
			renew = nil
			a, err = r.recallAlone(q, err)
		}
		if err == nil && (a.Plan == nil || a.Back == nil) {
			err = errs.New(errs.Upgrade, "the cloud does not know how to call back yet: upgrade it")
		}
		if err != nil {
			return call.Refusal{Cause: call.CauseOfError(err), To: a.To}
		}
		branches := r.back(*a.Plan, *a.Back)
		if len(branches) == 0 {
			return call.Refusal{Cause: call.CauseOf(errs.Offline, "The phone of the caller is not registered"), To: a.To}
		}
		p := *a.Plan
		ev := call.Recalled{
			Planned: call.Planned{
				From: p.From, To: p.To, Anchor: r.cfg.Node, Offline: offline, Ring: p.Ring, Fallback: r.fallbacks(p, p.Fallback),
				Renew: r.renewed(p, renew),
			},
			Shown: designation.Returned(p.To), Branch: branches[0], Within: a.Back.Ring,
		}
		if p.Queue != nil {
			ev.Language = p.Queue.Language
		}
		return ev
	}
}

// back is the phone of a caller, to be rung. Of the contacts of one it is the best.
func (r *Router) back(p designation.Plan, f designation.Fallback) []call.Branch {
	if f.Way != nil {
		return []call.Branch{{Leg: f.Way.Leg, Device: p.From.Device, Target: r.cfg.Link(Way{Designation: *f.Way})}}
	}
	p.From, p.To, p.Branches, p.Node = designation.Returned(p.To), f.To, f.Branches, f.Node
	p.From.Device = ""
	branches, _ := r.branches(p)
	return branches
}

// recallAlone is the answer of the site copy, which knows the way to desk phones of this switch: why, for all others.
func (r *Router) recallAlone(q fabric.Admit, why error) (fabric.Admitted, error) {
	to := *q.Back
	q.Device, q.Back = to.Device, nil
	l, err := r.cfg.Copy.Admit(q)
	if err != nil || l.Plan == nil {
		return fabric.Admitted{}, why
	}
	phone := designation.Branch{Device: to.Device, User: to.User, Kind: designation.DeskPhone, Number: to.Number}
	return fabric.Admitted{Plan: l.Plan, Back: &designation.Fallback{To: to, Ring: l.Plan.Ring, Branches: []designation.Branch{phone}}}, nil
}
