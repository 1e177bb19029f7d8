package directory

import (
	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/starcode"
)

// code is the route of a star code that a user's app dialled: their home switch answers it. ok is false if it is none, or a number.
func (s *Snapshot) code(u *user, device, dialled string) (r Route, ok bool, err error) {
	site := s.officeOf(u)
	if _, _, err := s.number(site, dialled); err == nil || !starcode.Is(dialled) {
		return Route{}, false, nil
	}
	d, err := starcode.Parse(dialled)
	switch {
	case errs.CodeOf(err) == errs.Unknown:
		return Route{}, true, err
	case !d.Name.ByApp():
		return Route{}, true, errs.New(errs.Forbidden, "the star code %s is for desk phones: an app cannot dial it", d.Digits)
	case u.home() == "":
		return Route{}, true, errs.New(errs.Unreachable, "%s has no home switch, which would answer the star code %s: strowger user set %s --home-switch", u.name, d.Digits, u.name)
	}
	return Route{ // what is wrong with its argument the switch says aloud
		From: u.caller(device, site), To: designation.Party{User: u.id, Number: dialled, Name: d.Does, Site: site}, Home: u.home(), Ring: s.Ring(),
		Phones: []designation.Branch{{Kind: designation.Service, Service: designation.StarCode, User: u.id, Number: dialled, Name: d.Does}},
	}, true, nil
}

// place is the number that a user keeps at the place of speed dialling which they dialled, or what they dialled.
func (s *Snapshot) place(u *user, dialled string) (string, error) {
	d, err := starcode.Parse(dialled)
	if err != nil || d.Name != starcode.SpeedDial || d.Place == "" {
		return dialled, nil
	}
	if _, _, err := s.number(s.officeOf(u), dialled); err == nil {
		return dialled, nil
	}
	if number := s.SpeedDial(u.id, d.Place); number != "" { // their own, or the organization's
		return number, nil
	}
	return "", errs.New(errs.Unknown, "no number is kept at place %s of speed dialling: *74%s and the number keep one", d.Place, d.Place)
}
