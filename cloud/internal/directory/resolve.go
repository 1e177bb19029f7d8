package directory

import (
	"cmp"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/e164"
	"strowger/pkg/errs"
	"strowger/pkg/rest"
	"strowger/pkg/route"
)

// maxDialled is of what a phone sends, before visual separators are taken out.
const maxDialled = 64

// Route is a call that may be made: who calls, who is called, and where the callee lives. It has a phone, an app or a line at
// least.
type Route struct {
	From, To designation.Party
	Home     string               // the callee's home switch, "" if there is none
	Phones   []designation.Branch // desk phones at the home switch
	Apps     []App
	Ring     time.Duration      // in which they ring
	Priority int                // of the caller's calls
	Queue    *designation.Queue // where they wait for the callee, nil: nowhere

	Outside bool               // to a phone number: see Choose and At
	Lines   []route.Line       // that may take it, the best first
	Shown   string             // the phone number of who pays,
	Payer   *designation.Party // who forwards the call there; nil: who calls
	via     string             // the switch that they call by
	sent    string             // the number that the callee has the call go to, and does not ring; "" for none

	Emergency bool // to an emergency number
	Help      *designation.Help
}

// App is an app that a push can wake.
type App struct {
	designation.Branch
	Thumbprint string // of its signing key
	Seal       string // key that pushes are sealed to
}

// Resolve checks that a device may call through a switch and finds whom it dialled (steps A and B). diversion is the
// numbers that the call was sent to before.
func (s *Snapshot) Resolve(sw, device, dialled string, diversion []string) (Route, error) {
	caller, err := s.caller(sw, device)
	if err != nil && (caller == nil || !s.forHelp(s.siteOf(sw), dialled)) {
		return Route{}, err
	}
	if r, ok, err := s.services(caller, device, sw, dialled); ok {
		return r, err
	}
	callee, n, out, err := s.callee(s.siteOf(sw), caller, dialled)
	switch {
	case err != nil:
		return Route{}, err
	case out != nil:
		r := Route{From: caller.caller(device, s.siteOf(sw))}
		return r, s.leave(&r, sw, *out)
	case s.called(callee, diversion):
		return Route{}, looped(n)
	}
	return s.route(sw, device, caller, callee, n)
}

// Confirm makes the route of a call again from its parties, as the registry is now. A switch that signed the key without
// the cloud knows the callee's number only; then to has no user. An sw of "" brings the calls of anybody.
func (s *Snapshot) Confirm(sw string, from, to designation.Party) (Route, error) {
	if from.Trunk != "" {
		return s.confirmTrunk(sw, from, to)
	}
	if sw == "" && from.Device == "" { // a call-back: nobody else calls without a phone
		return s.Recall(Route{From: to, To: from})
	}
	caller, site, err := s.confirmed(sw, from.Device)
	help := to.User == "" && s.forHelp(site, to.Number)
	switch {
	case help && caller != nil:
		return s.confirmOutside(sw, site, from.Device, caller, to.Number)
	case err != nil:
		return Route{}, err
	}
	if r, ok, err := s.services(caller, from.Device, sw, to.Number); ok {
		return r, err
	}
	callee := s.numbers.get(to.Number)
	if callee == nil && to.User == "" {
		return s.confirmOutside(sw, site, from.Device, caller, to.Number)
	}
	if callee == nil || to.User != "" && callee.id != to.User {
		return Route{}, errs.New(errs.Unknown, "number %q is no longer that of user %q", to.Number, to.User)
	}
	return s.routeFrom(site, from.Device, caller, callee, callee.number(to.Number))
}

// confirmed is the user of a device that calls through a switch, "" for any, and the site that it calls from.
func (s *Snapshot) confirmed(sw, device string) (u *user, site string, err error) {
	if sw != "" {
		u, err := s.caller(sw, device)
		return u, s.siteOf(sw), err
	}
	if u = s.devices.get(device); u == nil {
		return nil, "", errs.New(errs.Forbidden, "the calling device %q is not there any more", device)
	}
	d := u.device(device)
	if d.switchID == "" {
		return u, s.officeOf(u), s.mayCall(u, d)
	}
	return u, s.siteOf(d.switchID), s.mayCall(u, d)
}

// caller is a user as who calls from a site.
func (u *user) caller(device, site string) designation.Party {
	return designation.Party{User: u.id, Device: device, Number: u.presented(site), Name: u.name, Site: site}
}

func (s *Snapshot) route(sw, device string, caller, callee *user, n *number) (Route, error) {
	return s.routeFrom(s.siteOf(sw), device, caller, callee, n)
}

// routeFrom is the route of a call from a site, "" for none.
func (s *Snapshot) routeFrom(site, device string, caller, callee *user, n *number) (Route, error) {
	r := Route{From: caller.caller(device, site), To: callee.party(n)}
	if caller.policy != nil {
		r.Priority = caller.policy.priority
	}
	return r, s.ring(&r, callee)
}

// caller is the user of a device for which the switch may speak.
func (s *Snapshot) caller(sw, device string) (*user, error) {
	u := s.devices.get(device)
	if u == nil {
		return nil, errs.New(errs.Forbidden, "device %q is not one of switch %s", device, sw)
	}
	d := u.device(device)
	if d.switchID == "" || d.switchID != sw {
		return nil, errs.New(errs.Forbidden, "device %q is not one of switch %s", device, sw)
	}
	return u, s.mayCall(u, d)
}

// mayCall is why a user may not call from a device, nil if they may.
func (s *Snapshot) mayCall(u *user, d *device) error {
	if err := s.inService(u, d); err != nil {
		return err
	}
	if u.calling == callsNobody {
		return errs.New(errs.Forbidden, "%s may only receive calls", u.name)
	}
	return nil
}

// inService is why a device of a user is in no call, nil if it may be.
func (s *Snapshot) inService(u *user, d *device) error {
	switch {
	case !s.organization.Enabled:
		return errs.New(errs.Disabled, "organization %s is disabled", s.organization.Name)
	case !d.enabled:
		return errs.New(errs.Disabled, "the calling phone %s is disabled", d.name)
	case !u.enabled:
		return errs.New(errs.Disabled, "the calling user %s is disabled", u.name)
	}
	return nil
}

// number finds what was dialled in a site: an extension of the site first, then a number of the organization.
func (s *Snapshot) number(site, dialled string) (*user, *number, error) {
	if len(dialled) > maxDialled {
		return nil, nil, errs.New(errs.Unknown, "the dialled number has %d characters, at most %d are possible", len(dialled), maxDialled)
	}
	digits := e164.Plain(dialled)
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

// ring finds where a called user lives and which of their devices to ring: all that can, but the one that calls.
func (s *Snapshot) ring(r *Route, u *user) error {
	if !u.enabled {
		return errs.New(errs.Disabled, "%s is disabled", u.name)
	}
	r.Home, r.Ring = u.home(), s.Ring()
	if err := s.judge(r, u); err != nil {
		return err
	}
	u.line(r)
	if u.service != nil {
		return s.ringMembers(r, u)
	}
	return s.ringDevices(r, u)
}

// ringDevices adds the devices of a user.
func (s *Snapshot) ringDevices(r *Route, u *user) error {
	before := len(r.Phones) + len(r.Apps)
	var why error // why a device cannot ring that should
	for i := range u.devices {
		d := &u.devices[i]
		if !d.enabled || d.delay == rest.NeverRings {
			continue
		}
		err := s.silent(u, d, r.Home)
		switch b := d.branch(u, r.To.Number); {
		case d.id == r.From.Device:
			err = errs.New(errs.Busy, "%s calls from the only phone that could ring", u.name)
		case err != nil:
		case d.kind == designation.DeskPhone:
			r.Phones = append(r.Phones, b)
		default:
			r.Apps = append(r.Apps, App{Branch: b, Thumbprint: d.app.thumbprint, Seal: d.app.seal})
		}
		why = cmp.Or(why, err)
	}
	switch {
	case len(r.Phones)+len(r.Apps) > before:
		return nil
	case why != nil:
		return why
	case len(u.devices) > 0:
		return errs.New(errs.Disabled, "every phone of %s is disabled, or set to never ring", u.name)
	}
	return errs.New(errs.Offline, "%s has no phone", u.name)
}

// silent is why a device of a user cannot ring, nil if it can.
func (s *Snapshot) silent(u *user, d *device, home string) error {
	switch {
	case d.kind == designation.DeskPhone && d.switchID != home:
		at, _ := s.Switch(home)
		return errs.New(errs.Offline, "%s has no desk phone at their home switch %s; set another home switch", u.name, at.Name)
	case d.kind == designation.DeskPhone:
		return nil
	case d.app == nil:
		return errs.New(errs.Offline, "%s cannot be reached: their app %s has not enrolled; give it a code (strowger device code)", u.name, d.name)
	case d.app.unreachable != "" && d.kind != designation.Web: // not every browser has pushes: a page that is open has a channel
		return errs.New(errs.NoPush, "%s cannot be reached: no push reaches their app %s: %s", u.name, d.name, d.app.unreachable)
	}
	return nil
}

func (d *device) branch(u *user, number string) designation.Branch {
	return designation.Branch{Device: d.id, User: u.id, Kind: d.kind, Name: u.name, Number: number, Delay: time.Duration(d.delay) * time.Second}
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
