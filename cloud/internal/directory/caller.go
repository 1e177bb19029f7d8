package directory

import (
	"strowger/pkg/designation"
	"strowger/pkg/errs"
)

// ResolveApp checks that the app which signs with a key may call, and finds whom it dialled (steps A and B). It dials as its
// user would in their office.
func (s *Snapshot) ResolveApp(device, thumbprint, dialled string) (Route, error) {
	u := s.devices.get(device)
	if u == nil {
		return Route{}, errs.New(errs.Revoked, "device %q is not, or no longer, one of %s: enrol it anew", device, s.organization.Name)
	}
	d := u.device(device)
	if d.app == nil || d.app.thumbprint != thumbprint {
		return Route{}, errs.New(errs.WrongPresenter, "device %q has enrolled with another key: enrol it anew", device)
	}
	site := s.officeOf(u)
	if err := s.mayCall(u, d); err != nil && !s.forHelp(site, dialled) {
		return Route{}, err
	}
	if r, ok, err := s.services(u, device, "", dialled); ok {
		return r, err
	}
	dialled, err := s.place(u, dialled)
	if err != nil {
		return Route{}, err
	}
	if r, ok, err := s.code(u, device, dialled); ok {
		return r, err
	}
	callee, n, out, err := s.callee(site, u, dialled)
	switch {
	case err != nil:
		return Route{}, err
	case out != nil:
		r := Route{From: u.caller(device, site)}
		return r, s.leave(&r, u.home(), *out)
	}
	return s.routeFrom(site, device, u, callee, n)
}

// Caller is the user of an app as its calls name them.
func (s *Snapshot) Caller(device string) (designation.Party, bool) {
	u := s.devices.get(device)
	if u == nil {
		return designation.Party{}, false
	}
	site := s.officeOf(u)
	return u.caller(device, site), true
}

// officeOf is the site of a user's home switch, or else of their first number that is an extension; "" if there is none.
func (s *Snapshot) officeOf(u *user) string {
	if home := u.home(); home != "" {
		return s.siteOf(home)
	}
	for i := range u.numbers {
		if site := u.numbers[i].site; site != "" {
			return site
		}
	}
	return ""
}

// Thumbprint is that of the key that an app enrolled with, "" if none did.
func (s *Snapshot) Thumbprint(device string) string {
	u := s.devices.get(device)
	if u == nil {
		return ""
	}
	if d := u.device(device); d.app != nil {
		return d.app.thumbprint
	}
	return ""
}

// Owns says whether the device of a party is that of its user, and its number too, if it has one.
func (s *Snapshot) Owns(p designation.Party) bool {
	u := s.devices.get(p.Device)
	return u != nil && u.id == p.User && (p.Number == "" || u.number(p.Number) != nil)
}
