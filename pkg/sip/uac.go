package sip

import (
	"cmp"
	"errors"
	"time"

	"github.com/emiago/sipgo/sip"
)

// Errors of a Lost event.
var (
	ErrTimeout = errors.New("no answer within 64*T1")
	ErrGone    = errors.New("the peer no longer knows the dialog")

	ErrUnreachable = errors.New("the network says that nobody is there") // before any answer to our INVITE
)

// InviteParams says whom to call and how.
type InviteParams struct {
	To          URI   // the Request-URI, and To unless ToParty says otherwise
	ToParty     Party // what To shows; empty: as in To
	From        Party
	Routes      []URI // the route set of the INVITE (RFC 3261, 8.1.2), of a Path above all
	Peer        Peer  // where the INVITE and all later requests go
	CallID      string
	Hops        int      // Max-Forwards, 0: 70
	Headers     []Header // Authorization, Max-Breadth, ...
	SessionID   SessionID
	Credentials *Credentials // answers one challenge of the peer
	Owner       Owner
	Attached    []Part // beside the offer in the body of the INVITE
}

// invitation is what our INVITEs carry beyond the dialog's own headers.
type invitation struct {
	headers []Header
	hops    int
	creds   *Credentials
	bye     *Request // ours, until a challenge of it is answered
	parts   []Part
}

// outgoing is our INVITE, the first or a later one, or our UPDATE, until its final response.
type outgoing struct {
	req         *Request // nil while it waits for its turn
	sdp         []byte
	then        []byte // the owner's next offer
	refresh     bool   // nothing new, see [Dialog.Refresh]
	update      bool   // by UPDATE
	early       []*earlyDialog
	provisional bool
	cancel      *Cause   // the owner gave up; CANCEL waits for a provisional response
	parting     []Header // that the CANCEL carries
	cancelled   bool     // CANCEL is sent
	challenged  int      // times that credentials were sent
	tries       int
	limit       int // of tries, for a re-INVITE
	abandon     func()
	timer       *timer // after CANCEL: for the final response; after a 491: for the next try
}

// newOutgoing makes a dialog that has yet to be invited.
func newOutgoing(net sender, desk keeper, host string, p InviteParams) *Dialog {
	owned := make(chan struct{})
	close(owned)
	d := &Dialog{
		net: net, desk: desk, owner: p.Owner, owned: owned, uac: true, callID: p.CallID,
		local:   side{name: escaped(p.From.Name), uri: URI{Scheme: "sip", User: p.From.User, Host: p.From.Host}, tag: sip.GenerateTagN(16)},
		remote:  side{name: escaped(p.ToParty.Name), uri: plain(p.To)},
		path:    path{peer: p.Peer, target: p.To, routes: p.Routes, user: p.From.User},
		session: p.SessionID,
		extra:   invitation{headers: p.Headers, hops: p.Hops, creds: p.Credentials, parts: p.Attached},
	}
	if d.callID == "" {
		d.callID = newUUID()
	}
	if d.session.Local == "" {
		d.session.Local = newUUID()
	}
	if d.local.uri.Host == "" {
		d.local.uri.Host = host
	}
	if p.ToParty.User != "" {
		d.remote.uri.User = p.ToParty.User
	}
	if p.ToParty.Host != "" {
		d.remote.uri.Host = p.ToParty.Host
	}
	return d
}

// plain is a URI as From and To may show it (RFC 3261, 19.1.1: no parameters of a request, no port).
func plain(u URI) URI {
	if u.Raw() != "" {
		return u
	}
	return URI{Scheme: u.Scheme, User: u.User, Host: u.Host}
}

// Invite calls, with an offer.
func (d *Dialog) Invite(sdp []byte) {
	if !d.uac || d.state != fresh {
		return
	}
	d.state = early
	d.out = &outgoing{sdp: sdp}
	d.invite()
}

// invite sends the INVITE of d.out, with a new sequence number each time.
func (d *Dialog) invite(extra ...Header) {
	out := d.out
	req := d.next(sip.INVITE)
	req.AppendHeader(d.contact())
	req.AppendHeader(NewHeader("Allow", allow))
	extensions := d.terms.supported()
	if len(out.sdp) == 0 {
		extensions = extensionTimer // the offer would come in a provisional response, whose PRACK we have no answer for
	}
	extra = append(d.terms.asked(extensions), extra...)
	if d.state == early {
		for _, h := range d.extra.headers {
			req.AppendHeader(h)
		}
		if d.extra.hops > 0 {
			hops := sip.MaxForwardsHeader(d.extra.hops)
			req.ReplaceHeader(&hops)
		}
		d.request = req
	}
	for _, h := range extra {
		req.AppendHeader(h)
	}
	setSDP(req, out.sdp)
	if d.state == early {
		attach(req, d.extra.parts)
	}
	out.req, out.provisional, out.tries, out.timer, out.early = req, false, out.tries+1, nil, nil
	out.abandon = d.send(req)
}

// Cancel gives up an INVITE that is not answered. What the callee does meanwhile no longer matters: if its 200 crosses the
// CANCEL, which carries extra too, it is acknowledged and hung up. Closed follows.
func (d *Dialog) Cancel(c Cause, extra ...Header) {
	switch {
	case d.uac && d.state == fresh:
		d.finish()
	case d.uac && d.state == early:
		d.end()
		d.out.cancel, d.out.parting = &c, extra
		d.cancel()
	case d.uac && d.state == up:
		d.Bye(c)
	}
}

// Heard says whether the peer has said anything to our INVITE.
func (d *Dialog) Heard() bool { return d.out == nil || d.out.provisional }

// cancel sends the CANCEL that the owner asked for, once a provisional response allows it (RFC 3261, 9.1).
func (d *Dialog) cancel() {
	out := d.out
	if out.cancel == nil || out.cancelled || !out.provisional {
		return
	}
	out.cancelled = true
	req := d.build(sip.CANCEL, out.req.CSeq().SeqNo)
	req.Recipient = *out.req.Recipient.Clone()
	req.PrependHeader(out.req.Via().Clone()) // the same branch: it names the INVITE
	for _, h := range append(out.cancel.headers(), out.parting...) {
		req.AppendHeader(h)
	}
	out.timer = d.after(giveUp) // RFC 3261, 9.1: then the INVITE counts as cancelled
	d.send(req)
}

// answered handles a response.
func (d *Dialog) answered(res *Response) {
	switch cseq := res.CSeq(); {
	case d.state == over || cseq == nil || res.To() == nil:
	case cseq.MethodName == sip.INVITE:
		d.inviteAnswered(res, cseq.SeqNo)
	case res.StatusCode < 200:
	case cseq.MethodName == sip.BYE:
		if !d.byeAgain(res) {
			d.finish()
		}
	case cseq.MethodName == sip.UPDATE:
		d.updateAnswered(res)
	case cseq.MethodName == sip.INFO:
		d.digitAnswered(res.StatusCode)
	case cseq.MethodName == sip.NOTIFY:
		d.noticed(res.StatusCode)
	case cseq.MethodName == sip.REFER:
		d.emit(ReferAnswered{Code: res.StatusCode, Reason: res.Reason})
	}
}

func (d *Dialog) inviteAnswered(res *Response, seq uint32) {
	if d.out == nil || d.out.req == nil || d.out.req.CSeq().SeqNo != seq {
		if res.IsSuccess() {
			d.stray(res, seq)
		}
		return // a 1xx after the final response
	}
	switch {
	case res.StatusCode < 200:
		d.provisional(res)
	case res.IsSuccess():
		d.accepted(res)
	case d.authorize(res), d.stretch(res):
	case d.state == up:
		d.reoffered(res)
	case d.state == ending:
		d.closeOut()
		d.finish()
	default:
		d.closeOut()
		d.emit(Refused{Code: res.StatusCode, Reason: res.Reason, Refusal: value(res, HeaderRefusal), Cause: causeOf(res)})
		d.finish()
	}
}

// closeOut forgets an INVITE that has its final response; its transaction still has copies of that to acknowledge.
func (d *Dialog) closeOut() {
	d.out.timer.stop()
	d.out = nil
}

func (d *Dialog) provisional(res *Response) {
	d.out.provisional = true
	d.cancel()
	if !d.acknowledge(res) {
		return
	}
	if d.state == early && res.StatusCode > 100 {
		d.session.Remote = cmp.Or(sessionOf(res), d.session.Remote)
		d.emit(Progress{Code: res.StatusCode, Reason: res.Reason, State: value(res, HeaderState), Forward: value(res, HeaderForward), Queue: value(res, HeaderQueue), SDP: res.Body()})
	}
}

// accepted handles the first 2xx of an INVITE.
func (d *Dialog) accepted(res *Response) {
	out := d.out
	out.timer.stop()
	body := res.Body()
	e := out.earlyOf(tag(res.To().Params))
	if e != nil && e.answer != nil {
		body = e.answer // RFC 3261, 13.2.1: what the 2xx says is only a copy
	}
	if d.state != up { // RFC 3261, 12.1.2
		d.remote.tag = tag(res.To().Params)
		d.path.routes = reversed(routes(res))
		d.session.Remote = sessionOf(res)
		d.seq.remote = 0
		if e != nil {
			d.seq.remote = e.remote
		}
	}
	d.refresh(res)
	d.terms.heard(res)
	d.terms.acked = d.build(sip.ACK, out.req.CSeq().SeqNo)
	d.sendAck(d.terms.acked)
	d.terms.learned(res)
	switch {
	case d.state == up && out.refresh:
		d.refreshed(body)
		d.renew()
		d.offerDone()
	case d.state == up:
		d.agree(out.sdp, body)
		d.emit(OfferAccepted{SDP: body})
		d.offerDone()
	case out.cancel != nil: // the 200 crossed the CANCEL
		d.out = nil
		d.bye(*out.cancel)
	default:
		d.out, d.state = nil, up
		d.agree(out.sdp, body)
		d.emit(Answered{SDP: body, Proof: value(res, HeaderProof)})
	}
}

// stray handles a 2xx to an INVITE that has had its final response: the same again, which wants its ACK again, or that of
// another device that a proxy forked to, which is hung up (RFC 3261, 13.2.2.4).
func (d *Dialog) stray(res *Response, seq uint32) {
	if tag(res.To().Params) == d.remote.tag {
		if d.terms.acked != nil && d.terms.acked.CSeq().SeqNo == seq {
			d.toReturned(res)
			d.sendAck(d.terms.acked)
		} else if d.state == up && d.idle() && (d.terms.acked == nil || d.terms.acked.CSeq().SeqNo < seq) {
			d.undo(seq)
		}
		return
	}
	if d.forks++; d.forks > maxEarly {
		return // no proxy forks that wide; each BYE is kept until it is answered
	}
	fork := d.fork(res)
	fork.sendAck(fork.build(sip.ACK, seq))
	fork.send(fork.next(sip.BYE))
}

// undo follows a re-INVITE that failed here, as its stream ended say, and that the peer has accepted: the session that we
// still have is offered anew. While another offer is under way it can wait for the next copy of the 2xx.
func (d *Dialog) undo(seq uint32) {
	d.terms.acked = d.build(sip.ACK, seq)
	d.sendAck(d.terms.acked)
	d.again(false)
}

func (d *Dialog) sendAck(ack *Request) {
	d.told(true, ack, time.Now())
	// A lost ACK is sent again with the next copy of the 2xx, so an error needs no handling.
	_ = d.net.write(ack)
}

// failed handles a request of ours that had no response (RFC 3261, 8.1.3.1).
func (d *Dialog) failed(in failed) {
	if d.state == over || !d.strand(in) {
		d.gaveUp(in)
	}
}

// gaveUp handles one that has none any more.
func (d *Dialog) gaveUp(in failed) {
	method := in.req.Method
	switch {
	case d.state == over || method == sip.CANCEL || method == sip.PRACK: // the callee ends an INVITE without PRACK itself
	case method == sip.BYE:
		d.finish()
	case (method == sip.INVITE || method == sip.UPDATE) && (d.out == nil || d.out.req != in.req):
	case method == sip.INVITE && d.state == early:
		d.emit(Lost{Err: in.err})
		d.finish()
	case method == sip.INVITE && d.state == ending:
		d.finish()
	case errors.Is(in.err, ErrTimeout): // RFC 3261, 12.2.1.2: as if it were a 408
		d.out = nil
		d.lose(in.err)
	case method == sip.UPDATE, method == sip.INVITE && d.out.refresh:
		d.offerDone() // perhaps the peer comes back before the session expires
	case method == sip.INVITE:
		d.emit(OfferRefused{Code: 503})
		d.offerDone()
	case method == sip.INFO:
		d.digitAnswered(503)
	case method == sip.NOTIFY:
		d.noticed(503)
	case method == sip.REFER:
		d.emit(ReferAnswered{Code: 408, Reason: "Request Timeout"})
	}
}

// ticked handles a timer.
func (d *Dialog) ticked(tm *timer) {
	switch {
	case d.state == over, d.missed(tm):
	case d.refers.bye != nil && d.refers.timer == tm:
		d.parted()
	case d.last == tm:
		d.finish()
	case d.state == up && d.terms.timer == tm:
		d.due()
	case d.rel.res != nil && d.rel.timer == tm:
		d.insist()
	case d.in != nil && d.in.timer == tm && d.in.ok == nil:
		d.overdue()
	case d.in != nil && d.in.timer == tm:
		d.repeat(d.in)
	case d.out != nil && d.out.timer == tm && d.out.cancelled:
		d.finish()
	case d.out != nil && d.out.timer == tm: // RFC 3261, 14.1: once more after a 491
		d.out.timer = nil
		d.offerNext()
	}
}

// authorize answers a challenge (RFC 3261, 22.2) and says whether it did.
func (d *Dialog) authorize(res *Response) bool {
	if d.extra.creds == nil || d.out.challenged == challenges || d.state == ending {
		return false
	}
	h := d.extra.creds.answer(d.out.req, res, d.out.challenged > 0)
	if h == nil {
		return false
	}
	d.out.challenged++
	d.invite(h)
	return true
}
