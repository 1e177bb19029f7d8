package sip

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// HeaderQueue is on 182: where the caller stands in a queue, as "2;wait=75": the position, 1 being the head, and the expected
// wait in seconds, if it is known.
//
// On the CANCEL of a caller who was told that, it is KeepPlace: they hang up, and want to be called back when their turn comes.
const HeaderQueue = "Strowger-Queue"

// KeepPlace is the value of HeaderQueue on a CANCEL.
const KeepPlace = "keep"

// keeps says whether a CANCEL keeps the caller's place in a queue.
func keeps(cancel *Request) bool { return strings.TrimSpace(value(cancel, HeaderQueue)) == KeepPlace }

// Limits of what a place may say.
const (
	maxPosition = 100_000
	maxWait     = 24 * time.Hour
)

// Place is where a caller stands in a queue.
type Place struct {
	Position int           // 1 is the head
	Wait     time.Duration // expected, whole seconds
	Known    bool          // the wait is
}

// ParsePlace reads the value of a HeaderQueue. Parameters that it does not know it ignores.
func ParsePlace(value string) (Place, bool) {
	head, parameters, _ := strings.Cut(value, ";")
	n, err := strconv.Atoi(strings.TrimSpace(head))
	if err != nil || n < 1 || n > maxPosition {
		return Place{}, false
	}
	p := Place{Position: n}
	for parameter := range strings.SplitSeq(parameters, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(parameter), "=")
		if name != "wait" {
			continue
		}
		seconds, err := strconv.Atoi(value)
		if err != nil || seconds < 0 || seconds > int(maxWait/time.Second) {
			return Place{}, false
		}
		p.Wait, p.Known = time.Duration(seconds)*time.Second, true
	}
	return p, true
}

// Header is the place as a header says it.
func (p Place) Header() Header {
	value := strconv.Itoa(p.Position)
	if p.Known {
		value += ";wait=" + strconv.Itoa(int(p.Wait/time.Second))
	}
	return NewHeader(HeaderQueue, value)
}

// Words are for people: the display of a phone shows the reason phrase of a 182 (RFC 3261, 21.1.4).
func (p Place) Words() string {
	switch {
	case !p.Known:
		return fmt.Sprintf("Queued, number %d", p.Position)
	case p.Wait < time.Minute:
		return fmt.Sprintf("Queued, number %d, less than a minute", p.Position)
	}
	return fmt.Sprintf("Queued, number %d, about %d min", p.Position, int(p.Wait.Round(time.Minute)/time.Minute))
}
