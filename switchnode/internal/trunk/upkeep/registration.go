package upkeep

import "time"

// Event is something that happened to a registration.
type Event interface{ event() }

// Due says that the time of the last Wait has come, or the time to begin.
type Due struct{}

// Answer is the final response to the REGISTER that was sent.
type Answer struct {
	Code       int
	Words      string
	Granted    time.Duration // of a 2xx: how long the registrar keeps our contact, 0: it does not
	Least      time.Duration // Min-Expires of a 423
	RetryAfter time.Duration // 0: it does not say
}

// Silence says that no server answered it.
type Silence struct{ Words string }

// Stop gives the registration up.
type Stop struct{}

func (Due) event()     {}
func (Answer) event()  {}
func (Silence) event() {}
func (Stop) event()    {}

// Action is something that a registration wants done.
type Action interface{ action() }

// Send has a REGISTER sent, for so long; 0 takes the registration back.
type Send struct{ Expires time.Duration }

// Wait wants a Due at a time.
type Wait struct{ Until time.Time }

// Ended says that nothing more comes.
type Ended struct{}

func (Send) action()  {}
func (Wait) action()  {}
func (Ended) action() {}

// State is how a registration is doing.
type State string

// The states of a registration.
const (
	Trying      State = "trying" // it was asked for the first time
	Registered  State = "registered"
	Refused     State = "refused"
	Unreachable State = "unreachable" // nobody answered
)

// Status is what people are told of a registration.
type Status struct {
	State State
	Since time.Time // of this state
	Until time.Time // of what is registered, else of the last that was
	Retry time.Time // after a failure: when it is asked for again; zero: all is well
	Code  int       // of the last failure; 0: nobody answered
	Words string

	Failures int // in a row
}

// Times of a registration.
const (
	asked  = 10 * time.Minute // what is asked for, unless the registrar wants more
	most   = 24 * time.Hour   // that a registrar may want, or is believed to grant
	pause  = 2 * time.Second  // the least between two REGISTERs that are no answer to the other
	base   = 30 * time.Second // RFC 5626, 4.5: base-time if no flow is up,
	ceil   = 30 * time.Minute // and max-time
	retry  = time.Hour        // the most that Retry-After may ask for
	spread = 0.1              // of Retry-After, so that not all come back at once
)

type stage uint8

const (
	idle    stage = iota // waiting for Due
	asking               // a REGISTER is on its way
	leaving              // one that takes the registration back is
	ended
)

// Registration keeps a switch registered at one server of a phone company: it asks again before the time that was granted is over
// (RFC 3261, 10.2.4), and after a failure later and later (RFC 5626, 4.5). NewRegistration makes it.
type Registration struct {
	chance   func() float64
	stage    stage
	expires  time.Duration
	stopping bool
	bound    bool // the registrar may have our contact
	next     time.Time
	status   Status
}

// NewRegistration makes one that waits for its first Due. chance returns numbers from 0 to 1, 1 excluded.
func NewRegistration(now time.Time, chance func() float64) *Registration {
	return &Registration{chance: chance, expires: asked, status: Status{State: Trying, Since: now}}
}

// Status is how it is doing.
func (r *Registration) Status() Status { return r.status }

// Step takes an event. An answer to what was not asked is nothing.
func (r *Registration) Step(now time.Time, ev Event) []Action {
	switch r.stage {
	case idle:
		switch ev.(type) {
		case Due:
			return r.due(now)
		case Stop:
			return r.leave()
		}
	case asking:
		switch ev := ev.(type) {
		case Answer:
			return r.answered(now, ev)
		case Silence:
			return r.failed(now, Unreachable, Answer{Words: ev.Words})
		case Stop:
			r.stopping = true
		}
	case leaving:
		switch ev.(type) {
		case Answer, Silence:
			return r.end()
		}
	}
	return nil
}

// due asks again, or says that what was granted is over.
func (r *Registration) due(now time.Time) []Action {
	if r.status.State == Registered && !r.status.Until.After(now) {
		r.becomes(now, r.failure())
	}
	if r.next.After(now) {
		return []Action{Wait{r.next}}
	}
	r.stage, r.bound = asking, true
	return []Action{Send{r.expires}}
}

func (r *Registration) answered(now time.Time, a Answer) []Action {
	switch {
	case a.Code >= 200 && a.Code < 300 && a.Granted > 0:
		return r.granted(now, min(a.Granted, most))
	case a.Code >= 200 && a.Code < 300:
		return r.failed(now, Refused, Answer{Code: a.Code, Words: "the contact was not kept"})
	case a.Code == 423 && a.Least > r.expires && a.Least <= most && !r.stopping: // RFC 3261, 10.2.8
		r.expires = a.Least
		return []Action{Send{r.expires}}
	}
	return r.failed(now, Refused, a)
}

// granted waits for half of the time, and up to three quarters, so that not all come at once and there is time for a second try.
func (r *Registration) granted(now time.Time, granted time.Duration) []Action {
	r.status = Status{State: r.status.State, Since: r.status.Since, Until: now.Add(granted)}
	r.becomes(now, Registered)
	if r.stopping {
		return r.leave()
	}
	part := time.Duration((0.5 + 0.25*r.chance()) * float64(granted))
	r.stage, r.next = idle, now.Add(max(pause, part))
	return []Action{Wait{r.next}}
}

// failed waits longer and longer, or as long as the registrar says. What was granted before stays until it is over.
func (r *Registration) failed(now time.Time, to State, a Answer) []Action {
	r.status.Code, r.status.Words = a.Code, a.Words
	if r.stopping {
		return r.leave()
	}
	r.status.Failures++
	wait := backoff(r.status.Failures, r.chance())
	if a.RetryAfter > 0 { // RFC 3261, 20.33
		wait = time.Duration((1 + spread*r.chance()) * float64(min(a.RetryAfter, retry)))
	}
	r.stage, r.next = idle, now.Add(max(pause, wait))
	r.status.Retry = r.next
	if r.status.State == Registered && r.status.Until.After(now) {
		return []Action{Wait{earlier(r.next, r.status.Until)}}
	}
	r.bound = r.bound && to != Refused
	r.becomes(now, to)
	return []Action{Wait{r.next}}
}

// backoff is how long to wait after so many failures in a row (RFC 5626, 4.5): between half of the upper bound and all of it.
func backoff(failures int, chance float64) time.Duration {
	upper := min(ceil, base<<min(failures, 10))
	return time.Duration((0.5 + 0.5*chance) * float64(upper))
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// failure is the state that the last failure leads to.
func (r *Registration) failure() State {
	if r.status.Code == 0 {
		return Unreachable
	}
	return Refused
}

func (r *Registration) becomes(now time.Time, s State) {
	if r.status.State != s {
		r.status.State, r.status.Since = s, now
	}
}

// leave takes back what the registrar may have.
func (r *Registration) leave() []Action {
	if !r.bound {
		return r.end()
	}
	r.stage = leaving
	return []Action{Send{0}}
}

func (r *Registration) end() []Action {
	r.stage = ended
	return []Action{Ended{}}
}
