package fabric

import (
	"time"

	"strowger/pkg/designation"
)

// MaxQueued is how many waiting calls a Queued lists.
const MaxQueued = 1000

// QueueOrder asks a switch who waits for those who are on the phone, and may change it first. Subject o.<org>.node.<node>.queue,
// from the cloud. The answer is Queued.
type QueueOrder struct {
	Header
	Call     string `json:"call,omitempty"`     // of this call; "": nothing is changed
	Position int    `json:"position,omitempty"` // it is to stand there, 1 being the head, as far as its rank allows; 0: it is taken out
}

// Queued is who waits at a switch.
type Queued struct {
	Reply
	Found   bool         `json:"found,omitempty"` // the call of the order waits, or waited, here
	Waiting []QueuedCall `json:"waiting,omitempty"`
	More    int          `json:"more,omitempty"` // that wait and are not listed
}

// QueuedCall is a call that waits.
type QueuedCall struct {
	Call      string            `json:"call"`
	From      designation.Party `json:"from"`
	To        designation.Party `json:"to"`
	Position  int               `json:"position"`
	Wait      time.Duration     `json:"wait,omitempty"` // expected, if Known
	Known     bool              `json:"known,omitempty"`
	Priority  int               `json:"prio,omitempty"`
	Emergency bool              `json:"emergency,omitempty"`
	Since     time.Time         `json:"since"`
	Until     time.Time         `json:"until"`
	Away      bool              `json:"away,omitempty"` // the caller hung up, and is called back
}

// SubjectQueue is where a switch is asked who waits: QueueOrder.
func SubjectQueue(org, node string) string { return subject(org, familyNode, node, "queue") }
