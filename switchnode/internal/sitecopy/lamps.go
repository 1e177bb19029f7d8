package sitecopy

import (
	"strowger/pkg/designation"
	"strowger/pkg/e164"
	"strowger/pkg/errs"
)

// Watched is whom a phone of this switch watches by a number, as it would dial it, or why it may not.
func (s *Snapshot) Watched(device, number string) (designation.Party, error) {
	d, ok := s.devices[device]
	if !ok || d.Switch != s.identity.Node {
		return designation.Party{}, errs.New(errs.Forbidden, "device %q is not one of this switch", device)
	}
	digits := e164.Plain(number)
	n := s.extensions[digits]
	if n == nil {
		n = s.numbers[digits]
	}
	if n == nil {
		return designation.Party{}, errs.New(errs.Unknown, "nobody of this site has the number %q: no lamp can show it", number)
	}
	to, home, enabled, known := s.callee(n)
	switch {
	case !known:
		return to, errs.New(errs.Unknown, "this switch does not know who has the number %s: no lamp can show it", n.Digits)
	case !enabled:
		return to, errs.New(errs.Disabled, "%s is disabled", to.Name)
	case s.users[to.User] == nil:
		return to, errs.New(errs.Forbidden, "%s is not a person: a lamp shows who is on the phone", to.Name)
	case !s.Shows(d.User, to.User):
		return to, errs.New(errs.Forbidden, "%s does not show whether they are on the phone", to.Name)
	case home != "" && home != s.identity.Node:
		return to, errs.New(errs.Unknown, "%s is at another switch: lamps show those of their own", to.Name)
	}
	return to, nil
}

// Shows says whether there is a user whom another one may watch.
func (s *Snapshot) Shows(user, of string) bool {
	u := s.users[of]
	return u != nil && u.Enabled && s.MayWatch(user, of)
}

// DevicesOf are the ids of the phones of a user at this switch.
func (s *Snapshot) DevicesOf(user string) (all []string) {
	for i := range s.docs.copy.Devices {
		if d := &s.docs.copy.Devices[i]; d.User == user && d.Switch == s.identity.Node && d.Enabled {
			all = append(all, d.ID)
		}
	}
	return all
}
