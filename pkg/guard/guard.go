// Package guard is the rules against toll fraud: what calls to the phone network are refused, unless an administrator says
// otherwise. The registry keeps what they say as a Policy of the organization, of a user or of a trunk; site copies carry it; the
// switch that hosts the trunk judges each call by the Rules that come of it, whoever admitted the call.
//
// Rules of a user: those of the organization, and where these say nothing, Users. Rules of a trunk: its own, and Trunks. A Policy
// says only what differs. Emergency calls are not judged.
//
// Several switches may take the calls of one user. Each has a share of the user's limits, so that together they never exceed them,
// and none has to ask.
//
// Capability 1 (2026-11).
// Capability 2 (2026-11): forwards, forwarded; a switch below it forwards nobody to a phone number but who may call it themselves.
package guard

import (
	"math"
	"slices"
	"strings"

	"strowger/pkg/e164"
	"strowger/pkg/errs"
)

// Usual stands for all countries but those of risky.
const Usual = "usual"

// NoLimit is a limit that is none.
const NoLimit = math.MaxInt64

// Policy is what an administrator says. What is absent is left to the wider rules; a limit of 0 is none.
type Policy struct {
	Countries  []string `json:"countries,omitzero" doc:"Countries that may be called beside the own: ISO 3166-1, or usual for all but those that fraud is known for"`
	Allow      []string `json:"allow,omitzero" doc:"Beginnings of numbers that may be called, whatever the country and the kind: +49180"`
	Deny       []string `json:"deny,omitzero" doc:"Beginnings of numbers that may not be called; of several that fit the longest decides"`
	CallsHour  *int64   `json:"calls_hour,omitempty" doc:"Most calls in an hour; 0: no limit"`
	CallsDay   *int64   `json:"calls_day,omitempty" doc:"Most calls in 24 hours; 0: no limit"`
	CostHour   *int64   `json:"cost_hour,omitempty" doc:"Most cost in an hour, millionths of the currency of the rates; 0: no limit"`
	CostDay    *int64   `json:"cost_day,omitempty" doc:"Most cost in 24 hours; 0: no limit"`
	Together   *int64   `json:"together,omitempty" doc:"Most calls of a user at once; 0: no limit"`
	Forwards   *string  `json:"forwards,omitempty" enum:"everyone,inside,nobody" doc:"Who is forwarded to phone numbers by a user: everyone who calls, callers of the organization (inside), or nobody"`
	Forwarded  *int64   `json:"forwarded,omitempty" doc:"Most calls at once that a user forwards to phone numbers; 0: no limit"`
	Night      *string  `json:"night,omitempty" doc:"When it is night, 22:00-06:00; empty: never"`
	NightCalls *int64   `json:"night_calls,omitempty" doc:"Most calls abroad of a user in an hour at night; 0: no limit"`
	Alarm      *int64   `json:"alarm,omitempty" doc:"Calls abroad in 24 hours that are never unusual; 0: no alarm"`
	Longest    *int64   `json:"longest,omitempty" doc:"Longest time of a call, seconds; 0: no limit"`
	Lifted     *int64   `json:"lifted,omitempty" doc:"When an alarm was lifted, Unix seconds: one before that blocks no longer"`
}

// Rules is what holds for a user or a trunk. Limits are NoLimit for none.
type Rules struct {
	Countries, Allow, Deny []string
	CallsHour, CallsDay    int64
	CostHour, CostDay      int64 // millionths of the currency of the rates
	Together               int64
	Forwards               string // Everyone, Inside, Nobody
	Forwarded              int64  // at once, of Together
	Night                  Span
	NightCalls             int64 // abroad, in an hour
	Alarm                  int64 // calls abroad in a day that are never unusual
	Longest                int64 // seconds of a call
	Lifted                 int64 // Unix seconds: an alarm before that blocks no longer
}

// Who is forwarded to phone numbers.
const (
	Everyone = "everyone"
	Inside   = "inside"
	Nobody   = "nobody"
)

// Users is the rules of a user of whom nobody says anything: more than people call, and few enough that a stolen password is no
// disaster.
func Users() Rules {
	return Rules{
		Countries: []string{Usual}, CallsHour: 60, CallsDay: 300, CostHour: 20_000_000, CostDay: 50_000_000, Together: 3,
		Forwards: Everyone, Forwarded: 2,
		Night: Span{22 * 60, 6 * 60}, NightCalls: 3, Alarm: 20,
		Longest: 12 * 60 * 60,
	}
}

// Trunks is the rules of a trunk of which nobody says anything.
func Trunks() Rules {
	return Rules{
		CallsHour: 1000, CallsDay: 6000, CostHour: 200_000_000, CostDay: 600_000_000, Together: NoLimit, NightCalls: NoLimit, Alarm: 100,
		Forwards: Everyone, Forwarded: NoLimit, Longest: NoLimit,
	}
}

// Over returns the rules with what the policy says; nil says nothing.
func (p *Policy) Over(r Rules) Rules {
	if p == nil {
		return r
	}
	for _, l := range []struct {
		to   *[]string
		from []string
	}{{&r.Countries, p.Countries}, {&r.Allow, p.Allow}, {&r.Deny, p.Deny}} {
		if l.from != nil {
			*l.to = l.from
		}
	}
	for _, l := range []struct{ to, from *int64 }{
		{&r.CallsHour, p.CallsHour}, {&r.CallsDay, p.CallsDay}, {&r.CostHour, p.CostHour}, {&r.CostDay, p.CostDay},
		{&r.Together, p.Together}, {&r.Forwarded, p.Forwarded}, {&r.NightCalls, p.NightCalls}, {&r.Alarm, p.Alarm}, {&r.Longest, p.Longest},
	} {
		switch {
		case l.from == nil:
		case *l.from == 0:
			*l.to = NoLimit
		default:
			*l.to = *l.from
		}
	}
	if p.Forwards != nil {
		r.Forwards = *p.Forwards
	}
	if p.Lifted != nil {
		r.Lifted = *p.Lifted
	}
	if p.Night != nil {
		r.Night, _ = ParseSpan(*p.Night) // Check has looked
	}
	return r
}

// Share is what the i-th of n switches may let pass: all shares together are the limits.
func (r Rules) Share(i, n int) Rules {
	for _, l := range []*int64{&r.CallsHour, &r.CallsDay, &r.CostHour, &r.CostDay, &r.Together, &r.Forwarded, &r.NightCalls} {
		if *l == NoLimit || n < 2 {
			continue
		}
		all := *l
		*l = all / int64(n)
		if int64(i) < all%int64(n) {
			*l++
		}
	}
	return r
}

// Number says why a number may not be called from a country, nil if it may.
func (r Rules) Number(home, number string) error {
	allowed, denied := longest(r.Allow, number), longest(r.Deny, number)
	switch {
	case denied > allowed:
		return errs.New(errs.GuardNumber, "numbers that begin with %s may not be called; the administrator may change that", number[:denied])
	case allowed > 0:
		return nil
	}
	country, kind := e164.Origin(number)
	if kind != e164.Ordinary {
		return errs.New(errs.GuardNumber, "%s is a %s number, which may not be called; the administrator may allow it: strowger guard set --allow %s", number, kind, number)
	}
	if country == home || country == "" || slices.Contains(r.Countries, country) || slices.Contains(r.Countries, Usual) && !risky(country) {
		return nil
	}
	return errs.New(errs.GuardCountry, "%s is a number of %s, where nobody may call; the administrator may allow it: strowger guard set --countries usual,%s", number, country, country)
}

// longest is the length of the longest prefix that a number begins with, 0 if there is none.
func longest(prefixes []string, number string) (n int) {
	for _, p := range prefixes {
		if strings.HasPrefix(number, p) {
			n = max(n, len(p))
		}
	}
	return n
}

// risky says whether numbers of a country are known for calls that nobody wanted to make: small networks that few offices call, and
// that share what calls there bring with whoever makes them.
func risky(country string) bool {
	switch country {
	case "AC", "SH", "IO", "FK", // islands of the Atlantic and the Indian Ocean
		"TK", "NU", "NR", "TV", "KI", "SB", "VU", "WF", "CK", "PW", "TL", "PG", // and of the Pacific
		"CU", "KP", "SO", "ST", "KM", "GW", "GN", "GM", "SL", "ER", "CF", "TD", "MV":
		return true
	}
	return false
}

// Usage is what a user or a trunk has had at a switch.
type Usage struct {
	CallsHour, CallsDay   int64
	AbroadHour, AbroadDay int64
	CostHour, CostDay     int64
	Together, Forwarded   int64
}

// Room says why one more call, or more of one, may not be, nil if it may. who names whose rules they are.
func (r Rules) Room(who string, u Usage, more Usage) error {
	for _, l := range []struct {
		most, had, more int64
		code            errs.Code
		words           string
	}{
		{r.Together, u.Together, more.Together, errs.GuardTogether, "calls to phone numbers at once; one has to end first"},
		{r.Forwarded, u.Forwarded, more.Forwarded, errs.GuardTogether, "forwarded calls to phone numbers at once; one has to end first, or strowger guard set --forwarded"},
		{r.CallsHour, u.CallsHour, more.CallsHour, errs.GuardCalls, "calls to phone numbers in an hour; strowger guard set --calls-hour"},
		{r.CallsDay, u.CallsDay, more.CallsDay, errs.GuardCalls, "calls to phone numbers in a day; strowger guard set --calls-day"},
	} {
		if l.more > 0 && l.had+l.more > l.most {
			return errs.New(l.code, "%s has had %d of %d %s", who, l.had, l.most, l.words)
		}
	}
	for _, l := range []struct {
		most, had, more int64
		words           string
	}{
		{r.CostHour, u.CostHour, more.CostHour, "an hour; strowger guard set --cost-hour"},
		{r.CostDay, u.CostDay, more.CostDay, "a day; strowger guard set --cost-day"},
	} {
		if l.more > 0 && l.had+l.more > l.most {
			return errs.New(errs.GuardCost, "calls of %s have cost %.2f of the %.2f of %s", who, float64(l.had)/1e6, float64(l.most)/1e6, l.words)
		}
	}
	return nil
}

// Forward says why somebody who calls a user may not be forwarded to a phone number, nil if they may; who names the user, outside that
// they come by a phone company.
func (r Rules) Forward(who string, outside bool) error {
	switch {
	case r.Forwards == Nobody:
		return errs.New(errs.GuardForward, "calls to %s are not forwarded to phone numbers; strowger guard set --forwards", who)
	case r.Forwards == Inside && outside:
		return errs.New(errs.GuardOutside, "callers from outside are not forwarded to phone numbers by %s; strowger guard set --forwards", who)
	}
	return nil
}

// Abroad says why one more call abroad may not be at a time of the day, minutes since midnight.
func (r Rules) Abroad(who string, u Usage, minute int) error {
	if r.Night.Has(minute) && u.AbroadHour >= r.NightCalls {
		return errs.New(errs.GuardNight, "%s has had %d of %d calls abroad of an hour at night (%s); strowger guard set --night-calls", who, u.AbroadHour, r.NightCalls, r.Night)
	}
	return nil
}

// Unusual says whether what was called abroad in the last day is far more than usual, of which usual is the mean of the days before:
// above the upper control limit of a c-chart, the mean and three times its root (NIST/SEMATECH e-Handbook, 6.3.3.1), and above floor.
func Unusual(today int64, usual float64, floor int64) bool {
	return floor != NoLimit && float64(today) > max(float64(floor), usual+3*math.Sqrt(usual))
}
