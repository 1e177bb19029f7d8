package sitecopy

import (
	"slices"
	"strings"
	"time"

	"strowger/pkg/designation"
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
}

// Resolve finds whom a phone of this switch dialled, as the cloud would (steps A and B): the site's extensions first,
// then the numbers of the organization that the copy lists, then the other sites by their codes.
func (s *Snapshot) Resolve(device, dialled string, now time.Time) (Route, error) {
	d, ok := s.devices[device]
	if !ok || d.Switch != s.identity.Node {
		return Route{}, errs.New(errs.Forbidden, "device %q is not one of this switch", device)
	}
	from, enabled := s.Party(*d)
	switch {
	case !enabled:
		return Route{}, errs.New(errs.Disabled, "the calling phone or its user is disabled")
	case s.users[d.User].Calling == "none":
		return Route{}, errs.New(errs.Forbidden, "%s may only receive calls", from.Name)
	}
	digits := plain(dialled)
	n, ok := s.extensions[digits]
	if !ok {
		n, ok = s.numbers[digits]
	}
	if !ok {
		return s.resolveAway(from, digits, now)
	}
	return s.route(from, n)
}

// plain takes out visual separators (RFC 3966, 5.1.1).
func plain(dialled string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune("-. ()", r) {
			return -1
		}
		return r
	}, dialled)
}

// route rings the callee of a number of the copy.
func (s *Snapshot) route(from designation.Party, n *sitecopy.Number) (Route, error) {
	u := s.users[n.User]
	if u == nil {
		return Route{}, errs.New(errs.CloudAway, "the cloud is away, and this switch does not know who has the number %s", n.Digits)
	}
	if !u.Enabled {
		return Route{}, errs.New(errs.Disabled, "%s is disabled", u.Name)
	}
	r := Route{From: from, Ring: s.docs.copy.Ring}
	r.To = designation.Party{User: u.ID, Number: s.dial(n), Name: u.Name, Site: n.Site}
	if u.HomeSwitch != s.identity.Node {
		m, ok := s.nodes[u.HomeSwitch]
		if !ok {
			return Route{}, errs.New(errs.Offline, "the cloud is away, and %s has no phone that this office can reach", u.Name)
		}
		r.Away = &m.Node
		return r, nil
	}
	for _, d := range s.docs.copy.Devices {
		if d.User == u.ID && d.Enabled && d.Switch == s.identity.Node && d.Kind == designation.DeskPhone {
			r.Branches = append(r.Branches, designation.Branch{
				Device: d.ID, User: u.ID, Kind: d.Kind, Name: u.Name, Number: r.To.Number, Delay: d.Delay,
			})
		}
	}
	return r, nil
}

// resolveAway finds the site whose code begins what was dialled; the longest code wins. An expired peer document
// authorizes nothing any more.
func (s *Snapshot) resolveAway(from designation.Party, digits string, now time.Time) (Route, error) {
	var best sitecopy.Peer
	for _, p := range s.docs.peers {
		if strings.HasPrefix(digits, p.SiteCode) && len(digits) > len(p.SiteCode) && len(p.SiteCode) > len(best.SiteCode) {
			best = p
		}
	}
	extension := strings.TrimPrefix(digits, best.SiteCode)
	switch {
	case best.SiteCode == "":
		return Route{}, errs.New(errs.CloudAway, "the cloud is away, and this switch does not know the number %q", digits)
	case best.Expired(now):
		return Route{}, errs.New(errs.CloudAway, "the cloud has been away too long to call site %s", best.SiteName)
	}
	home := best.Homes[extension]
	i := slices.IndexFunc(best.Switches, func(v sitecopy.Switch) bool { return home == "" || v.ID == home })
	if i < 0 {
		return Route{}, errs.New(errs.Unreachable, "site %s has no switch", best.SiteName)
	}
	return Route{
		From: from, To: designation.Party{Number: digits, Site: best.ID}, Away: &best.Switches[i].Node, Ring: s.docs.copy.Ring,
	}, nil
}

// Sign makes the session key with which this switch calls another without the cloud. boot is the other's present run.
func (s *Snapshot) Sign(call, leg string, r Route, boot string, now time.Time) (string, error) {
	id := s.identity
	return sessionkey.Sign(id.Node, id.SigningKey, sessionkey.Claims{
		Issuer: id.Node, ID: leg, Audience: r.Away.ID, Boot: boot,
		IssuedAt: now.Unix(), NotBefore: now.Unix(), Expires: now.Add(sessionkey.Lifetime).Unix(),
		Subject: id.Node, Confirm: sessionkey.Confirmation{KeyHash: trust.CertKeyHash(id.Chain[0].RawSubjectPublicKeyInfo)}, AddressHash: r.Away.Hash(),
		Org: id.Org, Call: call, From: r.From, To: r.To, Media: []string{"audio"},
	})
}

// Accept is the plan of a call for which another switch signed the key itself. The key has been verified; the caller must
// be homed at its signer's site.
func (s *Snapshot) Accept(c sessionkey.Claims, now time.Time) (designation.Plan, error) {
	m, ok := s.nodes[c.Issuer]
	if c.Issuer != s.identity.Org && (!ok || c.From.Site != m.site) {
		return designation.Plan{}, errs.New(errs.Forbidden, "switch %s may not call for a user of site %s", c.Issuer, c.From.Site)
	}
	n, ok := s.numbers[plain(c.To.Number)]
	if !ok {
		return designation.Plan{}, errs.New(errs.Unknown, "nobody has the number %q", c.To.Number)
	}
	r, err := s.route(c.From, n)
	switch {
	case err != nil:
		return designation.Plan{}, err
	case r.Away != nil:
		return designation.Plan{}, errs.New(errs.Unreachable, "%s lives at another switch of this site", r.To.Name)
	}
	return s.Plan(c.Call, r, now), nil
}

// Plan is that of a callee who lives here.
func (s *Snapshot) Plan(call string, r Route, now time.Time) designation.Plan {
	return designation.Plan{
		Call: call, Organization: s.identity.Org, From: r.From, To: r.To, Media: []string{"audio"},
		Branches: r.Branches, Ring: r.Ring, Expiry: now.Add(sessionkey.Lifetime + r.Ring),
	}
}
