package directory

import (
	"cmp"
	"slices"

	"strowger/pkg/designation"
	"strowger/pkg/e164"
	"strowger/pkg/errs"
	"strowger/pkg/rest"
)

// ResolveTrunk finds whom somebody outside calls by a trunk of a switch. They reach the phone numbers of the organization and
// nothing else: no extension, and no line out again.
func (s *Snapshot) ResolveTrunk(sw, trunk string, from designation.Party, dialled string) (Route, error) {
	t := s.trunk(trunk)
	switch {
	case t == nil || t.Switch != sw || !t.Enabled:
		return Route{}, errs.New(errs.Forbidden, "trunk %q is not one of switch %s", trunk, sw)
	case !s.organization.Enabled:
		return Route{}, errs.New(errs.Disabled, "organization %s is disabled", s.organization.Name)
	}
	site := s.siteOf(sw)
	for _, n := range e164.Received(dialled, s.plan(site).Country) {
		if u := s.numbers.get(n); u != nil {
			from = designation.Party{
				Number: from.Number, Name: cmp.Or(s.names[from.Number], from.Name), Site: site, Trunk: t.ID, Signature: from.Signature, Verstat: from.Verstat,
			}
			r := Route{From: from, To: u.party(u.number(n))}
			return r, s.ring(&r, u)
		}
	}
	return Route{}, errs.New(errs.Unknown, "nobody has the number %q; a phone number that a trunk brings calls for is added as +49...: strowger number add", dialled)
}

// confirmTrunk is Confirm of a call from outside. An sw of "" brings the calls of any trunk.
func (s *Snapshot) confirmTrunk(sw string, from, to designation.Party) (Route, error) {
	t, u := s.trunk(from.Trunk), s.numbers.get(to.Number)
	switch {
	case t == nil || !t.Enabled || sw != "" && t.Switch != sw:
		return Route{}, errs.New(errs.Forbidden, "trunk %q is not one of switch %s", from.Trunk, sw)
	case u == nil || to.User != "" && to.User != u.id:
		return Route{}, errs.New(errs.Unknown, "number %q is no longer that of user %q", to.Number, to.User)
	}
	r := Route{From: from, To: u.party(u.number(to.Number))}
	return r, s.ring(&r, u)
}

func (s *Snapshot) trunk(id string) *rest.Trunk {
	for i := range s.trunks {
		if s.trunks[i].ID == id {
			return &s.trunks[i]
		}
	}
	return nil
}

// HostOf is the switch of a trunk, "" if there is no such trunk.
func (s *Snapshot) HostOf(trunk string) string {
	if t := s.trunk(trunk); t != nil {
		return t.Switch
	}
	return ""
}

// Hosts says whether a trunk is at one of some nodes.
func (s *Snapshot) Hosts(trunk string, nodes ...string) bool {
	t := s.trunk(trunk)
	return t != nil && slices.Contains(nodes, t.Switch)
}

// HasTrunk says whether a node hosts any.
func (s *Snapshot) HasTrunk(node string) bool {
	return slices.ContainsFunc(s.trunks, func(t rest.Trunk) bool { return t.Switch == node })
}
