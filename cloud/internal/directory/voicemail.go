package directory

import (
	"strings"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/mailbox"
)

// Voicemail is where a call goes that found its callee, whom it leads to, in an occasion for their mailbox; false: they have none for
// that. It is at their home switch.
func (s *Snapshot) Voicemail(r Route, on designation.Occasion) (Route, bool) {
	u := s.users.get(r.To.User)
	if u == nil || !u.enabled || !u.mailbox.Takes(on) || r.From.User == u.id || r.Service() {
		return Route{}, false
	}
	if home, ok := s.Switch(u.home()); !ok || !home.Enrolled {
		return Route{}, false
	}
	return Route{
		From: r.From, To: r.To, Home: u.home(), Ring: s.Ring(), Priority: r.Priority,
		Phones: []designation.Branch{mailbox.Branch(u.id, u.name, r.To.Number)},
	}, true
}

// Service says whether the anchor answers the call itself.
func (r Route) Service() bool {
	return len(r.Phones) == 1 && r.Phones[0].Kind == designation.Service
}

// services is the route of a code by which a user reaches what their switch answers itself; ok is false if what they dialled is none.
// sw is where they call from, "" for an app.
func (s *Snapshot) services(u *user, device, sw, dialled string) (r Route, ok bool, err error) {
	b, ok := mailbox.ServiceOf(dialled, u.id, u.name)
	if !ok {
		return Route{}, false, nil
	}
	site := s.officeOf(u)
	r = Route{
		From: u.caller(device, site), To: designation.Party{User: b.User, Number: dialled, Name: "Voicemail", Site: site},
		Home: sw, Ring: s.Ring(), Phones: []designation.Branch{b},
	}
	if b.User != "" || sw == "" {
		r.Home = u.home()
	}
	if other, _, err := s.number(site, strings.TrimPrefix(dialled, mailbox.Any)); err == nil && b.User == "" && other.mailbox != nil {
		r.Home = other.home() // where the messages are that were asked for by number
	}
	switch {
	case r.Home == "":
		return r, true, errs.New(errs.Unreachable, "%s has no home switch, where voicemail is: strowger user set %s --home-switch", u.name, u.name)
	case b.User != "" && u.mailbox == nil:
		return r, true, errs.New(errs.Disabled, "%s has no voicemail: strowger user voicemail %s --on", u.name, u.name)
	}
	return r, true, nil
}

// Called is the callee that a party says it leads to, as far as voicemail needs one: of a call that a switch asks about again.
func (s *Snapshot) Called(from, to designation.Party) Route {
	r := Route{From: from, To: to}
	if u := s.numbers.get(to.Number); u != nil && to.User == "" {
		r.To = u.party(u.number(to.Number))
	}
	return r
}

// HomeOfUser is the home switch of a user, "" if there is none.
func (s *Snapshot) HomeOfUser(id string) string {
	if u := s.users.get(id); u != nil {
		return u.home()
	}
	return ""
}

// NumbersOf are those of a user, as they are dialled in their office and from elsewhere.
func (s *Snapshot) NumbersOf(id string) (all []string) {
	u := s.users.get(id)
	if u == nil {
		return nil
	}
	for _, n := range u.numbers {
		all = append(all, n.dial)
		if site := s.sites[n.site]; site != nil && len(n.dial) > len(site.Code) {
			all = append(all, n.dial[len(site.Code):])
		}
	}
	return all
}
