package directory

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/rest"
	"strowger/pkg/route"
	"strowger/pkg/tariff"
)

// Explain says what would become of a call of a user to what they dial in their office, and why.
func (s *Snapshot) Explain(id, dialled string, now time.Time, load func(sw string) int) (rest.RouteAnswer, error) {
	u := s.users.get(id)
	if u == nil {
		return rest.RouteAnswer{}, errs.New(errs.NotFound, "there is no user %q", id)
	}
	site := s.officeOf(u)
	v := rest.RouteAnswer{Words: []string{}, Lines: []rest.RouteLine{}}
	say := func(format string, args ...any) { v.Words = append(v.Words, fmt.Sprintf(format, args...)) }
	callee, n, out, err := s.callee(site, u, dialled)
	if err == nil && (out == nil || !out.emergency()) && u.calling == callsNobody {
		err = errs.New(errs.Forbidden, "%s may only receive calls", u.name)
	}
	switch {
	case err != nil:
		say("The call is refused: %v.", err)
		return v, nil
	case out == nil:
		v.Number = n.dial
		say("%s is the number %s of %s: the call stays inside.", dialled, n.dial, callee.name)
		return v, nil
	}
	v.Number = out.Text
	r := Route{From: u.caller("", site)}
	if err := s.leave(&r, u.home(), *out); err != nil {
		say("The call is refused: %v.", err)
		return v, nil
	}
	if r.Emergency {
		say("%s is an emergency number: the nearest line takes it, whatever routes, costs and limits there are.", v.Number)
	} else {
		say("%s is the phone number %s, which %s may call.", dialled, v.Number, u.name)
		s.sayRoute(&v, route.Find(s.routes, v.Number, s.clock(now, site)), say)
	}
	if err := s.Choose(&r, now, load); err != nil {
		say("The call is refused: %v.", err)
		return v, nil
	}
	for _, l := range r.Lines {
		for _, c := range l.Trunks {
			v.Lines = append(v.Lines, s.explained(r, l, c))
		}
	}
	return v, nil
}

// sayRoute tells which route counts.
func (s *Snapshot) sayRoute(v *rest.RouteAnswer, by *route.Route, say func(string, ...any)) {
	if by == nil {
		say("No route is for it now: every trunk may take it, by order, then cost, then nearness, then load.")
		return
	}
	v.Route = &rest.Route{
		Meta: rest.Meta{ID: by.ID}, Organization: s.organization.ID, Prefix: by.Prefix, Trunks: by.Trunks, Days: by.When.Days.String(), Hours: by.When.Hours.String(),
	}
	when := cmp.Or(by.When.String(), "at all times")
	say("The route of %s (%s) counts: its trunks only, in its order.", by.Prefix, when)
}

// explained is a trunk as it stands in the order of a call.
func (s *Snapshot) explained(r Route, l route.Line, c route.Choice) rest.RouteLine {
	t := s.trunk(c.Trunk)
	v := rest.RouteLine{Trunk: t.ID, Name: t.Name, Switch: t.Switch, Order: t.Order, Rate: c.Rate}
	v.Words = []string{"at the switch of the caller", "in the office of the caller", "in another office"}[s.away(t.Switch, r.via, r.site())]
	switch {
	case c.Rate != nil:
		v.Cost = c.Rate.Usual()
		v.Words += fmt.Sprintf(", three minutes cost %s %s", tariff.Amount(v.Cost), c.Rate.Currency)
	case r.Emergency:
	case s.rates[t.ID] == nil:
		v.Words += ", without rates"
	default:
		v.Words += ", whose rates lack the number"
	}
	if slices.ContainsFunc(l.Trunks, func(o route.Choice) bool { return o.Rank == c.Rank && o.Trunk != c.Trunk }) {
		v.Words += ", shares calls by weight with those of its rank"
	}
	return v
}

// routesOf is the routes of a registry.
func routesOf(all []rest.Route) (routes []route.Route) {
	for _, v := range all {
		if w, err := tariff.ParseWindow("", "", v.Days, v.Hours); err == nil { // which the store has seen to
			routes = append(routes, route.Route{ID: v.ID, Prefix: v.Prefix, Trunks: v.Trunks, When: w})
		}
	}
	return routes
}
