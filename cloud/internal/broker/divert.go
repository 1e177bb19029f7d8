package broker

import (
	"context"
	"slices"
	"time"

	"strowger/cloud/internal/directory"
	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/sessionkey"
)

// maxSent is how often a call may be sent on: a caller waits for that many rings.
const maxSent = 4

// lead is where a call leads: whom it rings, who anchors it, and how it came there.
type lead struct {
	route    directory.Route
	anchor   designation.Node
	history  []string // numbers that it was sent to before
	diverted []designation.Diversion
}

// past is the history of a call that goes on from here.
func (l lead) past() []string { return append(slices.Clip(l.history), l.route.To.Number) }

// called is who was dialled, wherever the call went from there; nobody if the number is nobody's.
func (l lead) called() designation.Party {
	if len(l.diverted) > 0 {
		return l.diverted[0].From
	}
	return l.route.To
}

// shown has the callee see another caller than the one who was judged, who is returned. A line shows the number of who pays.
func (l *lead) shown(caller designation.Party) (judged *designation.Party) {
	if l.route.Outside {
		return nil
	}
	by := l.route.From
	l.route.From = designation.Party{Number: caller.Number, Name: caller.Name, Site: caller.Site, Trunk: caller.Trunk} // as a switch says: nobody's rights
	return &by
}

// find makes the steps A and B for a switch, or for the app that signed what it shows with a key, and finds the anchor.
func (b *Broker) find(s *directory.Snapshot, sw string, q fabric.Admit, thumbprint string) (lead, error) {
	if x, ok := s.Switch(sw); !ok || !x.Enrolled {
		return lead{}, errs.New(errs.Revoked, "switch %s is not enrolled, or revoked", sw)
	}
	var r directory.Route
	var err error
	switch {
	case q.Trunk != "":
		r, err = s.ResolveTrunk(sw, q.Trunk, q.From, q.Dialled)
	case q.Proof != "":
		r, err = s.Transfer(q.Device, thumbprint, q.Dialled, q.Diversion)
	default:
		r, err = s.Resolve(sw, q.Device, q.Dialled, q.Diversion)
	}
	if err == nil {
		err = b.choose(s, &r)
	}
	return settle(s, lead{route: r, history: q.Diversion}, err, func(r *directory.Route) (designation.Node, error) {
		return b.anchor(s, sw, r, q.Met)
	})
}

// settle finds the anchor of a call that came to l with err. From who cannot be rung the call goes to their fall-back at once; a
// number that nobody has is none, nor is the caller who has no other phone.
func settle(s *directory.Snapshot, l lead, err error, anchor func(*directory.Route) (designation.Node, error)) (lead, error) {
	for {
		if err == nil {
			l.anchor, err = anchor(&l.route)
		}
		if err == nil || l.route.Service() {
			return l, err
		}
		number := s.Onward(l.route, err)
		if number == "" {
			if next, ok := s.Voicemail(l.route, designation.OccasionOf(errs.CodeOf(err))); ok {
				l.diverted = append(slices.Clip(l.diverted), designation.Diversion{From: l.route.To, To: next.To, Code: errs.CodeOf(err), Words: err.Error()})
				l.route, err = next, nil
				continue
			}
		}
		if number == "" || len(l.history) >= maxSent {
			return l, err
		}
		from, past := l.route.To, l.past()
		next, why := s.Divert(l.route, number, past)
		if errs.CodeOf(why) == errs.Unknown || why != nil && next.To.User != "" && next.To.User == l.route.From.User {
			return l, err
		}
		l.diverted = append(slices.Clip(l.diverted), designation.Diversion{From: from, To: next.To, Code: errs.CodeOf(err), Words: err.Error()})
		l.route, l.history, err = next, past, why
	}
}

// fallbacks is where the call of a plan may go from the callee of l, window after now at the latest, and from there. Who cannot
// be rung now is left out.
func (b *Broker) fallbacks(ctx context.Context, s *directory.Snapshot, p designation.Plan, l lead, by offered, window time.Duration) ([]designation.Fallback, error) {
	if l.route.Outside {
		return b.otherLines(ctx, s, p, l, window)
	}
	if len(l.history) >= maxSent || l.route.Service() {
		return nil, nil
	}
	var all []designation.Fallback
	numbers := map[string]int{} // of all, by number
	for _, on := range [...]designation.Occasion{designation.NoAnswer, designation.Busy, designation.Unreachable, designation.QueueFull, designation.QueueTime} {
		number := s.Fallback(l.route.To, on)
		if on.Waited() && l.route.Queue == nil {
			continue
		}
		if number == "" {
			all = toMailbox(s, all, l, on)
			continue
		}
		if i, ok := numbers[number]; ok {
			all[i].On = append(all[i].On, on)
			continue
		}
		next, err := s.Divert(l.route, number, l.past())
		to, err := settle(s, lead{route: next, history: l.past()}, err, func(r *directory.Route) (designation.Node, error) {
			return b.anchor(s, l.anchor.ID, r, fabric.Run{Node: l.anchor.ID, Boot: l.anchor.Boot})
		})
		if err != nil {
			b.cfg.Logger.Info("a fall-back cannot be called", "call", p.Call, "of", l.route.To.Number, "on", on, "to", number, "error", err)
			continue
		}
		f, err := b.fallback(ctx, s, p, l.anchor, to, by, window)
		if err != nil {
			return nil, err
		}
		f.On = []designation.Occasion{on}
		numbers[number] = len(all)
		all = append(all, f)
	}
	return all, nil
}

// toMailbox has a call go to the mailbox of its callee on an occasion, if they have one where the call is anchored.
func toMailbox(s *directory.Snapshot, all []designation.Fallback, l lead, on designation.Occasion) []designation.Fallback {
	r, ok := s.Voicemail(l.route, on)
	if !ok || r.Home != l.anchor.ID {
		return all
	}
	for i := range all {
		if b := all[i].Branches; len(b) == 1 && b[0].Kind == designation.Service {
			all[i].On = append(all[i].On, on)
			return all
		}
	}
	return append(all, designation.Fallback{On: []designation.Occasion{on}, To: r.To, Ring: r.Ring, Branches: r.Phones})
}

// fallback makes what an anchor needs to send a call on to where it leads.
func (b *Broker) fallback(ctx context.Context, s *directory.Snapshot, p designation.Plan, anchor designation.Node, to lead, by offered, window time.Duration) (designation.Fallback, error) {
	f := designation.Fallback{To: to.route.To, Diverted: to.diverted, Ring: to.route.Ring}
	p.To, p.Diversion, p.Branches, p.Node = f.To, to.history, nil, nil
	var err error
	if to.anchor.ID != anchor.ID {
		w := way{from: anchor.ID, to: to.anchor, anchor: anchor.ID, window: window, payer: to.route.Payer}
		if f.Way, err = b.designate(ctx, s, p, w); err != nil || to.route.Payer == nil {
			return f, err
		}
		to.anchor = anchor // which goes on to the next line
		f.Next, err = b.otherLines(ctx, s, p, to, window+f.Ring)
		return f, err
	}
	p.Branches, p.Ring = to.route.Phones, window+f.Ring
	if err := b.addApps(ctx, &p, to.route.Apps, to.anchor, by.print); err != nil {
		return f, err
	}
	f.Branches, f.Node = p.Branches, p.Node
	f.Next, err = b.fallbacks(ctx, s, p, to, by, p.Ring)
	return f, err
}

// way is what leads a switch to another one with a call.
type way struct {
	from   string // id
	to     designation.Node
	anchor string        // id, unless it is the other switch
	window time.Duration // until the key is shown, at the latest
	help   *designation.Help
	by     *designation.Party // who has somebody else call, nil: the caller
	payer  *designation.Party // who forwards the call to a phone number, nil: nobody does
}

// until is the end of the window of a key or ticket that is signed now.
func (b *Broker) until(window time.Duration) time.Time {
	return b.cfg.Now().Add(min(window, sessionkey.MaxLifetime)).Truncate(time.Second)
}

// answering is the apps that may answer a call.
func answering(s *directory.Snapshot, branches []designation.Branch, all []designation.Fallback) (thumbprints []string) {
	for _, v := range branches {
		if v.App != nil {
			thumbprints = append(thumbprints, s.Thumbprint(v.Device))
		}
	}
	for _, f := range all {
		thumbprints = append(thumbprints, answering(s, f.Branches, f.Next)...)
	}
	return thumbprints
}

// ways is the nodes that fall-backs lead to.
func ways(all []designation.Fallback) (nodes []string) {
	for _, f := range all {
		if f.Way != nil {
			nodes = append(nodes, f.Way.Node.ID)
		}
		nodes = append(nodes, ways(f.Next)...)
	}
	return nodes
}
