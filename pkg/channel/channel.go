// Package channel is what an app that is awake and a bridge say to each other.
//
// The app opens a connection to Path of a bridge, of one of two kinds; a session outlives connections of either kind:
//
//   - A WebSocket (RFC 6455) with the subprotocol Subprotocol. Every frame is a text message.
//   - A session of WebTransport (draft-ietf-webtrans-http3) at the bridge's port for switches, whose certificate the app knows by
//     its hash (designation.BridgeFace). A connection of HTTP/3 is for one session. The bridge opens its one stream, bidirectional,
//     on which every frame follows its length in bytes, 1 to MaxFrame, as two bytes, the higher first. Who is done with a
//     connection closes it as a whole. Another version of what follows would have another Path.
//
// Every frame is one JSON object of at most MaxFrame bytes, whose "type" says what it is:
//
//	bridge  challenge  {bridge, nonce}: first of all
//	app     hello      {proof, resume?, received?}: a proof.Channel over the challenge; which session it goes on with
//	bridge  welcome    {resume, resumed, received}: the name of the session, whether it is the one that was asked for
//
// What follows is numbered by each side from 1, with "seq", and belongs to the session, not to the connection:
//
//	bridge  wake       Wake: a call, as a push brings it
//	bridge  cancel     Cancel: a call is over
//	app     report     Report: how far the app is with a call
//	app     admit      a request to the cloud, a proof by the device (see package fabric); answered by admitted
//
// An answer has in "re" the number of the request, and is an object with "error" {code, words} if that was refused. These are
// not numbered:
//
//	both    ack        {received}: the highest number up to which all was taken. What an app acks it has dealt with
//	app     ping       every PingEvery; a pong follows
//	bridge  pong
//	both    bye        {code, words}: the sender ends the session, and why: the app sleeps, or the bridge will not have it
//
// A side keeps what it sent until it is acked, at most MaxUnacked frames: one more is refused. A connection that ends leaves
// the session for Keep: a hello by the same device that names it goes on with it, and each side sends again what the other's
// "received" does not cover. A frame that was taken before is acked and dropped; a gap, a number that was never sent and a
// frame that cannot be read end the session. A device has one session with a bridge: a new one ends the one before it. The
// bridge takes silence of SilentFor for the end of a connection, the app one of PongWithin after its ping.
//
// A bye says by its code whether to come back: revoked, wrong-presenter, conflict (another connection of the device has taken its
// place) and upgrade-needed are final until the user or the admin does something; after disabled, which an admin may take back, an
// app asks again every half a minute; after all others it comes again, soon and at a random time.
//
// To extend: add types and members; a side ignores members that it does not know, acks and drops numbered types that it does
// not know, and answers such a request as errs.Upgrade.
//
// Capability 1 (2026-11): WebSocket.
// Capability 2 (2026-11): WebTransport; a bridge that takes it has its hashes handed out.
package channel

import (
	"bytes"
	"encoding/json"
	"time"

	"strowger/pkg/errs"
)

// Where a bridge takes channels.
const (
	Path        = "/channel"
	Subprotocol = "strowger-channel.1"
)

// Limits.
const (
	MaxFrame   = 16 << 10 // bytes
	MaxUnacked = 64       // numbered frames that a side has not acked
)

// Times.
const (
	Keep       = 2 * time.Minute  // a session without a connection
	PingEvery  = 25 * time.Second // shorter than the patience of proxies and of NATs for TCP
	PongWithin = 10 * time.Second
	SilentFor  = 70 * time.Second // two pings and more
	HelloTime  = 10 * time.Second // from the challenge to the welcome
)

// The types of frames.
const (
	TypeChallenge = "challenge"
	TypeHello     = "hello"
	TypeWelcome   = "welcome"
	TypeAck       = "ack"
	TypePing      = "ping"
	TypePong      = "pong"
	TypeBye       = "bye"
	TypeWake      = "wake"
	TypeCancel    = "cancel"
	TypeReport    = "report"
	TypeAdmit     = "admit"
	TypeAdmitted  = "admitted"
)

// Head is what every frame may have.
type Head struct {
	Seq      uint64 `json:"seq,omitempty"`
	Type     string `json:"type"`
	Re       uint64 `json:"re,omitempty"`
	Received uint64 `json:"received,omitempty"`
}

// Challenge is what the device proves its key over.
type Challenge struct {
	Bridge string `json:"bridge"` // id
	Nonce  string `json:"nonce"`
}

// Hello says who comes; Head.Received is of the session that it resumes.
type Hello struct {
	Proof  string `json:"proof"`
	Resume string `json:"resume,omitempty"`
}

// Welcome lets the device in; Head.Received is of the session. One that is not Resumed is new: both count from 1.
type Welcome struct {
	Resume  string `json:"resume"`
	Resumed bool   `json:"resumed,omitempty"`
}

// Wake brings what a push would.
type Wake struct {
	Sealed []byte    `json:"sealed"` // package pushseal
	Until  time.Time `json:"until"`  // end of the ring, by the cloud's time
}

// Cancel says that a call is over, for a device that is not at it: why, and the wake that it was announced by.
type Cancel struct {
	Call   string    `json:"call"`
	Leg    string    `json:"leg"`
	Code   errs.Code `json:"code"`
	Words  string    `json:"words"`
	Sealed []byte    `json:"sealed"`
}

// Report is how far the device is with a call.
type Report struct {
	Node   string `json:"node"`   // the anchor, which it goes to
	Report string `json:"report"` // a proof.Report
}

// Failure is an answer that refuses.
type Failure struct {
	Error *errs.Error `json:"error,omitempty"`
}

// numbered says whether frames of a type belong to the session.
func numbered(typ string) bool {
	switch typ {
	case TypeChallenge, TypeHello, TypeWelcome, TypeAck, TypePing, TypePong, TypeBye:
		return false
	}
	return true
}

// Encode puts a head before the members of body, a struct or map, or nil for none. A frame that is too large is errs.Invalid.
func Encode(h Head, body any) ([]byte, error) {
	frame, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	if body != nil {
		members, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		if len(members) < 2 || members[0] != '{' {
			return nil, errs.New(errs.Invalid, "the body of a frame of type %s is no JSON object", h.Type)
		}
		if len(members) > 2 {
			frame = append(append(frame[:len(frame)-1], ','), members[1:]...)
		}
	}
	if len(frame) > MaxFrame {
		return nil, errs.New(errs.Invalid, "a frame of type %s has %d bytes, %d are allowed", h.Type, len(frame), MaxFrame)
	}
	return frame, nil
}

// Decode reads the head of a frame, and says what is wrong with it: errs.Invalid.
func Decode(frame []byte) (Head, error) {
	var h Head
	if len(frame) > MaxFrame {
		return h, errs.New(errs.Invalid, "a frame has %d bytes, %d are allowed", len(frame), MaxFrame)
	}
	if !bytes.HasPrefix(frame, []byte("{")) {
		return h, errs.New(errs.Invalid, "a frame is no JSON object")
	}
	if err := json.Unmarshal(frame, &h); err != nil {
		return h, errs.New(errs.Invalid, "a frame cannot be read: %w", err)
	}
	switch {
	case h.Type == "":
		return h, errs.New(errs.Invalid, "a frame has no type")
	case numbered(h.Type) != (h.Seq != 0):
		return h, errs.New(errs.Invalid, "a frame of type %.40q has the number %d", h.Type, h.Seq)
	}
	return h, nil
}

// Body reads the other members of a frame.
func Body[T any](frame []byte) (T, error) {
	var v T
	if err := json.Unmarshal(frame, &v); err != nil {
		return v, errs.New(errs.Invalid, "a frame cannot be read: %w", err)
	}
	return v, nil
}
