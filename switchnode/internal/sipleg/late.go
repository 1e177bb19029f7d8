package sipleg

import (
	"slices"

	"strowger/pkg/errs"
	"strowger/pkg/sdp"
	"strowger/switchnode/internal/call"
)

// Supported is what callees are offered for a caller who leaves the offer to us: an INVITE without SDP (RFC 3261, 13.2.1).
func Supported() sdp.Description {
	return sdp.Description{Direction: sdp.SendRecv, Codecs: []sdp.Codec{
		{Name: "PCMU", Clock: 8000, Channels: 1}, {Name: "PCMA", Clock: 8000, Channels: 1}, {Name: "G722", Clock: 8000, Channels: 1},
		{Name: "opus", Clock: 48000, Channels: 2}, {Name: sdp.TelephoneEvent, Clock: 8000, Channels: 1},
	}}
}

// late is an offer that the peer left to us: how far it has come.
type late struct {
	stage    stage
	answer   sdp.Session // that came with the PRACK
	accepted bool        // the call has its answer; the 200 may still wait for the PRACK
}

type stage uint8

const (
	inTime   stage = iota // the peer offered
	due                   // our offer goes with the 200, the answer comes with the ACK
	ringing               // our offer went with the 180, the answer comes with the PRACK
	answered              // the PRACK has come
)

// AnsweringLate returns the leg of an incoming dialog without an offer: ours goes with the 180 if the caller takes that
// reliably (RFC 3262, 5), else with the 200.
func AnsweringLate(cfg Config) *Leg {
	l := Calling(cfg)
	l.late.stage = due
	return l
}

// ring tells the caller that the callee is alerted.
func (l *Leg) ring() {
	if l.late.stage != due || !l.dialog.Reliable() {
		l.dialog.Progress(180, "Ringing")
		return
	}
	l.late.stage = ringing
	body, formats := l.propose(l.line.Offered(Supported()), l.port.Local())
	l.agree(formats)
	l.dialog.ProgressOffer(180, "Ringing", body)
}

// pracked takes the answer to the offer that went with the 180.
func (l *Leg) pracked(body []byte) call.Event {
	s, err := l.answerTo(body)
	if err != nil {
		c := call.CauseOf(errs.NoCommonCodec, "The PRACK had no usable answer")
		RefuseWith(l.dialog, c)
		return call.Lost{Leg: l.id, Cause: c}
	}
	l.apply(s)
	l.late.stage, l.late.answer = answered, s
	return nil
}

// cancelled is the caller's CANCEL. To the call, one that overtakes the PRACK that the 200 waits for is a hang-up.
func (l *Leg) cancelled() call.Event {
	if l.late.accepted {
		return call.HungUp{Leg: l.id, Cause: call.CauseOf(call.Normal, "")}
	}
	return call.Cancelled{}
}

// acceptLate answers an INVITE without an offer by one of what the callee accepted, unless it had an offer before.
func (l *Leg) acceptLate(d sdp.Description) {
	l.said, l.late.accepted = d, true
	if l.late.stage != due {
		l.dialog.Answer(nil)
		return
	}
	body, formats := l.propose(l.line.Offered(d), l.port.Local())
	l.agree(formats)
	l.dialog.Answer(body)
}

// restate answers a re-INVITE without an offer by one of the session as it is.
func (l *Leg) restate() {
	l.late.stage = due
	l.dialog.AcceptOffer(l.dialog.Described())
}

// acked goes on when an offer of ours has been answered, by this ACK or before.
func (l *Leg) acked(body []byte) call.Event {
	stage := l.late.stage
	l.late.stage = inTime
	switch stage {
	case inTime:
		return nil
	case answered:
		return l.settled(l.late.answer)
	}
	s, err := l.answerTo(body)
	if err != nil { // RFC 3261, 13.2.2.4: the session that there is cannot be used
		c := call.CauseOf(errs.NoCommonCodec, "The ACK had no usable answer")
		l.dialog.Bye(Reason(c))
		return call.Lost{Leg: l.id, Cause: c}
	}
	return l.settled(s)
}

// answerTo reads the answer to what we offered late.
func (l *Leg) answerTo(body []byte) (sdp.Session, error) {
	s, err := l.parse(body)
	if err == nil {
		err = l.answered(s)
	}
	if err == nil {
		_, err = sdp.Common(sdp.Session{Formats: l.agreed}.Description(), s.Description())
	}
	return s, err
}

// described takes what the peer says of its side of a session that we did not change.
func (l *Leg) described(body []byte) call.Event {
	s, err := l.parse(body)
	if err != nil || l.answered(s) != nil {
		return nil
	}
	return l.settled(s)
}

// settled takes the peer's side of a session that is agreed on this leg. What is not as it was, the other leg has to
// follow.
func (l *Leg) settled(s sdp.Session) call.Event {
	l.apply(s)
	d := l.describe(s)
	if d.Direction == l.said.Direction && slices.EqualFunc(d.Codecs, l.said.Codecs, sdp.Codec.Same) {
		return nil
	}
	l.said = d
	return call.Offered{Leg: l.id, Description: d, Settled: true}
}
