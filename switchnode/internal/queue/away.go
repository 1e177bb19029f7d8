package queue

import (
	"cmp"
	"slices"
	"time"
)

// Of callers who keep their place.
const (
	// awayWait is how long they do. Nobody holds a phone meanwhile, so it is not the limit of those who do.
	awayWait = 4 * time.Hour
	// mostTries is how often they are called back. A second time finds those who had no hand free.
	mostTries = 2
	// Pause is how long the others have turns before who was not reached is called back again.
	Pause = time.Minute
)

// Absent says that the caller has to be called back before anybody rings for them.
func (e *Entry) Absent() bool { return e.Away && !e.here }

// ready is who is to have the next turn, by place from 0: the first who does not rest; -1 if there is nobody.
func (l *Line) ready(now time.Time) int {
	return slices.IndexFunc(l.order, func(w waiting) bool { return !now.Before(w.Rest) })
}

// rested ends the rest of those who had enough.
func (l *Line) rested(now time.Time) {
	for i := range l.order {
		if w := &l.order[i]; !now.Before(w.Rest) {
			w.Rest = time.Time{}
		}
	}
}

// putBack has an entry that had its turn wait again, before those of its rank who had none, or had their first one later.
func (l *Line) putBack(now time.Time, e Entry) {
	delete(l.turns, e.Call)
	l.vacate(now, e.Call)
	i := slices.IndexFunc(l.order, func(w waiting) bool {
		return w.rank() < e.rank() || w.rank() == e.rank() && (w.served == 0 || w.served > e.served)
	})
	if i < 0 {
		i = len(l.order)
	}
	l.order = slices.Insert(l.order, i, waiting{Entry: e})
}

// kept leaves the place of a caller who hung up. One who has the turn gets it anew, and so is called back at once.
func (l *Line) kept(now time.Time, call string) []Action {
	if i := l.position(call); i > 0 {
		w := &l.order[i-1]
		w.Entry = w.keep(now)
		return l.once(now, call)
	}
	t, served := l.turns[call]
	if !served {
		return []Action{Count{"place of a call that does not wait"}}
	}
	l.putBack(now, t.keep(now))
	return append(l.once(now, call), l.serve(now)...)
}

// once has a number outside keep one place, however often it calls: a new one takes the place of the one before, whose entry leaves. Of
// another rank it stays where it is.
func (l *Line) once(now time.Time, call string) []Action {
	i := l.position(call) - 1
	was := l.twin(&l.order[i].Entry)
	if was < 0 {
		return []Action{Keep{l.order[i].Entry}}
	}
	e, old := &l.order[i].Entry, l.order[was].Entry
	if e.rank() == old.rank() && was < i {
		e.Since, e.served = old.Since, old.served
		l.order[was], l.order[i] = l.order[i], l.order[was]
		was, e = i, &l.order[was].Entry
	}
	acts := []Action{Keep{*e}, Drop{old.Call, GaveUp}}
	l.order = slices.Delete(l.order, was, was+1)
	return append(acts, l.tell(now)...)
}

// twin is where another place stands that the number of an entry keeps, -1 if there is none.
func (l *Line) twin(e *Entry) int {
	return slices.IndexFunc(l.order, func(w waiting) bool {
		return w.Call != e.Call && w.Absent() && e.From.Trunk != "" && w.From.Trunk == e.From.Trunk && w.From.Number == e.From.Number
	})
}

// keep is an entry as its caller leaves it behind.
func (e Entry) keep(now time.Time) Entry {
	e.Away, e.here, e.Until = true, false, now.Add(awayWait)
	return e
}

// reached gives the turn to a caller who answered the call-back.
func (l *Line) reached(call string) []Action {
	t, served := l.turns[call]
	if !served || !t.Absent() {
		return []Action{Count{"call-back without a turn"}, Expel{call, Unserved}}
	}
	t.here, t.Tries = true, 0
	l.turns[call] = t
	return []Action{Turn{call, l.offer(t)}}
}

// missed has a caller who was not reached rest, unless that was the last try.
func (l *Line) missed(now time.Time, m Missed) []Action {
	t, served := l.turns[m.Call]
	if !served || !t.Absent() {
		return []Action{Count{"call-back without a turn"}}
	}
	e := t.Entry
	if m.Counts {
		e.Tries++
	}
	if e.Tries >= mostTries {
		return l.left(now, Left{Call: m.Call, Reason: Missing})
	}
	if l.twin(&e) >= 0 { // they called meanwhile
		return l.left(now, Left{Call: m.Call, Reason: GaveUp})
	}
	e.Rest = now.Add(m.Rest)
	l.putBack(now, e)
	return append([]Action{Keep{e}}, l.serve(now)...)
}

// Restore puts entries of an earlier run back, in their order.
func (l *Line) Restore(all []Entry) {
	slices.SortStableFunc(all, func(a, b Entry) int {
		return cmp.Or(b.rank()-a.rank(), a.Since.Compare(b.Since), cmp.Compare(a.Call, b.Call))
	})
	for _, e := range all {
		l.order = append(l.order, waiting{Entry: e})
	}
}
