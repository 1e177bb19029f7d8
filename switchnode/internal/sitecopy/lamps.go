package sitecopy

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/e164"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/sitecopy"
	"strowger/switchnode/internal/lamp"
)

// Watched is whom a phone of this switch watches by a number, as it would dial it, or why it may not. away: their home is another switch,
// if there is such a number at all; then the party is the number as the whole organization dials it.
func (s *Snapshot) Watched(device, number string) (p designation.Party, away bool, err error) {
	d, ok := s.devices[device]
	if !ok || d.Switch != s.identity.Node {
		return p, false, errs.New(errs.Forbidden, "device %q is not one of this switch", device)
	}
	digits := e164.Plain(number)
	n := cmp.Or(s.extensions[digits], s.numbers[digits])
	if n == nil {
		if digits == "" || len(digits) > maxDigits || strings.Trim(digits, "0123456789") != "" {
			return p, false, errs.New(errs.Unknown, "nobody has the number %q: no lamp can show it", number)
		}
		return designation.Party{Number: digits}, true, nil
	}
	to, home, enabled, known := s.callee(n)
	switch {
	case !known:
		return to, true, nil
	case !enabled:
		return to, false, errs.New(errs.Disabled, "%s is disabled", to.Name)
	case s.users[to.User] == nil:
		return to, false, errs.New(errs.Forbidden, "%s is not a person: a lamp shows who is on the phone", to.Name)
	case !s.Shows(d.User, to.User):
		return to, false, errs.New(errs.Forbidden, "%s does not show whether they are on the phone", to.Name)
	}
	return to, home != s.identity.Node, nil
}

// maxDigits is how long a number can be that a lamp shows.
const maxDigits = 40

// Asked is whose lamp another switch asks for, and who of its users may see it. A private lamp is not shown to whom a switch names that is not
// where they are, as far as the documents tell; from is the switch that asks over a link, "" of what the cloud has judged and passed on.
func (s *Snapshot) Asked(q fabric.LampAsk, from string) (w lamp.Watched, err error) {
	private := q.Private
	may := func(by string) bool { return by == q.User || s.grouped(by, q.User) }
	if w.User = q.User; q.User == "" {
		n := s.numbers[q.Number]
		if n == nil || s.users[n.User] == nil {
			return w, errs.New(errs.Unknown, "nobody here has the number %q: no lamp can show it", q.Number)
		}
		u := s.users[n.User]
		switch {
		case !u.Enabled:
			return w, errs.New(errs.Disabled, "%s is disabled", u.Name)
		case u.HomeSwitch != s.identity.Node:
			return w, errs.New(errs.Unknown, "%s does not live at this switch", u.Name)
		}
		w.User = u.ID
		private = !s.MayWatch("", u.ID)
		may = func(by string) bool { return s.MayWatch(by, u.ID) }
	}
	for _, by := range q.By {
		if !private || (from == "" || s.at(from, by)) && may(by) {
			w.By = append(w.By, by)
		} else {
			w.Denied = append(w.Denied, by)
		}
	}
	return w, nil
}

// at says whether a user may have a phone at a switch: one of this site lives there or has one, of others the documents do not tell.
func (s *Snapshot) at(node, user string) bool {
	u := s.users[user]
	if u == nil {
		return s.nodes[node].site != s.identity.Site
	}
	return u.HomeSwitch == node || slices.ContainsFunc(s.docs.copy.Devices, func(d sitecopy.Device) bool { return d.User == user && d.Switch == node && d.Enabled })
}

// LampHome is the switch to ask for the lamp of a number without the cloud: false if the documents do not say.
func (s *Snapshot) LampHome(number string, now time.Time) (designation.Node, bool) {
	var r Route
	var err error
	if n := s.numbers[number]; n != nil {
		_, home, _, known := s.callee(n)
		if !known || home == "" || home == s.identity.Node {
			return designation.Node{}, false
		}
		r, err = s.away(r, home, now)
	} else {
		r, err = s.resolveAway(designation.Party{}, number, now)
	}
	if err != nil {
		return designation.Node{}, false
	}
	return *r.Away, true
}

// Node is where another switch is; false: it is not known, or trust was taken from it.
func (s *Snapshot) Node(id string) (designation.Node, bool) {
	m, ok := s.nodes[id]
	return m.Node, ok && !s.revoked[id]
}

// Name is that of a user of this site, "" of others.
func (s *Snapshot) Name(user string) string {
	if u := s.users[user]; u != nil {
		return u.Name
	}
	return ""
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

// Wakes says whether a user has an app that can be woken.
func (s *Snapshot) Wakes(user string) bool {
	return slices.ContainsFunc(s.docs.copy.Devices, func(d sitecopy.Device) bool {
		return d.User == user && d.Enabled && d.Kind == designation.Mobile
	})
}

// Undisturbed says whether a user lets no phone of theirs ring.
func (s *Snapshot) Undisturbed(user string) bool {
	u := s.users[user]
	return u != nil && u.Policy != nil && u.Policy.DND
}
