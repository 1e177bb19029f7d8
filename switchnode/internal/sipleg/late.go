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

// AnsweringLate returns the leg of an incoming dialog without an offer: ours goes with the 200, the answer comes with the
// ACK.
func AnsweringLate(cfg Config) *Leg {
	l := Calling(cfg)
	l.late = true
	return l
}

// acceptLate answers an INVITE without an offer by one of what the callee accepted.
func (l *Leg) acceptLate(d sdp.Description) {
	body, formats := l.writer.Offer(d, l.port.Local())
	l.said = d
	l.agree(formats)
	l.dialog.Answer(body)
}

// restate answers a re-INVITE without an offer by one of the session as it is.
func (l *Leg) restate() {
	l.late = true
	l.dialog.AcceptOffer(l.dialog.Described())
}

// acked takes the answer that comes with an ACK to an offer of ours.
func (l *Leg) acked(body []byte) call.Event {
	if !l.late {
		return nil
	}
	l.late = false
	s, err := l.parse(body)
	if err == nil {
		_, err = sdp.Common(sdp.Session{Formats: l.agreed}.Description(), s.Description())
	}
	if err != nil { // RFC 3261, 13.2.2.4: the session that there is cannot be used
		c := call.CauseOf(errs.NoCommonCodec, "The ACK had no usable answer")
		l.dialog.Bye(reason(c))
		return call.Lost{Leg: l.id, Cause: c}
	}
	return l.settled(s)
}

// described takes what the peer says of its side of a session that we did not change.
func (l *Leg) described(body []byte) call.Event {
	s, err := l.parse(body)
	if err != nil {
		return nil
	}
	return l.settled(s)
}

// settled takes the peer's side of a session that is agreed on this leg. What is not as it was, the other leg has to
// follow: to the call it is an offer, which wants no answer any more.
func (l *Leg) settled(s sdp.Session) call.Event {
	l.apply(s)
	d := s.Description()
	if d.Direction == l.said.Direction && slices.EqualFunc(d.Codecs, l.said.Codecs, sdp.Codec.Same) {
		return nil
	}
	l.said, l.followed = d, true
	return call.Offered{Leg: l.id, Description: d}
}

// follows says whether an answer of the call is to an offer that was settled already.
func (l *Leg) follows(a call.LegAction) bool {
	switch a.(type) {
	case call.AcceptOffer, call.RefuseOffer:
		followed := l.followed
		l.followed = false
		return followed
	}
	return false
}
