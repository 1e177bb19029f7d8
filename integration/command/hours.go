package command

import (
	"strings"

	"strowger/pkg/wish"
)

// Hours is when a number or a queue is called.
type Hours struct {
	Schedule    *string `help:"Ring in the open hours of this schedule only: name or id; empty: always." placeholder:"SCHEDULE"`
	Closed      *string `help:"Number where calls go in its other hours; empty: to the fall-back." name:"closed-to" placeholder:"WHERE"`
	ClosedWords *string `help:"What callers are told in its other hours." placeholder:"WORDS"`
}

// put adds what was given to a change.
func (c Hours) put(e *env, change change) error {
	put(change, "closed_to", c.Closed)
	put(change, "closed_words", c.ClosedWords)
	return e.putRef(change, "schedule", c.Schedule, idOf(schedules()))
}

// hoursText is when somebody is called, "" for always.
func hoursText(n names, h wish.Hours) string {
	if h.Schedule == "" {
		return ""
	}
	return strings.TrimSuffix(n.of(h.Schedule)+"; closed: "+strings.TrimSpace(h.ClosedTo+" "+h.ClosedWords), "; closed: ")
}
