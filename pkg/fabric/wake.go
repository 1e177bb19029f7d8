package fabric

import (
	"log/slog"
	"time"

	"strowger/pkg/pushtarget"
)

// Wake has a bridge wake a device. Subject o.<org>.push.<anchor>.wake; one of the Bridges takes it. The same wake may be
// asked for again.
type Wake struct {
	Header
	Ticket string    `json:"ticket"` // package waketicket: which device, for which call
	Sealed []byte    `json:"sealed"` // package pushseal
	Epoch  int       `json:"epoch"`
	Until  time.Time `json:"until"` // end of the ring, by the cloud's time: a push that comes later is for nobody
	// Try counts from 1. From the second on a device is pushed to though its channel took the wake: its app may not get to run.
	Try int `json:"try,omitempty"`
	// Targets are where the pushes go of a phone that told its switch (RFC 8599), with nothing Sealed: the push says no more than that
	// the phone is to register. Without them the cloud knows.
	Targets []Target `json:"targets,omitempty"`
}

// LogValue keeps the ticket out of logs.
func (w Wake) LogValue() slog.Value { return slog.StringValue("(wake)") }

// WakeReply answers Wake when the device has taken it over its channel, or every provider that knows the device has answered,
// or at the deadline. A device without a channel and without any push token is errs.Offline.
type WakeReply struct {
	Reply
	Bridge  string         `json:"bridge"` // id
	Pushes  []PushResult   `json:"pushes"`
	Channel *ChannelResult `json:"channel,omitempty"` // of a device that is awake
}

// PushResult is what one provider said of one push.
type PushResult struct {
	Provider Provider `json:"provider"`
	Accepted bool     `json:"accepted"`
	Reason   string   `json:"reason,omitempty"` // the provider's own word if refused, or what went wrong on the way
	Dead     bool     `json:"dead,omitempty"`   // the token is no longer valid, and was pruned
	Tries    int      `json:"tries"`            // from 1: transport errors are tried again
}

// Provider is who delivers pushes.
type Provider = pushtarget.Provider

// The providers.
const (
	APNs      = pushtarget.APNs
	APNsAlert = pushtarget.APNsAlert
	FCM       = pushtarget.FCM
	WebPush   = pushtarget.WebPush
)

// Target is where pushes for one app on one device go.
type Target = pushtarget.Target

// Targets asks where the pushes of a device go. Subject o.<org>.br.<bridge>.targets. The cloud answers a bridge that shows the
// ticket of a wake, and no other.
type Targets struct {
	Header
	Anchor string `json:"anchor"` // that showed the ticket
	Ticket string `json:"ticket"`
}

// TargetsReply answers Targets.
type TargetsReply struct {
	Reply
	Targets []Target `json:"targets"`
	Channel *Channel `json:"channel,omitempty"` // of the device, if it is awake
}

// Pruned tells that a provider no longer knows a token. Subject o.<org>.br.<bridge>.pruned. One that the device has replaced
// in the meantime stays.
type Pruned struct {
	Header
	Device string `json:"device"`
	Target Target `json:"target"`
	Reason string `json:"reason"` // the provider's own word
}
