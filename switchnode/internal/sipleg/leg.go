// Package sipleg is a leg of a call over a SIP dialog: it turns the dialog's events into the call's, and the call's
// actions into commands of the dialog, and writes the leg's own SDP. Phones and links speak the same SIP; what differs,
// the media transport, is the port's business.
package sipleg

import (
	"errors"
	"net/netip"
	"slices"

	"strowger/pkg/errs"
	"strowger/pkg/ledger"
	"strowger/pkg/sdp"
	"strowger/pkg/sip"
	"strowger/switchnode/internal/call"
	"strowger/switchnode/internal/media"
)

// Leg is a call.Leg over one dialog. It belongs to the goroutine of the call's session.
type Leg struct {
	id     call.LegID
	dialog *sip.Dialog
	port   *media.Port
	writer *sdp.Writer
	source netip.Addr   // of the phone's SIP: where its media may come from besides the signalled address
	lost   errs.Code    // what it means when the peer is gone
	flows  bool         // the peer must name a flow
	early  bool         // its 183 rings
	played bool         // what it plays before its answer is known
	shown  []byte       // our answer, if the peer had it before the call was answered
	offer  sdp.Session  // the peer's, waiting for our answer
	agreed []sdp.Format // that the peer sends
	asked  reoffer      // ours, waiting for the peer's answer

	line   *Line
	cipher cipher
	roam   Roam
	said   sdp.Description // the peer's side of the session
	late   late
	straight
}

// reoffer is what a re-INVITE of ours asks for.
type reoffer struct {
	description sdp.Description
	formats     []sdp.Format
	to          netip.AddrPort // where the peer is to send; the zero value: here
}

// Config is what makes a leg.
type Config struct {
	ID     call.LegID
	Dialog *sip.Dialog
	Port   *media.Port
	Lost   errs.Code      // the code of a leg whose peer is gone: LegLost or LinkLost
	Flows  bool           // on a link: the peer's descriptions must name the flow that it wants its media on
	Early  bool           // a phone company: its 183 says that it has the call, and plays what the callee's line does
	Line   *Line          // how a phone company is spoken to; nil: it is none
	Post   func(any) bool // takes inputs of the leg; needed with a Line, and with Direct
	Direct bool           // its media may go straight to another phone, which is told the address of this one
	// Security of a phone's media. That of a phone company is its Line's.
	Security Security
	Roam     Roam
}

// Calling returns the leg of an outgoing dialog, which Start will invite.
func Calling(cfg Config) *Leg {
	l := &Leg{
		id: cfg.ID, dialog: cfg.Dialog, port: cfg.Port, writer: sdp.NewWriter(), source: cfg.Dialog.Peer().Addr.Addr(), lost: cfg.Lost,
		flows: cfg.Flows, early: cfg.Early, line: cfg.Line, cipher: cipher{Security: cfg.Security},
		straight: straight{direct: cfg.Direct, post: cfg.Post},
	}
	if l.line != nil {
		l.cipher.Security = l.line.Security()
	}
	l.port.Towards(l.source)
	l.begin(cfg.Post)
	l.roams(cfg.Roam)
	return l
}

// Answering returns the leg of an incoming dialog whose offer has been read.
func Answering(cfg Config, offer sdp.Session) *Leg {
	l := Calling(cfg)
	l.offer = offer
	return l
}

// Port is the leg's media.
func (l *Leg) Port() *media.Port { return l.port }

// Dialog is the leg's signalling.
func (l *Leg) Dialog() *sip.Dialog { return l.dialog }

// Do carries out an action of the call.
func (l *Leg) Do(a call.LegAction) {
	switch a := a.(type) {
	case call.Start:
		body, formats := l.propose(l.line.Offered(a.Offer), l.port.Local())
		l.agree(formats)
		l.dialog.Invite(body)
	case call.Ring:
		l.dialog.SetSessionID(a.SessionID)
		l.ring()
	case call.Wake: // 2-call-flows, "Honest ring-back"
		l.dialog.Progress(183, "Session Progress", sip.NewHeader(sip.HeaderState, sip.StateWaking))
	case call.Preview:
		l.preview(a.Description)
	case call.Forward:
		Forward(l.dialog, a)
	case call.Stand:
		Stand(l.dialog, a)
	case call.Accept:
		l.dialog.SetSessionID(a.SessionID)
		if l.late.stage != inTime {
			l.acceptLate(a.Description)
			return
		}
		l.accept(a.Description, func(body []byte) { l.dialog.Answer(body) })
	case call.Refuse:
		RefuseWith(l.dialog, a.Cause)
	case call.Cancel:
		l.dialog.Cancel(Reason(a.Cause))
	case call.HangUp:
		l.dialog.Bye(Reason(a.Cause))
	case call.Offer:
		l.reoffer(a)
	case call.AcceptOffer:
		l.accept(a.Description, l.dialog.AcceptOffer)
	case call.RefuseOffer:
		l.dialog.RefuseOffer(a.Status, Phrase(a.Status))
	case call.AcceptRefer:
		l.dialog.AcceptRefer()
	case call.RefuseRefer:
		RefuseRefer(l.dialog, a.Cause)
	case call.Report:
		l.dialog.Report(a.Code, a.Words)
	case call.Press:
		l.press(a.Digit, a.Duration)
	}
}

// reoffer asks the peer for something else. Until it answers it may send by the old description or by the new one
// (RFC 3264, 8.3.2); a payload type means the same codec in both.
func (l *Leg) reoffer(o call.Offer) {
	body, formats := l.propose(l.permitted(o.Description), l.at(o.To))
	l.asked = reoffer{o.Description, formats, o.To}
	l.port.SetLocal(slices.Concat(l.agreed, formats))
	if o.Insist {
		l.dialog.Reoffer(body)
	} else {
		l.dialog.PassOffer(body)
	}
}

// permitted is what may be offered of a description. A company of which nothing may be used is offered what it has: its answer shares
// nothing with what was asked for then, and the session goes on as it was.
func (l *Leg) permitted(d sdp.Description) sdp.Description {
	offered := l.line.Offered(d)
	if _, ok := offered.Speech(); !ok {
		offered.Codecs = sdp.Session{Formats: l.agreed}.Description().Codecs
	}
	return offered
}

// accept answers the peer's offer. The call found a common codec, so only a codec that both sides name differently for
// the same offer can fail here; the peer is then told 488 like any other that shares no codec.
func (l *Leg) accept(d sdp.Description, send func([]byte)) {
	if l.shown != nil { // RFC 3261, 13.2.1: that same exact answer
		body := l.shown
		l.shown = nil
		send(body)
		return
	}
	body, formats, err := l.respond(d)
	if err != nil {
		RefuseWith(l.dialog, call.CauseOfError(err))
		l.dialog.RefuseOffer(488, Phrase(488))
		return
	}
	l.apply(l.offer)
	l.said = l.describe(l.offer)
	l.agree(formats)
	l.goes(netip.AddrPort{})
	send(body)
	l.settles()
}

// preview answers the peer's offer before the call is answered. A codec that both sides name differently is found then.
func (l *Leg) preview(d sdp.Description) {
	body, formats, err := l.respond(d)
	if err != nil {
		return
	}
	l.apply(l.offer)
	l.said = l.describe(l.offer)
	l.agree(formats)
	l.shown = body
	l.dialog.Preview(body)
}

// agree sets the payload types that the peer sends from now on.
func (l *Leg) agree(formats []sdp.Format) {
	l.agreed = formats
	l.port.SetLocal(formats)
}

// Refuse ends an incoming dialog that has no leg yet.
func Refuse(d *sip.Dialog, err error) { RefuseWith(d, call.CauseOfError(err)) }

// RefuseWith ends an incoming dialog with a cause.
func RefuseWith(d *sip.Dialog, c ledger.Cause) {
	extra := []sip.Header{sip.NewHeader(sip.HeaderRefusal, c.Code)}
	if c.SIP == 401 {
		extra = append(extra, sip.NewHeader("WWW-Authenticate", "Bearer")) // RFC 3261, 22.1; RFC 8898, 2.1
	}
	d.Refuse(c.SIP, c.Words, Reason(c), extra...)
}

// apply points the port at what the peer described.
func (l *Leg) apply(s sdp.Session) {
	l.theirs = s
	l.port.SetTones(!l.flows && l.line.sings(s))
	l.port.SetRemote(s, l.source)
	if !l.flows {
		_ = l.cipher.apply(l.port) // nothing is heard by a key that does not fit
	}
}

// Handle turns an input of the dialog into events of the call.
func (l *Leg) Handle(input any) []call.Event { return l.reached(l.handle(input)) }

func (l *Leg) handle(input any) []call.Event {
	if key, ok := input.(Keyed); ok {
		l.dialog.SendDTMF(key.Digit, key.Length)
		return nil
	}
	if m, ok := input.(Moved); ok {
		l.moved(m)
		return nil
	}
	in, ok := input.(sip.Input)
	if !ok {
		return nil
	}
	var evs []call.Event
	happened := l.dialog.Handle(in)
	l.follow()
	for _, ev := range happened {
		if p, ok := ev.(sip.Progress); ok && len(p.SDP) > 0 {
			evs = append(evs, l.plays(p)...)
		}
		if e := l.translate(ev); e != nil {
			evs = append(evs, e)
		}
	}
	return evs
}

func (l *Leg) translate(ev sip.Event) call.Event {
	switch ev := ev.(type) {
	case sip.Progress:
		// 2-call-flows, "Honest ring-back": only a real 180 rings, and a phone company's 183 if it is silent.
		switch {
		case ev.Code == 180, ev.Code == 183 && l.early && !l.played:
			return call.Ringing{Leg: l.id, SessionID: l.dialog.SessionID().Remote}
		case ev.State == sip.StateWaking:
			return call.Waking{Leg: l.id}
		case ev.Code == 182:
			return stands(l.id, ev.Queue)
		case ev.Code == 181:
			return call.Forwarded{Leg: l.id, To: ev.Forward}
		}
	case sip.Answered:
		d, why := l.answer(ev.SDP)
		return call.Answered{Leg: l.id, Description: d, SessionID: l.dialog.SessionID().Remote, Unusable: why}
	case sip.Refused:
		if l.early {
			return call.Refused{Leg: l.id, Cause: companyCause(ev)}
		}
		return call.Refused{Leg: l.id, Cause: call.CauseOfResponse(ev.Code, ev.Reason, ev.Refusal, ev.Cause.Q850)}
	case sip.Cancelled:
		return l.cancelled()
	case sip.Pracked:
		return l.pracked(ev.SDP)
	case sip.Referred:
		return Referred(l.id, ev.To)
	case sip.Sought:
		return Sought(l.id, ev)
	case sip.Withdrawn:
		return call.OfferWithdrawn{Leg: l.id}
	case sip.HungUp:
		return call.HungUp{Leg: l.id, Cause: ByeCause(ev.Cause)}
	case sip.Offered:
		return l.offered(ev.SDP)
	case sip.OfferAccepted:
		return l.reofferAccepted(ev.SDP)
	case sip.OfferRefused:
		return l.reofferRefused(ev.Code)
	case sip.Described:
		return l.described(ev.SDP)
	case sip.Acked:
		return l.acked(ev.SDP)
	case sip.DTMF:
		l.port.Informed()
		if l.keys(ev.Digit, ev.Duration) {
			return nil
		}
		return call.Pressed{Leg: l.id, Digit: ev.Digit, Duration: ev.Duration}
	case sip.Lost:
		code := l.lost
		if errors.Is(ev.Err, sip.ErrUnreachable) { // it is as gone as one that has not registered
			code = errs.Offline
		}
		return call.Lost{Leg: l.id, Cause: call.CauseOf(code, ev.Err.Error())}
	case sip.Closed:
		l.closed()
		return call.Closed{Leg: l.id}
	}
	return nil
}

// plays reads what the peer plays before its answer. What a phone plays is not passed on. The first description is taken: RFC
// 3261, 13.2.1, has the others be the same.
func (l *Leg) plays(p sip.Progress) []call.Event {
	if l.played || !l.early && !l.flows {
		return nil
	}
	s, err := l.parse(p.SDP)
	if err != nil || l.answered(s) != nil {
		return nil
	}
	l.played = true
	l.apply(s)
	return []call.Event{call.Early{Leg: l.id, Description: l.describe(s), Rings: p.Code == 183 && l.early}}
}

// answer reads the peer's answer. One that cannot be used is empty: it shares no codec with any offer.
func (l *Leg) answer(body []byte) (d sdp.Description, why *ledger.Cause) {
	s, err := l.parse(body)
	if err == nil {
		err = l.answered(s)
	}
	if err != nil {
		c := call.CauseOfError(err)
		return sdp.Description{}, &c
	}
	l.apply(s)
	l.said = l.describe(s)
	return l.said, nil
}

// parse reads a description of the peer's. One on a link without a flow would be a call without sound.
func (l *Leg) parse(body []byte) (sdp.Session, error) {
	s, err := l.cipher.read(l.line, body)
	if err == nil && l.flows && s.Flow == 0 {
		err = errs.New(errs.Invalid, "the description on a link names no flow")
	}
	return s, err
}

// reofferAccepted reads the answer to our re-INVITE. One that cannot be used leaves the session as it was, like a refusal.
func (l *Leg) reofferAccepted(body []byte) call.Event {
	s, err := l.parse(body)
	if err != nil || l.answered(s) != nil {
		return l.reofferRefused(488)
	}
	d, err := sdp.Common(l.asked.description, l.describe(s))
	if err != nil {
		return l.reofferRefused(488)
	}
	l.agree(l.asked.formats)
	l.goes(l.asked.to)
	l.apply(s)
	l.said = l.describe(s)
	return call.OfferAccepted{Leg: l.id, Description: d}
}

// reofferRefused goes on with what was agreed before. The other side learns whether to try again; that this peer
// challenges, redirects or has no reason to give is nothing to it (RFC 3261, 14.2: 488).
func (l *Leg) reofferRefused(status int) call.Event {
	l.port.SetLocal(l.agreed)
	l.dialog.Restate(l.writer.Restore(l.dialog.Described()))
	if status != 491 && (status < 500 || status > 599) {
		status = 488
	}
	return call.OfferRefused{Leg: l.id, Status: status}
}

// offered reads an offer of the peer's; what cannot be read is refused here, and the session goes on as it was.
func (l *Leg) offered(body []byte) call.Event {
	if len(body) == 0 {
		l.restate()
		return nil
	}
	s, err := l.parse(body)
	if err != nil {
		words := Phrase(488) // RFC 3261, 14.2
		if errs.CodeOf(err) == errs.Unencrypted {
			words = err.Error()
		}
		l.dialog.RefuseOffer(488, words)
		return nil
	}
	l.offer = s
	return call.Offered{Leg: l.id, Description: l.describe(s)}
}
