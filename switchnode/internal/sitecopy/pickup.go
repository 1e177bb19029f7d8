package sitecopy

import (
	"cmp"
	"slices"

	"strowger/pkg/designation"
	"strowger/pkg/e164"
	"strowger/pkg/errs"
	"strowger/pkg/sitecopy"
)

// Callee is whom a number leads to that somebody of this site dials, and their home switch. known is false for who is not in the copy.
func (s *Snapshot) Callee(dialled string) (p designation.Party, home string, known bool) {
	digits := e164.Plain(dialled)
	n := cmp.Or(s.extensions[digits], s.numbers[digits])
	if n == nil {
		return designation.Party{Number: digits}, "", false
	}
	p, home, _, known = s.callee(n)
	return p, home, known
}

// UserOf is the id of the user of a device, "" if it is nobody's of this site.
func (s *Snapshot) UserOf(device string) string {
	if d := s.devices[device]; d != nil {
		return d.User
	}
	return ""
}

// MayTakeOver is why somebody may not take the place of another who talks, nil if they may: a group for picking up has both.
func (s *Snapshot) MayTakeOver(who, whose designation.Party) error {
	if who.User == "" || !s.grouped(who.User, whose.User) {
		return errs.New(errs.Forbidden, "no right to take over calls of %s: no group for picking up has you both", cmp.Or(whose.Name, whose.Number))
	}
	return nil
}

// MayPickUp is why somebody may not pick up the calls of another, nil if they may: a group says so or, of somebody who is in no group for
// that, both are of this site.
func (s *Snapshot) MayPickUp(who, whose designation.Party) error {
	inGroup := slices.ContainsFunc(s.docs.copy.Groups, func(g sitecopy.Group) bool {
		return g.Kind == "pickup" && slices.Contains(g.Members, whose.User)
	})
	if who.User == "" || who.Site != s.identity.Site && !inGroup || inGroup && !s.grouped(who.User, whose.User) {
		return errs.New(errs.Forbidden, "no right to pick up calls of %s", cmp.Or(whose.Name, whose.Number))
	}
	return nil
}
