package broker

import (
	"cmp"
	"context"
	"slices"
	"time"

	"strowger/cloud/internal/directory"
	"strowger/cloud/internal/store"
	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/ident"
	"strowger/pkg/proof"
	"strowger/pkg/route"
	"strowger/pkg/sessionkey"
)

const (
	proofLife  = proof.MaxAge + 2*sessionkey.Leeway // then a proof is not fresh any more
	maxProofs  = 1 << 17
	maxRung    = 1 << 14                // apps that ring, for callers whom they call at the same time
	askWithin  = 700 * time.Millisecond // a node may answer
	maxAnchors = 3                      // that are asked for one call
)

// shown is a proof that was shown.
type shown struct{ org, device, id string }

// ring is a device that a call rings.
type ring struct{ org, call, device string }

// AdmitApp answers a bridge that brings the question of an app (C1, C1'). The proof says who asks, whatever the bridge; it is
// good for one answer, which the same request again, by its id, gets too.
func (b *Broker) AdmitApp(ctx context.Context, org, bridge string, q fabric.AppAdmit) (fabric.Admitted, error) {
	if q.ID == "" || len(q.ID) > maxID {
		return fabric.Admitted{}, errs.New(errs.Invalid, "id: has %d bytes, not 1 to %d", len(q.ID), maxID)
	}
	return b.once(ctx, request{org, bridge, q.ID}, func() (fabric.Admitted, error) { return b.admitApp(ctx, org, q.Admit) })
}

func (b *Broker) admitApp(ctx context.Context, org, asked string) (fabric.Admitted, error) {
	p, thumbprint, err := b.open(org, asked)
	if err == nil && p.Call != "" {
		err = errs.New(errs.Forbidden, "the proof is for a transfer of the call %s, which the switch of that call asks for", p.Call)
	}
	if err != nil {
		return fabric.Admitted{}, err
	}
	s, err := b.cfg.Snapshot(org)
	if err != nil {
		return fabric.Admitted{}, err
	}
	l, err := b.findApp(s, p, thumbprint)
	if err != nil { // what another instance has just changed may not be here yet
		s = b.cfg.Later(ctx, org, s)
		l, err = b.findApp(s, p, thumbprint)
	}
	if s.Thumbprint(p.Device) == thumbprint { // else anyone could fill the memory
		if err := b.useUp(org, p, ""); err != nil {
			return fabric.Admitted{}, err
		}
	}
	call := ident.New(ident.Call)
	if err != nil {
		if s.Thumbprint(p.Device) == thumbprint {
			b.refuse(s, p, call, l.called(), err)
		}
		return fabric.Admitted{}, err
	}
	if first := b.begins(ctx, org, call, l.route, p); first != "" {
		if a, ok := b.join(ctx, org, first, p, l.route); ok {
			return a, nil
		}
	}
	a, err := b.introduce(ctx, s, p, thumbprint, l, call)
	if err != nil {
		b.refuse(s, p, call, l.called(), err)
		b.tell(org, fabric.Attempt{Call: call, From: l.route.From.User, To: l.route.To.User, Ended: true})
	}
	return a, err
}

// findApp makes the steps A and B for an app. Which of the nodes that may anchor the call does, is asked of them later.
func (b *Broker) findApp(s *directory.Snapshot, p proof.Admit, thumbprint string) (lead, error) {
	r, err := s.ResolveApp(p.Device, thumbprint, p.Dialled)
	if err == nil {
		err = b.choose(s, &r)
	}
	return settle(s, lead{route: r}, err, func(r *directory.Route) (designation.Node, error) {
		if err := b.lines(s, r); err != nil {
			return designation.Node{}, err
		}
		all, err := b.anchors(s, *r)
		if err != nil {
			return designation.Node{}, err
		}
		return all[0], nil
	})
}

// open checks all of a proof that needs no registry.
func (b *Broker) open(org, asked string) (p proof.Admit, thumbprint string, err error) {
	thumbprint, err = proof.Open(asked, proof.TypeAdmit, &p)
	switch {
	case err != nil:
	case p.Org != org:
		err = errs.New(errs.WrongOrganization, "the proof is for organization %q, this bridge serves %s", p.Org, org)
	case p.ID == "" || len(p.ID) > maxID:
		err = errs.New(errs.Invalid, "jti: has %d bytes, not 1 to %d", len(p.ID), maxID)
	case !slices.Contains(p.Media, "audio"):
		err = errs.New(errs.Invalid, "media: %q lacks audio", p.Media)
	default:
		err = proof.Fresh(p.IssuedAt, b.cfg.Now())
	}
	return p, thumbprint, err
}

// useUp uses up a proof. The switch that showed one of a transfer may show it again: it asks once more when an anchor runs anew.
func (b *Broker) useUp(org string, p proof.Admit, sw string) error {
	key, now := shown{org, p.Device, p.ID}, b.cfg.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	if by, again := b.proofs.get(key, now); again && (by == "" || by != sw) {
		return errs.New(errs.Replayed, "the proof was shown before")
	}
	b.proofs.put(key, sw, now)
	return nil
}

// introduce finds an anchor that takes the call, and sends the app there.
func (b *Broker) introduce(ctx context.Context, s *directory.Snapshot, p proof.Admit, thumbprint string, l lead, call string) (fabric.Admitted, error) {
	by := offered{media: []string{"audio"}, print: proof.HashPrint(p.DTLS)}
	if slices.Contains(p.Media, "video") {
		by.media = append(by.media, "video")
	}
	anchors, err := b.anchors(s, l.route)
	for _, n := range anchors {
		r := l.route
		if !r.At(n.ID) && n.ID != r.Home {
			r.Phones = nil
		}
		var plan designation.Plan
		var nonce string
		if plan, nonce, err = b.promised(ctx, s, call, lead{r, n, l.history, l.diverted}, &n, by); mayAskAnother(err) {
			continue
		} else if err != nil {
			return fabric.Admitted{}, err
		}
		d, err := b.designateApp(ctx, plan, n, nonce, sessionkey.Claims{
			Subject: p.Device, Confirm: sessionkey.Confirmation{Thumbprint: thumbprint}, Peers: answering(s, plan.Branches, plan.Fallback), Purpose: sessionkey.Purpose{Urgency: sessionkey.Urgency{Help: r.Help}},
		})
		if err != nil {
			return fabric.Admitted{}, err
		}
		if plan.To.User != "" {
			b.tellRings(plan, n.ID)
		}
		b.announce(store.Parties{Org: s.ID(), Call: call, Nodes: append([]string{n.ID, p.Device}, ways(plan.Fallback)...)})
		return fabric.Admitted{From: r.From, To: r.To, Designation: d}, nil
	}
	return fabric.Admitted{}, err
}

// promised is the plan that a node promised to carry out. A run of it that is not the one of its lease has another plan, whose
// keys are for it.
func (b *Broker) promised(ctx context.Context, s *directory.Snapshot, call string, l lead, n *designation.Node, by offered) (plan designation.Plan, nonce string, err error) {
	for range 2 {
		l.anchor = *n
		if plan, err = b.plan(ctx, s, call, l, by); err != nil {
			return plan, "", err
		}
		promise, err := b.ask(ctx, plan, *n)
		if err != nil || promise.Boot == n.Boot {
			return plan, promise.Nonce, err
		}
		n.Boot = promise.Boot
	}
	return plan, "", errs.New(errs.Congested, "switch %s is starting; dial again", n.Name)
}

// mayAskAnother says whether a refusal is the node's and not the call's.
func mayAskAnother(err error) bool {
	switch errs.CodeOf(err) {
	case errs.CloudAway, errs.Congested, errs.NodeStopped, errs.Upgrade, errs.Internal:
		return true
	}
	return false
}

// ask asks an anchor for its promise (C11, C12), and learns which run of it gave it.
func (b *Broker) ask(ctx context.Context, plan designation.Plan, n designation.Node) (fabric.Promise, error) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	promise, err := b.cfg.Ask(ctx, plan.Organization, n.ID, fabric.Offer{Plan: plan, Ask: true})
	switch {
	case errs.CodeOf(err) == errs.CloudAway: // nobody answered, or not in time
		return promise, errs.New(errs.CloudAway, "switch %s did not answer in time whether it takes the call; dial again", n.Name)
	case err != nil:
		return promise, err
	case promise.Nonce == "" || promise.Boot == "":
		return promise, errs.New(errs.Upgrade, "switch %s takes no calls of apps yet: upgrade it", n.Name)
	}
	return promise, nil
}

// designateApp sends an app to its anchor with a session key that only it can use.
func (b *Broker) designateApp(ctx context.Context, plan designation.Plan, n designation.Node, nonce string, c sessionkey.Claims) (*designation.Designation, error) {
	now := b.cfg.Now()
	expiry := now.Add(sessionkey.Lifetime).Truncate(time.Second)
	c.Issuer, c.Org, c.ID, c.Audience, c.Boot = plan.Organization, plan.Organization, ident.New(ident.Leg), n.ID, n.Boot
	c.IssuedAt, c.NotBefore, c.Expires, c.AddressHash = now.Unix(), now.Unix(), expiry.Unix(), n.Hash()
	c.Call, c.From, c.To, c.Media, c.Priority, c.Slot = plan.Call, plan.From, plan.To, plan.Media, plan.Priority, nonce
	key, err := b.cfg.Signer.SignSession(ctx, plan.Organization, c)
	if err != nil {
		return nil, err
	}
	return &designation.Designation{Node: n, Leg: c.ID, Key: key, Expiry: expiry.UTC(), Relay: b.relayFor(plan.Organization, c.ID, b.until(plan.Ring))}, nil
}

// anchors are the nodes that may own the call of an app, the best first (1-system, "Which node anchors"): where the callee
// lives; else, for apps alone, a switch of the pool, or any other, with the fewest calls.
func (b *Broker) anchors(s *directory.Snapshot, r directory.Route) ([]designation.Node, error) {
	var all []designation.Node
	var why error
	if r.Home != "" {
		n, err := b.takesApps(s, r.Home)
		if err == nil {
			all = append(all, n)
		} else {
			why = err
		}
	}
	for _, l := range r.Lines {
		n, err := b.takesApps(s, l.Switch)
		if err == nil {
			all = append(all, n)
		}
		why = cmp.Or(why, err)
	}
	most := maxAnchors
	if r.Emergency {
		most = maxHelp
	}
	if len(r.Apps) > 0 || r.Emergency {
		for _, n := range b.pool(s, r.Home) {
			if !slices.ContainsFunc(r.Lines, func(l route.Line) bool { return l.Switch == n.ID }) {
				all = append(all, n)
			}
		}
	}
	switch {
	case len(all) == 0 && why != nil:
		return nil, why
	case len(all) == 0:
		return nil, errs.New(errs.Unreachable, "no switch takes the call: none that serves apps is alive")
	}
	return all[:min(len(all), most)], nil
}

// takesApps is a node that lives and that apps can come to.
func (b *Broker) takesApps(s *directory.Snapshot, id string) (designation.Node, error) {
	n, err := b.live(s, id)
	if err == nil && (len(n.Web) == 0 || n.DTLS == "") {
		err = errs.New(errs.Unreachable, "switch %s takes no apps: upgrade it, or start it with --webrtc", n.Name)
	}
	return n, err
}

// pool are the nodes for calls of apps alone.
func (b *Broker) pool(s *directory.Snapshot, but string) []designation.Node {
	type candidate struct {
		node  designation.Node
		pool  bool
		calls int
	}
	var found []candidate
	for id := range s.Switches() {
		n, err := b.takesApps(s, id)
		if err != nil || id == but {
			continue
		}
		v, _ := s.Switch(id)
		b.mu.Lock()
		calls := b.leases[id].Load.Calls
		b.mu.Unlock()
		found = append(found, candidate{n, v.Pool, calls})
	}
	slices.SortFunc(found, func(x, y candidate) int {
		if x.pool != y.pool {
			return map[bool]int{true: -1, false: 1}[x.pool]
		}
		return cmp.Or(cmp.Compare(x.calls, y.calls), cmp.Compare(x.node.ID, y.node.ID))
	})
	all := make([]designation.Node, len(found))
	for i, c := range found {
		all[i] = c.node
	}
	return all
}
