// Package routing finds out what to ring. For a phone of this switch it asks the cloud, or the site copy when the cloud
// is gone; for a caller that comes in over a link it finds the plan that belongs to the session key. A plan becomes the
// branches of a call: the registered contacts of desk phones, or the link to the switch that anchors the call.
package routing

import (
	"context"
	"log/slog"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/ident"
	"strowger/pkg/sessionkey"
	"strowger/switchnode/internal/call"
)

// Directory is the cloud, as a switch may ask it.
type Directory interface {
	Admit(context.Context, fabric.Admit) (fabric.Admitted, error)
	Plan(ctx context.Context, key string) (designation.Plan, error)
}

// Copy is the site copy: what the switch knows when the cloud is gone. Its errors are those of admission.
type Copy interface {
	// Admit resolves what a phone of this switch dialled: exactly one of the plan (a callee homed here) and the
	// designation (a switch of another site, or another switch of this one), as the cloud would.
	Admit(q fabric.Admit) (fabric.Admitted, error)
	// Plan is the plan of a call that comes in with a session key that a switch signed.
	Plan(sessionkey.Claims) (designation.Plan, error)
}

// Config is what a router works with.
type Config struct {
	Node      string // own id
	Directory Directory
	Copy      Copy
	Phones    func(designation.Branch) []call.Target // the registered contacts of a desk phone
	Link      func(Way) call.Target
	Now       func() time.Time // cloud-corrected
	Logger    *slog.Logger
}

// Way leads to the anchor of a call.
type Way struct {
	designation.Designation
	Again func(context.Context) (designation.Designation, error)
}

// Router finds out what to ring. It is safe for concurrent use.
type Router struct {
	cfg    Config
	offers offers
}

// New returns a router.
func New(cfg Config) *Router { return &Router{cfg: cfg} }

// Offered keeps the plan of a call that is on its way to this switch.
func (r *Router) Offered(p designation.Plan) { r.offers.add(p, r.cfg.Now()) }

// FromPhone is the admission of a call that a phone of this switch makes.
func (r *Router) FromPhone(q fabric.Admit) call.Admission {
	return func(ctx context.Context) call.Event {
		a, offline, err := r.admit(ctx, q)
		switch {
		case err != nil:
			return call.Refusal{Cause: call.CauseOfError(err)}
		case a.Crossing != "":
			return call.Refusal{Cause: call.CauseOf(errs.Crossing, "")}
		case a.Plan != nil:
			return r.planned(*a.Plan, offline)
		case a.Designation != nil:
			return r.away(q, a, offline)
		}
		return call.Refusal{Cause: call.CauseOf(errs.Internal, "The directory gave neither a plan nor an address")}
	}
}

// admit asks the cloud and, when it cannot be asked, the site copy.
func (r *Router) admit(ctx context.Context, q fabric.Admit) (a fabric.Admitted, offline bool, err error) {
	a, err = r.cfg.Directory.Admit(ctx, q)
	if errs.CodeOf(err) != errs.CloudAway {
		return a, false, err
	}
	r.cfg.Logger.Warn("the cloud is away, the site copy decides", "call", q.Call, "error", err)
	a, err = r.cfg.Copy.Admit(q)
	return a, true, err
}

// away leads the call to its anchor.
func (r *Router) away(q fabric.Admit, a fabric.Admitted, offline bool) call.Event {
	again := func(ctx context.Context) (designation.Designation, error) {
		q.ID = ident.New(ident.Request) // a new question, not a repetition of the old one
		a, _, err := r.admit(ctx, q)
		switch {
		case err != nil:
			return designation.Designation{}, err
		case a.Designation == nil:
			return designation.Designation{}, errs.New(errs.Gone, "the callee moved to this switch in the meantime")
		}
		return *a.Designation, nil
	}
	return call.Planned{
		From: a.From, To: a.To, Anchor: a.Designation.Node.ID, Offline: offline, Ring: patience,
		Branches: []call.Branch{{Leg: a.Designation.Leg, Target: r.cfg.Link(Way{*a.Designation, again})}},
	}
}

// patience is how long a caller's switch waits for the anchor to end the attempt, which it does when the ring lifetime
// (at most 5 minutes) is over.
const patience = 330 * time.Second

// FromLink is the admission of a call that another switch brings here with a verified key.
func (r *Router) FromLink(c sessionkey.Claims, key string) call.Admission {
	return func(ctx context.Context) call.Event {
		p, ok := r.offers.take(c.Call, r.cfg.Now())
		offline := c.Issuer != c.Org
		var err error
		if !ok && !offline {
			p, err = r.cfg.Directory.Plan(ctx, key)
		}
		if !ok && (offline || errs.CodeOf(err) == errs.CloudAway) {
			p, err = r.cfg.Copy.Plan(c)
		}
		if err != nil {
			return call.Refusal{Cause: call.CauseOfError(err)}
		}
		return r.planned(p, offline)
	}
}

// planned turns a plan into branches.
func (r *Router) planned(p designation.Plan, offline bool) call.Event {
	planned := call.Planned{From: p.From, To: p.To, Anchor: r.cfg.Node, Offline: offline, Ring: p.Ring}
	for _, b := range p.Branches {
		if b.Kind != designation.DeskPhone {
			continue // apps are woken, not dialled
		}
		for _, t := range r.cfg.Phones(b) {
			planned.Branches = append(planned.Branches, call.Branch{
				Leg: ident.New(ident.Leg), Device: b.Device, Delay: b.Delay, Target: t,
			})
		}
	}
	return planned
}
