package sitecopy

import (
	"cmp"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/sitecopy"
)

// apply has a route follow the policy of its callee, as far as that can be done without the cloud: a fall-back must be a user of
// this switch or a phone number that its lines take, and is the last one.
func (s *Snapshot) apply(p *sitecopy.Policy, r *Route, now time.Time) {
	if p == nil {
		return
	}
	r.Ring = cmp.Or(p.Ring, r.Ring)
	for _, on := range [...]designation.Occasion{designation.NoAnswer, designation.Busy, designation.Unreachable, designation.QueueFull, designation.QueueTime} {
		if on.Waited() && r.Queue == nil {
			continue
		}
		if f, ok := s.fallback(p.Fallback[on], r, now); ok {
			f.On = []designation.Occasion{on}
			r.Fallback = append(r.Fallback, f)
		}
	}
}

// excepted says whether calls of a caller ring one who does not want to be disturbed.
func (s *Snapshot) excepted(p *sitecopy.Policy, from designation.Party) bool {
	priority := 0
	if u := s.users[from.User]; u != nil && u.Policy != nil {
		priority = u.Policy.Priority
	}
	return p.Except != 0 && priority >= p.Except
}

// Queues says whether calls may wait for a user who is on the phone, or for a queue of which they are a member.
func (s *Snapshot) Queues(user string) bool {
	u := s.users[user]
	return u != nil && u.Policy != nil && u.Policy.Queue != nil || s.waited[user]
}

// fallback is what rings at a number of this switch, or by its lines.
func (s *Snapshot) fallback(dialled string, r *Route, now time.Time) (f designation.Fallback, ok bool) {
	n := cmp.Or(s.extensions[dialled], s.numbers[dialled])
	if n == nil {
		next, outside, err := s.forward(*r, dialled, now)
		if !outside || err != nil || len(next.Branches) == 0 { // another switch has the line
			return f, false
		}
		f.To, f.Ring, f.Branches = next.To, next.Ring, next.Branches
		return f, true
	}
	u := s.users[n.User]
	if u == nil || !u.Enabled || u.ID == r.To.User {
		return f, false
	}
	if _, err := s.judge(&Route{From: r.From, To: designation.Party{User: u.ID, Name: u.Name}}, n, now); err != nil {
		return f, false
	}
	f.To = designation.Party{User: u.ID, Number: s.dial(n), Name: u.Name, Site: n.Site}
	f.Ring, f.Branches = s.docs.copy.Ring, s.branches(u, f.To.Number)
	if u.Policy != nil {
		f.Ring = cmp.Or(u.Policy.Ring, f.Ring)
	}
	return f, len(f.Branches) > 0
}

// branches is the desk phones of a user at this switch.
func (s *Snapshot) branches(u *sitecopy.User, number string) (all []designation.Branch) {
	for _, d := range s.docs.copy.Devices {
		if d.User == u.ID && d.Enabled && d.Delay >= 0 && s.Homed(d.ID) && d.Kind == designation.DeskPhone {
			all = append(all, designation.Branch{Device: d.ID, User: u.ID, Kind: d.Kind, Name: u.Name, Number: number, Delay: d.Delay})
		}
	}
	return all
}
