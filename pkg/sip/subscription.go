package sip

import (
	"strconv"
	"strings"
	"time"
)

// How long subscriptions live, in seconds (RFC 6665, 4.2.1.1: only ever shorter than was asked for).
const (
	minWatch     = 60
	defaultWatch = 3600
	maxWatch     = 900 // a switch that was killed knows its subscribers again so soon
)

// How often a subscription is told something.
const (
	leastPause = 100 * time.Millisecond // between two NOTIFYs of one subscription, whatever happens in it
	firstRetry = 30 * time.Second       // after a NOTIFY without an answer, twice as long each time
	lastRetry  = 10 * time.Minute
	mostPause  = time.Hour // that Retry-After or a subscriber's own rate may ask for
)

// Why a subscription ends (RFC 6665, 4.1.3).
const (
	endTimeout    = "timeout"
	endNoResource = "noresource"
	endRejected   = "rejected"
	endProbation  = "probation"

	returnAfter = 10 // seconds that those wait at least who are to come again
)

// subscription is when one subscriber is told what. It knows no messages and no clock: who owns it tells it what happens, and asks it
// with [subscription.next] what is due. Only the newest state is ever sent, one NOTIFY at a time.
type subscription struct {
	expires time.Time
	pause   time.Duration // between two NOTIFYs
	stale   bool          // there is something that the subscriber was not told
	open    bool          // a NOTIFY is under way
	ended   string        // the reason; the last NOTIFY says it
	pending bool          // nobody knows yet whether it may be
	told    bool          // the last NOTIFY was sent
	lost    int           // NOTIFYs in a row that had no answer or a bad one
	sent    time.Time     // the last one
	retry   time.Time     // not before that
}

// subscribed takes a SUBSCRIBE, the first or a later one, that lets the subscription live for a time: RFC 6665, 4.2.1.2 has the
// state sent at once, to one that comes back too.
func (s *subscription) subscribed(expires, pause time.Duration, now time.Time) {
	s.expires, s.pause = now.Add(expires), max(pause, leastPause)
	s.renew()
	s.sent = time.Time{}
	if expires == 0 {
		s.end(endTimeout) // RFC 6665, 4.4.3: also of one that asks for the state once
	}
}

// renew has the state sent again now: the subscriber has shown that it is there.
func (s *subscription) renew() {
	s.lost, s.retry = 0, time.Time{}
	s.changed()
}

// changed says that there is something new.
func (s *subscription) changed() {
	s.stale = true
}

// end has the next NOTIFY be the last.
func (s *subscription) end(reason string) {
	if s.ended == "" {
		s.ended = reason
		s.changed()
	}
}

// over says that nothing more comes: the last NOTIFY has been sent, and answered or given up.
func (s *subscription) over() bool { return s.told && !s.open }

// next says whether a NOTIFY is due now; if not, when to ask again, zero for when something happens.
func (s *subscription) next(now time.Time) (due bool, at time.Time) {
	if s.ended == "" && !now.Before(s.expires) {
		s.end(endTimeout)
	}
	switch {
	case s.open && s.ended == "": // RFC 6665, 4.2.2: one at a time
		return false, s.expires
	case s.open, s.told:
		return false, time.Time{}
	case s.stale && s.ended != "":
		return true, time.Time{}
	case !s.stale:
		return false, s.expires
	}
	at = s.sent.Add(s.pause)
	if s.retry.After(at) {
		at = s.retry
	}
	if !now.Before(at) {
		return true, time.Time{}
	}
	if s.expires.Before(at) {
		at = s.expires
	}
	return false, at
}

// notified says that what was due was sent.
func (s *subscription) notified(now time.Time) {
	s.open, s.stale, s.sent = true, false, now
	s.told = s.ended != ""
}

// answered takes the final answer to the NOTIFY, code 0 for none, and says whether the subscription goes on. wait is what Retry-After
// asks for.
func (s *subscription) answered(code int, wait time.Duration, now time.Time) bool {
	s.open = false
	switch {
	case s.told:
		return false
	case code >= 200 && code < 300:
		s.lost, s.retry = 0, time.Time{}
		return true
	case destroys(code):
		return false
	}
	// RFC 6665, 4.2.2, would rather have it removed when a NOTIFY times out, for the sake of the traffic. The lamp of a phone whose
	// network was away for a minute would then stay as it was: it lives as long as it was granted, with ever longer pauses.
	s.stale = true
	pause := min(firstRetry<<min(s.lost, 10), lastRetry)
	s.lost++
	if wait > 0 { // RFC 6665, 4.2.2
		pause = min(wait, mostPause)
	}
	s.retry = now.Add(pause)
	return true
}

// destroys says whether an answer to a NOTIFY says that the subscription is no more: RFC 6665, 4.2.2, 481 in any case; RFC 5057, 5.1,
// those that end the usage or its dialog.
func destroys(code int) bool {
	switch code {
	case 404, 405, 410, 416, 481, 482, 483, 484, 485, 489, 501, 502, 604:
		return true
	}
	return false
}

// state is the Subscription-State of a NOTIFY (RFC 6665, 4.1.3).
func (s *subscription) state(now time.Time) string {
	if s.ended != "" { // RFC 6665, 4.1.3
		return "terminated;reason=" + s.ended
	}
	name := "active"
	if s.pending {
		name = "pending"
	}
	return name + ";expires=" + strconv.Itoa(max(0, int(s.expires.Sub(now).Round(time.Second)/time.Second)))
}

// Watched is the Event header of a SUBSCRIBE (RFC 6665, 8.2.1).
type Watched struct {
	Package string // "dialog"
	ID      string
	Pause   time.Duration // between two NOTIFYs that the subscriber asks for (RFC 6446, 4: max-rate), 0 for none
	Time    time.Duration // for which it is wanted, 0: not any more, or once
}

// parseEvent reads an Event header; ok is false if it has no event.
func parseEvent(v string) (w Watched, ok bool) {
	name, params, _ := strings.Cut(v, ";")
	w.Package = strings.ToLower(strings.TrimSpace(name))
	if w.Package == "" || strings.ContainsFunc(w.Package, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("\",;<>@", r) }) {
		return Watched{}, false
	}
	for p := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(p, "=")
		value = strings.TrimSpace(value)
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "id":
			if strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r > '~' }) {
				return Watched{}, false
			}
			w.ID = value
		case "max-rate":
			if rate, err := strconv.ParseFloat(value, 64); err == nil && rate > 0 {
				w.Pause = time.Duration(min(float64(time.Second)/rate, float64(mostPause)))
			}
		}
	}
	return w, true
}

// header is the Event header of a NOTIFY.
func (w Watched) header() Header {
	if w.ID == "" {
		return NewHeader("Event", w.Package)
	}
	return NewHeader("Event", w.Package+";id="+w.ID)
}

// watchTime reads what a SUBSCRIBE asks for; ok is false if it is too brief (RFC 6665, 4.2.1.1).
func watchTime(req *Request) (seconds int, ok bool) {
	v := strings.TrimSpace(value(req, "Expires"))
	if v == "" {
		return defaultWatch, true
	}
	n, err := strconv.ParseUint(v, 10, 32)
	if err != nil {
		return defaultWatch, true // RFC 3261, 20.19
	}
	if n > 0 && n < minWatch {
		return 0, false
	}
	return int(min(n, maxWatch)), true
}
