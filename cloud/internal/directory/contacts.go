package directory

import (
	"cmp"
	"iter"
	"slices"
	"strings"

	"strowger/pkg/enrol"
)

// Contacts returns the numbers of a user, and by name whom else of the organization they can call: who is enabled and has a
// number and a device. Of an organization with more than enrol.MaxContacts users it names nobody.
func (s *Snapshot) Contacts(of string) (own []string, all []enrol.Contact) {
	me := s.users.get(of)
	if me == nil {
		return nil, nil
	}
	for _, n := range me.numbers {
		own = append(own, n.dial)
	}
	if s.users.len > enrol.MaxContacts {
		return own, nil
	}
	site := s.officeOf(me)
	for u := range s.users.all() {
		if number := u.presented(site); u != me && u.enabled && number != "" && (u.service != nil || slices.ContainsFunc(u.devices, func(d device) bool { return d.enabled })) {
			all = append(all, enrol.Contact{Name: u.name, Number: number})
		}
	}
	slices.SortFunc(all, func(a, b enrol.Contact) int {
		return cmp.Or(strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)), strings.Compare(a.Number, b.Number))
	})
	return own, all
}

// all yields the users of an index, each as often as it has keys there.
func (x *index) all() iter.Seq[*user] {
	return func(yield func(*user) bool) {
		for _, p := range x.parts {
			for _, s := range p.slots {
				if s.user != nil && !yield(s.user) {
					return
				}
			}
		}
	}
}
