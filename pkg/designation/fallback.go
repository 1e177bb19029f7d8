package designation

import (
	"time"

	"strowger/pkg/errs"
)

// Occasion is why a call goes to the fall-back of who was called.
type Occasion string

// The occasions. Who declines wants the call to end: that is none (RFC 3261, 16.7, step 5: a 6xx ends the search).
const (
	NoAnswer     Occasion = "no-answer"
	Busy         Occasion = "busy"
	DoNotDisturb Occasion = "do-not-disturb"
	Unreachable  Occasion = "unreachable"
	QueueFull    Occasion = "queue-full"
	QueueTime    Occasion = "queue-time"
	CallBack     Occasion = "call-back" // the caller was told who called, and calls back: within a switch, in no plan
)

// Waited says whether the call waited in a queue before, or would have.
func (o Occasion) Waited() bool { return o == QueueFull || o == QueueTime }

// OccasionOf returns the occasion that an attempt is which ended with a code, "" for none.
func OccasionOf(code errs.Code) Occasion {
	switch code {
	case errs.NoAnswer, errs.Closed: // nobody is there
		return NoAnswer
	case errs.Busy:
		return Busy
	case errs.DoNotDisturb:
		return DoNotDisturb
	case errs.QueueFull:
		return QueueFull
	case errs.QueueTime, errs.QueueRemoved:
		return QueueTime
	case errs.CallBack:
		return CallBack
	case errs.Offline, errs.NoPush, errs.Asleep, errs.Unreachable, errs.WrongNode, errs.LegLost, errs.LinkLost, errs.NodeStopped, errs.NoLine,
		errs.GuardTrunk, errs.GuardCalls, errs.GuardCost, errs.GuardTogether: // another office has a share of its own
		return Unreachable
	}
	return ""
}

// Diversion is one step of a call away from who was called.
type Diversion struct {
	From  Party     `json:"from"` // who was called
	To    Party     `json:"to"`
	Code  errs.Code `json:"code"` // why
	Words string    `json:"words,omitempty"`
}

// Fallback is where a call goes next when an attempt ended without an answer. The cloud has authorized it: the anchor asks
// nobody. It is tried once at most.
type Fallback struct {
	On       []Occasion    `json:"on"`
	To       Party         `json:"to"`
	Diverted []Diversion   `json:"diverted,omitempty"` // on the way to To: who sends all calls away
	Ring     time.Duration `json:"ring"`
	Branches []Branch      `json:"branches,omitempty"` // devices that the anchor rings itself,
	Node     *Node         `json:"node,omitempty"`     // which with apps is, as their session keys name it;
	Way      *Designation  `json:"way,omitempty"`      // or the switch where To lives
	Next     []Fallback    `json:"next,omitempty"`     // of To, in turn
}
