// Package barring shuts out who scans the port for phones: after so many offences nothing that comes from there is read, for a time
// that grows with each time.
//
// Whose offences count is whose they are only as far as a source cannot be forged. What came over UDP may have come from anybody, and
// so bars UDP only, and not for long; a connection shows where it comes from, and bars everything. Nobody is barred from where a
// password was shown of late, since there may be others behind the same address, nor who is spared by the configuration or as a
// phone company; the limits of messages and guesses hold for them all the same.
//
// The table is in memory and bounded: who does not fit is limited, and not barred.
package barring

import (
	"net/netip"
	"slices"
	"sync"
	"time"

	"strowger/pkg/limit"
)

// Offence is something that phones seldom do and scanners do all the time.
type Offence int

// The offences.
const (
	Unreadable    Offence = iota // what is no SIP, or none that can be read
	Flood                        // a message beyond the limit of strangers
	Probe                        // OPTIONS of a stranger
	Unsigned                     // a question for the password that nobody answered
	UnknownUser                  // a password for nobody
	WrongPassword                // one that does not fit
	offences
)

// kinds has what each offence weighs and what people call it. The bar is at 100, and one point a second is forgotten: ten phones behind
// one address that have a wrong password, and try it every half a minute, are not shut out.
var kinds = [offences]struct {
	points float64
	words  string
}{
	{10, "what is no SIP"},
	{1, "too many messages"},
	{5, "questions whether somebody is there"},
	{2, "requests without a password"},
	{10, "unknown users"},
	{2, "wrong passwords"},
}

// String is what people call it.
func (o Offence) String() string { return kinds[o].words }

const (
	forgets  = 1                // points in a second
	grace    = 10 * time.Second // that a question for the password may stay without an answer
	reachUDP = 10 * time.Minute // the longest time over UDP
	longest  = 24 * time.Hour   // the longest time
	memory   = 24 * time.Hour   // for so long a source is known to have been barred before
	maxEach  = 1 << 14          // sources over UDP, and sources of connections
	signed   = 70 * time.Minute // longer than a registration lives
)

// When administrators are told, at most once in alarmEvery.
const (
	alarmEvery = time.Hour
	alarmFrom  = 10 // sources barred in that time; one is enough if it tried passwords of accounts that exist
)

// Config is how a table is set up.
type Config struct {
	Points int                   // that bar a source; 0: nobody is barred
	First  time.Duration         // how long the first time; each time it is twice as long
	Spared []netip.Prefix        // never barred
	Server func(netip.Addr) bool // of a phone company, which is never barred; nil: none
	Alarm  func(Alarm)           // told when administrators are to know; must not block
	Now    func() time.Time
}

// Alarm is what administrators are to know.
type Alarm struct {
	Sources int   // barred since the last alarm, at most an hour
	Last    Entry // the last of them
}

// Entry is a barred source.
type Entry struct {
	Source  netip.Prefix // an address, or a /64
	UDPOnly bool         // connections from there are served
	Why     Offence      // what it did most
	Since   time.Time
	Until   time.Time
	Times   int    // in the last days, this time included
	Dropped uint64 // what came since
}

// source is what is known of one.
type source struct {
	points   float64
	by       [offences]float64
	at       time.Time // of points
	unsigned int       // questions for the password that were not answered yet,
	asked    time.Time // the first of them
	entry    Entry     // zero: never barred
}

func (s *source) barred(now time.Time) bool { return now.Before(s.entry.Until) }

// idle says that nothing of a source is worth remembering.
func (s *source) idle(now time.Time) bool {
	return s.points-forgets*now.Sub(s.at).Seconds() <= 0 && now.Sub(s.asked) > grace && now.Sub(s.entry.Until) > memory
}

// Table is who is barred. It is safe for concurrent use.
type Table struct {
	cfg Config

	mu      sync.Mutex
	of      [2]map[netip.Prefix]*source // by stream: those of UDP cannot push out those of connections
	swept   [2]time.Time
	good    limit.Recent[netip.Prefix]
	alarmed time.Time // when the last alarm was
	since   int       // barred since then
	counted time.Time // when since began
}

// New returns a table in which nobody is.
func New(cfg Config) *Table {
	return &Table{cfg: cfg, of: [2]map[netip.Prefix]*source{{}, {}}, good: limit.Recent[netip.Prefix]{Keep: signed, Max: maxEach}}
}

func index(stream bool) int {
	if stream {
		return 1
	}
	return 0
}

// Signed notes that somebody showed a password: what others did at that address is forgotten, and bars nobody there for 70 minutes at
// least.
func (t *Table) Signed(from netip.Addr) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := limit.Source(from)
	t.good.Add(p, t.cfg.Now())
	t.forget(p)
}

func (t *Table) forget(p netip.Prefix) {
	for _, of := range t.of {
		delete(of, p)
	}
}

// Asked notes that somebody was asked for the password. It is an offence if it is not tried soon.
func (t *Table) Asked(from netip.Addr, stream bool) {
	t.note(from, stream, func(s *source, now time.Time) {
		if s.unsigned == 0 {
			s.asked = now
		}
		s.unsigned++
	})
}

// Offend notes an offence.
func (t *Table) Offend(from netip.Addr, stream bool, o Offence) {
	t.note(from, stream, func(s *source, _ time.Time) {
		if (o == UnknownUser || o == WrongPassword) && s.unsigned > 0 {
			s.unsigned-- // it is the answer to a question
		}
		s.add(o, 1)
	})
}

// add counts an offence n times.
func (s *source) add(o Offence, n int) {
	points := kinds[o].points * float64(n)
	s.points += points
	s.by[o] += points
}

// note does something with what is known of a source, and bars it if that is enough.
func (t *Table) note(from netip.Addr, stream bool, do func(*source, time.Time)) {
	p := limit.Source(from)
	if t.cfg.Points == 0 || !p.IsValid() || t.spared(from.Unmap()) {
		return
	}
	if alarm := t.step(p, stream, do); alarm != nil && t.cfg.Alarm != nil {
		t.cfg.Alarm(*alarm)
	}
}

func (t *Table) spared(from netip.Addr) bool {
	return slices.ContainsFunc(t.cfg.Spared, func(p netip.Prefix) bool { return p.Contains(from) }) || t.cfg.Server != nil && t.cfg.Server(from)
}

func (t *Table) step(p netip.Prefix, stream bool, do func(*source, time.Time)) *Alarm {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.cfg.Now()
	s := t.find(p, stream, now)
	if s == nil || s.barred(now) {
		return nil
	}
	passed := max(0, now.Sub(s.at).Seconds()) // a clock that was set back forgets nothing
	if s.points -= forgets * passed; s.points <= 0 {
		s.points, s.by = 0, [offences]float64{}
	}
	s.at = now
	if s.unsigned > 0 && now.Sub(s.asked) > grace {
		s.add(Unsigned, s.unsigned)
		s.unsigned = 0
	}
	do(s, now)
	if s.points < float64(t.cfg.Points) {
		return nil
	}
	return t.bar(p, stream, s, now)
}

// find returns what is known of a source, nil if nothing can be.
func (t *Table) find(p netip.Prefix, stream bool, now time.Time) *source {
	if t.good.Has(p) {
		return nil
	}
	of := t.of[index(stream)]
	if s := of[p]; s != nil {
		return s
	}
	if len(of) >= maxEach && !t.sweep(index(stream), now) {
		return nil
	}
	s := &source{at: now}
	of[p] = s
	return s
}

// sweep forgets who is idle, once a second, and says whether there is room now.
func (t *Table) sweep(i int, now time.Time) bool {
	if now.Sub(t.swept[i]).Abs() < time.Second {
		return false
	}
	t.swept[i] = now
	for p, s := range t.of[i] {
		if s.idle(now) {
			delete(t.of[i], p)
		}
	}
	return len(t.of[i]) < maxEach
}

// bar shuts a source out, and returns what administrators are to know.
func (t *Table) bar(p netip.Prefix, stream bool, s *source, now time.Time) *Alarm {
	times := s.entry.Times + 1
	if now.Sub(s.entry.Until) > memory {
		times = 1
	}
	most := longest
	if !stream {
		most = reachUDP
	}
	length := t.cfg.First
	for n := 1; n < times && length < most; n++ {
		length *= 2
	}
	why := Offence(0)
	for o, points := range s.by {
		if points > s.by[why] {
			why = Offence(o)
		}
	}
	guessed := s.by[WrongPassword] > 0
	s.entry = Entry{Source: p, UDPOnly: !stream, Why: why, Since: now, Until: now.Add(min(length, most)), Times: times}
	s.points, s.by, s.unsigned = 0, [offences]float64{}, 0
	if now.Sub(t.counted) > alarmEvery {
		t.counted, t.since = now, 0
	}
	t.since++
	if t.since < alarmFrom && !guessed || !t.alarmed.IsZero() && now.Sub(t.alarmed) < alarmEvery {
		return nil
	}
	a := Alarm{Sources: t.since, Last: s.entry}
	t.alarmed, t.counted, t.since = now, now, 0
	return &a
}

// Shut says whether what comes from somewhere is not to be read, and counts it.
func (t *Table) Shut(from netip.Addr, stream bool) bool {
	if t.cfg.Points == 0 {
		return false
	}
	p := limit.Source(from)
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.cfg.Now()
	s := t.of[1][p]
	if !stream && (s == nil || !s.barred(now)) {
		s = t.of[0][p]
	}
	if s == nil || !s.barred(now) || t.spared(from.Unmap()) {
		return false
	}
	s.entry.Dropped++
	return true
}

// List is who is barred now, the last first.
func (t *Table) List() []Entry {
	t.mu.Lock()
	defer t.mu.Unlock()
	now, all := t.cfg.Now(), []Entry{}
	for _, of := range t.of {
		for _, s := range of {
			if s.barred(now) {
				all = append(all, s.entry)
			}
		}
	}
	slices.SortFunc(all, func(a, b Entry) int {
		if c := b.Since.Compare(a.Since); c != 0 {
			return c
		}
		return a.Source.Addr().Compare(b.Source.Addr())
	})
	return all
}

// Lift lets a source in again, and says whether it was barred.
func (t *Table) Lift(from netip.Addr) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	p, now := limit.Source(from), t.cfg.Now()
	was := slices.ContainsFunc(t.of[:], func(of map[netip.Prefix]*source) bool { return of[p] != nil && of[p].barred(now) })
	t.forget(p)
	return was
}
