package upkeep

import "time"

// The states of a server that is looked after.
const (
	Unknown State = "" // it was not asked yet
	Up      State = "up"
	Down    State = "down"
)

const (
	losses = 3   // in a row until a server is down
	sooner = 4   // times sooner the next question comes after a loss
	jitter = 0.2 // of the interval
)

// Health asks one server of a phone company from time to time whether it is there (OPTIONS: RFC 3261, 11). Any answer says so but 503,
// which says that it cannot take calls (21.5.4), and 408, which speaks for somebody silent behind it. NewHealth makes it.
type Health struct {
	chance func() float64
	every  time.Duration
	asking bool
	ended  bool
	lost   int // in a row
	status Status
}

// NewHealth makes one that asks at that interval, and waits for its first Due. chance returns numbers from 0 to 1, 1 excluded.
func NewHealth(now time.Time, every time.Duration, chance func() float64) *Health {
	return &Health{chance: chance, every: every, status: Status{Since: now}}
}

// Status is how it is doing: State, Since, and why it is down.
func (h *Health) Status() Status { return h.status }

// Step takes an event. An answer to what was not asked is nothing.
func (h *Health) Step(now time.Time, ev Event) []Action {
	switch ev := ev.(type) {
	case Due:
		if !h.asking && !h.ended {
			h.asking = true
			return []Action{Send{}}
		}
	case Answer:
		if h.asking {
			return h.heard(now, ev.Code, ev.Words, ev.Code == 503 || ev.Code == 408)
		}
	case Silence:
		if h.asking {
			return h.heard(now, 0, ev.Words, true)
		}
	case Stop:
		if !h.ended {
			h.ended = true
			if !h.asking {
				return []Action{Ended{}}
			}
		}
	}
	return nil
}

func (h *Health) heard(now time.Time, code int, words string, lost bool) []Action {
	h.asking = false
	if h.ended {
		return []Action{Ended{}}
	}
	wait := time.Duration((1 - jitter/2 + jitter*h.chance()) * float64(h.every))
	switch {
	case !lost:
		h.lost, h.status.Code, h.status.Words = 0, 0, ""
		h.becomes(now, Up)
	default:
		h.lost++
		if h.lost >= losses {
			h.status.Code, h.status.Words = code, words
			h.becomes(now, Down)
		} else if h.status.State != Down {
			wait /= sooner
		}
	}
	return []Action{Wait{now.Add(max(1, wait))}}
}

func (h *Health) becomes(now time.Time, s State) {
	if h.status.State != s {
		h.status.State, h.status.Since = s, now
	}
}
