// Package ledger is the call ledger: the append-only events of a call. Nodes write them, the cloud stores them, and call
// records, ladders, live views, webhooks and tests are made of them.
//
// A node numbers its events within one spool (an on-disk journal with a random id): (node, spool, seq) names an event
// for ever and makes its delivery idempotent. An event is at most MaxEvent bytes of JSON. Kinds and fields are
// append-only; a reader keeps what it does not know.
//
// Capability 1 (2026-11).
// Capability 2 (2026-11): wake.
// Capability 3 (2026-11): diverted.
// Capability 4 (2026-11): alert.
// Capability 5 (2026-11): line.
// Capability 6 (2026-11): silent.
// Capability 7 (2026-11): encryption.
// Capability 8 (2026-11): line.payer.
package ledger

import (
	"encoding/json"

	"strowger/pkg/designation"
	"strowger/pkg/tariff"
)

// Limits of the format, in bytes of JSON.
const (
	MaxEvent = 8 << 10
	MaxBatch = 256 << 10 // events of one fabric request
)

// MaxChatter is how many events of a call a node writes of the kinds that a party may cause at will.
const MaxChatter = 1000

// Kind says what happened.
type Kind string

// The kinds of events. Leg events carry Leg; the anchor alone writes Answered, Ended of the call.
const (
	Attempt  Kind = "attempt"  // a caller dialled: From, To.Number as dialled
	Admitted Kind = "admitted" // the cloud or the site copy resolved the callee: From, To, Anchor, Offline
	Refused  Kind = "refused"  // not admitted, or refused by the anchor: From, Cause; of a call not admitted To, if known
	Diverted Kind = "diverted" // the call goes on to To, from the number Text; Cause
	Queued   Kind = "queued"   // the call waits for its callee, at the position Text; KeptPlace: its caller hung up, and is called back
	Unqueued Kind = "unqueued" // it waits no longer: Text says why
	Line     Kind = "line"     // a trunk took the call, or did not: Leg, Line; Cause if it did not
	Trying   Kind = "trying"   // a leg was started: Leg, Device
	Ringing  Kind = "ringing"  // Leg
	Wake     Kind = "wake"     // a step of waking a device: Leg, Device, Text: "requested", "accepted by apns", ...; Cause if it failed
	Answered Kind = "answered" // Leg: the branch that won; Codec
	LegEnded Kind = "leg-ended"
	Held     Kind = "held"    // Leg put the other side on hold
	Resumed  Kind = "resumed" // Leg took it back
	Media    Kind = "media"   // Leg: Codec, Local, Remote
	Silent   Kind = "silent"  // no audio has come from Leg, 4 s after the answer: Text says whose, By which side ("caller", "callee")
	Quality  Kind = "quality" // Leg: the leg's figures at its end
	Ended    Kind = "ended"   // the call is over: By, Cause
	Message  Kind = "message" // one arrow of the ladder: Sender, Receiver, Text
	Alert    Kind = "alert"   // somebody is to know: see NewAlert. It is of no record
)

// KeptPlace is the Text of Queued.
const KeptPlace = "kept"

// Emergency is the kind of the alert of an emergency call.
const Emergency = "emergency"

// NewAlert is an event that administrators are told of. Kind names what happened in a word ("emergency"), severity is "info",
// "warning" or "critical", subject the id of what it is about, and words say all of it to people. The call may be "", and From and
// To those of the call.
func NewAlert(at int64, kind, severity, subject, call, words string) Event {
	return Event{At: at, Kind: Alert, Call: call, Sender: kind, By: severity, Receiver: subject, Text: words}
}

// Chatter says whether a party may cause events of this kind as often as it likes. They must not take the room of those
// that tell who talked to whom, and how it ended.
func (k Kind) Chatter() bool { return k == Message || k == Held || k == Resumed || k == Queued }

// Cause is why a leg or a call ended, or was refused.
type Cause struct {
	Code  string `json:"code"`            // errs code, or "normal"
	SIP   int    `json:"sip,omitempty"`   // SIP status code, 0 if none applies (an answered call that ended normally has 200)
	Q850  int    `json:"q850"`            // ITU-T Q.850 cause value, 1 to 127, never 0
	Words string `json:"words,omitempty"` // for people
}

// QualityFigures are what a node measured on one leg. "Received" is what the leg sent us; "sent" is what its RTCP
// reports say of what we sent it, absent without RTCP.
type QualityFigures struct {
	PacketsReceived uint64  `json:"packets_received"`
	PacketsSent     uint64  `json:"packets_sent"`
	PacketsDropped  uint64  `json:"packets_dropped"`          // received, but from a stranger or not negotiated
	LostReceived    int64   `json:"lost_received"`            // RFC 3550, A.3; may be negative with duplicates
	JitterReceived  float64 `json:"jitter_received_ms"`       // RFC 3550, A.8, in ms
	LostSent        int64   `json:"lost_sent,omitempty"`      // from the leg's report blocks
	JitterSent      float64 `json:"jitter_sent_ms,omitempty"` // from the leg's report blocks, in ms
	RoundTrip       float64 `json:"round_trip_ms,omitempty"`  // RFC 3550, 6.4.1: A - LSR - DLSR, in ms
	// Encryption is how the leg's media were encrypted: "none"; "SDES" or "DTLS-SRTP" with the suite; "QUIC", of a link; "": not known.
	Encryption string `json:"encryption,omitempty"`
}

// LineUse is what the switch of a trunk says of a call by it.
type LineUse struct {
	Trunk  string `json:"trunk"`         // id
	Name   string `json:"name"`          // of the trunk, as it was then
	Number string `json:"number"`        // that was asked for, as it was sent
	SIP    int    `json:"sip,omitempty"` // what the phone company answered, 0 for nothing
	// Rate of the number when the company answered: from then on the call costs it, whatever the table says later.
	Rate *tariff.Rate `json:"rate,omitempty"`
	// Payer is the id of the user who forwarded the call there, "" if who called pays.
	Payer string `json:"payer,omitempty"`
}

// Event is one line of the ledger. At is microseconds since 1970 UTC by the node's cloud-corrected clock.
type Event struct {
	Seq      uint64             `json:"seq,omitempty"` // set by the spool
	At       int64              `json:"at"`
	Call     string             `json:"call"`
	Kind     Kind               `json:"kind"`
	Leg      string             `json:"leg,omitempty"`
	Device   string             `json:"device,omitempty"`
	From     *designation.Party `json:"from,omitempty"`
	To       *designation.Party `json:"to,omitempty"`
	Anchor   string             `json:"anchor,omitempty"`
	Offline  bool               `json:"offline,omitempty"`
	By       string             `json:"by,omitempty"` // "caller", "callee" or "system"
	Cause    *Cause             `json:"cause,omitempty"`
	Codec    string             `json:"codec,omitempty"` // as in SDP: "opus/48000/2"
	Local    string             `json:"local,omitempty"` // media address "ip:port", "link flow N", or between apps the kind of the ICE candidate
	Remote   string             `json:"remote,omitempty"`
	Quality  *QualityFigures    `json:"quality,omitempty"`
	Line     *LineUse           `json:"line,omitempty"`
	Sender   string             `json:"sender,omitempty"` // participants of a Message, for people
	Receiver string             `json:"receiver,omitempty"`
	Text     string             `json:"text,omitempty"` // first line of the message, without secrets
}

// Size is the length of the event's JSON, for batching.
func (e Event) Size() int {
	b, err := json.Marshal(e)
	if err != nil {
		panic(err) // plain data always marshals
	}
	return len(b)
}

// NodeEvent is an event with the node that wrote it, as the cloud serves it.
type NodeEvent struct {
	Node  string `json:"node"`
	Spool string `json:"spool"`
	Event
}
