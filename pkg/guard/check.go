package guard

import (
	"fmt"
	"regexp"
	"strconv"

	"strowger/pkg/e164"
	"strowger/pkg/errs"
)

// Limits of a policy.
const (
	maxEntries = 300
	maxLimit   = 1_000_000_000_000
)

var prefixForm = regexp.MustCompile(`^\+[0-9]{0,15}$`)

// Check says what is wrong with a policy, nil if nothing is. One of a trunk has no rules for numbers.
func (p *Policy) Check(trunk bool) error {
	if p == nil {
		return nil
	}
	if trunk && (p.Countries != nil || p.Allow != nil || p.Deny != nil || p.Together != nil || p.Forwards != nil || p.Forwarded != nil || p.Night != nil || p.NightCalls != nil) {
		return errs.New(errs.Invalid, "policy: a trunk has limits of calls, of their time and cost, and an alarm; countries, allow, deny, together, forwards and night are for users and the organization")
	}
	if len(p.Countries)+len(p.Allow)+len(p.Deny) > maxEntries {
		return errs.New(errs.Invalid, "policy: more than %d countries and beginnings of numbers", maxEntries)
	}
	for _, c := range p.Countries {
		if c != Usual && !e164.Known(c) {
			return errs.New(errs.Invalid, `countries: %q is neither "usual" nor one of ISO 3166-1 with phone numbers, as "DE" is`, c)
		}
	}
	for _, b := range append(append([]string(nil), p.Allow...), p.Deny...) {
		if !prefixForm.MatchString(b) {
			return errs.New(errs.Invalid, `allow, deny: %q is not "+" and the first digits of a number`, b)
		}
	}
	for _, l := range []*int64{p.CallsHour, p.CallsDay, p.CostHour, p.CostDay, p.Together, p.Forwarded, p.NightCalls, p.Alarm, p.Longest, p.Lifted} {
		if l != nil && (*l < 0 || *l > maxLimit) {
			return errs.New(errs.Invalid, "policy: the limit %d is not between 0 (none) and %d", *l, int64(maxLimit))
		}
	}
	if f := p.Forwards; f != nil && *f != Everyone && *f != Inside && *f != Nobody {
		return errs.New(errs.Invalid, "forwards: %q is none of everyone, inside and nobody", *f)
	}
	if p.Night != nil {
		if _, err := ParseSpan(*p.Night); err != nil {
			return err
		}
	}
	return nil
}

// Span is a part of each day, in minutes since midnight; it may reach over midnight. The zero value is no time at all.
type Span struct{ From, To int }

var spanForm = regexp.MustCompile(`^([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-3]):([0-5][0-9])$`)

// ParseSpan reads "22:00-06:00"; "" is no time at all.
func ParseSpan(text string) (Span, error) {
	if text == "" {
		return Span{}, nil
	}
	m := spanForm.FindStringSubmatch(text)
	if m == nil {
		return Span{}, errs.New(errs.Invalid, "night: %q is not of the form 22:00-06:00", text)
	}
	minute := func(h, m string) int {
		hours, _ := strconv.Atoi(h) // two digits
		minutes, _ := strconv.Atoi(m)
		return hours*60 + minutes
	}
	return Span{minute(m[1], m[2]), minute(m[3], m[4])}, nil
}

// Has says whether a minute of the day is in the span.
func (s Span) Has(minute int) bool {
	if s.From <= s.To {
		return s.From <= minute && minute < s.To
	}
	return minute >= s.From || minute < s.To
}

// String is what ParseSpan reads.
func (s Span) String() string {
	if s == (Span{}) {
		return ""
	}
	return fmt.Sprintf("%02d:%02d-%02d:%02d", s.From/60, s.From%60, s.To/60, s.To%60)
}
