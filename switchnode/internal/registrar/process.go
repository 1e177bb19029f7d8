package registrar

import (
	"cmp"
	"math"
	"net/netip"
	"slices"
	"strings"
	"time"

	"strowger/pkg/pushtarget"
)

// Source is where a REGISTER came from, and so where calls to its contacts go.
type Source struct {
	Addr       netip.AddrPort `json:"addr"`
	Transport  string         `json:"transport"` // "udp", "tcp", "tls"
	Connection string         `json:"-"`         // names the TCP or TLS connection within this run; "" after a restart
}

// Absent is an expiration that a request does not give.
const Absent = -1

// Contact is one contact of a REGISTER or of its answer.
type Contact struct {
	URI      string  `json:"uri"`
	Expires  int     `json:"-"` // seconds; Absent if the request has none for this contact
	Q        float64 `json:"q"` // 0 to 1; 1 if the request has none
	Instance string  `json:"instance,omitempty"`
	RegID    int     `json:"reg_id,omitempty"` // 0 if none
	// Push is how a phone that sleeps is woken (RFC 8599); zero: it does not.
	Push pushtarget.Target `json:"push,omitzero"`
}

// Register is a REGISTER of a device that has proved who it is.
type Register struct {
	Device    string // id
	CallID    string
	CSeq      uint32
	Contacts  []Contact
	All       bool // the contact is "*"
	Expires   int  // the Expires header in seconds; Absent if there is none
	Source    Source
	Path      []string // RFC 3327
	UserAgent string
}

// Binding is a contact at which a device can be reached until it expires.
type Binding struct {
	Contact
	Until     time.Time `json:"until"`
	Updated   time.Time `json:"updated"`
	CallID    string    `json:"call_id"`
	CSeq      uint32    `json:"cseq"`
	Source    Source    `json:"source"`
	Path      []string  `json:"path,omitempty"`
	UserAgent string    `json:"user_agent,omitempty"`
}

// PushLife is how long after its registration a phone can be woken: its token goes on (RFC 8599, 4.1.2), until the push service knows
// better.
const PushLife = 90 * 24 * time.Hour

// live says that the phone is registered.
func (b Binding) live(now time.Time) bool { return b.Until.After(now) }

// Wakeable says that a phone that sleeps can be woken.
func (c Contact) Wakeable() bool { return c.Push != pushtarget.Target{} }

// kept says that the phone is registered, or can be woken.
func (b Binding) kept(now time.Time) bool {
	return b.live(now) || b.Wakeable() && b.Until.Add(PushLife).After(now)
}

// Result is the answer to a REGISTER. Contacts are all that the device has then; Expires of each is what is left.
type Result struct {
	Code       int
	Reason     string
	Contacts   []Contact
	MinExpires int // seconds, with 423
	// Moved is where contacts were that have come from elsewhere now: the phone has another connection, or another address.
	Moved []Source
}

// Expirations, in seconds.
const (
	minExpires     = 60
	defaultExpires = 3600
	hour           = 3600
)

// MaxContacts is how many contacts a device may have; the one updated longest ago gives way. A phone that changes its
// port at every start, and does not say that it is the same, would else lock itself out.
const MaxContacts = 10

// Limits of what a binding keeps, in bytes.
const (
	maxURI       = 512
	maxPath      = 512
	maxCallID    = 256
	maxInstance  = 128
	maxUserAgent = 64
)

// tooLong names what of a request is longer than a binding keeps, or "".
func (q *Register) tooLong() string {
	path := 0
	for _, p := range q.Path {
		path += len(p)
	}
	switch {
	case path > maxPath:
		return "Path"
	case len(q.CallID) > maxCallID:
		return "Call-ID"
	case slices.ContainsFunc(q.Contacts, func(c Contact) bool { return len(c.URI) > maxURI || len(c.Instance) > maxInstance }):
		return "Contact"
	}
	return ""
}

// process is RFC 3261, 10.3, from step 6. It changes nothing that it is given: have stays when the request fails.
func process(now time.Time, maxExpires int, have []Binding, q Register) (next []Binding, r Result) {
	next = slices.DeleteFunc(slices.Clone(have), func(b Binding) bool { return !b.kept(now) })
	if q.All {
		next, r = removeAll(next, q)
	} else {
		next, r = update(now, maxExpires, next, q)
	}
	if r.Code != 200 {
		return have, r
	}
	// RFC 3261, 16.6: contacts with a higher q are tried first.
	slices.SortStableFunc(next, func(a, b Binding) int {
		return cmp.Or(cmp.Compare(b.Q, a.Q), b.Updated.Compare(a.Updated))
	})
	for _, b := range next {
		if !b.live(now) {
			continue
		}
		c := b.Contact
		c.Expires = int(math.Ceil(b.Until.Sub(now).Seconds()))
		r.Contacts = append(r.Contacts, c)
	}
	return next, r
}

func failed(code int, reason string) Result { return Result{Code: code, Reason: reason} }

// outOfOrder is RFC 3261, 10.3, 6 and 7: the update is aborted. 500 as for a dialog (12.2.2).
func outOfOrder() Result { return failed(500, "CSeq Out Of Order") }

func late(b Binding, q Register) bool { return b.CallID == q.CallID && q.CSeq <= b.CSeq }

// removeAll is RFC 3261, 10.3, step 6.
func removeAll(have []Binding, q Register) ([]Binding, Result) {
	switch {
	case len(q.Contacts) > 0:
		return nil, failed(400, "Contact * Must Be Alone")
	case q.Expires != 0:
		return nil, failed(400, "Contact * Needs Expires 0")
	case slices.ContainsFunc(have, func(b Binding) bool { return late(b, q) }):
		return nil, outOfOrder()
	}
	return nil, Result{Code: 200, Reason: "OK"}
}

// update is RFC 3261, 10.3, step 7: all contacts of the request, or none.
func update(now time.Time, maxExpires int, next []Binding, q Register) ([]Binding, Result) {
	if len(q.Contacts) > MaxContacts {
		return nil, failed(403, "Too Many Contacts")
	}
	if what := q.tooLong(); what != "" {
		return nil, failed(400, what+" Too Long")
	}
	q.UserAgent = q.UserAgent[:min(len(q.UserAgent), maxUserAgent)]
	before := slices.Clone(next)
	var moved []Source
	for _, c := range q.Contacts {
		seconds := c.Expires
		if seconds == Absent {
			seconds = q.Expires
		}
		if seconds == Absent {
			seconds = defaultExpires
		}
		// RFC 3261, 10.3, 7: too brief is only what is less than an hour and not 0.
		if seconds > 0 && seconds < hour && seconds < minExpires {
			return nil, Result{Code: 423, Reason: "Interval Too Brief", MinExpires: minExpires}
		}
		seconds = min(seconds, maxExpires)
		same := sameAs(c, q.Contacts)
		if slices.ContainsFunc(before, func(b Binding) bool { return same(b) && late(b, q) }) {
			return nil, outOfOrder()
		}
		for _, b := range before {
			// RFC 3261, 10.2: one phone registers with one Call-ID, though a port in its contact is another after it came back.
			if (same(b) || b.CallID == q.CallID && b.RegID == c.RegID) && b.Source != q.Source && seconds > 0 && !slices.Contains(moved, b.Source) {
				moved = append(moved, b.Source)
			}
		}
		next = slices.DeleteFunc(next, same)
		if seconds > 0 {
			next = append(next, bind(now, seconds, c, q))
		}
	}
	for len(next) > MaxContacts {
		oldest := slices.MinFunc(next, func(a, b Binding) int { return a.Updated.Compare(b.Updated) })
		next = slices.DeleteFunc(next, func(b Binding) bool { return b.URI == oldest.URI && b.Updated.Equal(oldest.Updated) })
	}
	return next, Result{Code: 200, Reason: "OK", Moved: moved}
}

// bind copies what it keeps, so that no binding holds the message that it came in.
func bind(now time.Time, seconds int, c Contact, q Register) Binding {
	c.URI, c.Instance = strings.Clone(c.URI), strings.Clone(c.Instance)
	b := Binding{Contact: c, Until: now.Add(time.Duration(seconds) * time.Second), Updated: now,
		CallID: strings.Clone(q.CallID), CSeq: q.CSeq, Source: q.Source, UserAgent: strings.Clone(q.UserAgent)}
	for _, p := range q.Path {
		b.Path = append(b.Path, strings.Clone(p))
	}
	return b
}

// sameAs finds the binding that a contact updates: that of the same instance and registration (RFC 5626, 6), else that
// of the same URI. A phone that gives several contacts for one instance tells them apart by URI.
func sameAs(c Contact, all []Contact) func(Binding) bool {
	instance := func(other Contact) bool {
		return c.Instance != "" && other.Instance == c.Instance && other.RegID == c.RegID
	}
	alone := true
	for _, other := range all {
		alone = alone && (other.URI == c.URI || !instance(other))
	}
	return func(b Binding) bool {
		return alone && instance(b.Contact) || sameURI(b.URI, c.URI) || c.Wakeable() && b.Push == c.Push // one app, wherever it is now
	}
}
