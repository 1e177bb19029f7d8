package sitecopy

import (
	"cmp"
	"slices"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/schedule"
	"strowger/pkg/sitecopy"
	"strowger/pkg/wish"
)

// maxSent is how often a call may be sent on, as in the cloud.
const maxSent = 4

// clocksOf is the schedules of a copy to judge by; one that another release wrote and this one cannot read is always open.
func clocksOf(all []schedule.Schedule) map[string]*schedule.Clock {
	clocks := make(map[string]*schedule.Clock, len(all))
	for _, v := range all {
		if c, err := schedule.New(v); err == nil {
			clocks[v.ID] = c
		}
	}
	return clocks
}

// Wishes is what a user wishes of calls, nil for nothing or who is not in the copy.
func (s *Snapshot) Wishes(user string) *wish.Wishes {
	if u := s.users[user]; u != nil {
		return u.Wishes
	}
	return nil
}

// SpeedDial is the number that a user has for two digits, or everybody of the organization has; "" for none.
func (s *Snapshot) SpeedDial(user, code string) string {
	if w := s.Wishes(user); w != nil && w.SpeedDial[code] != "" {
		return w.SpeedDial[code]
	}
	return s.docs.copy.SpeedDial[code]
}

// Park is where this site parks calls.
func (s *Snapshot) Park() sitecopy.Park { return s.docs.copy.Park }

// Groups is the groups of a kind, "pickup" or "paging", that a user may pick up calls of, or page.
func (s *Snapshot) Groups(kind, user string) (all []sitecopy.Group) {
	for _, g := range s.docs.copy.Groups {
		if g.Kind == kind && g.May(user) {
			all = append(all, g)
		}
	}
	return all
}

// grouped says whether a group lets a user pick up the calls of another one.
func (s *Snapshot) grouped(user, of string) bool {
	return slices.ContainsFunc(s.Groups("pickup", user), func(g sitecopy.Group) bool { return slices.Contains(g.Members, of) })
}

// MayWatch says whether a user may see whether another one is on the phone: everybody may, unless that user, or the organization and
// not that user, keeps it private. Who may pick up their calls sees it all the same.
func (s *Snapshot) MayWatch(user, of string) bool {
	lamp := s.docs.copy.Lamps
	if w := s.Wishes(of); w != nil {
		lamp = cmp.Or(w.Lamp, lamp)
	}
	return lamp != "private" || user == of || s.grouped(user, of)
}

// open says whether a schedule is open, and if not, until when.
func (s *Snapshot) open(now time.Time) wish.Clocks {
	return func(id string) (bool, string) {
		c := s.clocks[id]
		if c == nil || c.Open(now) {
			return true, ""
		}
		return false, c.Words(now)
	}
}

// callerOf is who calls somebody of this site.
func (s *Snapshot) callerOf(p designation.Party) wish.Caller { return wish.CallerOf(p, s.extension) }

// extension is how this site dials a number, "" if that is of another one.
func (s *Snapshot) extension(number string) string {
	n := s.numbers[number]
	if n == nil || s.extensions[n.Digits] != n {
		return ""
	}
	return n.Digits
}

// Spellings are a number as this site dials it, and as others do.
func (s *Snapshot) Spellings(dialled string) []string {
	n := cmp.Or(s.extensions[dialled], s.numbers[dialled])
	if n == nil {
		return []string{dialled}
	}
	return []string{n.Digits, s.dial(n)}
}

// judge is whether a call may ring at whom a number leads to, as the cloud would judge: to is where it is sent if not.
func (s *Snapshot) judge(r *Route, n *sitecopy.Number, now time.Time) (to string, err error) {
	c := wish.Callee{Name: r.To.Name, Number: n.Hours}
	var p *sitecopy.Policy
	if q := s.queues[n.User]; q != nil {
		p = q.Policy
		if q.Hours != nil {
			c.Wishes = &wish.Wishes{Hours: *q.Hours}
		}
	} else if u := s.users[n.User]; u != nil {
		p, c.Wishes = u.Policy, u.Wishes
	}
	if p != nil && p.DND && !s.excepted(p, r.From) {
		c.Disturb = errs.New(errs.DoNotDisturb, "%s", cmp.Or(p.Words, r.To.Name+" does not want to be disturbed"))
	}
	if to, err = c.Judge(s.callerOf(r.From), s.open(now)); err == nil || to != "" || p == nil {
		return to, err
	}
	return p.Fallback[designation.OccasionOf(errs.CodeOf(err))], err
}

// sendOn has a call that does not ring at its callee, r.To, go to a number that they dialled: of this site, of another one, or of the
// phone network.
func (s *Snapshot) sendOn(r Route, dialled string, why error, now time.Time) (Route, error) {
	if dialled == "" || len(r.Diverted) >= maxSent {
		return r, why
	}
	step := designation.Diversion{From: r.To, Code: errs.CodeOf(why), Words: why.Error()}
	steps := append(slices.Clip(r.Diverted), step)
	n := cmp.Or(s.extensions[dialled], s.numbers[dialled])
	if n == nil {
		next, outside, err := s.forward(r, dialled, now)
		if outside {
			steps[len(steps)-1].To = next.To
			next.Diverted = steps
			return next, err
		}
		next, err = s.resolveAway(r.From, dialled, now)
		if err != nil {
			return r, why
		}
		steps[len(steps)-1].To = next.To
		next.Diverted = steps
		return next, nil
	}
	for _, d := range steps {
		if d.From.User == n.User {
			return r, errs.New(errs.Loop, "the call was sent to %s before; it would go in circles", s.dial(n))
		}
	}
	to, _, _, known := s.callee(n)
	if !known {
		return r, why
	}
	steps[len(steps)-1].To = to
	return s.routeOn(Route{From: r.From, Diverted: steps}, n, now)
}
