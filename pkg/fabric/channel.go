package fabric

import (
	"log/slog"
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

// MaxBoundProof is the most bytes of a Bound's proof: MaxBound of them fit into a request.
const MaxBoundProof = 1 << 10

// Bound is a device's channel. A bridge of CapProven shows the device's proof of each one that comes; the cloud goes by what
// that says. It has to be fresh (proof.Fresh) or by a device whose channel is noted at this run of the bridge: sessions outlive
// their proofs. A bridge below CapProven is told whether devices may come, but nothing is noted: they are woken by push.
type Bound struct {
	Device     string `json:"device"`
	Thumbprint string `json:"thumbprint,omitempty"` // of the key that it proved to have
	// Order is larger the later the device opened the channel, by the device's own count: a channel at another bridge that is
	// older does not take its place.
	Order int64  `json:"order"`
	Proof string `json:"proof,omitempty"` // of type proof.TypeChannel, for this bridge; of Come
}

// LogValue keeps the proof out of logs.
func (b Bound) LogValue() slog.Value { return slog.StringValue(b.Device) }

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

// ChannelResult is what became of something for a device that is awake.
type ChannelResult struct {
	Bridge  string `json:"bridge"` // that has the channel
	Reached bool   `json:"reached,omitempty"`
	Reason  string `json:"reason,omitempty"` // why not
}

// Cancel tells a device that is not at its call that the call is over, and why. Subject o.<org>.push.<anchor>.cancel; one of
// the Bridges takes it. A device that is awake gets it over its channel, another one by an ordinary alert.
type Cancel struct {
	Header
	Ticket string      `json:"ticket"`
	Sealed []byte      `json:"sealed"` // the wake
	Why    *errs.Error `json:"why"`    // in words that a push service may read
}

// LogValue keeps the ticket out of logs.
func (c Cancel) LogValue() slog.Value { return slog.StringValue("(cancel)") }

// Dev is what a device says of its leg of a call before it is at its anchor. Subject o.<org>.node.<node>.dev, from the bridge that
// has its channel; nobody waits.
type Dev struct {
	Header
	Report string `json:"report"` // proof of type proof.TypeReport
}

// Down is for a device whose channel a bridge holds. Subject o.<org>.br.<bridge>.down, from a bridge that an anchor showed the
// Ticket to, which names the device. It is answered when the device has acknowledged it, or with errs.Offline: a wake, or a
// cancel if there is a Why.
type Down struct {
	Header
	Anchor string      `json:"anchor,omitempty"` // that showed the ticket
	Ticket string      `json:"ticket,omitempty"`
	Sealed []byte      `json:"sealed,omitempty"`
	Until  time.Time   `json:"until,omitzero"`
	Why    *errs.Error `json:"why,omitempty"`
}

// LogValue keeps the ticket out of logs.
func (d Down) LogValue() slog.Value { return slog.StringValue("(down)") }

// Bye ends a device's channel. Subject o.<org>.node.<bridge>.bye, on which only the cloud may send; nobody waits.
type Bye struct {
	Header
	Device string      `json:"device"`
	Order  int64       `json:"order,omitempty"` // channels opened up to then; 0: any
	Why    *errs.Error `json:"why"`
}

const verbDown = "down"

// SubjectBind is where a bridge says which devices have a channel at it: Bind.
func SubjectBind(org, bridge string) string { return subject(org, familyBridge, bridge, "bind") }

// SubjectDown is where a bridge takes what is for a device with a channel at it: Down.
func SubjectDown(org, bridge string) string { return subject(org, familyBridge, bridge, verbDown) }

// SubjectBye is where a bridge learns that a channel is to end: Bye.
func SubjectBye(org, bridge string) string { return subject(org, familyNode, bridge, "bye") }

// SubjectCancel is where an anchor has a device told that its call is over: Cancel, which one of the Bridges takes.
func SubjectCancel(org, anchor string) string { return subject(org, familyPush, anchor, "cancel") }

// SubjectDev is where a node takes what devices say of their legs: Dev.
func SubjectDev(org, node string) string { return subject(org, familyNode, node, "dev") }
