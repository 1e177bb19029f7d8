package directory

import (
	"cmp"
	"slices"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/e164"
	"strowger/pkg/errs"
	"strowger/pkg/rest"
	"strowger/pkg/route"
	"strowger/pkg/sitecopy"
	"strowger/pkg/tariff"
)

// calling is a user's class of service.
type calling uint8

const (
	callsInternal calling = iota
	callsNobody
	callsNational
	callsInternational
)

func callingOf(class string) calling {
	switch class {
	case "none":
		return callsNobody
	case "national":
		return callsNational
	case "international":
		return callsInternational
	}
	return callsInternal
}

// outside is a phone number that a user may call.
type outside struct {
	e164.Number
	shown string // the user's own phone number, "" if they have none
}

func (o outside) emergency() bool { return o.Class == e164.Emergency }

// plan is how phone numbers are dialled in a site.
func (s *Snapshot) plan(site string) e164.Plan {
	v, ok := s.sites[site]
	if !ok {
		return e164.Plan{}
	}
	return e164.Plan{Country: v.Country, Outside: v.Outside, Help: v.Emergency}
}

// forHelp says whether a call is to an emergency number: whoever can call may call there.
func (s *Snapshot) forHelp(site, dialled string) bool {
	_, ok := s.plan(site).Emergency(dialled)
	return ok
}

// callee is who was dialled in a site: one of the organization, or a phone number that the caller may call.
func (s *Snapshot) callee(site string, caller *user, dialled string) (*user, *number, *outside, error) {
	digits := e164.Plain(dialled)
	if n, ok := s.plan(site).Emergency(dialled); ok { // before any rule that can be edited
		return nil, nil, &outside{n, caller.phoneNumber()}, nil
	}
	u, own, err := s.number(site, dialled)
	if err == nil {
		return u, own, nil, nil
	}
	n, ok := s.plan(site).Read(digits)
	if !ok {
		return nil, nil, nil, err
	}
	if u := s.numbers.get(n.Text); u != nil {
		return u, u.number(n.Text), nil, nil
	}
	if caller.calling < callsNational {
		return nil, nil, nil, errs.New(errs.Forbidden, "%s may not call phone numbers outside of %s: strowger user set %s --calling national", caller.name, s.organization.Name, caller.name)
	}
	if n.Class == e164.International && caller.calling < callsInternational {
		return nil, nil, nil, errs.New(errs.Forbidden, "%s may call phone numbers of the own country only: strowger user set %s --calling international", caller.name, caller.name)
	}
	return nil, nil, &outside{n, caller.phoneNumber()}, nil
}

// phoneNumber is the first phone number of a user, "" if there is none.
func (u *user) phoneNumber() string {
	for i := range u.numbers {
		if e164.Written(u.numbers[i].dial) {
			return u.numbers[i].dial
		}
	}
	return ""
}

// leave makes a route to a phone number: Choose finds by which lines.
func (s *Snapshot) leave(r *Route, sw string, n outside) error {
	r.To, r.Ring = designation.Party{Number: n.Text}, s.Ring()
	r.Outside, r.Shown, r.via, r.Emergency = true, n.shown, sw, n.emergency()
	all := s.candidates(*r, time.Time{}, nil)
	if r.Emergency {
		r.Lines, r.Ring = route.Nearest(all), helpRing
		r.Help = s.help(r.From.Site, r.Lines)
	}
	if len(all) == 0 {
		return errs.New(errs.NoLine, "there is no line to %s: strowger trunk add", n.Text)
	}
	return nil
}

// helpRing is how long an emergency call rings: who helps may have a queue.
const helpRing = 5 * time.Minute

// help is what who takes an emergency call from a site needs to know: the number is that of the nearest line that has one.
func (s *Snapshot) help(site string, lines []route.Line) *designation.Help {
	h := &designation.Help{}
	if v, ok := s.sites[site]; ok {
		h.Location = v.Location
	}
	for _, l := range lines {
		for _, c := range l.Trunks {
			if t := s.trunk(c.Trunk); h.Back == "" {
				h.Back = t.Number
			}
		}
	}
	return h
}

// confirmOutside makes the route of a call to a phone number again.
func (s *Snapshot) confirmOutside(sw, site, device string, caller *user, number string) (Route, error) {
	r := Route{From: caller.caller(device, site)}
	_, _, out, err := s.callee(site, caller, number)
	if err == nil && out == nil {
		err = errs.New(errs.Unknown, "nobody has the number %q", number)
	}
	if err != nil {
		return Route{}, err
	}
	return r, s.leave(&r, sw, *out)
}

// copyTrunks is the trunks of a site's switches, with their rates as far as copies hold them.
func (s *Snapshot) copyTrunks(site string, rates map[string][]tariff.Rate) (all []sitecopy.Trunk) {
	for _, t := range s.trunks {
		if t.Enabled && s.siteOf(t.Switch) == site {
			all = append(all, sitecopy.Trunk{
				ID: t.ID, Name: t.Name, Switch: t.Switch, Servers: t.Servers, Order: t.Order, Weight: t.Weight, Number: t.Number,
				PAI: t.CallerID == "pai", User: t.Username, Register: t.Register, Domain: t.Domain, Channels: t.Channels,
				Transport: t.Transport, TLSCA: t.TLSCA, Probe: time.Duration(t.ProbeSeconds) * time.Second,
				Speech: sitecopy.Speech{Codecs: t.Codecs, Info: t.DTMF == "info", Tones: t.DTMF == "inband", SRTP: t.SRTP == "required"},
				Rates:  rates[t.ID],
			})
		}
	}
	return all
}

// SiteOf is the site of a switch, "" of any other node.
func (s *Snapshot) SiteOf(node string) string { return s.siteOf(node) }

// EmergencyContacts is whom a site wants told of emergency calls.
func (s *Snapshot) EmergencyContacts(site string) []string {
	if v, ok := s.sites[site]; ok {
		return v.EmergencyContacts
	}
	return nil
}

// AlertURL is where alerts of a site are posted, "" for nowhere.
func (s *Snapshot) AlertURL(site string) string {
	if v, ok := s.sites[site]; ok && v.AlertURL != "" {
		return v.AlertURL
	}
	return s.organization.AlertURL
}

// byOrder is trunks in the order in which they are tried.
func byOrder(all []rest.Trunk) []rest.Trunk {
	return slices.SortedStableFunc(slices.Values(all), func(a, b rest.Trunk) int {
		return cmp.Or(cmp.Compare(a.Order, b.Order), cmp.Compare(a.ID, b.ID))
	})
}
