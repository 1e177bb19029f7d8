package sdk

import "strowger/pkg/errs"

// The kinds of events of a call, in the order in which they come. The last one is Missed, Cancelled or Ended, and each call has
// exactly one of these.
const (
	Trying    = "trying"    // we call: the way to the callee is known
	Waking    = "waking"    // we call: a phone of the callee's is being woken; it does not ring yet
	Forwarded = "forwarded" // we call: the call goes on to somebody else; Words: their number
	Queued    = "queued"    // we call: the callee is on the phone, and we wait; Position and Wait, and Words for people. See Call.KeepPlace
	// We call, and hear what is played before the answer: music, and where we stand. Audio has begun; an app plays no tones of its own then.
	EarlyMedia = "early-media"
	Woken      = "woken"     // a push announced the call; it does not ring yet
	Ringing    = "ringing"   // ring now; or, where we call, it rings there
	Connected  = "connected" // answered, and audio flows
	Held       = "held"      // nothing is spoken or heard here until Resumed; Words, if the other side does not know
	Resumed    = "resumed"
	Digit      = "digit" // Words: the key that the other side pressed
	// Of a transfer: whom the other side was sent to rings; or it did not come to that, Code and Words say why, and the call is as it was. If
	// they answer, Ended follows.
	TransferRinging = "transfer-ringing"
	TransferFailed  = "transfer-failed"
	// What is seen has changed, or was asked to: VideoCodec says what the app is to send. Words: who sees whom, for people.
	VideoChanged   = "video-changed"
	KeyframeWanted = "keyframe-wanted" // the other side sees nothing before the next key picture
	// The connection or the way of the audio was lost in the call, which goes on; Reconnected or the end follows.
	Reconnecting = "reconnecting"
	Reconnected  = "reconnected"
	// It never rang here; Words: why. With the Code emergency nobody called here: the call is of somebody who calls for help, whose
	// contact this user is, and Words says who, where and when.
	Missed    = "missed"
	Cancelled = "cancelled" // it stopped ringing before we answered; Words: why
	Ended     = "ended"     // it was answered or declined here, or placed; Words: why it is over
)

// Event is something that happened to a call.
type Event struct {
	Kind  string
	Call  *Call
	Code  string // of an end: a code of package errs, "" for an ordinary one
	Words string // for people

	// Of Queued: 1 is the head of the line; the expected wait in seconds, -1 while it is not known.
	Position, Wait int
}

// Listener is told events, one at a time for each call. Happened must return soon. It may call methods of the call, but not
// Phone.Close.
type Listener interface {
	Happened(e *Event)
}

// end is why a call is over.
type end struct {
	code  errs.Code
	words string
}

func endOf(err error) end { return end{errs.CodeOf(err), err.Error()} }
