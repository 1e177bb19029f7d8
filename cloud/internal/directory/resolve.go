package directory

import (
	"slices"
	"strings"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/rest"
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
	n, err := s.number(s.switches[sw].Site, dialled)
	if err != nil {
		return Route{}, err
	}
	if slices.Contains(diversion, n.Dial) {
		return Route{}, errs.New(errs.Loop, "the call was sent to %s before; it would go in circles", n.Dial)
	}
	return s.route(sw, device, caller, n)
}

// Confirm makes the route of a call again from its parties, as the registry is now. A switch that signed the key without
// the cloud knows the callee's number only; then to has no user.
func (s *Snapshot) Confirm(sw string, from, to designation.Party) (Route, error) {
	caller, err := s.caller(sw, from.Device)
	if err != nil {
		return Route{}, err
	}
	n, ok := s.dial[to.Number]
	if !ok || to.User != "" && n.User != to.User {
		return Route{}, errs.New(errs.Unknown, "number %q is no longer that of user %q", to.Number, to.User)
	}
	return s.route(sw, from.Device, caller, n)
}

func (s *Snapshot) route(sw, device string, caller *user, n *rest.Number) (Route, error) {
	site := s.switches[sw].Site
	callee := s.users[n.User]
	r := Route{
		From: designation.Party{User: caller.ID, Device: device, Number: caller.presented(site), Name: caller.Name, Site: site},
		To:   designation.Party{User: callee.ID, Number: n.Dial, Name: callee.Name, Site: n.Site},
	}
	var err error
	r.Home, r.Branches, err = s.ring(callee, n.Dial)
	return r, err
}

// caller is the user of a device for which the switch may speak.
func (s *Snapshot) caller(sw, device string) (*user, error) {
	d, ok := s.devices[device]
	if !ok || d.Switch == "" || d.Switch != sw {
		return nil, errs.New(errs.Forbidden, "device %q is not one of switch %s", device, sw)
	}
	u := s.users[d.User]
	switch {
	case !s.registry.Organization.Enabled:
		return nil, errs.New(errs.Disabled, "organization %s is disabled", s.registry.Organization.Name)
	case !d.Enabled:
		return nil, errs.New(errs.Disabled, "the calling phone %s is disabled", d.Name)
	case !u.Enabled:
		return nil, errs.New(errs.Disabled, "the calling user %s is disabled", u.Name)
	case u.Calling == "none":
		return nil, errs.New(errs.Forbidden, "%s may only receive calls", u.Name)
	}
	return u, nil
}

// number finds what was dialled in a site: an extension of the site first, then a number of the organization.
func (s *Snapshot) number(site, dialled string) (*rest.Number, error) {
	if len(dialled) > maxDialled {
		return nil, errs.New(errs.Unknown, "the dialled number has %d characters, at most %d are possible", len(dialled), maxDialled)
	}
	digits := strings.Map(func(r rune) rune {
		if strings.ContainsRune("-. ()", r) { // RFC 3966, 5.1.1: visual separators mean nothing
			return -1
		}
		return r
	}, dialled)
	if n, ok := s.local[extension{site, digits}]; ok {
		return n, nil
	}
	if n, ok := s.dial[digits]; ok {
		return n, nil
	}
	return nil, errs.New(errs.Unknown, "nobody has the number %q", dialled)
}

// ring finds where a called user lives and which of their devices to ring.
func (s *Snapshot) ring(u *user, number string) (home string, branches []designation.Branch, err error) {
	if !u.Enabled {
		return "", nil, errs.New(errs.Disabled, "%s is disabled", u.Name)
	}
	home = u.home()
	enabled := 0
	for _, d := range u.phones {
		if !d.Enabled {
			continue
		}
		enabled++
		if d.Switch == home {
			branches = append(branches, designation.Branch{
				Device: d.ID, User: u.ID, Kind: d.Kind, Name: u.Name, Number: number, Delay: time.Duration(d.DelaySeconds) * time.Second,
			})
		}
	}
	switch {
	case len(branches) > 0:
		return home, branches, nil
	case enabled > 0:
		return "", nil, errs.New(errs.Offline, "%s has no desk phone at their home switch %s; set another home switch", u.Name, s.switches[home].Name)
	case len(u.phones) > 0:
		return "", nil, errs.New(errs.Disabled, "every phone of %s is disabled", u.Name)
	case u.apps > 0:
		return "", nil, errs.New(errs.Offline, "%s has only apps, which this release cannot ring", u.Name)
	}
	return "", nil, errs.New(errs.Offline, "%s has no phone", u.Name)
}

// presented is the number that a caller shows: an extension of the site where they call from, else their first number;
// "" if they have none.
func (u *user) presented(site string) string {
	for _, n := range u.numbers {
		if n.Site == site {
			return n.Dial
		}
	}
	if len(u.numbers) > 0 {
		return u.numbers[0].Dial
	}
	return ""
}
