package sip

import (
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/emiago/sipgo/sip"
)

// ErrNoAck is the error of a Lost event: the peer never acknowledged our 2xx.
var ErrNoAck = errors.New("no ACK within 64*T1")

// incoming is the peer's INVITE, the first or a later one, until its 2xx is acknowledged or it is refused.
type incoming struct {
	req   *Request
	tx    replier
	ok    *Response // the 2xx, repeated until the ACK
	wait  time.Duration
	since time.Time // of the 2xx
	timer *timer
	bye   *Cause // hang up as soon as it is acknowledged
	at    time.Time
}

// newIncoming makes the dialog of an INVITE. Its To tag is set already.
func newIncoming(net sender, desk keeper, req *Request, tx replier, at time.Time) *Dialog {
	from, to := req.From(), req.To()
	d := &Dialog{
		net: net, desk: desk, owned: make(chan struct{}), state: early, request: req,
		callID:  req.CallID().Value(),
		local:   side{name: to.DisplayName, uri: *to.Address.Clone(), tag: tag(to.Params)},
		remote:  side{name: from.DisplayName, uri: *from.Address.Clone(), tag: tag(from.Params)},
		path:    path{peer: peerOf(req), target: *from.Address.Clone(), routes: routes(req), user: req.Recipient.User},
		session: SessionID{Local: newUUID(), Remote: sessionOf(req)},
	}
	d.in = &incoming{req: req, tx: tx, at: at}
	d.refresh(req)
	d.terms.heard(req)
	d.seq.remote, d.invited = req.CSeq().SeqNo, branch(req)
	return d
}

// Progress tells the caller how it goes: a response from 101 to 199. It is reliable if the caller requires that: without a
// description in it, a lost one costs no more than the tone (RFC 3262, 3, leaves it to us).
func (d *Dialog) Progress(code int, reason string, extra ...Header) {
	if d.uac || d.state != early || d.in == nil {
		return
	}
	if requires(d.request, extensionReliable) {
		d.progress(code, reason, d.preview, extra...)
		return
	}
	d.reply(d.in.tx, d.response(d.in.req, code, reason, d.preview, extra...))
}

// Preview answers the offer of the INVITE before it is accepted, so that the caller hears what is played meanwhile: 183, reliable if
// the caller takes that. Every later provisional response has the same description, and so must [Dialog.Answer] (RFC 3261, 13.2.1):
// over UDP one of them may be lost, and there are phones that stop listening at a response without one. Called again, or without
// an offer to answer, it does nothing.
func (d *Dialog) Preview(sdp []byte, extra ...Header) {
	if d.uac || d.state != early || d.in == nil || d.preview != nil || len(d.request.Body()) == 0 {
		return
	}
	d.preview, d.terms.local = sdp, sdp
	if d.Reliable() {
		d.progress(183, "Session Progress", sdp, extra...)
		return
	}
	d.Progress(183, "Session Progress", extra...)
}

// Answer accepts the INVITE; while a description in a reliable provisional response is not acknowledged, it waits. The 200 is
// repeated until the ACK (RFC 3261, 13.3.1.4); without one in 64*T1 the dialog is hung up and Lost.
func (d *Dialog) Answer(sdp []byte, extra ...Header) {
	if d.uac || d.state != early || d.in == nil {
		return
	}
	if d.rel.res != nil && len(d.rel.res.Body()) > 0 { // RFC 3262, 3
		d.rel.then = func() { d.Answer(sdp, extra...) }
		return
	}
	d.rel.stop()
	d.state = up
	d.accept(sdp, extra...)
}

// accept sends the 2xx of an INVITE.
func (d *Dialog) accept(sdp []byte, extra ...Header) {
	in := d.in
	extra = append(d.terms.granted(in.req), extra...)
	in.ok, in.wait, in.since = d.response(in.req, 200, "OK", sdp, extra...), t1, time.Now()
	in.timer = d.after(in.wait)
	d.reply(in.tx, in.ok)
	if len(sdp) == 0 {
		sdp = d.terms.local // it was in a provisional response
	}
	d.agree(sdp, in.req.Body())
}

// Refuse answers the INVITE with a final response from 300 on and closes the dialog.
func (d *Dialog) Refuse(code int, reason string, c Cause, extra ...Header) {
	if d.uac || d.state != early || d.in == nil {
		return
	}
	extra = append(slices.Clone(extra), c.headers()...)
	d.reply(d.in.tx, d.response(d.in.req, code, reason, nil, extra...))
	d.finish()
}

// maxBurst bounds the requests of a peer in a dialog for which answers are kept, in the time that they are kept: 15 a second
// for half a minute. More are no conversation.
const maxBurst = 500

// burst counts the requests of the peer.
type burst struct {
	since time.Time
	n     int
}

// over says whether there were too many.
func (b *burst) over(now time.Time) bool {
	if now.Sub(b.since) > giveUp {
		*b = burst{since: now}
	}
	b.n++
	return b.n > maxBurst
}

// arrived handles a request of the peer.
func (d *Dialog) arrived(in arrived) {
	method := in.req.CSeq().MethodName
	if in.tx != nil && d.burst.over(time.Now()) && (method != sip.BYE || d.state != up) {
		d.deny(in, 503, "Service Unavailable", retryAfter(int(giveUp/time.Second)))
		in.tx.drop() // without state, as Endpoint.answer does
		return
	}
	if d.state == over || tag(in.req.From().Params) != d.remote.tag && d.remote.tag != "" {
		d.deny(in, 481, "Call/Transaction Does Not Exist")
		return
	}
	switch method {
	case sip.ACK:
		d.ack(in.req)
		return
	case sip.CANCEL:
		d.cancelled(in)
		return
	}
	if !d.elsewhere(in) {
		return
	}
	last := &d.seq.remote
	if d.uac && d.state == early {
		e := d.out.earlyOf(tag(in.req.From().Params))
		if e == nil {
			d.deny(in, 481, "Call/Transaction Does Not Exist")
			return
		}
		last = &e.remote
	}
	switch seq := in.req.CSeq().SeqNo; {
	case seq == *last && method == sip.INVITE && branch(in.req) == d.invited:
		in.tx.drop() // a retransmission that came after our 2xx, which is repeated anyway
		return
	case seq <= *last && *last != 0:
		// RFC 3261, 12.2.2, of a lower one; 8.2.2.2 is of requests without a To tag, and to send two of one number breaks 12.2.1.1.
		d.deny(in, 500, "CSeq Out Of Order")
		return
	default:
		*last = seq
	}
	switch method {
	case sip.INVITE:
		d.invited = branch(in.req)
		d.reinvited(in)
	case sip.BYE:
		d.hungUp(in)
	case sip.INFO:
		d.info(in)
	case sip.PRACK:
		d.pracked(in)
	case sip.UPDATE:
		d.updated(in)
	case sip.REFER:
		d.referred(in)
	case sip.NOTIFY:
		d.notified(in)
	}
}

// deny answers a request that the dialog has no use for; an ACK is never answered.
func (d *Dialog) deny(in arrived, code int, reason string, extra ...Header) {
	if in.tx != nil {
		d.reply(in.tx, d.response(in.req, code, reason, nil, extra...))
	}
}

// ack handles an ACK: that of our 2xx ends its repetition, any other is a copy.
func (d *Dialog) ack(req *Request) {
	if in := d.in; in != nil && in.ok != nil && in.req.CSeq().SeqNo == req.CSeq().SeqNo {
		d.confirmed(req.Body())
	}
}

// confirmed says that the peer has our 2xx.
func (d *Dialog) confirmed(sdp []byte) {
	in := d.in
	in.timer.stop()
	d.in = nil
	switch {
	case in.bye != nil:
		d.bye(*in.bye)
	case d.state == up:
		if len(in.req.Body()) == 0 && len(sdp) > 0 {
			d.terms.remote = sdp // the answer to our offer
		}
		d.emit(Acked{SDP: sdp})
		d.offerNext()
	}
}

// cancelled handles the CANCEL of the INVITE that waits for an answer. Any other changes nothing (RFC 3261, 9.2).
func (d *Dialog) cancelled(in arrived) {
	d.deny(in, 200, "OK")
	w := d.in
	if w == nil || w.ok != nil || w.req.CSeq().SeqNo != in.req.CSeq().SeqNo {
		return
	}
	d.reply(w.tx, d.response(w.req, 487, "Request Terminated", nil))
	if d.state == early {
		d.in = nil
		d.emit(Cancelled{Cause: causeOf(in.req), Keep: keeps(in.req)})
		d.finish()
		return
	}
	d.withdrawn()
}

// hungUp handles a BYE, in any state: it may overtake the ACK, cross ours, or end an early dialog (RFC 3261, 15).
func (d *Dialog) hungUp(in arrived) {
	d.deny(in, 200, "OK")
	if w := d.in; w != nil && w.ok == nil {
		d.reply(w.tx, d.response(w.req, 487, "Request Terminated", nil)) // RFC 3261, 15.1.2
	}
	switch {
	case d.state != ending:
		d.unreferred()
		d.emit(HungUp{Cause: causeOf(in.req)})
		d.finish()
	case d.in != nil && d.in.bye != nil:
		d.finish() // our own BYE still waited for the ACK
	}
	// Else the response to our BYE or CANCEL closes the dialog.
}

// dropped says that an INVITE can no longer be answered.
func (d *Dialog) dropped(in dropped) {
	if d.in == nil || d.in.tx != in.tx || d.in.ok != nil || d.state == over {
		return
	}
	if d.state == early {
		d.in = nil
		d.emit(Lost{Err: in.err})
		d.finish()
		return
	}
	d.withdrawn()
}

// repeat sends our 2xx again, or gives up.
func (d *Dialog) repeat(in *incoming) {
	if time.Since(in.since) < giveUp {
		in.wait = min(2*in.wait, t2)
		in.timer = d.after(in.wait)
		d.reply(in.tx, in.ok)
		return
	}
	d.in = nil
	if in.bye != nil {
		d.bye(*in.bye)
		return
	}
	d.lose(ErrNoAck)
}

// lose hangs up on a peer that stopped answering (RFC 3261, 13.3.1.4 and 14.2).
func (d *Dialog) lose(err error) {
	d.emit(Lost{Err: err})
	d.bye(Cause{SIP: 408, Text: err.Error()})
}

// unsupported is the answer to a body that we cannot read (RFC 3261, 21.4.13).
func (d *Dialog) unsupported(in arrived) {
	d.deny(in, 415, "Unsupported Media Type", NewHeader("Accept", accept))
}

func retryAfter(seconds int) Header { return NewHeader("Retry-After", strconv.Itoa(seconds)) }
