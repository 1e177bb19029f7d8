package directory

import (
	"slices"
	"strings"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
)

// maxDialled is of what a phone sends, before visual separators are taken out.
const maxDialled = 64

// Route is a call that may be made: who calls, who is called, and where the callee lives.
type Route struct {
	From, To designation.Party
	Home     string // the callee's home switch: the anchor
	Branches []designation.Branch
}

// Resolve checks that a device may call through a switch and finds whom it dialled (steps A and B). diversion is the
// numbers that the call was sent to before.
func (s *Snapshot) Resolve(sw, device, dialled string, diversion []string) (Route, error) {
	caller, err := s.caller(sw, device)
	if err != nil {
		return Route{}, err
	}
	callee, n, err := s.number(s.siteOf(sw), dialled)
	if err != nil {
		return Route{}, err
	}
	if slices.Contains(diversion, n.dial) {
		return Route{}, errs.New(errs.Loop, "the call was sent to %s before; it would go in circles", n.dial)
	}
	return s.route(sw, device, caller, callee, n)
}

// Confirm makes the route of a call again from its parties, as the registry is now. A switch that signed the key without
// the cloud knows the callee's number only; then to has no user.
func (s *Snapshot) Confirm(sw string, from, to designation.Party) (Route, error) {
	caller, err := s.caller(sw, from.Device)
	if err != nil {
		return Route{}, err
	}
	callee := s.numbers.get(to.Number)
	if callee == nil || to.User != "" && callee.id != to.User {
		return Route{}, errs.New(errs.Unknown, "number %q is no longer that of user %q", to.Number, to.User)
	}
	return s.route(sw, from.Device, caller, callee, callee.number(to.Number))
}

func (s *Snapshot) route(sw, device string, caller, callee *user, n *number) (Route, error) {
	site := s.siteOf(sw)
	r := Route{
		From: designation.Party{User: caller.id, Device: device, Number: caller.presented(site), Name: caller.name, Site: site},
		To:   designation.Party{User: callee.id, Number: n.dial, Name: callee.name, Site: n.site},
	}
	var err error
	r.Home, r.Branches, err = s.ring(callee, n.dial)
	return r, err
}

// caller is the user of a device for which the switch may speak.
func (s *Snapshot) caller(sw, device string) (*user, error) {
	u := s.devices.get(device)
	if u == nil {
		return nil, errs.New(errs.Forbidden, "device %q is not one of switch %s", device, sw)
	}
	d := u.device(device)
	switch {
	case d.switchID == "" || d.switchID != sw:
		return nil, errs.New(errs.Forbidden, "device %q is not one of switch %s", device, sw)
	case !s.organization.Enabled:
		return nil, errs.New(errs.Disabled, "organization %s is disabled", s.organization.Name)
	case !d.enabled:
		return nil, errs.New(errs.Disabled, "the calling phone %s is disabled", d.name)
	case !u.enabled:
		return nil, errs.New(errs.Disabled, "the calling user %s is disabled", u.name)
	case u.silent:
		return nil, errs.New(errs.Forbidden, "%s may only receive calls", u.name)
	}
	return u, nil
}

// number finds what was dialled in a site: an extension of the site first, then a number of the organization.
func (s *Snapshot) number(site, dialled string) (*user, *number, error) {
	if len(dialled) > maxDialled {
		return nil, nil, errs.New(errs.Unknown, "the dialled number has %d characters, at most %d are possible", len(dialled), maxDialled)
	}
	digits := strings.Map(func(r rune) rune {
		if strings.ContainsRune("-. ()", r) { // RFC 3966, 5.1.1: visual separators mean nothing
			return -1
		}
		return r
	}, dialled)
	if own, ok := s.sites[site]; ok {
		dial := own.Code + digits
		if u := s.numbers.get(dial); u != nil {
			if n := u.number(dial); n.site == site {
				return u, n, nil
			}
		}
	}
	if u := s.numbers.get(digits); u != nil {
		return u, u.number(digits), nil
	}
	return nil, nil, errs.New(errs.Unknown, "nobody has the number %q", dialled)
}

// ring finds where a called user lives and which of their devices to ring.
func (s *Snapshot) ring(u *user, number string) (home string, branches []designation.Branch, err error) {
	if !u.enabled {
		return "", nil, errs.New(errs.Disabled, "%s is disabled", u.name)
	}
	home = u.home()
	phones, enabled := 0, 0
	for i := range u.devices {
		d := &u.devices[i]
		if d.kind != designation.DeskPhone {
			continue
		}
		phones++
		if !d.enabled {
			continue
		}
		enabled++
		if d.switchID == home {
			branches = append(branches, designation.Branch{
				Device: d.id, User: u.id, Kind: d.kind, Name: u.name, Number: number, Delay: time.Duration(d.delay) * time.Second,
			})
		}
	}
	switch {
	case len(branches) > 0:
		return home, branches, nil
	case enabled > 0:
		at, _ := s.Switch(home)
		return "", nil, errs.New(errs.Offline, "%s has no desk phone at their home switch %s; set another home switch", u.name, at.Name)
	case phones > 0:
		return "", nil, errs.New(errs.Disabled, "every phone of %s is disabled", u.name)
	case len(u.devices) > 0:
		return "", nil, errs.New(errs.Offline, "%s has only apps, which this release cannot ring", u.name)
	}
	return "", nil, errs.New(errs.Offline, "%s has no phone", u.name)
}

// presented is the number that a caller shows: an extension of the site where they call from, else their first number;
// "" if they have none.
func (u *user) presented(site string) string {
	for i := range u.numbers {
		if u.numbers[i].site == site {
			return u.numbers[i].dial
		}
	}
	if len(u.numbers) > 0 {
		return u.numbers[0].dial
	}
	return ""
}
