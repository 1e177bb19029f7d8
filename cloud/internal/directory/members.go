package directory

import (
	"strowger/pkg/errs"
)

// ringMembers has a call to a queue ring its members: those who want calls, but the caller. Who of them is on the phone the switch knows.
func (s *Snapshot) ringMembers(r *Route, q *user) error {
	var why error // why a member cannot be called
	for _, id := range q.service.members {
		m := s.users.get(id)
		if m == nil || id == r.From.User {
			continue
		}
		err := s.declines(r, m)
		switch {
		case !m.enabled:
			err = errs.New(errs.Disabled, "%s is disabled", m.name)
		case err == nil:
			err = s.ringDevices(r, m)
		}
		if err != nil {
			why = err
			continue
		}
		r.Queue.Members = append(r.Queue.Members, id)
	}
	switch {
	case len(r.Queue.Members) > 0:
		return nil
	case why != nil:
		return errs.New(errs.Offline, "nobody of %s can be called now: %w", q.name, why)
	}
	return errs.New(errs.Offline, "%s has no member who could answer", q.name)
}
