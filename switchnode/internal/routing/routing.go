// Package routing finds out what to ring. For a phone of this switch it asks the cloud, or the site copy when the cloud
// is gone; for a caller that comes in over a link it finds the plan that belongs to the session key. A plan becomes the
// branches of a call: the registered contacts of desk phones, or the link to the switch that anchors the call.
package routing

import (
	"context"
	"log/slog"
	"slices"
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
	// Plan is that of a call by the session key that it showed here; waited: it has been in a queue since.
	Plan(ctx context.Context, key string, waited bool) (designation.Plan, error)
}

// Copy is the site copy: what the switch knows when the cloud is gone. Its errors are those of admission.
type Copy interface {
	Admit(q fabric.Admit) (Local, error)
	// Plan is the plan of a call that comes in with a verified key.
	Plan(sessionkey.Claims) (designation.Plan, error)
}

// Local is what the site copy says of a call: exactly one of the plan (the callee lives here) and the way to another
// switch.
type Local struct {
	From, To designation.Party
	Plan     *designation.Plan
	Way      *Way
	Others   []Way // of an emergency call: for when that cannot take it, and then each for the one before it
}

// Way leads to the anchor of a call.
type Way struct {
	designation.Designation
	// Again asks once more, when the anchor is no longer the one that the cloud knows: the key is then for the run of it that
	// was met, if one was. It is nil without the cloud.
	Again func(ctx context.Context, met fabric.Run) (designation.Designation, error)
	// Sign makes the key for the run of the anchor that the link finds; nil if the cloud made it.
	Sign func(boot string) (string, error)
}

// Config is what a router works with.
type Config struct {
	Node      string // own id
	Directory Directory
	Copy      Copy
	Lines     func(designation.Branch, designation.Plan) call.Target   // to a phone number
	Services  func(designation.Branch, designation.Plan) call.Target   // what the switch answers itself, nil if it does not know it
	Phones    func(designation.Branch, designation.Plan) []call.Target // the registered contacts of a desk phone
	Link      func(Way) call.Target
	Apps      func(designation.Branch, designation.Plan) call.Target // a device that sleeps, of this plan
	Queue     func(designation.Plan) call.Queue                      // where the call of a plan with a queue waits
	Barred    func(designation.Plan) bool                            // says that the caller of a plan with a queue cannot be called back
	Now       func() time.Time                                       // cloud-corrected
	Logger    *slog.Logger
}

// Router finds out what to ring. It is safe for concurrent use.
type Router struct {
	cfg    Config
	offers offers
}

// New returns a router.
func New(cfg Config) *Router { return &Router{cfg: cfg} }

// Offered keeps the plan of a call that is on its way to this switch.
func (r *Router) Offered(p designation.Plan) { r.offers.add(p, "", r.cfg.Now()) }

// Expected says whether a call is on its way to this switch.
func (r *Router) Expected(call string) bool { return r.offers.has(call, r.cfg.Now()) }

// FromPhone is the admission of a call that a phone of this switch makes: the cloud decides and, when it cannot be asked,
// the site copy.
func (r *Router) FromPhone(q fabric.Admit) call.Admission {
	return func(ctx context.Context) call.Event {
		a, err := r.cfg.Directory.Admit(ctx, q)
		switch {
		case errs.CodeOf(err) == errs.CloudAway && q.Proof == "": // the site copy knows no app
			r.cfg.Logger.Warn("the cloud is away, the site copy decides", "call", q.Call, "error", err)
			return r.byCopy(q)
		case err != nil:
			return call.Refusal{Cause: call.CauseOfError(err), To: a.To}
		case a.Plan != nil:
			return crossed(r.planned(*a.Plan, false, r.anew(q)), a.Crossing)
		case a.Designation != nil:
			return crossed(r.away(a.From, a.To, Way{Designation: *a.Designation, Again: r.again(q)}, false), a.Crossing)
		}
		return call.Refusal{Cause: call.CauseOf(errs.Internal, "The directory gave neither a plan nor an address")}
	}
}

// crossed notes the call that the callee has under way to the caller.
func crossed(ev call.Event, by string) call.Event {
	if p, ok := ev.(call.Planned); ok {
		p.Crossing = by
		return p
	}
	return ev
}

func (r *Router) byCopy(q fabric.Admit) call.Event {
	l, err := r.cfg.Copy.Admit(q)
	switch {
	case err != nil:
		return call.Refusal{Cause: call.CauseOfError(err), To: l.To}
	case l.Plan != nil:
		return r.kept(r.planned(*l.Plan, true, nil), l)
	}
	return r.kept(r.away(l.From, l.To, *l.Way, true), l)
}

// again asks the cloud once more for the same call.
func (r *Router) again(q fabric.Admit) func(context.Context, fabric.Run) (designation.Designation, error) {
	return func(ctx context.Context, met fabric.Run) (designation.Designation, error) {
		q.ID, q.Met = ident.New(ident.Request), met // a new question, not a repetition of the old one
		a, err := r.cfg.Directory.Admit(ctx, q)
		switch {
		case err != nil:
			return designation.Designation{}, err
		case a.Designation == nil:
			return designation.Designation{}, errs.New(errs.Gone, "the callee moved to this switch in the meantime")
		}
		return *a.Designation, nil
	}
}

// away leads the call to its anchor.
func (r *Router) away(from, to designation.Party, w Way, offline bool) call.Event {
	return call.Planned{
		From: from, To: to, Anchor: w.Node.ID, Offline: offline, Ring: patience,
		Branches: []call.Branch{{Leg: w.Leg, Target: r.cfg.Link(w)}},
	}
}

// patience is how long a caller's switch waits for the anchor to end the attempt, which it does when the ring lifetime
// (at most 5 minutes) is over.
const patience = 330 * time.Second

// Ask leads a call to switches, one of which is to do what was dialled: each in turn, until one does.
func (r *Router) Ask(from, to designation.Party, ways []Way) call.Event {
	p := call.Planned{From: from, To: to, Anchor: ways[0].Node.ID, Ring: askPatience * time.Duration(len(ways))}
	for i, w := range ways {
		p.Branches = append(p.Branches, call.Branch{Leg: w.Leg, Delay: askPatience * time.Duration(i), Target: r.cfg.Link(w)})
	}
	return p
}

// askPatience is how long a switch may take to say whether it does what it is asked for: so long that two are never asked at once, unless
// one stands still.
const askPatience = 20 * time.Second

// FromLink is the admission of a call that another switch brings here with a verified key. Who has the cloud asks it,
// even about a key that the other switch signed itself.
func (r *Router) FromLink(c sessionkey.Claims, key string) call.Admission {
	return func(ctx context.Context) call.Event {
		if c.Diversion.Anchor == "" {
			p, ok := r.offers.take(c.Call, "", r.cfg.Now())
			if ok && p.From == c.From && p.To == c.To { // else the key is another's, who knows the id of the call
				return r.planned(p, false, r.waited(key))
			}
		}
		p, err := r.cfg.Directory.Plan(ctx, key, false)
		offline := errs.CodeOf(err) == errs.CloudAway
		if offline {
			p, err = r.cfg.Copy.Plan(c)
		}
		if err != nil {
			return call.Refusal{Cause: call.CauseOfError(err)}
		}
		ev := r.planned(p, offline, r.waited(key))
		if planned, ok := ev.(call.Planned); ok && c.Diversion.Anchor != "" {
			planned.Anchor = c.Diversion.Anchor // a fall-back's switch rings for who owns the call
			if c.Diversion.For != nil {
				planned.From = *c.Diversion.For
			}
			return planned
		}
		return ev
	}
}

// planned turns a plan into branches.
func (r *Router) planned(p designation.Plan, offline bool, anew renewal) call.Event {
	branches, self := r.branches(p)
	if self && len(branches) == 0 {
		return call.Refusal{Cause: call.CauseOf(errs.Busy, "You are calling yourself")}
	}
	ev := call.Planned{
		From: p.From, To: p.To, Anchor: r.cfg.Node, Offline: offline, Ring: p.Ring, Branches: branches,
		Diverted: p.Diverted, Fallback: r.fallbacks(p, p.Fallback),
	}
	if p.Queue != nil && len(branches) > 0 {
		ev.Queue, ev.Language, ev.Apps = r.cfg.Queue(p), p.Queue.Language, onlyApps(p)
		ev.Barred, ev.Renew = r.cfg.Barred(p), r.renewed(p, anew)
	}
	if p.Emergency {
		return atOnce(ev)
	}
	return ev
}

// onlyApps says that a callee has nothing but apps.
func onlyApps(p designation.Plan) bool {
	return !slices.ContainsFunc(p.Branches, func(b designation.Branch) bool { return b.App == nil })
}

// branches is what there is to ring of a plan now; self says that the calling phone would be.
func (r *Router) branches(p designation.Plan) (all []call.Branch, self bool) {
	for _, b := range p.Branches {
		switch {
		case b.Kind == designation.Trunk:
			all = append(all, call.Branch{Leg: ident.New(ident.Leg), Target: r.cfg.Lines(b, p)})
		case b.Kind == designation.Service:
			all = append(all, r.service(b, p)...)
		case b.Delay < 0: // never
		case b.Device == p.From.Device:
			self = true // a phone that rang itself would be busy
		case b.App != nil:
			all = append(all, call.Branch{Leg: b.App.Leg, Device: b.Device, User: b.User, Name: b.Name, Delay: b.Delay, Lead: lead, Target: r.cfg.Apps(b, p)})
		case b.Kind == designation.DeskPhone:
			for _, t := range r.cfg.Phones(b, p) {
				all = append(all, call.Branch{Leg: ident.New(ident.Leg), Device: b.Device, User: b.User, Name: b.Name, Delay: b.Delay, Target: t})
			}
		}
	}
	return all, self
}

// Phone is what there is to ring of a desk phone of this switch.
func (r *Router) Phone(p designation.Party) []call.Branch {
	if p.Device == "" {
		return nil
	}
	b := designation.Branch{Device: p.Device, User: p.User, Name: p.Name, Kind: designation.DeskPhone, Number: p.Number}
	var all []call.Branch
	for _, t := range r.cfg.Phones(b, designation.Plan{}) {
		all = append(all, call.Branch{Leg: ident.New(ident.Leg), Device: b.Device, User: b.User, Name: b.Name, Target: t})
	}
	return all
}

// service is a branch that the switch answers itself, where it knows how.
func (r *Router) service(b designation.Branch, p designation.Plan) []call.Branch {
	if r.cfg.Services == nil {
		return nil
	}
	t := r.cfg.Services(b, p)
	if t == nil {
		return nil
	}
	return []call.Branch{{Leg: ident.New(ident.Leg), User: b.User, Name: b.Name, Delay: b.Delay, Target: t}}
}

// lead is how long a push takes as a rule. A device may ring as soon as it has one (PushKit demands it), so a later one is woken
// that much before its turn.
const lead = time.Second

// fallbacks is where the call of a plan may go on.
func (r *Router) fallbacks(p designation.Plan, all []designation.Fallback) []call.Fallback {
	var to []call.Fallback
	for _, f := range all {
		p := p
		p.To, p.Ring, p.Branches, p.Node = f.To, f.Ring, f.Branches, f.Node
		next := call.Fallback{On: f.On, To: f.To, Diverted: f.Diverted, Ring: f.Ring, Next: r.fallbacks(p, f.Next)}
		if f.Way != nil {
			next.Ring = patience // whoever lives there ends the attempt
			next.Branches = func() []call.Branch {
				return []call.Branch{{Leg: f.Way.Leg, Target: r.cfg.Link(Way{Designation: *f.Way})}}
			}
		} else {
			next.Branches = func() []call.Branch {
				branches, _ := r.branches(p)
				return branches
			}
		}
		to = append(to, next)
	}
	return to
}
