package sitecopy

import (
	"slices"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/sessionkey"
	"strowger/pkg/sitecopy"
)

// What a switch has, calls that ring or are parked say, can be asked for by the phones of another one. The documents lead there, with the
// cloud or without it.

// HomeOf is the switch where what rings for a number is, "" if that is not known. why says what is known of that.
func (s *Snapshot) HomeOf(digits string) (home string, why error) {
	if _, home, known := s.Callee(digits); known {
		return home, nil
	}
	site := s.siteOf(digits)
	p, ok := s.docs.peers[site.Site]
	switch {
	case site.Site == "", site.Site == s.identity.Site:
		return "", errs.New(errs.Unknown, "nobody of this office has the number %s", digits)
	case !ok:
		return "", errs.New(errs.CloudAway, "this switch does not know the switches of site %s yet", site.Code)
	}
	if home = homeOf(p, digits[len(site.Code):]); home == "" {
		return "", errs.New(errs.Unreachable, "site %s has no switch", p.SiteName)
	}
	return home, nil
}

// Lots is the switches where a call may be parked whose place somebody of this site dials, and the place there: with the code of a site
// it is of that one.
func (s *Snapshot) Lots(place string) (nodes []string, there string, err error) {
	code := place[:max(0, len(place)-2)] // a space has two digits, whatever sites have codes that begin so
	var site sitecopy.SiteCode
	for _, v := range s.docs.copy.Sites {
		if code != "" && v.Code == code {
			site = v
		}
	}
	there = place[len(site.Code):]
	if site.Site == "" || site.Site == s.identity.Site {
		for _, v := range s.docs.copy.Switches {
			nodes = append(nodes, v.ID)
		}
		return nodes, there, nil
	}
	p, ok := s.docs.peers[site.Site]
	if !ok {
		return nil, "", errs.New(errs.CloudAway, "this switch does not know the switches of site %s yet", site.Code)
	}
	for _, v := range p.Switches {
		nodes = append(nodes, v.ID)
	}
	return nodes, there, nil
}

// Asking is the way of a caller to another switch, which is to do something for them.
func (s *Snapshot) Asking(from designation.Party, dialled, asks, node string, now time.Time) (Route, error) {
	return s.away(Route{From: from, To: designation.Party{Number: dialled}, Asks: asks}, node, now)
}

// MayAsk is why the switch that brings a call may not ask for something on behalf of its caller, nil if it may.
func (s *Snapshot) MayAsk(c sessionkey.Claims) error {
	if !s.vouches(c.Issuer, c.From) {
		return errs.New(errs.Forbidden, "switch %s may not call for %q of site %s", c.Issuer, c.From.Number, c.From.Site)
	}
	return nil
}

// Paging is the paging group of a code, if a user may page it.
func (s *Snapshot) Paging(user, code string) (sitecopy.Group, error) {
	for _, g := range s.docs.copy.Groups {
		switch {
		case g.Kind != "paging" || g.Code != code:
		case !g.May(user):
			return g, errs.New(errs.Forbidden, "no right to page %s", g.Name)
		default:
			return g, nil
		}
	}
	return sitecopy.Group{}, errs.New(errs.Unknown, "there is no paging group with the code %s", code)
}

// Paged is the members of a group who live here, and whom somebody may speak to unasked.
func (s *Snapshot) Paged(g sitecopy.Group, from designation.Party) (all []designation.Party) {
	for _, id := range g.Members {
		u := s.users[id]
		switch {
		case u == nil || id == from.User || u.HomeSwitch != s.identity.Node || !u.Enabled:
		case u.Policy != nil && u.Policy.DND && !s.excepted(u.Policy, from):
		case u.Wishes != nil && (u.Wishes.NoIntercom || slices.ContainsFunc(u.Wishes.Blocked, s.callerOf(from).Is)):
		default:
			p := designation.Party{User: id, Name: u.Name, Site: s.identity.Site}
			if n, ok := s.presented[id]; ok {
				p.Number = s.dial(n)
			}
			all = append(all, p)
		}
	}
	return all
}
