package directory

import (
	"slices"

	"strowger/pkg/designation"
	"strowger/pkg/e164"
	"strowger/pkg/errs"
	"strowger/pkg/rest"
)

// divertOutside is Divert to what nobody of the organization has: a phone number that the callee of the route may call. The callee pays,
// whoever calls; unknown is what to say of what is no phone number either.
func (s *Snapshot) divertOutside(r Route, site, dialled string, diversion []string, unknown error) (Route, error) {
	u := s.users.get(r.To.User)
	next := Route{From: r.From, To: designation.Party{Number: dialled}, Priority: r.Priority}
	if u == nil || u.service != nil {
		return next, unknown
	}
	callee, n, out, err := s.callee(site, u, dialled)
	switch {
	case errs.CodeOf(err) == errs.Unknown:
		return next, unknown
	case err != nil:
		return next, errs.New(errs.Forbidden, "%s may not forward calls to %s", u.name, dialled)
	case out == nil: // of the organization, as it is dialled in the country
		return s.divertInside(r, callee, n, diversion)
	case out.emergency():
		return next, errs.New(errs.Forbidden, "calls are not forwarded to the emergency number %s", out.Text)
	}
	next.To.Number = out.Text
	if err := s.circles(r.From, out.Text, diversion); err != nil {
		return next, err
	}
	pays := designation.Party{User: u.id, Number: r.To.Number, Name: u.name, Site: site}
	next.Payer = &pays
	return next, s.leave(&next, u.home(), *out)
}

// circles is why a call may not be forwarded to a phone number: it was there before, or comes from there, or from a number that calls show
// which are forwarded: then whoever has the phone number forwards them back here.
func (s *Snapshot) circles(from designation.Party, number string, diversion []string) error {
	if slices.Contains(diversion, number) {
		return errs.New(errs.Loop, "the call was sent to %s before; it would go in circles", number)
	}
	if from.Trunk == "" {
		return nil
	}
	for _, n := range e164.Received(from.Number, s.plan(from.Site).Country) {
		switch {
		case n == number:
			return errs.New(errs.Loop, "the call comes from %s; it would go in circles", number)
		case s.numbers.get(n) != nil, slices.ContainsFunc(s.trunks, func(t rest.Trunk) bool { return t.Number == n }):
			return errs.New(errs.Loop, "the call comes from %s, a number of %s; it would go in circles", n, s.organization.Name)
		}
	}
	return nil
}

// Forwarded makes the route of a call again that somebody forwards to a phone number.
func (s *Snapshot) Forwarded(by, from, to designation.Party) (Route, error) {
	u := s.users.get(by.User)
	if u == nil || !u.enabled {
		return Route{}, errs.New(errs.Disabled, "who forwards the call is not there any more, or disabled")
	}
	r := Route{From: from, To: by}
	return s.divertOutside(r, by.Site, to.Number, nil, errs.New(errs.Unknown, "nobody has the number %q", to.Number))
}
