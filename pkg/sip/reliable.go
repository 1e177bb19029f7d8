package sip

import (
	"errors"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
)

// ErrNoPrack is the error of a Lost event: the caller never acknowledged a reliable provisional response.
var ErrNoPrack = errors.New("no PRACK within 64*T1")

// reliable is the provisional response of ours that waits for its PRACK, one at a time (RFC 3262, 3).
type reliable struct {
	rseq  uint32    // of the last one, 0 before the first
	res   *Response // nil when it is acknowledged
	tx    replier
	offer bool // it has our offer; the PRACK brings the answer
	wait  time.Duration
	since time.Time
	timer *timer
	then  func() // what is to be sent next: another provisional response, or the 2xx
}

// stop ends the repetition. A PRACK is still taken: it may cross our final response (RFC 3262, 3).
func (r *reliable) stop() {
	r.timer.stop()
	r.timer, r.then = nil, nil
}

// Reliable says whether the caller takes reliable provisional responses (RFC 3262), so that [Dialog.ProgressOffer] works.
func (d *Dialog) Reliable() bool { return knows(d.request, extensionReliable) }

// ProgressOffer is Progress with our offer to a caller who made none and is Reliable. Its answer comes with Pracked, and
// [Dialog.Answer] then has no description (RFC 3262, 5).
func (d *Dialog) ProgressOffer(code int, reason string, sdp []byte) {
	if d.uac || d.state != early || d.in == nil {
		return
	}
	d.terms.local = sdp
	d.progress(code, reason, sdp)
}

// progress sends a reliable provisional response; while one is not acknowledged the newest waits (RFC 3262, 3).
func (d *Dialog) progress(code int, reason string, sdp []byte, extra ...Header) {
	r := &d.rel
	if r.res != nil {
		r.then = func() { d.progress(code, reason, sdp, extra...) }
		return
	}
	if r.rseq == 0 {
		r.rseq = uint32(rand.Int32N(1<<31 - 1)) // RFC 3262, 3: the first is chosen from 1 to 2^31-1
	}
	r.rseq++
	res := d.response(d.in.req, code, reason, sdp, extra...)
	res.AppendHeader(NewHeader("Require", extensionReliable))
	res.AppendHeader(NewHeader("RSeq", strconv.FormatUint(uint64(r.rseq), 10)))
	r.res, r.tx, r.offer = res, d.in.tx, len(sdp) > 0 && d.preview == nil
	r.wait, r.since = t1, time.Now()
	r.timer = d.after(r.wait)
	d.reply(r.tx, res)
}

// insist repeats a reliable provisional response, or gives the call up (RFC 3262, 3: after 64*T1, a 5xx).
func (d *Dialog) insist() {
	r := &d.rel
	if left := giveUp - time.Since(r.since); left > 0 {
		r.wait *= 2
		r.timer = d.after(min(r.wait, left))
		d.reply(r.tx, r.res)
		return
	}
	d.emit(Lost{Err: ErrNoPrack})
	d.Refuse(504, "Server Time-out", Cause{SIP: 504, Text: ErrNoPrack.Error()})
}

// pracked handles a PRACK.
func (d *Dialog) pracked(in arrived) {
	r, body := &d.rel, in.req.Body()
	switch {
	case r.res == nil || !acknowledges(in.req, r):
		d.deny(in, 481, "Call/Transaction Does Not Exist") // RFC 3262, 3
		return
	case r.offer && len(body) == 0:
		d.deny(in, 400, "The PRACK Lacks The Answer") // RFC 3262, 5: it must have it
		return
	case !r.offer && len(body) > 0:
		d.deny(in, 400, "The Offer Of The INVITE Is Not Answered") // RFC 3264, 4: one offer at a time
		return
	}
	d.deny(in, 200, "OK")
	then := r.then
	r.stop()
	r.res = nil
	if r.offer {
		d.terms.remote = body
		d.emit(Pracked{SDP: body})
	}
	if then != nil {
		then()
	}
}

// acknowledges says whether the RAck of a PRACK names our response (RFC 3262, 7.2).
func acknowledges(prack *Request, r *reliable) bool {
	f := strings.Fields(value(prack, "RAck"))
	cseq := r.res.CSeq()
	return len(f) == 3 && f[0] == strconv.FormatUint(uint64(r.rseq), 10) &&
		f[1] == strconv.FormatUint(uint64(cseq.SeqNo), 10) && f[2] == string(cseq.MethodName)
}

// earlyDialog is one that a provisional response to our INVITE began; a proxy that forks it begins several.
type earlyDialog struct {
	tag    string
	rseq   uint32 // of the last reliable response in order, 0 before the first
	pracks int    // sent
	remote uint32 // CSeq of the callee's last request
	answer []byte // to the INVITE's offer, if it came early
}

// maxEarly bounds the early dialogs of an INVITE. Responses of more devices are not acknowledged, and time out there.
const maxEarly = 16

// maxPracks bounds the reliable responses of one early dialog: nobody rings that often, and each PRACK is kept until it is
// answered.
const maxPracks = 128

// earlyOf returns the early dialog of a tag, nil if there is none.
func (out *outgoing) earlyOf(tag string) *earlyDialog {
	for _, e := range out.early {
		if e.tag == tag {
			return e
		}
	}
	return nil
}

// acknowledge answers a provisional response by PRACK if it is a reliable one (RFC 3262, 4), and says whether it counts: a
// copy or one out of order does not.
func (d *Dialog) acknowledge(res *Response) bool {
	name := tag(res.To().Params)
	if res.StatusCode == 100 || name == "" {
		return true
	}
	e := d.out.earlyOf(name)
	if e == nil {
		if len(d.out.early) == maxEarly {
			return false
		}
		e = &earlyDialog{tag: name}
		d.out.early = append(d.out.early, e)
	}
	rseq, err := strconv.ParseUint(value(res, "RSeq"), 10, 32)
	switch {
	case err != nil || rseq == 0 || !requires(res, extensionReliable):
		return true
	case e.rseq != 0 && uint32(rseq) != e.rseq+1, e.pracks == maxPracks:
		return false
	}
	e.rseq = uint32(rseq)
	e.pracks++
	if e.answer == nil && len(d.out.sdp) > 0 && len(res.Body()) > 0 {
		e.answer = res.Body() // RFC 3261, 13.2.1: the first in a reliable response is the answer
	}
	from := d
	if d.state != up {
		from = d.fork(res)
	}
	d.seq.local++
	prack := from.build(sip.PRACK, d.seq.local)
	cseq := res.CSeq()
	prack.AppendHeader(NewHeader("RAck", strconv.FormatUint(rseq, 10)+" "+strconv.FormatUint(uint64(cseq.SeqNo), 10)+" "+string(cseq.MethodName)))
	d.send(prack)
	return true
}

// fork returns the dialog that a response to our INVITE begins, to send its requests in.
func (d *Dialog) fork(res *Response) *Dialog {
	f := &Dialog{
		net: d.net, desk: d.desk, trace: d.trace, callID: d.callID, local: d.local, remote: d.remote, path: d.path,
		session: d.session, seq: d.seq,
	}
	f.remote.tag = tag(res.To().Params)
	f.path.routes = reversed(routes(res))
	f.refresh(res)
	return f
}
