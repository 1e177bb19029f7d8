package directory

import (
	"cmp"

	"strowger/pkg/errs"
)

// Lamp is whose lamp a number is.
type Lamp struct {
	User    string // id
	Home    string // switch, "" for none
	Private bool   // only who may pick up their calls sees it
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
	return Lamp{User: u.id, Home: u.home(), Private: lamp == "private"}, nil
}
