// Package toll keeps the book of what users and trunks call in the phone network, and what that costs, and says no where the rules
// of package guard do. What passes is on disk before it is carried: neither a crash nor a clock that is set gives anything back.
//
// A call has counted when it is let in, and so has the cost of its first minute; each minute more is paid before it begins, and what
// was not used comes back at the end. When nothing is left the call ends, and when it has lasted as long as it may.
//
// The time of the book goes on with that of the machine since it was started, and never back (see Keeper).
package toll

import (
	"strings"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/guard"
)

// paid is how much of a call is paid at a time.
const paid = time.Minute

// Line is a trunk that may take a call.
type Line struct {
	Trunk, Name string
	Rules       guard.Rules
	Cost        func(time.Duration) int64 // millionths; nil: nobody knows
}

func (l Line) cost(d time.Duration) int64 {
	if l.Cost == nil {
		return 0
	}
	return l.Cost(d)
}

// Ask is a call that wants to leave.
type Ask struct {
	Call       string
	User, Name string      // who pays
	Rules      guard.Rules // for them at this switch
	Number     string
	Forwarded  bool // they forward it there
	Abroad     bool
	Minute     int   // of the day at the office
	Wall       int64 // Unix seconds, as the cloud has them
	Lines      []Line
}

// record is one line of the journal: what is added to an account, or what becomes of it.
type record struct {
	Account string `json:"of"`
	Slot    *slot  `json:"slot,omitempty"`
	Day     *slot  `json:"day,omitempty"` // of the past
	Blocked *bool  `json:"blocked,omitempty"`
	Since   int64  `json:"since,omitempty"`  // when, as Ask.Wall has it
	Lifted  int64  `json:"lifted,omitempty"` // when, in slotTime, the last alarm was
	Now     int64  `json:"now,omitempty"`    // Unix seconds of the book; nothing else
}

// Book is the accounts of a switch. It is for one goroutine; New is its zero value's maker.
type Book struct {
	accounts map[string]*account
	holds    map[*hold]bool
	records  []record
	alarms   []Alarm
}

// Alarm says that an account was blocked.
type Alarm struct{ Account, Call, Words string }

// hold is a call that was let in.
type hold struct {
	ask      Ask
	chunks   []chunk
	tried    map[string]bool
	answered time.Time
	line     Line // that answered
	paid     time.Duration
	spent    bool // it was told to end
}

// chunk is what was taken from an account at a time.
type chunk struct {
	account string
	slot    slot
}

// New returns a book without accounts.
func New() *Book { return &Book{accounts: map[string]*account{}, holds: map[*hold]bool{}} }

func (b *Book) account(id string) *account {
	a := b.accounts[id]
	if a == nil {
		a = &account{}
		b.accounts[id] = a
	}
	return a
}

// apply does what a record says.
func (b *Book) apply(r record) {
	switch {
	case r.Slot != nil:
		b.account(r.Account).add(*r.Slot)
	case r.Day != nil:
		a := b.account(r.Account)
		a.days = append(a.days, *r.Day)
	case r.Blocked != nil:
		a := b.account(r.Account)
		a.blocked, a.since, a.lifted = *r.Blocked, r.Since, r.Lifted
	}
}

func (b *Book) write(r record) {
	b.apply(r)
	b.records = append(b.records, r)
}

// written returns what was written since the last time.
func (b *Book) written() []record {
	all := b.records
	b.records = nil
	return all
}

// take adds to an account what a call has.
func (b *Book) take(h *hold, id string, s slot) {
	b.write(record{Account: id, Slot: &s})
	h.chunks = append(h.chunks, chunk{id, s})
}

// look brings an account up to the time.
func (b *Book) look(id string, now time.Time) *account {
	a := b.account(id)
	a.age(now)
	return a
}

// enter lets a call in, or says why not. Of its lines those remain in the hold that have room.
func (b *Book) enter(now time.Time, q Ask) (*hold, error) {
	var lines []Line
	var first error
	most := int64(0)
	for _, l := range q.Lines {
		if err := b.roomAt(now, q, l); err != nil {
			if first == nil {
				first = err
			}
			continue
		}
		lines, most = append(lines, l), max(most, l.cost(paid))
	}
	if len(lines) == 0 {
		return nil, first
	}
	q.Lines = lines
	one := q.slot(now, 1, most)
	u := b.look(q.User, now)
	if q.Abroad {
		if err := b.abroad(now, q, one); err != nil {
			return nil, err
		}
	}
	if err := q.Rules.Room(q.Name, u.usage(now), guard.Usage{Together: 1, Forwarded: q.forwarded(), CallsHour: 1, CallsDay: 1, CostHour: most, CostDay: most}); err != nil {
		return nil, err
	}
	h := &hold{ask: q, tried: map[string]bool{}}
	b.holds[h] = true
	u.together++
	u.forwarded += q.forwarded()
	b.take(h, q.User, one)
	for _, l := range lines {
		b.take(h, l.Trunk, q.slot(now, 1, l.cost(paid)))
	}
	return h, nil
}

// forwarded is how many of the calls that a user forwards a call is.
func (q Ask) forwarded() int64 {
	if q.Forwarded {
		return 1
	}
	return 0
}

// slot is what a call takes from an account.
func (q Ask) slot(now time.Time, calls, cost int64) slot {
	s := slot{At: slotOf(now), Calls: calls, Cost: cost}
	if q.Abroad {
		s.Abroad, s.Toll = calls, cost
	}
	return s
}

// roomAt is why a trunk takes a call no more.
func (b *Book) roomAt(now time.Time, q Ask, l Line) error {
	a, cost := b.look(l.Trunk, now), l.cost(paid)
	err := l.Rules.Room("trunk "+l.Name, a.usage(now), guard.Usage{CallsHour: 1, CallsDay: 1, CostHour: cost, CostDay: cost})
	if err == nil && q.Abroad {
		err = b.alarm(now, l.Trunk, "trunk "+l.Name, q.slot(now, 1, cost), q, l.Rules)
	}
	if err != nil {
		return errs.New(errs.GuardTrunk, "%w", err)
	}
	return nil
}

// abroad is why a user may not call abroad.
func (b *Book) abroad(now time.Time, q Ask, one slot) error {
	if err := q.Rules.Abroad(q.Name, b.look(q.User, now).usage(now), q.Minute); err != nil {
		return err
	}
	return b.alarm(now, q.User, q.Name, one, q, q.Rules)
}

// alarm blocks an account that calls far more abroad than usual.
func (b *Book) alarm(now time.Time, id, name string, more slot, q Ask, r guard.Rules) error {
	a := b.look(id, now)
	if a.blocked && r.Lifted >= a.since {
		b.lift(now, id)
	}
	if !a.blocked && a.unusual(now, more, r.Alarm) {
		yes := true
		b.write(record{Account: id, Blocked: &yes, Since: q.Wall, Lifted: a.lifted})
		u := a.usage(now)
		b.alarms = append(b.alarms, Alarm{id, q.Call, errs.New(errs.GuardAlarm,
			"%s has called abroad %d times in 24 hours, which is far more than usual, and may not until: strowger guard lift %s", name, u.AbroadDay, strings.TrimPrefix(name, "trunk ")).Words})
	}
	if a.blocked {
		return errs.New(errs.GuardAlarm, "calls abroad of %s are blocked since there were far more than usual; the administrator may lift that: strowger guard lift %s", name, strings.TrimPrefix(name, "trunk "))
	}
	return nil
}

// tries says that a trunk has the call: it counts there.
func (b *Book) tries(h *hold, trunk string) { h.tried[trunk] = true }

// begin says that a call was answered by a trunk.
func (b *Book) begin(now time.Time, h *hold, trunk string) {
	if !b.holds[h] || !h.answered.IsZero() {
		return
	}
	for _, l := range h.ask.Lines {
		if l.Trunk == trunk {
			h.answered, h.line, h.paid = now, l, paid
		}
	}
}

// due is when more of a call is to be paid, or it has lasted as long as it may, the zero time for never.
func (h *hold) due() time.Time {
	if h.answered.IsZero() || h.spent {
		return time.Time{}
	}
	end := h.end()
	if h.line.Cost == nil {
		return end
	}
	due := h.answered.Add(h.paid - ahead)
	if !end.IsZero() && end.Before(due) {
		return end
	}
	return due
}

// end is when a call that was answered has to be over, the zero time for never.
func (h *hold) end() time.Time {
	seconds := h.longest()
	if seconds == guard.NoLimit {
		return time.Time{}
	}
	return h.answered.Add(time.Duration(min(seconds, maxSeconds)) * time.Second)
}

// longest is how many seconds a call may last.
func (h *hold) longest() int64 { return min(h.ask.Rules.Longest, h.line.Rules.Longest) }

// maxSeconds keeps a time from overflowing: three years.
const maxSeconds = 100_000_000

// ahead is how long before the end of what was paid the next minute is.
const ahead = 5 * time.Second

// pay pays the next minute of a call, or says why it has to end.
func (b *Book) pay(now time.Time, h *hold) error {
	if end := h.end(); !end.IsZero() && !now.Before(end) {
		return errs.New(errs.GuardTime, "the call has lasted %v, as long as one of %s by trunk %s may; strowger guard set --longest",
			time.Duration(min(h.longest(), maxSeconds))*time.Second, h.ask.Name, h.line.Name)
	}
	more := h.line.cost(h.paid+paid) - h.line.cost(h.paid)
	cost := guard.Usage{CostHour: more, CostDay: more}
	s := h.ask.slot(now, 0, more)
	if err := h.ask.Rules.Room(h.ask.Name, b.look(h.ask.User, now).usage(now), cost); err != nil {
		return err
	}
	if err := h.line.Rules.Room("trunk "+h.line.Name, b.look(h.line.Trunk, now).usage(now), cost); err != nil {
		return errs.New(errs.GuardCost, "%w", err)
	}
	if h.ask.Abroad {
		if err := b.alarm(now, h.ask.User, h.ask.Name, s, h.ask, h.ask.Rules); err != nil {
			return err
		}
	}
	h.paid += paid
	b.take(h, h.ask.User, s)
	b.take(h, h.line.Trunk, s)
	return nil
}

// end ends a call: what was not used comes back.
func (b *Book) end(now time.Time, h *hold) {
	if !b.holds[h] {
		return
	}
	delete(b.holds, h)
	u := b.look(h.ask.User, now)
	u.together--
	u.forwarded -= h.ask.forwarded()
	spent := int64(0)
	if !h.answered.IsZero() {
		spent = h.line.cost(now.Sub(h.answered))
	}
	b.settle(h, h.ask.User, spent)
	for _, l := range h.ask.Lines {
		switch {
		case l.Trunk == h.line.Trunk:
			b.settle(h, l.Trunk, spent)
		case h.tried[l.Trunk]:
			b.settle(h, l.Trunk, 0)
		default:
			b.settle(h, l.Trunk, 0)
			b.back(h, l.Trunk)
		}
	}
}

// settle leaves of what was taken from an account as much as was spent, of the first of it. Who paid too little pays the rest.
func (b *Book) settle(h *hold, id string, spent int64) {
	last := slot{}
	for _, c := range h.chunks {
		if c.account != id {
			continue
		}
		last = c.slot
		kept := min(spent, c.slot.Cost)
		spent -= kept
		b.change(id, h.ask.change(c.slot.At, 0, kept-c.slot.Cost))
	}
	b.change(id, h.ask.change(last.At, 0, spent))
}

// back takes a call from a trunk that was not tried.
func (b *Book) back(h *hold, id string) {
	for _, c := range h.chunks {
		if c.account == id && c.slot.Calls > 0 {
			b.change(id, h.ask.change(c.slot.At, -c.slot.Calls, 0))
		}
	}
}

func (q Ask) change(at, calls, cost int64) slot {
	s := slot{At: at, Calls: calls, Cost: cost}
	if q.Abroad {
		s.Abroad, s.Toll = calls, cost
	}
	return s
}

// change changes what was taken from an account, unless that is too long ago to count.
func (b *Book) change(id string, s slot) {
	if s.Calls == 0 && s.Cost == 0 {
		return
	}
	for _, have := range b.account(id).slots {
		if have.At == s.At {
			b.write(record{Account: id, Slot: &s})
			return
		}
	}
}

// lift lets an account call abroad again. What it called until then is unusual no longer.
func (b *Book) lift(now time.Time, id string) {
	no := false
	b.write(record{Account: id, Blocked: &no, Lifted: slotOf(now)})
}

// all is the book as records, without what is empty.
func (b *Book) all(now time.Time) (all []record) {
	for id, a := range b.accounts {
		a.age(now)
		if a.idle() {
			delete(b.accounts, id)
			continue
		}
		if a.blocked || a.lifted > 0 {
			blocked := a.blocked
			all = append(all, record{Account: id, Blocked: &blocked, Since: a.since, Lifted: a.lifted})
		}
		for _, s := range a.days {
			all = append(all, record{Account: id, Day: &s})
		}
		for _, s := range a.slots {
			all = append(all, record{Account: id, Slot: &s})
		}
	}
	return all
}
