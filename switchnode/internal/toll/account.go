package toll

import (
	"slices"
	"time"

	"strowger/pkg/guard"
)

// slotTime is how exactly it is known when a call was made: it counts for that much longer than it must.
const slotTime = 5 * time.Minute

// How long what was called counts, and how long it is remembered what is usual.
const (
	hour       = time.Hour
	day        = 24 * time.Hour
	memoryDays = 28
)

// slot is what an account had in a part of the time.
type slot struct {
	At     int64 `json:"at"` // in slotTime
	Calls  int64 `json:"n,omitempty"`
	Abroad int64 `json:"a,omitempty"` // of Calls
	Cost   int64 `json:"m,omitempty"` // millionths
	Toll   int64 `json:"x,omitempty"` // of Cost, abroad
}

func slotOf(now time.Time) int64 { return now.Unix() / int64(slotTime/time.Second) }

// account is what a user or a trunk had.
type account struct {
	slots     []slot // of a day, the oldest first
	days      []slot // what is older, by day
	together  int64
	forwarded int64 // of together
	blocked   bool
	since     int64 // Unix seconds
	lifted    int64 // in slotTime: what was called abroad until then is unusual no longer
}

// add adds to a slot, which may be one of long ago.
func (a *account) add(s slot) {
	i, found := slices.BinarySearchFunc(a.slots, s.At, func(have slot, at int64) int { return int(have.At - at) })
	if !found {
		a.slots = slices.Insert(a.slots, i, slot{At: s.At})
	}
	a.slots[i].sum(s)
}

func (s *slot) sum(more slot) {
	s.Calls += more.Calls
	s.Abroad += more.Abroad
	s.Cost += more.Cost
	s.Toll += more.Toll
}

// within says whether something of a slot happened less than d ago.
func (s slot) within(d time.Duration, now time.Time) bool {
	return (s.At+1)*int64(slotTime/time.Second) > now.Add(-d).Unix()
}

// age moves what is older than a day to the days, and forgets what is older than these.
func (a *account) age(now time.Time) {
	for len(a.slots) > 0 && !a.slots[0].within(day, now) {
		s := a.slots[0]
		a.slots = a.slots[1:]
		s.At -= s.At % int64(day/slotTime)
		if n := len(a.days); n == 0 || a.days[n-1].At != s.At {
			a.days = append(a.days, slot{At: s.At})
		}
		a.days[len(a.days)-1].sum(s)
	}
	a.days = slices.DeleteFunc(a.days, func(s slot) bool { return !s.within((memoryDays+1)*day, now) })
}

// usage is what the rules look at.
func (a *account) usage(now time.Time) guard.Usage {
	u := guard.Usage{Together: a.together, Forwarded: a.forwarded}
	for _, s := range a.slots {
		if !s.within(day, now) {
			continue
		}
		u.CallsDay += s.Calls
		u.AbroadDay += s.Abroad
		u.CostDay += s.Cost
		if s.within(hour, now) {
			u.CallsHour += s.Calls
			u.AbroadHour += s.Abroad
			u.CostHour += s.Cost
		}
	}
	return u
}

// unusual says whether the account would have called far more abroad than usual with one more call, or more cost.
func (a *account) unusual(now time.Time, more slot, floor int64) bool {
	var today, before slot
	for _, s := range a.slots {
		if s.within(day, now) && s.At > a.lifted {
			today.sum(s)
		}
	}
	for _, s := range a.days {
		before.sum(s)
	}
	today.sum(more)
	const unit = 1_000_000 * memoryDays
	return guard.Unusual(today.Abroad, float64(before.Abroad)/memoryDays, floor) ||
		guard.Unusual(today.Toll/1_000_000, float64(before.Toll)/unit, floor)
}

// idle says that there is nothing to remember.
func (a *account) idle() bool {
	return len(a.slots)+len(a.days) == 0 && a.together == 0 && !a.blocked
}
