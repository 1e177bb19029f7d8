// Package lamp is who is on the phone: what lamps of desk phones show of users (RFC 4235, dialog events; RFC 3856, presence), and the
// documents that say so.
//
// A [Board] is a machine without clock or I/O. It is told each call as it stands ([call.View]) and says whose lamps that changes. What
// it keeps is the calls of this switch; those of users at other switches come in the same way, from there.
//
// In a dialog-info document the dialog of a party has the id of their leg; call-id is the id of the call, local-tag that of their leg and
// remote-tag that of the leg that they talk to or that calls them: with these a phone that picks the call up says which one it means
// (RFC 3891, Replaces).
package lamp

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"strowger/switchnode/internal/call"
)

// Board is the calls that users are in. The zero value is of no use; see New. It has one owner.
type Board struct {
	calls map[string][]call.Seen       // by call
	users map[string]map[string]uint64 // the calls of a user, with when they began
	next  uint64
	sights
}

// New returns the board of a switch without calls.
func New() *Board {
	return &Board{calls: map[string][]call.Seen{}, users: map[string]map[string]uint64{}, sights: newSights()}
}

// Step takes a call as it stands, without parties when it is over, and returns the users whose lamps that changes, in order.
func (b *Board) Step(v call.View) []string {
	was := b.calls[v.Call]
	if len(v.Parties) == 0 {
		delete(b.calls, v.Call)
	} else {
		b.calls[v.Call] = slices.Clone(v.Parties)
	}
	var changed []string
	for _, user := range usersOf(was, v.Parties) {
		now := of(user, v.Parties)
		if slices.Equal(of(user, was), now) {
			continue
		}
		changed = append(changed, user)
		switch began := b.users[user]; {
		case len(now) == 0:
			if delete(began, v.Call); len(began) == 0 {
				delete(b.users, user)
			}
		case began == nil:
			b.next++
			b.users[user] = map[string]uint64{v.Call: b.next}
		case began[v.Call] == 0:
			b.next++
			began[v.Call] = b.next
		}
	}
	return changed
}

// usersOf is the users of some parties, sorted.
func usersOf(lists ...[]call.Seen) []string {
	all := map[string]bool{}
	for _, list := range lists {
		for _, p := range list {
			all[p.User] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

func of(user string, all []call.Seen) (some []call.Seen) {
	for _, p := range all {
		if p.User == user {
			some = append(some, p)
		}
	}
	return some
}

// maxDialogs is how many dialogs one document has: no lamp shows more, and a NOTIFY has to fit a few datagrams.
const maxDialogs = 8

// Dialogs is the calls that a user is in, the oldest of this switch first, at most maxDialogs of them. One that rings at several of their
// phones, or that another of their phones has answered, is one.
func (b *Board) Dialogs(user string) []Dialog {
	all := b.here(user, func(call.Seen) bool { return true })
	all = append(all, b.elsewhere(user)...)
	return all[:min(len(all), maxDialogs)]
}

// Here is the calls that a user is in at devices of this switch.
func (b *Board) Here(user string) []Dialog {
	all := b.here(user, func(s call.Seen) bool { return s.Device != "" })
	return all[:min(len(all), maxDialogs)]
}

// At is the calls in which a user talks at a device.
func (b *Board) At(user, device string) []Dialog {
	return b.here(user, func(s call.Seen) bool { return s.Device == device && s.Phase == call.PhaseConfirmed })
}

func (b *Board) here(user string, counts func(call.Seen) bool) (all []Dialog) {
	began := b.users[user]
	order := slices.SortedFunc(maps.Keys(began), func(x, y string) int { return cmp.Compare(began[x], began[y]) })
	for _, id := range order {
		at := slices.DeleteFunc(of(user, b.calls[id]), func(s call.Seen) bool { return !counts(s) })
		if len(at) > 0 {
			all = append(all, dialogOf(id, furthest(at)))
		}
	}
	return all
}

// furthest is the party that says most of the user in the call.
func furthest(all []call.Seen) call.Seen {
	return slices.MaxFunc(all, func(a, b call.Seen) int { return rank(a.Phase) - rank(b.Phase) })
}

func rank(p call.Phase) int {
	return slices.Index([]call.Phase{call.PhaseTrying, call.PhaseEarly, call.PhaseConfirmed}, p)
}

// dialogOf is a party's side of a call, with what others may see of it. Who talks to whom is the organization's business if both are of
// it; who rings is shown to those who may pick the call up.
func dialogOf(id string, s call.Seen) Dialog {
	d := Dialog{ID: s.Leg, Call: id, LocalTag: s.Leg, RemoteTag: s.Peer, State: string(s.Phase), Local: Identity{Number: s.Own.Number, Name: s.Own.Name}}
	if s.Caller {
		d.Direction = Initiator
	} else {
		d.Direction = Recipient
	}
	rings := s.Phase == call.PhaseEarly && !s.Caller
	if !s.Other.Withheld && (s.Other.User != "" || rings) {
		d.Remote = Identity{Number: s.Other.Number, Name: s.Other.Name}
	}
	return d
}

// Busy says whether somebody in these calls is on the phone, and whether they ring.
func Busy(all []Dialog) (busy, rings bool) {
	for _, d := range all {
		if d.State == string(call.PhaseEarly) && d.Direction == Recipient {
			rings = true
			continue
		}
		busy = true
	}
	return busy, rings
}

// Name is how resources are called that are watched: a package and a user.
func Name(event, user string) string { return event + " " + user }

// Names are those of what shows a user's calls.
func Names(users ...string) (all []string) {
	for _, u := range users {
		all = append(all, Name(Dialogs, u), Name(Presence, u))
	}
	return all
}

// clean leaves out what XML cannot hold.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' || r == 0x7f || r == 0xfffe || r == 0xffff {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
}

// Resource is what somebody watches.
type Resource struct {
	User   string // id, of whose home this switch is
	Number string // in place of it: of who lives elsewhere
	Code   string // in place of both: a star code
	By     string // id of the user who watches
}

// Name is how it is called in an event package.
func (r Resource) Name(event string) string {
	switch {
	case r.Code != "":
		return Name(event, r.Code)
	case r.User == "":
		return Name(event, numbered(r.Number))
	}
	return Name(event, r.User)
}

// Numbers are the names of what shows the calls of numbers of elsewhere.
func Numbers(numbers ...string) (all []string) {
	for _, n := range numbers {
		all = append(all, Names(numbered(n))...)
	}
	return all
}

func numbered(number string) string { return "#" + number }
