package queue

import (
	"time"
)

// Standing is what a caller is told.
type Standing struct {
	Position int           // 1 is the head
	Wait     time.Duration // expected, whole seconds
	Known    bool          // the wait is
}

// due is when a caller is told again who stands at a position.
func (w *waiting) due(position int) time.Time {
	switch {
	case position == w.told.Position:
		return w.at.Add(repeat)
	case position <= front || w.told.Position == 0 || position > w.told.Position:
		return w.at
	}
	return w.at.Add(lag)
}

// tell tells those whose standing changed, or who were told long ago.
func (l *Line) tell(now time.Time) []Action {
	if len(l.order) == 0 {
		return nil
	}
	var acts []Action
	pace := l.pace(now)
	for i := range l.order {
		w := &l.order[i]
		s := pace.standing(i + 1)
		if w.Absent() {
			w.told = s // for those who ask
			continue
		}
		if s.Known == w.told.Known && now.Before(w.due(s.Position)) {
			continue // a wait that shrinks by the second is no news
		}
		w.told, w.at = s, now
		acts = append(acts, Tell{w.Call, s})
	}
	return acts
}

// pace is how a line moves on: the callee is expected to free up as often as lately.
type pace struct {
	known bool
	first time.Duration // until the call ends that ends first: when it has lasted as long as the others did
	next  time.Duration // from one turn to the next
}

func (l *Line) pace(now time.Time) pace {
	mean, known := l.holds.mean()
	seats := l.seats
	if len(l.order) > 0 {
		seats = max(seats, len(l.order[0].Members))
	}
	p := pace{known, mean, mean / time.Duration(seats)}
	for _, at := range l.on {
		p.first = min(p.first, max(0, mean-now.Sub(at.since)))
	}
	return p
}

func (p pace) standing(position int) Standing {
	s := Standing{Position: position}
	if p.known {
		s.Known, s.Wait = true, (p.first + time.Duration(position-1)*p.next).Round(time.Second)
	}
	return s
}

// Waiting returns the entries in order with what their callers were told.
func (l *Line) Waiting() []Told {
	all := make([]Told, 0, len(l.order))
	for _, w := range l.order {
		all = append(all, Told{w.Entry, w.told})
	}
	return all
}

// Told is an entry and what its caller was told.
type Told struct {
	Entry
	Standing
}
