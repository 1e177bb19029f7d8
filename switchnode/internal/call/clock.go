package call

import "time"

// closeGuard ends a session whose legs do not close: a bug of a side, counted, not a leak for ever.
const closeGuard Timer = -1

func (s *Session) untilNext() time.Duration {
	next := time.Hour
	now := time.Now()
	for _, at := range s.due {
		next = min(next, at.Sub(now))
	}
	return max(next, 0)
}

func (s *Session) expire() {
	now := time.Now()
	for t, at := range s.due {
		if at.After(now) {
			continue
		}
		delete(s.due, t)
		if t == closeGuard {
			s.abandon()
			return
		}
		if t == soundGuard {
			s.hear()
			continue
		}
		s.step(Fired{t})
	}
}

// abandon closes the legs that do not close by themselves.
func (s *Session) abandon() {
	for i, l := range s.call.legs {
		id := LegID(i)
		if l.state == closed || s.host != nil && id == s.away {
			continue
		}
		s.cfg.Count("leg never closed")
		s.cfg.Logger.Error("a leg did not close after the end of the call", "call", s.cfg.ID, "leg", l.id)
		s.step(Closed{id})
	}
}
