package sitecopy

import (
	"slices"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/e164"
	"strowger/pkg/errs"
	"strowger/pkg/sitecopy"
)

// forward is the route of a call that its callee, r.To, has go to a phone number, as the cloud would make it: the callee pays. ok is false
// for what is no phone number, or leads to somebody here.
func (s *Snapshot) forward(r Route, dialled string, now time.Time) (next Route, ok bool, err error) {
	u := s.users[r.To.User]
	if u == nil || dialled == "" {
		return r, false, nil
	}
	next = Route{From: r.From, To: designation.Party{Number: dialled}}
	if n, help := s.Dialling().Emergency(dialled); help {
		return next, true, errs.New(errs.Forbidden, "calls are not forwarded to the emergency number %s", n.Text)
	}
	out, ok, err := s.outside(u, e164.Plain(dialled))
	if !ok || s.numbers[out.Text] != nil {
		return r, false, nil
	}
	next.To.Number = out.Text
	if err != nil {
		return next, true, errs.New(errs.Forbidden, "%s may not forward calls to %s", u.Name, dialled)
	}
	if err := s.circles(r.From, out.Text); err != nil {
		return next, true, err
	}
	next.Payer = &designation.Party{User: u.ID, Number: r.To.Number, Name: u.Name, Site: s.identity.Site}
	next, err = s.leaveFor(next, u.ID, out.Text, now)
	return next, true, err
}

// circles is why a call may not be forwarded to a phone number, as in the cloud: it comes from there, or from a number that calls show which
// are forwarded.
func (s *Snapshot) circles(from designation.Party, number string) error {
	if from.Trunk == "" {
		return nil
	}
	for _, n := range e164.Received(from.Number, s.Dialling().Country) {
		switch {
		case n == number:
			return errs.New(errs.Loop, "the call comes from %s; it would go in circles", number)
		case s.numbers[n] != nil, slices.ContainsFunc(s.docs.copy.Trunks, func(t sitecopy.Trunk) bool { return t.Number == n }):
			return errs.New(errs.Loop, "the call comes from %s, a number of this organization; it would go in circles", n)
		}
	}
	return nil
}
