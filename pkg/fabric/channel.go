package fabric

import (
	"time"

	"strowger/pkg/errs"
)

// MaxBound is how many devices one Bind may name.
const MaxBound = 256

// Bind says which devices have a channel at a bridge, and which no longer. Subject o.<org>.br.<bridge>.bind. It is also how the
// cloud is asked whether a key is a device's: who has opened a channel is let in when the answer is there. What is bound dies
// with the lease of this run of the bridge.
type Bind struct {
	Header
	Boot string  `json:"boot"` // of the bridge
	Come []Bound `json:"come,omitempty"`
	Gone []Bound `json:"gone,omitempty"`
}

// Bound is a device's channel.
type Bound struct {
	Device     string `json:"device"`
	Thumbprint string `json:"thumbprint,omitempty"` // of the key that it proved to have
	// Order is larger the later the device opened the channel, by the device's own count: a channel at another bridge that is
	// older does not take its place.
	Order int64 `json:"order"`
}

// BindReply answers Bind: for each device that came, in order, nil or why it may not have a channel.
type BindReply struct {
	Reply
	Refused []*errs.Error `json:"refused,omitempty"`
}

// Channel is where a device's channel is.
type Channel struct {
	Bridge string `json:"bridge"`
	Boot   string `json:"boot"`
}

// Down is for a device whose channel a bridge holds. Subject o.<org>.br.<bridge>.down. The cloud sends Bye; bridges with a wake
// ticket send Wake and Cancel, which are answered when the device has acknowledged them, or with errs.Offline.
type Down struct {
	Header
	Device string    `json:"device,omitempty"` // of Bye; else the ticket names it
	Bye    *DownBye  `json:"bye,omitempty"`
	Anchor string    `json:"anchor,omitempty"` // that showed the ticket
	Ticket string    `json:"ticket,omitempty"`
	Sealed []byte    `json:"sealed,omitempty"`
	Until  time.Time `json:"until,omitzero"`
}

// DownBye ends a device's channel.
type DownBye struct {
	Order int64       `json:"order,omitempty"` // channels opened up to then; 0: any
	Why   *errs.Error `json:"why"`
}

const verbDown = "down"

// SubjectBind is where a bridge says which devices have a channel at it: Bind.
func SubjectBind(org, bridge string) string { return subject(org, familyBridge, bridge, "bind") }

// SubjectDown is where a bridge takes what is for a device with a channel at it: Down.
func SubjectDown(org, bridge string) string { return subject(org, familyBridge, bridge, verbDown) }
