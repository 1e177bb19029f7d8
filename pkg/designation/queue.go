package designation

import (
	"cmp"
	"strings"
	"time"
)

// Queue says that a call waits while its callee is on the phone.
type Queue struct {
	Line   string        `json:"line"`   // whose: id of the callee
	Length int           `json:"length"` // calls that may wait, 1 and up
	Wait   time.Duration `json:"wait"`   // longest time

	Language string `json:"language,omitempty"` // of what the caller is told, as in "en"; "" for that of the switch

	// Of a callee that is several users: ids of those whom the branches ring, in their order, of whom each has a call of their own.
	Members []string      `json:"members,omitempty"`
	Ring    Hunt          `json:"ring,omitempty"`
	Step    time.Duration `json:"step,omitempty"` // from one member to the next, unless all ring at once
}

// Hunt is how the members of a queue ring who are free.
type Hunt string

// The ways to ring.
const (
	HuntAll   Hunt = "all"         // at once
	HuntOrder Hunt = "order"       // one after another, as they are listed
	HuntIdle  Hunt = "idle"        // one after another, who has had no call for longest first
	HuntRound Hunt = "round-robin" // one after another, each call beginning behind the member with whom the last one began
)

// Of is the queue of calls to a number of a callee, nil for none. Where the number, own, has no queue of its own it is the
// callee's; with an own Length of 0 nobody waits.
func (q *Queue) Of(callee string, own *Queue) *Queue {
	language := ""
	if q != nil {
		language = q.Language
	}
	if own != nil {
		q = own
	}
	if q == nil || q.Length == 0 {
		return nil
	}
	return &Queue{Line: callee, Length: q.Length, Wait: q.Wait, Language: language}
}

// Callable says whether somebody who called can be called back: on the phone of the organization's that they called from, or at the
// phone number that they showed, which has to be a whole one (E.164), by the trunk that they came by.
func (p Party) Callable() bool {
	if p.Trunk != "" {
		return strings.HasPrefix(p.Number, "+")
	}
	return p.User != "" && p.Device != ""
}

// Languages are those that callers who wait can be told in.
func Languages() []string { return []string{"en", "zh"} }

// Returned is who was waited for, as they show themselves to the caller who is called back.
func Returned(p Party) Party {
	p.Name = "Call back: " + cmp.Or(p.Name, p.Number)
	return p
}
