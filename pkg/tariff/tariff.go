// Package tariff is what calls through a phone company cost: rates by the beginning of the called number and by time, and the files
// that tables of them come in.
//
// Amounts are millionths of a currency: whole numbers, so that sums are exact whatever the order they are made in.
package tariff

import (
	"cmp"
	"strings"
	"time"
)

// Rate is what calls to the numbers that begin with Prefix cost.
type Rate struct {
	Prefix    string `json:"prefix"`               // "+49", "+4930"; "+": every number
	Connect   int64  `json:"connect,omitempty"`    // for the answer, in millionths of Currency
	PerMinute int64  `json:"per_minute,omitempty"` // in millionths of Currency
	First     int    `json:"first"`                // seconds that are paid at least, 1 and more
	Step      int    `json:"step"`                 // in which the seconds after those are counted, 1 and more
	Currency  string `json:"currency"`             // ISO 4217
	When      Window `json:"when,omitzero"`        // it holds; the zero value is always
	AtMost    bool   `json:"at_most,omitempty"`    // it is the dearest of numbers that begin so: see Condense
}

// maxSeconds bounds what is paid of one call, so that no product overflows: three years.
const maxSeconds = 100_000_000

// Billed is the seconds that are paid of a call that was answered for d: each one that began, First at least, then in whole steps.
func (r Rate) Billed(d time.Duration) int64 {
	seconds := min(int64((max(d, 0)+time.Second-1)/time.Second), maxSeconds)
	first, step := int64(max(r.First, 1)), int64(max(r.Step, 1))
	if seconds <= first {
		return first
	}
	return first + (seconds-first+step-1)/step*step
}

// Cost is what a call costs that was answered for d, in millionths of the currency, a part of one counted as a whole one.
func (r Rate) Cost(d time.Duration) int64 {
	return r.Connect + (r.PerMinute*r.Billed(d)+59)/60
}

const usual = 3 * time.Minute

// Usual is what a call of three minutes costs: what rates are compared by.
func (r Rate) Usual() int64 { return r.Cost(usual) }

// Cheaper compares rates by what a call of three minutes costs; below 0 is that r costs less.
func (r Rate) Cheaper(other Rate) int { return cmp.Compare(r.Usual(), other.Usual()) }

// Find returns the rate of a number at a moment: that of the longest prefix that holds then, and of several for one prefix that
// which began last, then that which holds for the shorter part of a week. The hours and days of windows are those of at's zone.
func Find(all []Rate, number string, at time.Time) (best Rate, ok bool) {
	for _, r := range all {
		if strings.HasPrefix(number, r.Prefix) && r.When.Holds(at) && (!ok || r.precedes(best)) {
			best, ok = r, true
		}
	}
	return best, ok
}

func (r Rate) precedes(other Rate) bool {
	return cmp.Or(cmp.Compare(len(r.Prefix), len(other.Prefix)), r.When.Compare(other.When)) > 0
}
