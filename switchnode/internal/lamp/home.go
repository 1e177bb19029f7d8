package lamp

import (
	"maps"
	"slices"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/fabric"
)

// Home is who at other switches watches users whose lamps this one knows. It is a machine without clock or I/O.
type Home struct {
	boot    string
	version uint64 // of the last change of anybody
	users   map[string]*told
	leases  map[string]map[string]lease // by switch and number
}

// told is what others know of a user, or are about to.
type told struct {
	version uint64
	state   fabric.LampState
}

// lease is a number that another switch watches.
type lease struct {
	user  string
	until time.Time
}

// NewHome returns the machine of a run of this switch.
func NewHome(boot string) *Home {
	return &Home{boot: boot, users: map[string]*told{}, leases: map[string]map[string]lease{}}
}

// Watched is whom a number leads to that somebody asks for.
type Watched struct {
	User   string
	By     []string // who may see it
	Denied []string // who may not
}

// Ways is how a Home finds out what it is asked for.
type Ways struct {
	Find  func(fabric.LampAsk) (Watched, error)
	State func(user string) fabric.LampState
}

// Asked takes the questions of a switch and returns the answer. A user whom only such may not see who asks is not told of, but that.
func (h *Home) Asked(m fabric.Lamps, w Ways, now time.Time) fabric.Lamps {
	r := fabric.Lamps{To: m.From, Boot: h.boot, Turn: m.Turn}
	theirs := h.leases[m.From]
	if theirs == nil {
		theirs = map[string]lease{}
		h.leases[m.From] = theirs
	}
	for _, q := range m.Asks {
		t := fabric.LampTell{Number: q.Number}
		found, err := w.Find(q)
		if err != nil {
			t.Error = errs.From(err)
			delete(theirs, q.Number)
			r.Tells = append(r.Tells, t)
			continue
		}
		t.By, t.Denied = found.By, found.Denied
		state := w.State(found.User)
		known := h.note(found.User, state)
		if len(found.By) > 0 {
			theirs[q.Number] = lease{found.User, now.Add(fabric.LampLease)}
			t.Version, t.LampState = known.version, known.state
		} else {
			t.Name = state.Name
		}
		r.Tells = append(r.Tells, t)
	}
	if len(theirs) == 0 {
		delete(h.leases, m.From)
	}
	return r
}

// note keeps the state of a user, as a new version if it is another.
func (h *Home) note(user string, state fabric.LampState) *told {
	u := h.users[user]
	if u == nil {
		h.version++
		u = &told{version: h.version, state: state}
		h.users[user] = u
	}
	if !same(u.state, state) {
		h.version++
		u.version, u.state = h.version, state
	}
	return u
}

// Changed returns what to tell whom of users who may have changed.
func (h *Home) Changed(users []string, w Ways, now time.Time) (all []fabric.Lamps) {
	changed := map[string]*told{}
	for _, user := range users {
		if old := h.users[user]; old != nil {
			was := old.version
			if u := h.note(user, w.State(user)); u.version != was {
				changed[user] = u
			}
		}
	}
	if len(changed) == 0 {
		return nil
	}
	for _, node := range slices.Sorted(maps.Keys(h.leases)) {
		var tells []fabric.LampTell
		for _, number := range slices.Sorted(maps.Keys(h.leases[node])) {
			l := h.leases[node][number]
			if u := changed[l.user]; u != nil && now.Before(l.until) {
				tells = append(tells, fabric.LampTell{Number: number, Version: u.version, LampState: u.state})
			}
		}
		for some := range slices.Chunk(tells, fabric.MaxLamps) {
			all = append(all, fabric.Lamps{To: node, Boot: h.boot, Tells: some})
		}
	}
	return all
}

// Expire forgets leases that have ended, and users whom nobody watches any more.
func (h *Home) Expire(now time.Time) {
	watched := map[string]bool{}
	for node, theirs := range h.leases {
		maps.DeleteFunc(theirs, func(_ string, l lease) bool { return !now.Before(l.until) })
		for _, l := range theirs {
			watched[l.user] = true
		}
		if len(theirs) == 0 {
			delete(h.leases, node)
		}
	}
	maps.DeleteFunc(h.users, func(user string, _ *told) bool { return !watched[user] })
}

// Watches says how many numbers other switches watch here.
func (h *Home) Watches() (n int) {
	for _, theirs := range h.leases {
		n += len(theirs)
	}
	return n
}
