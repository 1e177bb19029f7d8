package directory

import (
	"slices"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/e164"
	"strowger/pkg/errs"
	"strowger/pkg/rest"
	"strowger/pkg/route"
)

// Choose finds the lines that a call to a phone number may leave by now, the best first (package route). load is the calls that a
// switch has.
func (s *Snapshot) Choose(r *Route, now time.Time, load func(sw string) int) error {
	if !r.Outside || r.Emergency { // which no route and no cost holds up
		return nil
	}
	r.Lines = route.Lines(route.Find(s.routes, r.To.Number, s.clock(now, r.site())), s.candidates(*r, now, load))
	if len(r.Lines) == 0 {
		return errs.New(errs.NoLine, "there is no line to %s now: strowger trunk list", r.To.Number)
	}
	return nil
}

// site is the office by whose clocks and distances a call to a phone number finds its line: of who pays.
func (r Route) site() string {
	if r.Payer != nil {
		return r.Payer.Site
	}
	return r.From.Site
}

// zonesOf is by which clocks sites go.
func zonesOf(sites []rest.Site) map[string]*time.Location {
	all := make(map[string]*time.Location, len(sites))
	for _, v := range sites {
		all[v.ID] = e164.Zone(v.TimeZone, v.Country)
	}
	return all
}

// clock is what the clocks of a site show, UTC where there is none: routes go by those of the caller, rates by those of the trunk.
func (s *Snapshot) clock(now time.Time, site string) time.Time {
	if zone := s.zones[site]; zone != nil {
		return now.In(zone)
	}
	return now.UTC()
}

// candidates is the trunks that could take a call, in their order, with what a call to the number costs.
func (s *Snapshot) candidates(r Route, now time.Time, load func(sw string) int) (all []route.Trunk) {
	for _, t := range s.trunks {
		if v, ok := s.switches[t.Switch]; !t.Enabled || !ok || v.State != "enrolled" {
			continue
		}
		c := route.Trunk{ID: t.ID, Switch: t.Switch, Order: t.Order, Away: s.away(t.Switch, r.via, r.site())}
		if load != nil {
			c.Load = load(t.Switch)
		}
		if table := s.rates[t.ID]; table != nil {
			c.Rated = true
			if rate, ok := table.Find(r.To.Number, s.clock(now, s.siteOf(t.Switch))); ok {
				c.Rate = &rate
			}
		}
		all = append(all, c)
	}
	return all
}

// away is how far a switch is from who calls by another one, or from a site.
func (s *Snapshot) away(sw, via, site string) int {
	switch {
	case sw == via:
		return 0
	case s.siteOf(sw) == site:
		return 1
	}
	return 2
}

// At has the trunks of a switch take a call to a phone number; those of the switches behind it in the route are left for when they
// cannot. False says that the switch has none.
func (r *Route) At(sw string) bool {
	i := slices.IndexFunc(r.Lines, func(l route.Line) bool { return l.Switch == sw })
	if i < 0 {
		return false
	}
	b := designation.Outside(r.Lines[i], r.To.Number, r.Shown)
	b.Help, b.Payer = r.Help, r.Payer
	r.Home, r.Phones = sw, []designation.Branch{b}
	if r.Emergency {
		r.Lines = slices.Delete(slices.Clone(r.Lines), i, i+1) // none is passed over
	} else {
		r.Lines = r.Lines[i+1:]
	}
	return true
}
