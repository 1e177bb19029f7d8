package store

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/rest"
)

const (
	maxPriority = 9
	maxDNDWords = 100  // characters
	maxQueue    = 1000 // calls
	minWait     = 10   // seconds
	maxWait     = 7200
)

// policyColumns is those of the policy of a user or a queue.
func policyColumns[T any](of func(*T) *rest.Policy) []column[T] {
	return []column[T]{
		{field: "ring_seconds", name: "ring_seconds", at: func(v *T) any { return &of(v).RingSeconds }},
		{field: "priority", name: "priority", at: func(v *T) any { return &of(v).Priority }},
		{field: "dnd", name: "dnd", at: func(v *T) any { return &of(v).DND }},
		{field: "dnd_words", name: "dnd_words", at: func(v *T) any { return &of(v).DNDWords }},
		{field: "dnd_priority", name: "dnd_priority", at: func(v *T) any { return &of(v).DNDPriority }},
		{field: "fallback_no_answer", name: "fallback_no_answer", at: func(v *T) any { return &of(v).FallbackNoAnswer }},
		{field: "fallback_busy", name: "fallback_busy", at: func(v *T) any { return &of(v).FallbackBusy }},
		{field: "fallback_dnd", name: "fallback_dnd", at: func(v *T) any { return &of(v).FallbackDND }},
		{field: "fallback_unreachable", name: "fallback_unreachable", at: func(v *T) any { return &of(v).FallbackUnreachable }},
		{field: "queue_length", name: "queue_length", at: func(v *T) any { return &of(v).QueueLength }},
		{field: "queue_seconds", name: "queue_seconds", at: func(v *T) any { return &of(v).QueueSeconds }},
		{field: "queue_language", name: "queue_language", at: func(v *T) any { return &of(v).QueueLanguage }},
		{field: "fallback_queue_full", name: "fallback_queue_full", at: func(v *T) any { return &of(v).FallbackQueueFull }},
		{field: "fallback_queue_time", name: "fallback_queue_time", at: func(v *T) any { return &of(v).FallbackQueueTime }},
	}
}

var fallbackForm = regexp.MustCompile(`^[0-9*#+]{1,38}$`)

func checkQueue(length, seconds, least int) error {
	if length < least || length > maxQueue {
		return errs.New(errs.Invalid, "queue_length: %d is not between %d and %d", length, least, maxQueue)
	}
	if seconds != 0 && (seconds < minWait || seconds > maxWait) {
		return errs.New(errs.Invalid, "queue_seconds: %d is neither 0 nor between %d and %d", seconds, minWait, maxWait)
	}
	return nil
}

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
	if err := checkQueue(p.QueueLength, p.QueueSeconds, 0); err != nil {
		return err
	}
	if known := designation.Languages(); p.QueueLanguage != "" && !slices.Contains(known, p.QueueLanguage) {
		return errs.New(errs.Invalid, "queue_language: %q is none of %s", p.QueueLanguage, strings.Join(known, ", "))
	}
	for field, number := range map[string]string{
		"fallback_no_answer": p.FallbackNoAnswer, "fallback_busy": p.FallbackBusy,
		"fallback_dnd": p.FallbackDND, "fallback_unreachable": p.FallbackUnreachable,
		"fallback_queue_full": p.FallbackQueueFull, "fallback_queue_time": p.FallbackQueueTime,
	} {
		if number != "" && !fallbackForm.MatchString(number) {
			return errs.New(errs.Invalid, "%s: %q is not 1 to 38 digits, *, # or +", field, number)
		}
	}
	return nil
}
