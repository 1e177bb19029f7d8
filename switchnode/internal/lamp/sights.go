package lamp

import (
	"maps"
	"slices"
	"time"

	"strowger/pkg/fabric"
)

// remembered is for how long the version of a sight is kept after it, so that nothing older is taken for news.
const remembered = 10 * fabric.LampLease

// sights is the calls of users at other switches.
type sights struct {
	seen map[string]map[string]*sight // by user and switch
	runs map[string][]string          // of each switch, by their boots: the last is that of now
}

func newSights() sights {
	return sights{seen: map[string]map[string]*sight{}, runs: map[string][]string{}}
}

// maxRuns is how many runs of a switch are known again: a message is not late by as many starts.
const maxRuns = 8

// current says whether a run of a switch is that of now. One that another has followed is over: what comes of it still, is late.
func (s sights) current(node, boot string) bool {
	runs := s.runs[node]
	if i := slices.Index(runs, boot); i >= 0 {
		return i == len(runs)-1
	}
	s.runs[node] = append(runs[max(0, len(runs)+1-maxRuns):], boot)
	return true
}

// sight is what a switch said last.
type sight struct {
	boot    string
	version uint64
	dialogs []Dialog
	until   time.Time
}

// Sighted takes what another switch says of calls of users, and returns the users whose lamps that changes.
func (s sights) Sighted(m fabric.Lamps, now time.Time) (changed []string) {
	if !s.current(m.From, m.Boot) {
		return nil
	}
	for _, t := range m.Sights {
		old := s.seen[t.User][m.From]
		switch {
		case old == nil && len(t.Dialogs) == 0, old != nil && old.boot == m.Boot && t.Version <= old.version:
			continue
		case old == nil && s.seen[t.User] == nil:
			s.seen[t.User] = map[string]*sight{}
		}
		if old == nil || !slices.Equal(old.dialogs, t.Dialogs) {
			changed = append(changed, t.User)
		}
		dialogs := t.Dialogs[:min(len(t.Dialogs), maxDialogs)]
		s.seen[t.User][m.From] = &sight{boot: m.Boot, version: t.Version, dialogs: slices.Clone(dialogs), until: now.Add(fabric.LampLease)}
	}
	return changed
}

// Fade forgets what was not said again for long, and returns the users whose lamps that changes.
func (s sights) Fade(now time.Time) (changed []string) {
	for user, all := range s.seen {
		maps.DeleteFunc(all, func(_ string, v *sight) bool {
			if !now.Before(v.until) && len(v.dialogs) > 0 {
				v.dialogs, changed = nil, append(changed, user)
			}
			return !now.Before(v.until.Add(remembered))
		})
		if len(all) == 0 {
			delete(s.seen, user)
		}
	}
	return changed
}

// elsewhere is the calls of a user at other switches.
func (s sights) elsewhere(user string) (all []Dialog) {
	for _, node := range slices.Sorted(maps.Keys(s.seen[user])) {
		all = append(all, s.seen[user][node].dialogs...)
	}
	return all
}

// Abroad is the calls here of users whose lamps another switch knows, and what that was told of them.
type Abroad struct {
	boot    string
	version uint64
	told    map[string]*mine
}

// mine is the calls of one of them. Their end is told a few times.
type mine struct {
	dialogs []Dialog
	ends    int
}

const tellEnds = 3

// NewAbroad returns the machine of a run of this switch.
func NewAbroad(boot string) *Abroad { return &Abroad{boot: boot, told: map[string]*mine{}} }

// Changed takes the calls of a user of elsewhere as they are now, and returns what to tell their home: nothing if it knows.
func (a *Abroad) Changed(user string, all []Dialog) (tell []fabric.Lamps) {
	switch old := a.told[user]; {
	case old == nil && len(all) == 0, old != nil && slices.Equal(old.dialogs, all):
		return nil
	}
	a.told[user] = &mine{dialogs: all, ends: tellEnds}
	return a.sights([]string{user})
}

// Again is what homes are told again, so that who missed it knows.
func (a *Abroad) Again() []fabric.Lamps {
	tell := a.sights(slices.Sorted(maps.Keys(a.told)))
	maps.DeleteFunc(a.told, func(_ string, m *mine) bool {
		if len(m.dialogs) == 0 {
			m.ends--
		}
		return m.ends == 0
	})
	return tell
}

func (a *Abroad) sights(all []string) (tell []fabric.Lamps) {
	for users := range slices.Chunk(all, fabric.MaxLamps) {
		m := fabric.Lamps{Boot: a.boot}
		for _, user := range users {
			a.version++
			m.Sights = append(m.Sights, fabric.LampSight{User: user, Version: a.version, Dialogs: a.told[user].dialogs})
		}
		tell = append(tell, m)
	}
	return tell
}
