package webside

import (
	"slices"

	"strowger/pkg/errs"
	"strowger/pkg/ledger"
	"strowger/pkg/sdp"
	"strowger/pkg/sip"
	"strowger/switchnode/internal/call"
	"strowger/switchnode/internal/sipleg"
)

// heard takes an input of a dialog. One that was given up only closes.
func (l *leg) heard(in ofDialog) []call.Event {
	var evs []call.Event
	for _, ev := range in.dialog.Handle(in.in) {
		if in.dialog == l.dialog {
			evs = append(evs, l.translate(ev)...)
		}
	}
	return evs
}

func (l *leg) translate(ev sip.Event) []call.Event {
	id := l.setup.Leg
	switch ev := ev.(type) {
	case sip.Progress:
		if ev.Code == 180 {
			return []call.Event{call.Ringing{Leg: id, SessionID: l.dialog.SessionID().Remote}}
		}
	case sip.Answered:
		if l.direct && l.state == inviting {
			return l.answeredDirectly(ev.SDP)
		}
		return l.answered(ev.SDP)
	case sip.Refused:
		return l.refused(call.CauseOfResponse(ev.Code, ev.Reason, ev.Refusal, ev.Cause.Q850))
	case sip.HungUp:
		c := byeCause(ev.Cause)
		l.over(c)
		return []call.Event{call.HungUp{Leg: id, Cause: c}}
	case sip.DTMF:
		return []call.Event{call.Pressed{Leg: id, Digit: ev.Digit, Duration: ev.Duration}}
	case sip.Offered:
		if l.direct && len(ev.SDP) > 0 {
			return l.offeredDirectly(ev.SDP)
		}
		return l.offeredBy(ev.SDP)
	case sip.OfferAccepted, sip.OfferRefused:
		if !l.direct {
			return l.narrowed(ev)
		}
		return l.passed(ev)
	case sip.Pair:
		return l.routed(ev.Kinds)
	case sip.Referred:
		return l.referred(ev)
	case sip.Sought:
		return l.sought(ev)
	case sip.Withdrawn:
		return []call.Event{call.OfferWithdrawn{Leg: id}}
	case sip.Lost:
		return l.lostDialog(ev)
	case sip.Closed:
		return l.dialogClosed()
	}
	return nil
}

// byeCause reads the Reason of an app's BYE: 500 is that of one whose media found no way, and its words say so.
func byeCause(c sip.Cause) ledger.Cause {
	if c.SIP == 500 {
		return call.CauseOf(errs.MediaLost, c.Text)
	}
	return sipleg.ByeCause(c)
}

// dialogClosed takes the last word of the dialog.
func (l *leg) dialogClosed() []call.Event {
	l.dialog = nil
	switch l.state {
	case inviting: // the device may come back
		l.part()
		l.state = waking
	case talking:
		c := call.CauseOf(errs.LegLost, "")
		l.over(c)
		return append([]call.Event{call.Lost{Leg: l.setup.Leg, Cause: c}}, l.close()...)
	case ending:
		return l.close()
	}
	return nil
}

// lostDialog takes the end of a dialog whose device says nothing more.
func (l *leg) lostDialog(ev sip.Lost) []call.Event {
	switch l.state {
	case inviting: // it may come back
		l.part()
		l.state = waking
	case talking:
		c := call.CauseOf(errs.LegLost, ev.Err.Error())
		l.over(c)
		return []call.Event{call.Lost{Leg: l.setup.Leg, Cause: c}}
	}
	return nil
}

// answered takes the app's answer. One by another certificate than it proved to have is nobody's.
func (l *leg) answered(body []byte) []call.Event {
	if l.state != inviting {
		return nil
	}
	p := l.carrier.peer.Load()
	if p == nil {
		return nil
	}
	s, err := p.answer(body, l.here.dtls)
	if errs.CodeOf(err) == errs.NoCommonCodec {
		l.state = talking // the call sees that they have no codec in common, and hangs up
		return []call.Event{call.Answered{Leg: l.setup.Leg}}
	}
	if err != nil {
		l.web.cfg.Logger.Warn("the answer of an app is refused", "call", l.setup.Call, "device", l.branch.Device, "error", err)
		c := call.CauseOfError(err)
		l.dialog.Bye(sipleg.Reason(c))
		return l.refused(c)
	}
	l.state, l.agreed = talking, s.Description()
	l.web.legs.answered(l.branch.App.Leg, l.here.dtls)
	l.web.cfg.Verifier.Done(l.branch.App.Leg)
	s.Flow = theFlow
	l.port.SetRemote(s, l.here.at.Addr.Addr())
	return []call.Event{call.Answered{Leg: l.setup.Leg, Description: l.agreed, SessionID: l.dialog.SessionID().Remote}}
}

// offeredBy takes an offer of the app's: it holds, or goes on. Its certificate must stay.
func (l *leg) offeredBy(body []byte) []call.Event {
	if len(body) == 0 { // RFC 3261, 14.2: what is ours stays
		l.dialog.AcceptOffer(l.dialog.Described())
		return nil
	}
	s, err := l.read(body)
	if err != nil {
		l.web.cfg.Logger.Warn("an offer of an app is refused", "call", l.setup.Call, "device", l.branch.Device, "error", err)
		l.dialog.RefuseOffer(488, "Not Acceptable Here")
		return nil
	}
	if p := l.carrier.peer.Load(); p.differs(body) {
		round, post := l.round, l.setup.Post
		l.web.work.Go(func() { post(restarted{round, s, p.restart(l.web.ctx, body)}) })
		return nil
	}
	l.offered = s
	return []call.Event{call.Offered{Leg: l.setup.Leg, Description: s.Description()}}
}

// restarted answers an ICE restart. The other side is asked only if more changes than the way of the media.
func (l *leg) restarted(in restarted) []call.Event {
	switch {
	case in.round != l.round || l.state != talking:
		return nil
	case in.err != nil:
		l.web.cfg.Logger.Warn("no way to where an app went", "call", l.setup.Call, "device", l.branch.Device, "error", in.err)
		l.dialog.RefuseOffer(488, "Not Acceptable Here")
		return nil
	}
	l.offered = in.offered
	if d := in.offered.Description(); d.Direction != l.agreed.Direction || !slices.EqualFunc(d.Codecs, l.agreed.Codecs, sdp.Codec.Same) {
		return []call.Event{call.Offered{Leg: l.setup.Leg, Description: d}}
	}
	l.accept()
	return nil
}

// read reads an offer, or an answer, of the app's within the call.
func (l *leg) read(body []byte) (sdp.Session, error) {
	s, err := sdp.ParseSecure(body)
	switch p := l.carrier.peer.Load(); {
	case err != nil:
		return s, err
	case l.state != talking || p == nil:
		return s, errs.New(errs.Invalid, "there is no session yet")
	}
	return s, proven(s, l.here.dtls)
}

// accept answers what the app offered, now that the other side agrees.
func (l *leg) accept() {
	p := l.carrier.peer.Load()
	if l.state != talking || l.dialog == nil || p == nil {
		return
	}
	s := l.offered
	l.agreed, s.Flow = s.Description(), theFlow
	l.port.SetRemote(s, l.here.at.Addr.Addr())
	l.dialog.AcceptOffer(p.reanswer(mirror(s.Direction)))
}

// mirror is how who takes everything answers a direction (RFC 3264, 6.1).
func mirror(d sdp.Direction) sdp.Direction {
	switch d {
	case sdp.SendOnly:
		return sdp.RecvOnly
	case sdp.RecvOnly:
		return sdp.SendOnly
	}
	return d
}
