// Package queue is the waiting queue of a switch (2-call-flows, "Busy: the waiting queue"): who waits for a callee who is on
// the phone, in which order, and how long that will take.
//
// A Line is those who wait for one callee: a pure machine without clock, disk or goroutine. A Hall is the lines of a switch: it
// keeps the time, has every place on disk before the caller is told of it, and tells the calls.
//
//	Join                    the callee is free
//	----> waiting --------------------------------> turn ----Left (answered, ended)----> out
//	        |  ^                                      |
//	        |  +---------- Returned (busy) -----------+
//	        +--Left (gave up), Removed, patience over--> out
//
// A caller may hang up and keep the place (Kept). Such an entry is away: at its turn the caller is called back, and has the turn
// when they answer (Reached). Who does not (Missed) stays at their place and is called back a second time, the last one.
//
// A line may be for several users, the members of a queue: a turn then rings those of them who are free. A Team knows who is, whatever the
// line by which they came to their call. Who becomes free is offered one call: when others wait behind the head, each turn rings one
// member, and two who become free at once serve two callers.
//
// The order is: emergency calls, then those of higher priority, then who came first; an administrator may move a call within
// that. A callee is free when no call that the switch knows of occupies them. Then the head has its turn, one at a time: a turn
// occupies the callee until the call is over or goes on without them.
//
// Invariants, which the tests hold in every random history: an entry leaves exactly once, with a reason; at most as many calls
// occupy a callee, or a member, by their turn as the line has seats; nobody has a turn before somebody of the same rank who came earlier,
// unless moved; the length stays within the limit.
package queue

import (
	"slices"
	"time"

	"strowger/pkg/designation"
)

// Limits are those of a line, as its callee has them.
type Limits struct {
	Length int           // calls that may wait at once, 1 and up
	Wait   time.Duration // longest time in the line
}

// Entry is one call in a line.
type Entry struct {
	Call      string            `json:"call"` // id; names the entry
	Line      string            `json:"line"` // whom it waits for: id of a user or a service
	From      designation.Party `json:"from"`
	To        designation.Party `json:"to"`
	Emergency bool              `json:"emergency,omitempty"`
	Priority  int               `json:"priority,omitempty"` // 0 normal, higher is sooner
	Since     time.Time         `json:"since"`
	Until     time.Time         `json:"until"`             // when its patience is over
	Members   []string          `json:"members,omitempty"` // ids of users, of whom one is to answer; none: whom the line is for
	Ring      designation.Hunt  `json:"ring,omitempty"`    // how they do
	Away      bool              `json:"away,omitempty"`    // the caller hung up, and is called back
	Tries     int               `json:"tries,omitempty"`   // times that they were called back, and did not answer
	Rest      time.Time         `json:"rest,omitzero"`     // they are not called back before

	here   bool // who was away is on the line again
	served int  // number of their first turn, 0: they had none
}

// rank orders entries: the higher is sooner.
func (e *Entry) rank() int {
	if e.Emergency {
		return 1 << 16 // above every priority
	}
	return e.Priority
}

// Reason is why an entry left its line.
type Reason string

// The reasons.
const (
	Answered Reason = "answered"
	Let      Reason = "let"      // in: the switch has room for it
	GaveUp   Reason = "gave-up"  // the caller
	Unserved Reason = "unserved" // it had its turn, and nobody answered
	TooLong  Reason = "too-long" // it waited as long as the limit allows
	Full     Reason = "full"     // the line was, when it came: it had no entry
	Emptied  Reason = "removed"  // by an administrator
	Stopped  Reason = "stopped"  // the switch stopped
	Lost     Reason = "cut-off"  // the switch was killed, and nobody can be called back
	Elapsed  Reason = "elapsed"  // its time was over while the switch was down
	Returns  Reason = "called-back"
	Missing  Reason = "not-reached" // the caller did not answer the call-back
)

// Times of a line.
const (
	// repeat is how often a caller is told again: RFC 3261, 13.3.1.1 wants a provisional response every minute, lest a proxy end
	// the call (Timer C, three minutes).
	repeat = 50 * time.Second
	// Who stands behind the front is told at most every lag that they have moved: a line that moves fast would talk of nothing else.
	front = 10
	lag   = 5 * time.Second
	// retry is how long the callee is left alone who was busy with something that the switch does not know of.
	retry = 10 * time.Second
)

// waiting is an entry and what its caller knows.
type waiting struct {
	Entry
	told Standing
	at   time.Time // when
}

// Line is the state of one callee's line. The zero value of seats is one seat.
type Line struct {
	name  string // whom it is for: id of a user or a queue
	seats int    // of each member
	team  *Team  // which other lines share
	order []waiting
	on    map[string]seat // calls that occupy the callee
	turns map[string]turn // those of them that came from the line and were not answered yet
	given int             // turns so far
	began string          // the member with whom the last turn began
	holds holds
}

// seat is whom a call occupies, and since when.
type seat struct {
	members []string
	since   time.Time
}

// turn is an entry that has its turn, and the members whom it rings.
type turn struct {
	Entry
	to []string
}

// NewLine returns a line whose callee, or each member of which, takes so many calls at once, 1 or more.
func NewLine(name string, seats int, team *Team) *Line {
	return &Line{name: name, seats: max(seats, 1), team: team, on: map[string]seat{}, turns: map[string]turn{}}
}

// Len is the number of calls that wait.
func (l *Line) Len() int { return len(l.order) }

// Idle says that nothing is known of the line that would be missed.
func (l *Line) Idle() bool { return len(l.order) == 0 && len(l.on) == 0 }

// Step takes an event and returns what is to be done, in order.
func (l *Line) Step(now time.Time, ev Event) []Action {
	switch ev := ev.(type) {
	case Occupied:
		return l.occupied(now, ev.Call)
	case Freed:
		return l.freed(now, ev.Call)
	case Join:
		return l.join(now, ev)
	case Returned:
		return l.returned(now, ev.Call)
	case Left:
		return l.left(now, ev)
	case Removed:
		return l.removed(now, ev.Call)
	case Moved:
		return l.moved(now, ev)
	case Kept:
		return l.kept(now, ev.Call)
	case Reached:
		return l.reached(ev.Call)
	case Missed:
		return l.missed(now, ev)
	case Tick:
		return l.tick(now)
	}
	return []Action{Count{"unknown event"}}
}

// Next is when a Tick is due, the zero time for never.
func (l *Line) Next() time.Time {
	var next time.Time
	if len(l.order) > 0 {
		for _, m := range l.members(&l.order[0].Entry) {
			if at := l.team.rests[m]; !at.IsZero() && (next.IsZero() || at.Before(next)) {
				next = at
			}
		}
	}
	for i := range l.order {
		w := &l.order[i]
		due := w.due(i + 1)
		if w.Absent() {
			due = w.Rest
		}
		for _, at := range [...]time.Time{w.Until, due} {
			if !at.IsZero() && (next.IsZero() || at.Before(next)) {
				next = at
			}
		}
	}
	return next
}

func (l *Line) join(now time.Time, j Join) []Action {
	e := j.Entry
	e.Since, e.Until = now, now.Add(j.Limits.Wait)
	_, served := l.turns[e.Call]
	switch {
	case served || l.position(e.Call) > 0:
		return []Action{Count{"call in the line already"}}
	case l.ready(now) < 0 && len(l.free(&e, now)) > 0:
		return l.turn(now, e, l.free(&e, now))
	case len(l.order) >= j.Limits.Length && !e.Emergency:
		return []Action{Expel{e.Call, Full}}
	}
	l.insert(e)
	return append([]Action{Keep{e}}, l.tell(now)...)
}

// insert puts an entry behind the last one of its rank or above.
func (l *Line) insert(e Entry) {
	i := slices.IndexFunc(l.order, func(w waiting) bool { return w.rank() < e.rank() })
	if i < 0 {
		i = len(l.order)
	}
	l.order = slices.Insert(l.order, i, waiting{Entry: e})
}

// turn has a call ring the callee, or some members, who are occupied by it from now on.
func (l *Line) turn(now time.Time, e Entry, to []string) []Action {
	if len(to) > 0 {
		l.began = to[0]
	}
	if e.served == 0 {
		l.given++
		e.served = l.given
	}
	t := turn{e, to}
	l.on[e.Call], l.turns[e.Call] = seat{to, now}, t
	l.team.take(to, e.Call)
	if e.Absent() {
		return []Action{Recall{e}}
	}
	return []Action{Turn{e.Call, l.offer(t)}}
}

// serve gives turns while the callee is free, and tells the others where they stand.
func (l *Line) serve(now time.Time) []Action {
	var acts []Action
	for e, to, ok := l.next(now); ok; e, to, ok = l.next(now) {
		acts = append(acts, l.turn(now, e, to)...)
	}
	return append(acts, l.tell(now)...)
}

func (l *Line) occupied(now time.Time, call string) []Action {
	if _, served := l.turns[call]; served {
		return nil // by its turn; Left says that it was answered
	}
	if _, on := l.on[call]; !on {
		l.on[call] = seat{[]string{l.name}, now}
		l.team.take([]string{l.name}, call)
	}
	return l.tell(now)
}

func (l *Line) freed(now time.Time, call string) []Action {
	at, on := l.on[call]
	if !on {
		return nil // it waited, and left
	}
	var acts []Action
	if _, served := l.turns[call]; served { // over without an answer, and without a word
		delete(l.turns, call)
		acts = append(acts, Drop{call, Unserved})
	} else {
		l.holds.add(now.Sub(at.since))
	}
	l.vacate(now, call)
	return append(acts, l.serve(now)...)
}

func (l *Line) returned(now time.Time, call string) []Action {
	t, served := l.turns[call]
	if !served {
		return []Action{Count{"return of a call that had no turn"}}
	}
	l.putBack(now, t.Entry)
	l.team.rest(t.to, now.Add(retry))
	return append([]Action{Keep{t.Entry}}, l.serve(now)...)
}

func (l *Line) left(now time.Time, ev Left) []Action {
	if i := l.position(ev.Call); i > 0 {
		l.order = slices.Delete(l.order, i-1, i)
		return append([]Action{Drop{ev.Call, ev.Reason}}, l.tell(now)...)
	}
	t, served := l.turns[ev.Call]
	if !served {
		return nil // most calls wait for nobody
	}
	delete(l.turns, ev.Call)
	if ev.Reason == Answered || ev.Reason == Let {
		if t.Away {
			ev.Reason = Returns
		}
		return append([]Action{Drop{ev.Call, ev.Reason}}, l.answered(now, t, ev.By)...)
	}
	l.vacate(now, ev.Call)
	return append([]Action{Drop{ev.Call, ev.Reason}}, l.serve(now)...)
}

// answered has the time on the phone begin of who answered; the other members are free again.
func (l *Line) answered(now time.Time, t turn, by string) []Action {
	if !slices.Contains(t.to, by) {
		l.on[t.Call] = seat{t.to, now}
		return nil
	}
	l.on[t.Call] = seat{[]string{by}, now}
	others := slices.DeleteFunc(slices.Clone(t.to), func(m string) bool { return m == by })
	if len(others) == 0 {
		return nil
	}
	l.team.release(others, t.Call)
	return l.serve(now)
}

// vacate frees whom a call occupied.
func (l *Line) vacate(now time.Time, call string) {
	at := l.on[call]
	delete(l.on, call)
	l.team.release(at.members, call)
	for _, m := range at.members {
		delete(l.team.rests, m)
		l.team.idle[m] = now
	}
}

func (l *Line) removed(now time.Time, call string) []Action {
	i := l.position(call)
	if i == 0 {
		return []Action{Count{"removal of a call that does not wait"}}
	}
	l.order = slices.Delete(l.order, i-1, i)
	return append([]Action{Drop{call, Emptied}, Expel{call, Emptied}}, l.tell(now)...)
}

func (l *Line) moved(now time.Time, m Moved) []Action {
	i := l.position(m.Call)
	if i == 0 {
		return []Action{Count{"move of a call that does not wait"}}
	}
	w := l.order[i-1]
	l.order = slices.Delete(l.order, i-1, i)
	first := slices.IndexFunc(l.order, func(o waiting) bool { return o.rank() <= w.rank() }) // behind those of higher rank,
	if first < 0 {
		first = len(l.order)
	}
	last := slices.IndexFunc(l.order, func(o waiting) bool { return o.rank() < w.rank() }) // before those of lower
	if last < 0 {
		last = len(l.order)
	}
	l.order = slices.Insert(l.order, min(max(m.Position-1, first), last), w)
	return l.tell(now)
}

func (l *Line) tick(now time.Time) []Action {
	var acts []Action
	l.order = slices.DeleteFunc(l.order, func(w waiting) bool {
		if now.Before(w.Until) {
			return false
		}
		acts = append(acts, Drop{w.Call, TooLong}, Expel{w.Call, TooLong})
		return true
	})
	l.team.rested(now)
	l.rested(now)
	return append(acts, l.serve(now)...)
}

// position is where a call stands, 0 if it does not wait.
func (l *Line) position(call string) int {
	return 1 + slices.IndexFunc(l.order, func(w waiting) bool { return w.Call == call })
}
