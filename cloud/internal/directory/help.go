package directory

import (
	"slices"
	"strings"

	"strowger/pkg/designation"
)

// maxTold is how many apps are told of one emergency call.
const maxTold = 64

// EmergencyApps is the apps of the people among the contacts of a site: a contact, or a part of one between commas, is the id of a
// user, one of their numbers, or their name.
func (s *Snapshot) EmergencyApps(site string) (all []App) {
	for u := range s.emergencyUsers(site) {
		for i := range u.devices {
			d := &u.devices[i]
			if d.enabled && d.app != nil && len(all) < maxTold {
				all = append(all, App{Branch: d.branch(u, u.presented(site)), Thumbprint: d.app.thumbprint, Seal: d.app.seal})
			}
		}
	}
	slices.SortFunc(all, func(a, b App) int { return strings.Compare(a.Device, b.Device) })
	return all
}

// emergencyUsers is the people among the contacts of a site who are enabled.
func (s *Snapshot) emergencyUsers(site string) map[*user]struct{} {
	told, names := map[*user]struct{}{}, map[string]struct{}{}
	add := func(u *user) {
		if u != nil && u.enabled {
			told[u] = struct{}{}
		}
	}
	for _, contact := range s.EmergencyContacts(site) {
		for _, one := range append(strings.Split(contact, ","), contact) {
			one = strings.TrimSpace(one)
			names[one] = struct{}{}
			add(s.users.get(one))
			add(s.numbers.get(one))
		}
	}
	if len(names) == 0 {
		return told
	}
	for u := range s.users.all() {
		if _, ok := names[u.name]; ok {
			add(u)
		}
	}
	return told
}

// PartyOf is a user as who calls from a site.
func (s *Snapshot) PartyOf(id, site string) designation.Party {
	if u := s.users.get(id); u != nil {
		return u.caller("", site)
	}
	return designation.Party{}
}
