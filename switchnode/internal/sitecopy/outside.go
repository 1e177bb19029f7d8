package sitecopy

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/e164"
	"strowger/pkg/errs"
	"strowger/pkg/route"
	"strowger/pkg/sessionkey"
	"strowger/pkg/sitecopy"
	"strowger/pkg/tariff"
)

// outside finds the phone number that a user of this switch dialled, as the cloud would; ok is false for what is none.
func (s *Snapshot) outside(u *sitecopy.User, digits string) (n e164.Number, ok bool, err error) {
	if n, ok = s.Dialling().Read(digits); !ok {
		return n, false, nil
	}
	switch {
	case u.Calling != "national" && u.Calling != "international":
		err = errs.New(errs.Forbidden, "%s may not call phone numbers", u.Name)
	case n.Class == e164.International && u.Calling != "international":
		err = errs.New(errs.Forbidden, "%s may call phone numbers of the own country only", u.Name)
	}
	return n, true, err
}

// leave makes the route to a phone number: by the trunks of this switch, else to another one of the site that has some.
func (s *Snapshot) leave(from designation.Party, number string, now time.Time) (Route, error) {
	return s.leaveFor(Route{From: from}, from.User, number, now)
}

// leaveFor is leave of a call that a user pays.
func (s *Snapshot) leaveFor(r Route, user, number string, now time.Time) (Route, error) {
	r.To, r.Ring = designation.Party{Number: number}, s.docs.copy.Ring
	if b, ok := s.line(user, number, now); ok {
		b.Payer = r.Payer
		r.Branches = []designation.Branch{b}
		return r, nil
	}
	lines := s.lines(number, now)
	if len(lines) == 0 {
		return Route{}, errs.New(errs.NoLine, "the cloud is away, and this site has no line to %s", number)
	}
	return s.away(r, lines[0].Switch, now)
}

// helpRing is how long an emergency call rings: who helps may have a queue.
const helpRing = 5 * time.Minute

// help makes the route to an emergency number: by the trunks of this switch, those of the others of the site, and those of other
// sites, in this order. Documents that are old are better than none.
func (s *Snapshot) help(from designation.Party, number string, now time.Time) (Route, error) {
	r := Route{From: from, To: designation.Party{Number: number}, Ring: helpRing, Help: s.helpFor(from)}
	for _, id := range s.hosts() {
		if m := s.nodes[id]; m.ID != "" && !s.revoked[id] && !s.stale(m, now) {
			r.Others = append(r.Others, m.Node)
		}
	}
	if b, ok := s.line(from.User, number, now); ok {
		b.Help = r.Help
		r.Branches = []designation.Branch{b}
		return r, nil
	}
	if len(r.Others) == 0 {
		return Route{}, errs.New(errs.NoLine, "the cloud is away, and this site has no line to %s", number)
	}
	r.Away, r.Others = &r.Others[0], r.Others[1:]
	return r, nil
}

// hosts is the other switches that have trunks, those of this site first.
func (s *Snapshot) hosts() (all []string) {
	add := func(id string) {
		if id != s.identity.Node && !slices.Contains(all, id) {
			all = append(all, id)
		}
	}
	for _, t := range byOrder(s.docs.copy.Trunks) {
		add(t.Switch)
	}
	for _, site := range slices.Sorted(maps.Keys(s.docs.peers)) {
		for _, id := range s.docs.peers[site].Lines {
			add(id)
		}
	}
	return all
}

// helpFor is what who takes an emergency call needs to know. Another switch does not know the number of the caller.
func (s *Snapshot) helpFor(from designation.Party) *designation.Help {
	h := &designation.Help{Back: s.phoneNumber(from.User), Location: s.docs.copy.Location}
	for _, t := range byOrder(s.docs.copy.Trunks) {
		h.Back = cmp.Or(h.Back, t.Number)
	}
	return h
}

func byOrder(all []sitecopy.Trunk) []sitecopy.Trunk {
	return slices.SortedStableFunc(slices.Values(all), func(a, b sitecopy.Trunk) int { return cmp.Compare(a.Order, b.Order) })
}

// Helps says whether a number is an emergency number of this site.
func (s *Snapshot) Helps(number string) bool {
	_, help := s.Dialling().Emergency(number)
	return help
}

// kept is that this switch goes on with an emergency call when another cannot take it, and who pays for one that is forwarded.
func (s *Snapshot) kept(r Route) sessionkey.Diversion {
	if r.Help == nil {
		return sessionkey.Diversion{Payer: r.Payer}
	}
	return sessionkey.Diversion{Anchor: s.identity.Node}
}

// line is the trunks of this switch that may take a call to a phone number: without the cloud they come before those of others.
func (s *Snapshot) line(user, number string, now time.Time) (b designation.Branch, ok bool) {
	for _, l := range s.lines(number, now) {
		if l.Switch == s.identity.Node {
			return designation.Outside(l, number, s.phoneNumber(user)), true
		}
	}
	return b, false
}

// lines is the lines of the site that may take a call to a phone number, the best first, as the cloud decides it (package route).
func (s *Snapshot) lines(number string, now time.Time) []route.Line {
	var all []route.Trunk
	now = now.In(s.Zone())
	for _, t := range byOrder(s.docs.copy.Trunks) {
		c := route.Trunk{ID: t.ID, Switch: t.Switch, Order: t.Order, Rated: len(t.Rates) > 0}
		if t.Switch != s.identity.Node {
			c.Away = 1
		}
		if r, ok := tariff.Find(t.Rates, number, now); ok {
			c.Rate = &r
		}
		all = append(all, c)
	}
	if s.Helps(number) {
		return route.Nearest(all)
	}
	return route.Lines(route.Find(s.docs.copy.Routes, number, now), all)
}

// phoneNumber is the first phone number of a user, "" if there is none.
func (s *Snapshot) phoneNumber(user string) string {
	for _, n := range s.docs.copy.Numbers {
		if user != "" && n.User == user && e164.Written(s.dial(&n)) {
			return s.dial(&n)
		}
	}
	return ""
}

// ResolveTrunk finds whom somebody outside calls by a trunk of this switch: a phone number that the copy lists.
func (s *Snapshot) ResolveTrunk(trunk string, from designation.Party, dialled string, now time.Time) (Route, error) {
	if !slices.ContainsFunc(s.trunks, func(t sitecopy.Trunk) bool { return t.ID == trunk }) {
		return Route{}, errs.New(errs.Forbidden, "trunk %q is not one of this switch", trunk)
	}
	from = designation.Party{
		Number: from.Number, Name: cmp.Or(s.docs.copy.Names[from.Number], from.Name), Site: s.identity.Site, Trunk: trunk, Signature: from.Signature, Verstat: from.Verstat,
	}
	for _, number := range e164.Received(dialled, s.Dialling().Country) {
		if n, ok := s.numbers[number]; ok {
			return s.route(from, n, now)
		}
	}
	return Route{}, errs.New(errs.CloudAway, "the cloud is away, and this switch does not know the number %q", dialled)
}

// Back is the country from which the number of a caller outside would be called back for a callee; ok is false if the callee may not call it,
// or nobody can. What a trunk of another site may call only its switch knows: its country is taken for that of the number.
func (s *Snapshot) Back(from designation.Party, callee string) (home string, ok bool) {
	home = s.docs.copy.Country
	if !slices.ContainsFunc(s.docs.copy.Trunks, func(t sitecopy.Trunk) bool { return t.ID == from.Trunk }) {
		country, _ := e164.Origin(from.Number)
		home = cmp.Or(country, home)
	}
	n, ok := e164.Plan{Country: home}.Read(from.Number)
	u := s.users[callee]
	return home, ok && e164.Written(from.Number) && (n.Class == e164.National || u != nil && u.Calling == "international")
}
