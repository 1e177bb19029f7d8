package queue

import (
	"cmp"
	"slices"
	"time"

	"strowger/pkg/designation"
)

// Team is who is on the phone of those whom the lines of a switch are for: of users, each with a line of their own, and of members of
// queues, each of whom may be one of several and has one call at a time all the same.
type Team struct {
	on    map[string]map[string]bool // calls by member
	rests map[string]time.Time       // who was busy with something that the switch does not know of is not tried before
	idle  map[string]time.Time       // when their last call ended
	freed []string                   // since it was asked last
}

// NewTeam returns one of whom nobody is on the phone.
func NewTeam() *Team {
	return &Team{on: map[string]map[string]bool{}, rests: map[string]time.Time{}, idle: map[string]time.Time{}}
}

// take has members be on a call.
func (t *Team) take(members []string, call string) {
	for _, m := range members {
		if t.on[m] == nil {
			t.on[m] = map[string]bool{}
		}
		t.on[m][call] = true
	}
}

// release frees members of a call.
func (t *Team) release(members []string, call string) {
	for _, m := range members {
		if !t.on[m][call] {
			continue
		}
		if delete(t.on[m], call); len(t.on[m]) == 0 {
			delete(t.on, m)
		}
		t.freed = append(t.freed, m)
	}
}

// rest leaves members alone for a time who were found busy.
func (t *Team) rest(members []string, until time.Time) {
	for _, m := range members {
		t.rests[m] = until
	}
}

// rested ends the rest of those who had enough.
func (t *Team) rested(now time.Time) {
	for m, until := range t.rests {
		if !now.Before(until) {
			delete(t.rests, m)
			t.freed = append(t.freed, m) // for other lines
		}
	}
}

// takeFreed is who was freed since the last time, each once.
func (t *Team) takeFreed() []string {
	all := slices.Compact(slices.Sorted(slices.Values(t.freed)))
	t.freed = nil
	return all
}

// forget drops since when somebody is idle.
func (t *Team) forget(member string) { delete(t.idle, member) }

// members is whom an entry waits for.
func (l *Line) members(e *Entry) []string {
	if len(e.Members) > 0 {
		return e.Members
	}
	return []string{l.name}
}

// free is who of those whom an entry waits for can take a call, the one to be rung first at first.
func (l *Line) free(e *Entry, now time.Time) []string {
	var all []string
	for _, m := range l.members(e) {
		if len(l.team.on[m]) < l.seats && !now.Before(l.team.rests[m]) {
			all = append(all, m)
		}
	}
	switch e.Ring {
	case designation.HuntOrder:
	case designation.HuntRound:
		members := l.members(e)
		n, last := len(members), slices.Index(members, l.began) // -1: from the first
		turn := func(m string) int { return (slices.Index(members, m) - last - 1 + n) % n }
		slices.SortStableFunc(all, func(a, b string) int { return turn(a) - turn(b) })
	default:
		slices.SortStableFunc(all, func(a, b string) int { return l.team.idle[a].Compare(l.team.idle[b]) })
	}
	return all
}

// next takes the entry out that has the next turn, with whom it rings: all who are free or, when others wait behind it or the caller has
// to be called back first, one of them. ok is false if nobody waits, or nobody is free.
func (l *Line) next(now time.Time) (e Entry, free []string, ok bool) {
	i := l.ready(now)
	if i < 0 {
		return e, nil, false
	}
	if free = l.free(&l.order[i].Entry, now); len(free) == 0 {
		return e, nil, false
	}
	e = l.order[i].Entry
	l.order = slices.Delete(l.order, i, i+1)
	if e.Absent() || l.ready(now) >= 0 {
		free = free[:1]
	}
	return e, free, true
}

// offer is whom a call rings by its turn.
func (l *Line) offer(t turn) Offer {
	if len(t.Members) == 0 {
		return Offer{}
	}
	return Offer{Members: t.to, More: len(t.to) < len(t.Members)}
}

// before orders lines by who is to have a member first whom both are for.
func (l *Line) before(o *Line) int {
	a, b := &l.order[0], &o.order[0]
	return cmp.Or(b.rank()-a.rank(), a.Since.Compare(b.Since), cmp.Compare(a.Call, b.Call))
}
