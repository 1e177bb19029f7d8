package directory

import (
	"cmp"
	"slices"

	"strowger/pkg/errs"
)

// Lamp is whose lamp a number is.
type Lamp struct {
	User      string // id
	Name      string
	Home      string // switch, "" for none
	Private   bool   // only who may pick up their calls sees it
	Reachable bool   // an app of theirs can be woken
}

// LampHome is the home switch of a user, "" of one without; false: there is no such user.
func (s *Snapshot) LampHome(user string) (home string, known bool) {
	u := s.users.get(user)
	if u == nil {
		return "", false
	}
	return u.home(), true
}

// Belongs says whether a user lives at a switch, or has a phone there.
func (s *Snapshot) Belongs(user, node string) bool {
	u := s.users.get(user)
	return u != nil && (u.home() == node || slices.ContainsFunc(u.devices, func(d device) bool { return d.enabled && d.switchID == node }))
}

// LampOf is whose lamp a number is, as the whole organization dials it, or why it has none.
func (s *Snapshot) LampOf(number string) (Lamp, error) {
	u, _, err := s.number("", number)
	switch {
	case err != nil:
		return Lamp{}, err
	case !u.enabled:
		return Lamp{}, errs.New(errs.Disabled, "%s is disabled", u.name)
	case u.service != nil:
		return Lamp{}, errs.New(errs.Forbidden, "%s is not a person: a lamp shows who is on the phone", u.name)
	}
	lamp := s.organization.Lamps
	if w := u.wishes(); w != nil {
		lamp = cmp.Or(w.Lamp, lamp)
	}
	reachable := slices.ContainsFunc(u.devices, func(d device) bool { return d.enabled && d.app != nil && d.app.unreachable == "" })
	return Lamp{User: u.id, Name: u.name, Home: u.home(), Private: lamp == "private", Reachable: reachable}, nil
}
