package store

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"strowger/pkg/errs"
	"strowger/pkg/rest"
)

const (
	maxPriority = 9
	maxDNDWords = 100 // characters
)

// policyColumns is those of a user's policy.
func policyColumns() []column[rest.User] {
	return []column[rest.User]{
		{field: "ring_seconds", name: "ring_seconds", at: func(v *rest.User) any { return &v.RingSeconds }},
		{field: "priority", name: "priority", at: func(v *rest.User) any { return &v.Priority }},
		{field: "dnd", name: "dnd", at: func(v *rest.User) any { return &v.DND }},
		{field: "dnd_words", name: "dnd_words", at: func(v *rest.User) any { return &v.DNDWords }},
		{field: "dnd_priority", name: "dnd_priority", at: func(v *rest.User) any { return &v.DNDPriority }},
		{field: "fallback_no_answer", name: "fallback_no_answer", at: func(v *rest.User) any { return &v.FallbackNoAnswer }},
		{field: "fallback_busy", name: "fallback_busy", at: func(v *rest.User) any { return &v.FallbackBusy }},
		{field: "fallback_dnd", name: "fallback_dnd", at: func(v *rest.User) any { return &v.FallbackDND }},
		{field: "fallback_unreachable", name: "fallback_unreachable", at: func(v *rest.User) any { return &v.FallbackUnreachable }},
	}
}

var fallbackForm = regexp.MustCompile(`^[0-9*#+]{1,38}$`)

// checkPolicy looks at a policy by itself. Whether somebody still has the number of a fall-back is seen when a call goes there:
// numbers come and go.
func checkPolicy(p *rest.Policy) error {
	if p.RingSeconds != 0 && (p.RingSeconds < minRing || p.RingSeconds > maxRing) {
		return errs.New(errs.Invalid, "ring_seconds: %d is neither 0 nor between %d and %d", p.RingSeconds, minRing, maxRing)
	}
	for field, n := range map[string]int{"priority": p.Priority, "dnd_priority": p.DNDPriority} {
		if n < 0 || n > maxPriority {
			return errs.New(errs.Invalid, "%s: %d is not between 0 and %d", field, n, maxPriority)
		}
	}
	if n := utf8.RuneCountInString(p.DNDWords); n > maxDNDWords || strings.ContainsFunc(p.DNDWords, unicode.IsControl) {
		return errs.New(errs.Invalid, "dnd_words: %d characters, or one that does not print; want one line of at most %d", n, maxDNDWords)
	}
	for field, number := range map[string]string{
		"fallback_no_answer": p.FallbackNoAnswer, "fallback_busy": p.FallbackBusy,
		"fallback_dnd": p.FallbackDND, "fallback_unreachable": p.FallbackUnreachable,
	} {
		if number != "" && !fallbackForm.MatchString(number) {
			return errs.New(errs.Invalid, "%s: %q is not 1 to 38 digits, *, # or +", field, number)
		}
	}
	return nil
}
