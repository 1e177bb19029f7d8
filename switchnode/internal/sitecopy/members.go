package sitecopy

import (
	"slices"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/sitecopy"
)

// routeQueue rings the members of a queue of this switch who have a desk phone here.
func (s *Snapshot) routeQueue(r Route, q *sitecopy.Queue, number string, now time.Time) (Route, error) {
	line := *q.Policy.Queue.Of(q.ID, nil)
	line.Ring, line.Step = q.Ring, q.Step
	for _, id := range q.Members {
		u := s.users[id]
		if u == nil || id == r.From.User || !u.Enabled || u.Policy != nil && u.Policy.DND && !s.excepted(u.Policy, r.From) ||
			u.Wishes != nil && slices.ContainsFunc(u.Wishes.Blocked, s.callerOf(r.From).Is) {
			continue
		}
		if branches := s.branches(u, number); len(branches) > 0 {
			line.Members = append(line.Members, id)
			r.Branches = append(r.Branches, branches...)
		}
	}
	if len(line.Members) == 0 {
		return r, errs.New(errs.Offline, "%s has no member with a desk phone that may ring", q.Name)
	}
	r.Queue = &line
	s.apply(q.Policy, &r, now)
	return r, nil
}

// callee is whom a number leads to, and their home switch. known is false for who is not in the copy.
func (s *Snapshot) callee(n *sitecopy.Number) (p designation.Party, home string, enabled, known bool) {
	p = designation.Party{Number: s.dial(n), Site: n.Site}
	if q := s.queues[n.User]; q != nil {
		p.User, p.Name = q.ID, q.Name
		return p, q.Switch, q.Enabled, true
	}
	u := s.users[n.User]
	if u == nil {
		return p, "", false, false
	}
	p.User, p.Name = u.ID, u.Name
	return p, u.HomeSwitch, u.Enabled, true
}
