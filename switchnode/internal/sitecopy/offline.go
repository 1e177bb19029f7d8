package sitecopy

import (
	"cmp"
	"strings"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/e164"
	"strowger/pkg/errs"
	"strowger/pkg/sessionkey"
	"strowger/pkg/sitecopy"
	"strowger/pkg/trust"
)

// Route is what the documents say of a call without the cloud: a callee who lives at this switch, or the switch to dial.
type Route struct {
	From, To designation.Party
	Branches []designation.Branch // here
	Away     *designation.Node    // or there
	Ring     time.Duration
	Fallback []designation.Fallback  // at this switch
	Queue    *designation.Queue      // of the callee
	Diverted []designation.Diversion // from who was dialled to To

	Help   *designation.Help  // of an emergency call,
	Others []designation.Node // and the switches that may take it when the one before it cannot
	Payer  *designation.Party // who forwards the call to a phone number, nil: who calls pays
	Asks   string             // what the other switch is to do for the caller; see sessionkey.Purpose
}

// Resolve finds whom a phone of this switch dialled, as the cloud would (steps A and B), To being set if only they cannot be called: the site's extensions first,
// then the numbers of the organization that the copy lists, then the other sites by their codes.
func (s *Snapshot) Resolve(device, dialled string, now time.Time) (Route, error) {
	d, ok := s.devices[device]
	if !ok || d.Switch != s.identity.Node {
		return Route{}, errs.New(errs.Forbidden, "device %q is not one of this switch", device)
	}
	from, enabled := s.Party(*d)
	digits := e164.Plain(dialled)
	if n, ok := s.Dialling().Emergency(dialled); ok { // before any rule
		return s.help(from, n.Text, now)
	}
	switch {
	case !enabled:
		return Route{}, errs.New(errs.Disabled, "the calling phone or its user is disabled")
	case s.users[d.User].Calling == "none":
		return Route{}, errs.New(errs.Forbidden, "%s may only receive calls", from.Name)
	}
	if r, ok, err := s.services(from, dialled); ok {
		return r, err
	}
	n := cmp.Or(s.extensions[digits], s.numbers[digits])
	if n != nil {
		return s.route(from, n, now)
	}
	if out, ok, err := s.outside(s.users[d.User], digits); ok {
		switch n := s.numbers[out.Text]; {
		case n != nil:
			return s.route(from, n, now)
		case err != nil:
			return Route{}, err
		}
		return s.leave(from, out.Text, now)
	}
	return s.resolveAway(from, digits, now)
}

// route rings the callee of a number of the copy.
func (s *Snapshot) route(from designation.Party, n *sitecopy.Number, now time.Time) (Route, error) {
	return s.routeOn(Route{From: from}, n, now)
}

// routeOn is route of a call that was sent on before.
func (s *Snapshot) routeOn(r Route, n *sitecopy.Number, now time.Time) (Route, error) {
	to, home, enabled, known := s.callee(n)
	if !known {
		return Route{}, errs.New(errs.CloudAway, "the cloud is away, and this switch does not know who has the number %s", n.Digits)
	}
	r.To, r.Ring = to, s.docs.copy.Ring
	if !enabled {
		return r, errs.New(errs.Disabled, "%s is disabled", to.Name)
	}
	switch home {
	case "":
		return r, errs.New(errs.Offline, "%s has no desk phone", to.Name)
	case s.identity.Node:
	default:
		return s.away(r, home, now)
	}
	if onward, err := s.judge(&r, n, now); err != nil {
		return s.toMailbox(s.sendOn(r, onward, err, now))
	}
	if q := s.queues[n.User]; q != nil {
		return s.routeQueue(r, q, to.Number, now)
	}
	return s.toMailbox(s.routeUser(r, n, now))
}

// routeUser rings the phones of a user of this switch.
func (s *Snapshot) routeUser(r Route, n *sitecopy.Number, now time.Time) (Route, error) {
	u := s.users[n.User]
	r.Branches = s.branches(u, r.To.Number)
	if len(r.Branches) == 0 {
		return r, errs.New(errs.Offline, "%s has no desk phone that may ring", u.Name)
	}
	var theirs *designation.Queue
	if u.Policy != nil {
		theirs = u.Policy.Queue
	}
	r.Queue = theirs.Of(u.ID, n.Queue)
	s.apply(u.Policy, &r, now)
	s.addMailbox(&r)
	return r, nil
}

// resolveAway finds the site whose code begins what was dialled; the longest code wins. Which of its extensions exist
// only that site knows.
func (s *Snapshot) resolveAway(from designation.Party, digits string, now time.Time) (Route, error) {
	best := s.siteOf(digits)
	switch best.Site {
	case "":
		return Route{}, errs.New(errs.CloudAway, "the cloud is away, and this switch does not know the number %q", digits)
	case s.identity.Site:
		return Route{}, errs.New(errs.Unknown, "nobody has the number %q", digits)
	}
	p, ok := s.docs.peers[best.Site]
	if !ok {
		return Route{}, errs.New(errs.CloudAway, "the cloud is away, and this switch does not know the switches of site %s", best.Code)
	}
	home := homeOf(p, digits[len(best.Code):])
	if home == "" {
		return Route{}, errs.New(errs.Unreachable, "site %s has no switch", p.SiteName)
	}
	to := designation.Party{Number: digits, Site: best.Site}
	return s.away(Route{From: from, To: to, Ring: s.docs.copy.Ring}, home, now)
}

// siteOf is the site whose code begins a number, the longest code; zero if none does.
func (s *Snapshot) siteOf(digits string) (best sitecopy.SiteCode) {
	for _, c := range s.docs.copy.Sites {
		if strings.HasPrefix(digits, c.Code) && len(digits) > len(c.Code) && len(c.Code) > len(best.Code) {
			best = c
		}
	}
	return best
}

// homeOf is the home switch of an extension of another site, "" if that has none.
func homeOf(p sitecopy.Peer, extension string) string {
	if home, ok := p.Homes[extension]; ok || len(p.Switches) == 0 {
		return home
	}
	return p.Switches[0].ID
}

// away leads a route to another switch, if the documents still authorize that.
func (s *Snapshot) away(r Route, home string, now time.Time) (Route, error) {
	m, ok := s.nodes[home]
	switch {
	case !ok:
		return Route{}, errs.New(errs.CloudAway, "the cloud is away, and this switch does not know where %s is", home)
	case s.revoked[home]:
		return Route{}, errs.New(errs.Revoked, "the switch %s was revoked", m.Name)
	case s.stale(m, now):
		return Route{}, errs.New(errs.CloudAway, "the cloud has been away for more than %v: no calls to other sites until it is back", sitecopy.Lifetime)
	}
	r.Away = &m.Node
	return r, nil
}

// Sign makes the session key with which this switch calls another, to, without the cloud. boot is the other's present run.
func (s *Snapshot) Sign(call, leg string, r Route, to designation.Node, boot string, now time.Time) (string, error) {
	id := s.identity
	return sessionkey.Sign(id.Node, id.SigningKey, sessionkey.Claims{
		Issuer: id.Node, ID: leg, Audience: to.ID, Boot: boot,
		IssuedAt: now.Unix(), NotBefore: now.Unix(), Expires: now.Add(sessionkey.Lifetime).Unix(),
		Subject: id.Node, Confirm: sessionkey.Confirmation{KeyHash: trust.CertKeyHash(id.Chain[0].RawSubjectPublicKeyInfo)}, AddressHash: to.Hash(),
		Org: id.Org, Call: call, From: r.From, To: r.To, Media: []string{"audio"}, Purpose: sessionkey.Purpose{Urgency: sessionkey.Urgency{Help: r.Help}, Asks: r.Asks}, Diversion: s.kept(r),
	})
}

// Accept is the plan of a call that comes in with a verified session key.
func (s *Snapshot) Accept(c sessionkey.Claims, now time.Time) (designation.Plan, error) {
	if c.Issuer != s.identity.Org && !s.vouches(c.Issuer, c.From) {
		return designation.Plan{}, errs.New(errs.Forbidden, "switch %s may not call for %q of site %s", c.Issuer, c.From.Number, c.From.Site)
	}
	pays := c.From
	if by := c.Diversion.Payer; by != nil {
		if pays = *by; c.Issuer != s.identity.Org && !s.vouches(c.Issuer, pays) {
			return designation.Plan{}, errs.New(errs.Forbidden, "switch %s may not forward calls for %q of site %s", c.Issuer, pays.Number, pays.Site)
		}
	}
	n, ok := s.numbers[c.To.Number]
	help := c.Help != nil && s.Helps(c.To.Number)
	if b, line := s.line(pays.User, c.To.Number, now); line && c.To.User == "" && (help || !ok && e164.Written(c.To.Number)) {
		r := Route{From: c.From, To: c.To, Ring: s.docs.copy.Ring}
		if help {
			b.Help, r.Help, r.Ring = c.Help, c.Help, helpRing
		}
		b.Payer = c.Diversion.Payer
		r.Branches = []designation.Branch{b}
		return s.Plan(c.Call, r, now), nil
	}
	if !ok {
		return designation.Plan{}, errs.New(errs.Unknown, "nobody at this site has the number %q", c.To.Number)
	}
	r, err := s.route(c.From, n, now)
	switch {
	case err != nil:
		return designation.Plan{}, err
	case r.Away != nil:
		return designation.Plan{}, errs.New(errs.Unreachable, "%s lives at another switch", r.To.Name)
	}
	return s.Plan(c.Call, r, now), nil
}

// vouches says whether a switch that signs its own keys may call for a party: one of its site and, as far as the
// documents tell, homed on it, by number and by user: rights are of users.
func (s *Snapshot) vouches(node string, from designation.Party) bool {
	m, ok := s.nodes[node]
	if !ok || from.Site != m.site {
		return false
	}
	if u := s.users[from.User]; u != nil && u.HomeSwitch != node {
		return false
	}
	if n, own := s.numbers[from.Number]; own {
		u := s.users[n.User]
		return u != nil && u.HomeSwitch == node && (from.User == "" || from.User == n.User)
	}
	p := s.docs.peers[m.site]
	extension, prefixed := strings.CutPrefix(from.Number, p.SiteCode)
	return p.SiteCode == "" || !prefixed || homeOf(p, extension) == node
}

// Plan is that of a callee who lives here.
func (s *Snapshot) Plan(call string, r Route, now time.Time) designation.Plan {
	return designation.Plan{
		Call: call, Organization: s.identity.Org, From: r.From, To: r.To, Media: []string{"audio"},
		Branches: r.Branches, Ring: r.Ring, Fallback: r.Fallback, Queue: r.Queue, Diverted: r.Diverted, Emergency: r.Help != nil, Expiry: now.Add(sessionkey.Lifetime + r.Ring),
	}
}
