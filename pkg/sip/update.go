package sip

import (
	"math/rand/v2"
	"time"

	"github.com/emiago/sipgo/sip"
)

// deliberation is how long the owner has to answer an offer in an UPDATE. The peer waits 64*T1 (RFC 3261, 17.1.2.2, Timer F)
// and would then believe that we are gone.
const deliberation = giveUp - 8*time.Second

// updated handles an UPDATE (RFC 3311, 5.2): a new target, a refresh, or an offer.
func (d *Dialog) updated(in arrived) {
	if d.state != up && d.state != early {
		d.deny(in, 481, "Call/Transaction Does Not Exist")
		return
	}
	w, offer := d.in, in.req.Body()
	if w != nil && w.ok != nil && len(w.req.Body()) > 0 && len(offer) > 0 {
		d.confirmed(nil) // the peer would not offer again without our 2xx: its ACK is lost or late
	}
	ours := d.offers(tag(in.req.From().Params))
	switch {
	case len(offer) == 0, !ours && !d.owes() && d.restated(offer):
		d.answerUpdate(in, offer)
	case ours:
		d.deny(in, 491, "Request Pending")
	case d.owes():
		d.deny(in, 500, "Offer In Progress", retryAfter(rand.IntN(11)))
	case d.state == early: // who would have to agree is not known yet
		d.deny(in, 504, "Server Time-out")
	default:
		d.refresh(in.req)
		d.in = &incoming{req: in.req, tx: in.tx, timer: d.after(deliberation)}
		d.emit(Offered{SDP: offer})
	}
}

// offers says whether an offer of ours has no answer yet, in the dialog with the peer of a tag.
func (d *Dialog) offers(remote string) bool {
	if out := d.out; out != nil && out.req != nil && out.req.IsInvite() && len(out.sdp) > 0 {
		e := out.earlyOf(remote)
		return e == nil || e.answer == nil
	}
	if in := d.in; in != nil && in.ok != nil && len(in.req.Body()) == 0 && len(in.ok.Body()) > 0 {
		return true // the ACK brings the answer
	}
	return d.rel.res != nil && d.rel.offer
}

// owes says whether an offer of the peer's has no answer yet, or it waits for one of ours.
func (d *Dialog) owes() bool {
	in := d.in
	return in != nil && in.ok == nil && (d.state == up || len(in.req.Body()) > 0)
}

// answerUpdate accepts an UPDATE that changes nothing in the session.
func (d *Dialog) answerUpdate(in arrived, offer []byte) {
	var local []byte
	if len(offer) > 0 {
		local = d.terms.local
	}
	d.refresh(in.req)
	d.terms.heard(in.req)
	var extra []Header
	if d.state == up {
		extra = d.terms.granted(in.req)
		d.renew()
	}
	d.reply(in.tx, d.response(in.req, 200, "OK", local, extra...))
}

// acceptUpdate answers the offer of an UPDATE.
func (d *Dialog) acceptUpdate(sdp []byte) {
	in := d.in
	in.timer.stop()
	d.in = nil
	extra := d.terms.granted(in.req)
	d.reply(in.tx, d.response(in.req, 200, "OK", sdp, extra...))
	d.agree(sdp, in.req.Body())
	d.offerNext()
}

// overdue refuses the offer of an UPDATE that the owner did not answer in time (RFC 3311, 5.2: 504).
func (d *Dialog) overdue() {
	d.reply(d.in.tx, d.response(d.in.req, 504, "Server Time-out", nil))
	d.withdrawn()
}

// withdrawn forgets an offer of the peer's that can no longer be answered.
func (d *Dialog) withdrawn() {
	d.in.timer.stop()
	d.in = nil
	d.emit(Withdrawn{})
	d.offerNext()
}

// update refreshes the session by an UPDATE without a description (RFC 4028, 7.4: recommended if the peer takes it).
func (d *Dialog) update() {
	out := d.out
	req := d.next(sip.UPDATE)
	req.AppendHeader(d.contact())
	req.AppendHeader(NewHeader("Allow", allow))
	for _, h := range d.terms.asked(d.terms.supported()) {
		req.AppendHeader(h)
	}
	out.req, out.tries = req, out.tries+1
	out.abandon = d.send(req)
}

// updateAnswered handles the final response to our UPDATE.
func (d *Dialog) updateAnswered(res *Response) {
	if d.out == nil || d.out.req == nil || d.out.req.CSeq().SeqNo != res.CSeq().SeqNo {
		return
	}
	switch code := res.StatusCode; {
	case res.IsSuccess():
		d.refresh(res)
		d.terms.learned(res)
		d.renew()
		d.offerDone()
	case code == 405 || code == 501: // its Allow promised more
		d.terms.updates = false
		d.out.update, d.out.req = false, nil
		d.offerNext()
	case d.stretch(res):
	default:
		d.reoffered(res)
	}
}
