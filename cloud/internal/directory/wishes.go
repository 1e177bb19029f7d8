package directory

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"strowger/pkg/e164"
	"strowger/pkg/errs"
	"strowger/pkg/rest"
	"strowger/pkg/schedule"
	"strowger/pkg/sitecopy"
	"strowger/pkg/wish"
)

// At is the snapshot as it judges calls at a moment: schedules go by it.
func (s *Snapshot) At(now time.Time) *Snapshot {
	at := *s
	at.now = now
	return &at
}

// judge has a call follow what its callee wishes, and what an administrator says of calls to them.
func (s *Snapshot) judge(r *Route, u *user) (err error) {
	c := wish.Callee{Name: u.name, Disturb: u.policy.refuses(r, u.name)}
	if p := u.policy; p != nil {
		c.Wishes, r.Ring = p.wishes, cmp.Or(p.ring, r.Ring)
	}
	if n := u.number(r.To.Number); n != nil {
		c.Number = n.hours
	}
	r.sent, err = c.Judge(s.callerOf(r, u), s.open)
	return err
}

// callerOf is who calls somebody.
func (s *Snapshot) callerOf(r *Route, u *user) wish.Caller {
	return wish.CallerOf(r.From, func(number string) string {
		site := s.officeOf(u)
		if by := s.numbers.get(number); site == "" || by == nil || by.number(number).site != site {
			return ""
		}
		return strings.TrimPrefix(number, s.sites[site].Code)
	})
}

// declines is why a call to a queue does not ring one of its members, nil if it does. Their forwards and hours are their own calls'.
func (s *Snapshot) declines(r *Route, u *user) error {
	if p := u.policy; p != nil && p.wishes != nil && slices.ContainsFunc(p.wishes.Blocked, s.callerOf(r, u).Is) {
		return errs.New(errs.Blocked, "%s takes no calls from this number", u.name)
	}
	return u.policy.refuses(r, u.name)
}

// open says whether a schedule is open, and if not, until when.
func (s *Snapshot) open(id string) (open bool, until string) {
	c := s.clocks[id]
	if c == nil || c.Open(s.now) {
		return true, ""
	}
	return false, c.Words(s.now)
}

// UserAt is whose a phone is that lives at a switch: they may change what they wish by it, even if they may call nobody.
func (s *Snapshot) UserAt(sw, device string) (id string, err error) {
	u, err := s.caller(sw, device)
	if app := s.devices.get(device); err != nil && app != nil && app.home() == sw && app.device(device).app != nil {
		u, err = app, s.mayCall(app, app.device(device)) // a call of an app to a star code, which its user's home switch answers
	}
	if err != nil && (u == nil || u.calling != callsNobody || !u.enabled || !u.device(device).enabled || !s.organization.Enabled) {
		return "", err
	}
	return u.id, nil
}

// wishes is what a user wishes, nil for nothing.
func (u *user) wishes() *wish.Wishes {
	if u.policy == nil {
		return nil
	}
	return u.policy.wishes
}

// hoursOf is hours that say something, nil for those that do not.
func hoursOf(h wish.Hours) *wish.Hours {
	if h == (wish.Hours{}) {
		return nil
	}
	return &h
}

// Parking where a site does not say otherwise.
const (
	parkSlots  = 20
	parkReturn = 2 * time.Minute
)

// keepAlive is how often phones behind NATs are asked something where a site does not say otherwise: NATs are known that forget after 30 s.
const keepAlive = 25 * time.Second

// wishing is what a site's copy has of wishes that are nobody's own.
func (s office) wishing(site *rest.Site) sitecopy.Wishing {
	w := sitecopy.Wishing{Schedules: schedulesOf(s.registry.Schedules), Names: s.names, SpeedDial: s.speed, Lamps: s.organization.Lamps}
	if site.ParkSlots != rest.NoPark {
		w.Park = sitecopy.Park{Slots: cmp.Or(site.ParkSlots, parkSlots), Return: cmp.Or(time.Duration(site.ParkSeconds)*time.Second, parkReturn)}
	}
	if site.KeepAliveSeconds != rest.NoKeepAlive {
		w.Network.KeepAlive = cmp.Or(time.Duration(site.KeepAliveSeconds)*time.Second, keepAlive)
	}
	w.Network.Direct = site.DirectMedia
	for _, v := range s.registry.Groups {
		w.Groups = append(w.Groups, sitecopy.Group{
			ID: v.ID, Name: v.Name, Kind: v.Kind, Code: v.Code, Members: v.Members, Others: v.Others, Switches: s.homes(v.Members),
		})
	}
	return w
}

// homes is where users live.
func (s office) homes(users []string) (all []string) {
	for _, id := range users {
		if u := s.users.get(id); u != nil && u.home() != "" && !slices.Contains(all, u.home()) {
			all = append(all, u.home())
		}
	}
	return all
}

// setContacts has the phone book of the organization.
func (s *Snapshot) setContacts(all []rest.PhoneContact) {
	s.names, s.speed = nil, nil
	for _, v := range all {
		if e164.Written(v.Number) {
			if s.names == nil {
				s.names = make(map[string]string)
			}
			s.names[v.Number] = v.Name
		}
		if v.SpeedDial != "" {
			if s.speed == nil {
				s.speed = make(map[string]string)
			}
			s.speed[v.SpeedDial] = v.Number
		}
	}
}

// SpeedDial is the number that a user has for two digits, or everybody has; "" for none.
func (s *Snapshot) SpeedDial(id, code string) string {
	if u := s.users.get(id); u != nil && u.wishes() != nil && u.wishes().SpeedDial[code] != "" {
		return u.wishes().SpeedDial[code]
	}
	return s.speed[code]
}

// clocksOf is schedules to judge by. The store has seen to it that they can be read.
func clocksOf(all []rest.Schedule) map[string]*schedule.Clock {
	clocks := make(map[string]*schedule.Clock, len(all))
	for _, v := range schedulesOf(all) {
		if c, err := schedule.New(v); err == nil {
			clocks[v.ID] = c
		}
	}
	return clocks
}

// schedulesOf is schedules as site copies have them.
func schedulesOf(all []rest.Schedule) (out []schedule.Schedule) {
	for _, v := range all {
		out = append(out, v.Schedule())
	}
	return out
}
