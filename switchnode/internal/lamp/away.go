package lamp

import (
	"maps"
	"slices"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/fabric"
)

// Away is what phones of this switch watch of users whose lamps another one knows: their home. It is a machine without clock or I/O: it
// says what to ask, is told what comes back, and knows what a lamp may show.
//
// Messages may be lost, come twice and late. An answer to the newest question is true if who gives it may: the home, or who speaks for it; a change is true if it is of the
// run that answered last, and newer than what it said. What nothing was heard of for a lease is not known any more.
type Away struct {
	boot    string
	turn    uint64 // of the last question
	numbers map[string]*distant

	Strangers int // how often a switch told of a number that is not its
}

// distant is a number that is watched.
type distant struct {
	wanted   map[string]time.Time // by whom, and until when: ids of users
	may      map[string]bool      // what was answered to them
	err      error                // why there is no lamp
	due      time.Time            // when to ask again
	asked    uint64               // turn of the last question
	answered uint64               // turn of the newest one that was answered
	source                        // who answered it
	version  uint64
	state    fabric.LampState
	heard    time.Time // the last answer; zero: none that still counts
	misses   int       // questions since
}

// source is one run of a switch.
type source struct{ node, boot string }

// NewAway returns the machine of a run of this switch. Turns begin with first, which is to be unlike those of earlier runs.
func NewAway(boot string, first uint64) *Away {
	return &Away{boot: boot, turn: first, numbers: map[string]*distant{}}
}

// Standing is what is known of a watcher's right to a lamp.
type Standing int

// The standings.
const (
	Asked  Standing = iota // no answer yet, or none for long
	Shown                  // they may see it
	Denied                 // they may not
	Gone                   // there is no such lamp
)

// Want has a number watched by a user until then, and says whether that has something asked at once.
func (a *Away) Want(number, by string, until time.Time) (ask bool) {
	d := a.numbers[number]
	if d == nil {
		d = &distant{wanted: map[string]time.Time{}, may: map[string]bool{}}
		a.numbers[number] = d
	}
	if until.After(d.wanted[by]) {
		d.wanted[by] = until
	}
	if _, answered := d.may[by]; answered && d.err == nil {
		return false
	}
	d.due = time.Time{}
	return true
}

// maxNumbers is how many numbers of elsewhere are watched: more than an office has lamps, and a bound for a phone that asks for one after the
// other.
const maxNumbers = 1 << 15

// Full says that a number is not watched, and that there is no room for it.
func (a *Away) Full(number string) bool {
	return a.numbers[number] == nil && len(a.numbers) >= maxNumbers
}

// Look is what is known of a number, and of the right of somebody to see it. The error says why not.
func (a *Away) Look(number, by string) (fabric.LampState, Standing, error) {
	d := a.numbers[number]
	if d == nil || d.heard.IsZero() {
		return fabric.LampState{}, Asked, nil
	}
	if d.err != nil {
		return fabric.LampState{}, Gone, d.err
	}
	switch may, answered := d.may[by]; {
	case !answered:
		return fabric.LampState{}, Asked, nil
	case !may:
		return fabric.LampState{}, Denied, errs.New(errs.Forbidden, "%s does not show whether they are on the phone", nameOf(d.state, number))
	}
	return d.state, Shown, nil
}

func nameOf(s fabric.LampState, number string) string {
	if s.Name != "" {
		return s.Name
	}
	return number
}

// Renew has everything asked anew: the way to others has changed.
func (a *Away) Renew() {
	for _, d := range a.numbers {
		d.due = time.Time{}
	}
}

// Due returns what is to be asked now, and the numbers whose lamps are not known any more.
func (a *Away) Due(now time.Time) (questions []fabric.Lamps, lost []string) {
	var asks []fabric.LampAsk
	for _, number := range slices.Sorted(maps.Keys(a.numbers)) {
		d := a.numbers[number]
		maps.DeleteFunc(d.wanted, func(by string, until time.Time) bool {
			if now.Before(until) {
				return false
			}
			delete(d.may, by)
			return true
		})
		if len(d.wanted) == 0 {
			delete(a.numbers, number)
			continue
		}
		if !d.heard.IsZero() && now.Sub(d.heard) >= fabric.LampLease {
			d.heard, d.source, d.version, d.state, d.err = time.Time{}, source{}, 0, fabric.LampState{}, nil
			lost = append(lost, number)
		}
		if now.Before(d.due) {
			continue
		}
		d.due = now.Add(fabric.LampRefresh)
		for by := range slices.Chunk(slices.Sorted(maps.Keys(d.wanted)), fabric.MaxWatchers) {
			asks = append(asks, fabric.LampAsk{Number: number, By: by})
		}
	}
	for some := range slices.Chunk(asks, fabric.MaxLamps) {
		a.turn++
		for _, q := range some {
			d := a.numbers[q.Number]
			d.asked = a.turn
			d.misses++
		}
		questions = append(questions, fabric.Lamps{Boot: a.boot, Turn: a.turn, Asks: some})
	}
	return questions, lost
}

// Next is when to call Due again, zero for never.
func (a *Away) Next() (next time.Time) {
	for _, d := range a.numbers {
		if at := d.due; next.IsZero() || at.Before(next) {
			next = at
		}
	}
	return next
}

// Unheard says whether a number was asked for before, and that was not answered.
func (a *Away) Unheard(number string) bool {
	d := a.numbers[number]
	return d != nil && d.misses > 1
}

// Heard takes what a switch tells, and returns the numbers whose lamps, or the rights to them, are others now. A number is told of by its home
// alone: home says which that is, "" if that is not known; nil: what comes is from there. One that is not known is heard of who answered before.
func (a *Away) Heard(m fabric.Lamps, home func(number string) string, now time.Time) (changed []string) {
	from := source{m.From, m.Boot}
	for _, t := range m.Tells {
		d := a.numbers[t.Number]
		if d == nil {
			continue
		}
		if home != nil && m.From != d.node && m.From != home(t.Number) {
			a.Strangers++
			continue
		}
		newest := m.Turn > d.answered && m.Turn <= d.asked
		if !newest && from != d.source {
			continue
		}
		before := d.known()
		news := false
		if newest {
			d.heard, d.misses = now, 0
			news = d.answer(t) || before.heard.IsZero()
			d.answered = m.Turn
		}
		if from != d.source || t.Version > d.version {
			d.source, d.version, d.state = from, t.Version, t.LampState
		}
		if news || !same(d.state, before.state) || (d.err == nil) != (before.err == nil) {
			changed = append(changed, t.Number)
		}
	}
	return changed
}

// known is a copy to compare with.
func (d *distant) known() distant { return distant{heard: d.heard, state: d.state, err: d.err} }

// answer takes what is said of rights, and says whether that is news.
func (d *distant) answer(t fabric.LampTell) (news bool) {
	d.err = nil
	if t.Error != nil {
		d.err = t.Error
	}
	for may, who := range map[bool][]string{true: t.By, false: t.Denied} {
		for _, by := range who {
			if d.wanted[by].IsZero() {
				continue // nobody asked for them, or no longer
			}
			if old, had := d.may[by]; !had || old != may {
				d.may[by], news = may, true
			}
		}
	}
	return news
}

func same(a, b fabric.LampState) bool {
	return a.Name == b.Name && a.Reachable == b.Reachable && slices.Equal(a.Dialogs, b.Dialogs)
}
