package broker

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"strowger/cloud/internal/directory"
	"strowger/cloud/internal/store"
	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/ident"
	"strowger/pkg/sessionkey"
)

// Limits of an admission request.
const (
	maxID        = 64  // bytes of an id for idempotency
	maxShown     = 256 // bytes of a number or a name that a switch says
	maxDiversion = 20  // numbers that a call was sent to before it must be a loop
)

// Admit answers a switch that asks for a call from one of its devices. The same request again, by its id, gets the same
// reply. Of a call that is refused it has To alone.
func (b *Broker) Admit(ctx context.Context, org, sw string, q fabric.Admit) (fabric.Admitted, error) {
	if err := check(q); err != nil {
		return fabric.Admitted{}, err
	}
	return b.once(ctx, request{org, sw, q.ID}, func() (fabric.Admitted, error) {
		switch {
		case q.Back != nil:
			return b.recall(ctx, org, sw, q)
		case q.Home != "":
			return b.home(ctx, org, sw, q)
		}
		return b.admit(ctx, org, sw, q)
	})
}

// once answers a request, and its repetitions with the same reply.
func (b *Broker) once(ctx context.Context, key request, admit func() (fabric.Admitted, error)) (fabric.Admitted, error) {
	b.mu.Lock()
	r, repeated := b.replies.get(key, b.cfg.Now())
	if !repeated {
		r = &reply{done: make(chan struct{})}
		b.replies.put(key, r, b.cfg.Now())
	}
	b.mu.Unlock()
	if repeated {
		select {
		case <-r.done:
			return r.admitted, r.err
		case <-ctx.Done():
			return fabric.Admitted{}, ctx.Err()
		}
	}
	r.admitted, r.err = admit()
	if errs.CodeOf(r.err) == errs.Internal { // not an answer: trying again may help
		b.mu.Lock()
		b.replies.remove(key)
		b.mu.Unlock()
	}
	close(r.done)
	return r.admitted, r.err
}

func check(q fabric.Admit) error {
	if q.ID == "" || len(q.ID) > maxID {
		return errs.New(errs.Invalid, "id: has %d bytes, not 1 to %d", len(q.ID), maxID)
	}
	if err := ident.Check(ident.Call, q.Call); err != nil {
		return errs.New(errs.Invalid, "call: %w", err)
	}
	if len(q.Diversion) > maxDiversion {
		return errs.New(errs.Loop, "the call was sent to %d numbers before, at most %d are allowed", len(q.Diversion), maxDiversion)
	}
	if f := q.For; f != nil && (len(f.Number) > maxShown || len(f.Name) > maxShown || strings.ContainsFunc(f.Number+f.Name, unicode.IsControl) || !utf8.ValidString(f.Number+f.Name)) {
		return errs.New(errs.Invalid, "for: the number and the name are text of at most %d bytes each", maxShown)
	}
	if q.For == nil && q.Proof+q.Home != "" {
		return errs.New(errs.Invalid, "for: missing, an app transfers somebody")
	}
	if q.Met != (fabric.Run{}) {
		if err := ident.Check(ident.Boot, q.Met.Boot); err != nil {
			return errs.New(errs.Invalid, "met: %w", err)
		}
	}
	if !slices.Contains(q.Media, "audio") {
		return errs.New(errs.Invalid, "media: %q lacks audio, all that desk phones have", q.Media)
	}
	return nil
}

func (b *Broker) admit(ctx context.Context, org, sw string, q fabric.Admit) (fabric.Admitted, error) {
	s, err := b.cfg.Snapshot(org)
	if err != nil {
		return fabric.Admitted{}, err
	}
	by, err := b.wanted(org, q)
	if err != nil {
		return fabric.Admitted{}, err
	}
	l, err := b.find(s, sw, q, by.thumbprint)
	if err != nil { // what another instance has just changed may not be here yet
		s = b.cfg.Later(ctx, org, s)
		l, err = b.find(s, sw, q, by.thumbprint)
	}
	if q.Proof != "" && s.Thumbprint(q.Device) == by.thumbprint {
		if err := b.useUp(org, by.Admit, sw); err != nil {
			return fabric.Admitted{}, err
		}
	}
	if err != nil {
		return fabric.Admitted{To: l.called()}, err
	}
	anchor, w := l.anchor, way{from: sw, to: l.anchor, payer: l.route.Payer}
	if q.For != nil {
		w.anchor = sw // who has the call already keeps it
		w.by = l.shown(*q.For)
	}
	plan, err := b.plan(ctx, s, q.Call, l, fromPhone)
	if err != nil {
		return fabric.Admitted{To: l.called()}, err
	}
	a := fabric.Admitted{From: plan.From, To: plan.To}
	if anchor.ID == sw { // X = Y, or C3: the callee's branches are local legs
		a.Plan = &plan
	} else if a.Designation, err = b.designate(ctx, s, plan, w); err != nil {
		return fabric.Admitted{To: l.called()}, err
	}
	if q.For == nil {
		a.Crossing = b.cross(org, sw, attempt{call: q.Call, anchor: anchor.ID}, l.route)
	}
	b.announce(store.Parties{Org: org, Call: q.Call, Nodes: slices.Compact(append([]string{sw, anchor.ID}, ways(plan.Fallback)...))})
	if a.Designation != nil && q.For == nil {
		now := b.cfg.Now()
		b.cfg.Offer(org, anchor.ID, fabric.Offer{
			Header: fabric.Header{Capability: fabric.Capability, ID: ident.New(ident.Request), Deadline: now.Add(sessionkey.Lifetime)},
			Plan:   plan,
		})
	}
	return a, nil
}

// anchor finds the node that will own a call through switch sw: the callee's home switch if that lives, else sw, for apps
// alone (1-system, "Which node anchors"). r loses what that node cannot ring. The run of the node is that of its lease, or the
// one that was met.
func (b *Broker) anchor(s *directory.Snapshot, sw string, r *directory.Route, met fabric.Run) (designation.Node, error) {
	if r.Emergency && r.Home == "" && !r.At(sw) {
		return b.inHand(s, sw, r)
	}
	if err := b.lines(s, r); err != nil {
		return designation.Node{}, err
	}
	if r.Outside && r.Home == "" {
		if err := b.best(s, sw, r); err != nil {
			return designation.Node{}, err
		}
	}
	id := cmp.Or(r.Home, sw)
	n, err := b.live(s, id)
	if err != nil && id != sw {
		if len(r.Apps) == 0 {
			return n, err
		}
		id, r.Phones = sw, nil
		n, err = b.live(s, sw)
	}
	if err != nil {
		n = designation.Node{ID: sw} // it asks: it runs before the cloud has its lease
	}
	if met.Node == n.ID {
		n.Boot = met.Boot
	}
	if len(n.Web) > 0 && n.DTLS != "" {
		return n, nil
	}
	if len(r.Phones) == 0 {
		v, _ := s.Switch(id)
		return n, errs.New(errs.Offline, "%s can be reached on apps only, and switch %s cannot take them: upgrade it, or wait until it has reported", r.To.Name, v.Name)
	}
	r.Apps = nil
	return n, nil
}

// offered is what a caller has.
type offered struct {
	media []string // that its call may have
	print string   // of the media of an app
}

// fromPhone is what desk phones have.
var fromPhone = offered{media: []string{"audio"}}

// plan is all that the anchor needs.
func (b *Broker) plan(ctx context.Context, s *directory.Snapshot, call string, l lead, by offered) (designation.Plan, error) {
	r := l.route
	p := designation.Plan{
		Call: call, Organization: s.ID(), From: r.From, To: r.To, Media: by.media, Priority: r.Priority, Branches: r.Phones, Ring: r.Ring,
		Diversion: l.history, Diverted: l.diverted, Queue: r.Queue, Emergency: r.Emergency,
		// From the use of the key at the latest, the whole ring.
		Expiry: b.cfg.Now().Add(sessionkey.Lifetime + r.Ring).UTC(),
	}
	err := b.addApps(ctx, &p, r.Apps, l.anchor, by.print)
	if err == nil {
		p.Fallback, err = b.fallbacks(ctx, s, p, l, by, sessionkey.Lifetime+r.Ring)
	}
	return p, err
}

// designate sends switch X to the callee's switch Y with a session key that only X can use, and only at one run of Y. X
// cannot gain by having met another, where nobody takes the key.
func (b *Broker) designate(ctx context.Context, s *directory.Snapshot, plan designation.Plan, w way) (*designation.Designation, error) {
	x, _ := s.Switch(w.from) // find, or anchor, has found it
	y, now, expiry := w.to, b.cfg.Now(), b.until(w.window+sessionkey.Lifetime)
	leg := ident.New(ident.Leg)
	from, diversion := plan.From, sessionkey.Diversion{Numbers: plan.Diversion, Anchor: w.anchor, Payer: w.payer}
	if w.by != nil {
		from, diversion.For = *w.by, &plan.From
	}
	key, err := b.cfg.Signer.SignSession(ctx, plan.Organization, sessionkey.Claims{
		Issuer: plan.Organization, ID: leg, Audience: y.ID, Boot: y.Boot,
		IssuedAt: now.Unix(), NotBefore: now.Unix(), Expires: expiry.Unix(),
		Subject: x.ID, Confirm: sessionkey.Confirmation{KeyHash: x.KeyHash}, AddressHash: y.Hash(),
		Org: plan.Organization, Call: plan.Call, From: from, To: plan.To, Media: plan.Media, Purpose: sessionkey.Purpose{Urgency: sessionkey.Urgency{Priority: plan.Priority, Help: w.help}}, Diversion: diversion,
	})
	if err != nil {
		return nil, err
	}
	return &designation.Designation{Node: y, Leg: leg, Key: key, Expiry: expiry.UTC()}, nil
}

// maxQueued is how long a call may wait for its callee, and come back there from others.
const maxQueued = 4 * time.Hour

// grace is how long after its expiry a key still says whose call it is.
func grace(q fabric.PlanRequest) time.Duration {
	if q.Waited {
		return maxQueued
	}
	return sessionkey.Leeway
}

// Plan answers an anchor whose INVITE overtook its offer: with the key that it was shown it gets the plan again, made
// from the registry as it is now.
func (b *Broker) Plan(ctx context.Context, org, sw string, q fabric.PlanRequest) (fabric.PlanReply, error) {
	c, err := b.cfg.Verify(ctx, org, q.Key)
	if err != nil {
		return fabric.PlanReply{}, err
	}
	switch now := b.cfg.Now(); {
	case c.Org != org:
		return fabric.PlanReply{}, errs.New(errs.WrongOrganization, "the session key is of organization %s", c.Org)
	case c.Audience != sw:
		return fabric.PlanReply{}, errs.New(errs.WrongAudience, "the session key is for node %s, not for %s", c.Audience, sw)
	case now.After(time.Unix(c.Expires, 0).Add(grace(q))):
		return fabric.PlanReply{}, errs.New(errs.KeyExpired, "the session key expired %v ago", now.Sub(time.Unix(c.Expires, 0)).Round(time.Second))
	}
	s, err := b.cfg.Snapshot(org)
	if err != nil {
		return fabric.PlanReply{}, err
	}
	x := c.Subject
	if ident.Check(ident.Switch, x) != nil { // of an app, which the cloud has admitted
		x = ""
	}
	if c.Diversion.Anchor != "" && c.Issuer == org {
		x = "" // the anchor brings the call to a fall-back, as the cloud told it to
	}
	r, err := confirm(s, x, c)
	if err != nil {
		s = b.cfg.Later(ctx, org, s)
		r, err = confirm(s, x, c)
	}
	if err != nil { // who cannot be rung may have a mailbox here
		next, ok := s.Voicemail(s.Called(c.From, c.To), designation.OccasionOf(errs.CodeOf(err)))
		if !ok {
			return fabric.PlanReply{}, err
		}
		r = next
	}
	if err := b.choose(s, &r); err != nil {
		return fabric.PlanReply{}, err
	}
	if r.Outside {
		if err := ownLines(&r, sw, c.Diversion.Anchor != ""); err != nil {
			return fabric.PlanReply{}, err
		}
	}
	if r.Home != sw {
		return fabric.PlanReply{}, errs.New(errs.Unreachable, "%s moved to another switch since the call was admitted; dial again", r.To.Name)
	}
	anchor, err := b.anchor(s, sw, &r, fabric.Run{Node: sw, Boot: c.Boot})
	if err != nil {
		return fabric.PlanReply{}, err
	}
	if c.Diversion.For != nil && !r.Outside {
		r.From = *c.Diversion.For
	}
	plan, err := b.plan(ctx, s, c.Call, lead{route: r, anchor: anchor, history: c.Diversion.Numbers}, offered{media: c.Media})
	if err != nil {
		return fabric.PlanReply{}, err
	}
	b.announce(store.Parties{Org: org, Call: c.Call, Nodes: append([]string{c.Subject, sw}, ways(plan.Fallback)...)})
	return fabric.PlanReply{Plan: &plan}, nil
}

// confirm makes the route of the call of a session key again, as the registry is now. x is the switch that brings it, "" for any.
func confirm(s *directory.Snapshot, x string, c sessionkey.Claims) (directory.Route, error) {
	by := c.Diversion.Payer
	switch {
	case by == nil:
		return s.Confirm(x, c.From, c.To)
	case c.Issuer != c.Org && s.HomeOfUser(by.User) != c.Subject: // it was without the cloud, and speaks for its own users
		return directory.Route{}, errs.New(errs.Forbidden, "switch %s may not forward calls for user %q", c.Subject, by.User)
	}
	return s.Forwarded(*by, c.From, c.To)
}
