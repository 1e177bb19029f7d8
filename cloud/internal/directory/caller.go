package directory

import (
	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/starcode"
)

// ResolveApp checks that the app which signs with a key may call, and finds whom it dialled (steps A and B). It dials as its
// user would in their office.
func (s *Snapshot) ResolveApp(device, thumbprint, dialled string) (Route, error) {
	u, site, err := s.appCalls(device, thumbprint, dialled)
	if err != nil {
		return Route{}, err
	}
	if r, ok, err := s.services(u, device, "", dialled); ok {
		return r, err
	}
	if dialled, err = s.place(u, dialled); err != nil {
		return Route{}, err
	}
	if r, ok, err := s.code(u, device, dialled); ok {
		return r, err
	}
	return s.calls(site, device, u, dialled, nil)
}

// appCalls is the user of the app that signs with a key, and their office, if it may call now, or calls for help.
func (s *Snapshot) appCalls(device, thumbprint, dialled string) (u *user, site string, err error) {
	u, d, err := s.app(device, thumbprint)
	if err != nil {
		return nil, "", err
	}
	site = s.officeOf(u)
	if err := s.mayCall(u, d); err != nil && !s.forHelp(site, dialled) {
		return nil, "", err
	}
	return u, site, nil
}

// app is the app that signs with a key, and its user.
func (s *Snapshot) app(id, thumbprint string) (*user, *device, error) {
	u := s.devices.get(id)
	if u == nil {
		return nil, nil, errs.New(errs.Revoked, "device %q is not, or no longer, one of %s: enrol it anew", id, s.organization.Name)
	}
	d := u.device(id)
	if d.app == nil || d.app.thumbprint != thumbprint {
		return nil, nil, errs.New(errs.WrongPresenter, "device %q has enrolled with another key: enrol it anew", id)
	}
	return u, d, nil
}

// calls is the route of a call of an app to a number. diversion is the numbers that it was sent to before.
func (s *Snapshot) calls(site, device string, u *user, dialled string, diversion []string) (Route, error) {
	callee, n, out, err := s.callee(site, u, dialled)
	switch {
	case err != nil:
		return Route{}, err
	case out != nil:
		r := Route{From: u.caller(device, site)}
		return r, s.leave(&r, u.home(), *out)
	case s.called(callee, diversion):
		return Route{}, looped(n)
	}
	return s.routeFrom(site, device, u, callee, n)
}

// Transfer is ResolveApp of whom the app wants somebody else to call, who was sent to numbers before: it is judged as if it called them
// itself. A code is about who dials it.
func (s *Snapshot) Transfer(device, thumbprint, dialled string, diversion []string) (Route, error) {
	u, site, err := s.appCalls(device, thumbprint, dialled)
	if err != nil {
		return Route{}, err
	}
	if dialled, err = s.place(u, dialled); err != nil {
		return Route{}, err
	}
	if _, _, err := s.number(site, dialled); err != nil && starcode.Is(dialled) {
		return Route{}, errs.New(errs.Forbidden, "a call cannot be transferred to %s; dial it", dialled)
	}
	return s.calls(site, device, u, dialled, diversion)
}

// Return is the route back to an app for somebody whom it has transferred: nothing else of its user's rings, and it rings whatever they
// wish of calls now.
func (s *Snapshot) Return(device, thumbprint string, from designation.Party) (Route, error) {
	u, d, err := s.app(device, thumbprint)
	if err == nil {
		err = s.inService(u, d)
	}
	if err != nil {
		return Route{}, err
	}
	r, err := s.Recall(Route{From: u.caller(device, s.officeOf(u))})
	r.From = designation.Party{Number: from.Number, Name: from.Name, Site: from.Site, Trunk: from.Trunk}
	return r, err
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
