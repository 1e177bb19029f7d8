package upkeep

import (
	"slices"
	"time"
)

// When people are told that a line to a phone company is lost.
const (
	patience = 5 * time.Minute  // that it may be lost before; an account that is refused twice does not mend itself
	quiet    = 15 * time.Minute // from one loss that they are told of to the next: a line that comes and goes
)

// Server is how a switch gets on with one server of a trunk. A duty that it does not have is nil.
type Server struct{ Registration, Health *Status }

// works says that calls may be expected to go through.
func (s Server) works() bool {
	if s.Registration == nil {
		return s.Health != nil && s.Health.State == Up
	}
	return s.Registration.State == Registered && (s.Health == nil || s.Health.State != Down)
}

// fails says that they may not. Neither of both is a server that was not asked yet.
func (s Server) fails() bool {
	return s.Health != nil && s.Health.State == Down ||
		s.Registration != nil && (s.Registration.State == Refused || s.Registration.State == Unreachable)
}

// hopeless says that the account is refused, and was refused again.
func (s Server) hopeless() bool {
	return s.Registration != nil && s.Registration.Failures > 1 && slices.Contains([]int{401, 403, 404, 407}, s.Registration.Code)
}

// Notice is what people are to be told of a trunk.
type Notice uint8

// The notices.
const (
	Nothing Notice = iota
	Lost           // none of its servers can be used
	Back           // after Lost: one can
)

// Watch decides when people are told that a trunk is lost: once, and once more when it is back. The zero value has told nothing.
type Watch struct {
	since time.Time // when the last server was lost; zero: one works
	told  time.Time // of the last loss
	lost  bool      // people were told so
}

// Since is when the trunk was lost; the zero time while it works.
func (w *Watch) Since() time.Time { return w.since }

// Look says what to tell now, and when to look again if nothing changes until then; the zero time: never.
func (w *Watch) Look(now time.Time, servers []Server) (Notice, time.Time) {
	if slices.ContainsFunc(servers, Server.works) {
		was := w.lost
		w.lost, w.since = false, time.Time{}
		if was {
			return Back, time.Time{}
		}
		return Nothing, time.Time{}
	}
	if len(servers) == 0 || w.lost || slices.ContainsFunc(servers, func(s Server) bool { return !s.fails() }) {
		return Nothing, time.Time{}
	}
	if w.since.IsZero() {
		w.since = now
	}
	due := w.since.Add(patience)
	if !slices.ContainsFunc(servers, func(s Server) bool { return !s.hopeless() }) {
		due = w.since
	}
	if after := w.told.Add(quiet); !w.told.IsZero() && after.After(due) {
		due = after
	}
	if due.After(now) {
		return Nothing, due
	}
	w.lost, w.told = true, now
	return Lost, time.Time{}
}
