package sip

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/emiago/sipgo/sip"
)

// hidden is what a CANCEL is called on its way through sipgo, which would answer it, and the INVITE with it, before the
// owner of the dialog knows: a 200 that the owner sends at that moment would then be repeated in place of the 487.
const hidden sip.RequestMethod = "CANCEL (HIDDEN)"

// prepare sees each message before the transaction layer, one at a time per connection.
func (e *Endpoint) prepare(m sip.Message) {
	req, ok := m.(*Request)
	if !ok || req.Via() == nil || req.CSeq() == nil {
		return // sipgo answers 400 to a request without these
	}
	if host, _, err := net.SplitHostPort(req.Source()); err == nil && req.Via().Host != host {
		req.Via().Params.Add("received", host) // RFC 3261, 18.2.1
	}
	to := req.To()
	if to == nil || req.From() == nil || req.CallID() == nil {
		return
	}
	if (req.IsInvite() || req.IsCancel()) && tag(to.Params) == "" {
		to.Params.Add("tag", e.tagOf(req))
	}
	if req.IsCancel() {
		req.Method = hidden
	}
}

// tagOf derives our tag from what an INVITE shares with its copies and its CANCEL, and with nothing else (RFC 3261,
// 8.2.7, does so for stateless servers): so that they find its dialog.
func (e *Endpoint) tagOf(req *Request) string {
	mac := hmac.New(sha256.New, e.secret)
	_, _ = fmt.Fprintf(mac, "%q %q %d", req.CallID().Value(), tag(req.From().Params), req.CSeq().SeqNo) // a hash takes all
	return hex.EncodeToString(mac.Sum(nil)[:12])
}

// serve takes a request from the transaction layer, in a goroutine of its own.
func (e *Endpoint) serve(req *Request, tx *sip.ServerTx) {
	now := time.Now()
	r := &serverTx{tx: tx}
	if code, reason, extra := check(req); code != 0 {
		e.answer(req, r, code, reason, extra...)
		return
	}
	method := req.CSeq().MethodName
	d := e.find(req.CallID().Value(), tag(req.To().Params))
	switch {
	case method == sip.ACK:
		r.drop()
		if d != nil {
			e.post(d, arrived{req: req, at: now})
		}
	case method == sip.OPTIONS: // RFC 3261, 11.2
		e.answer(req, r, 200, "OK", NewHeader("Allow", allow), NewHeader("Accept", accept), NewHeader("Supported", supported))
	case method == sip.REGISTER:
		e.cfg.Handler.Register(req, peerOf(req), func(code int, reason string, headers ...Header) {
			e.answer(req, r, code, reason, headers...)
		})
	case method == sip.INVITE && tag(req.To().Params) == e.tagOf(req):
		e.invited(req, r, d, now)
	case d == nil:
		e.answer(req, r, 481, "Call/Transaction Does Not Exist")
	case !e.offer(d, arrived{req: req, tx: r, at: now}):
		e.tally.add(dropMailbox)
		e.answer(req, r, 503, "Service Unavailable", retryAfter(1))
	}
}

// check refuses what is malformed or not understood (RFC 3261, 8.2); code 0 is good. An ACK is never answered.
func check(req *Request) (code int, reason string, extra []Header) {
	cseq := req.CSeq()
	if req.From() == nil || req.To() == nil || req.CallID() == nil || tag(req.From().Params) == "" {
		return 400, "Missing From, To, Call-ID Or Tag", nil
	}
	if cseq.MethodName != req.Method && req.Method != hidden {
		return 400, "CSeq Does Not Match Method", nil
	}
	if !strings.EqualFold(req.SipVersion, "SIP/2.0") {
		return 505, "Version Not Supported", nil
	}
	switch cseq.MethodName {
	case sip.ACK, sip.CANCEL: // RFC 3261, 8.2.2.3: no Require in these
		return 0, "", nil
	case sip.INVITE, sip.BYE, sip.OPTIONS, sip.INFO, sip.REGISTER:
	default:
		return 405, "Method Not Allowed", []Header{NewHeader("Allow", allow)}
	}
	if s := req.Recipient.Scheme; s != "sip" && s != "sips" {
		return 416, "Unsupported URI Scheme", nil
	}
	tags := slices.DeleteFunc(values(req, "Require"), func(t string) bool { return strings.EqualFold(t, supported) })
	if len(tags) > 0 {
		return 420, "Bad Extension", []Header{NewHeader("Unsupported", strings.Join(tags, ", "))}
	}
	if tooBrief(req) {
		return brief()
	}
	if !readable(req) {
		return 415, "Unsupported Media Type", []Header{NewHeader("Accept", accept), NewHeader("Accept-Encoding", "identity")}
	}
	return 0, "", nil
}

// readable says whether the body of an INVITE is one that we can read (RFC 3261, 8.2.3).
func readable(req *Request) bool {
	if !req.IsInvite() || len(req.Body()) == 0 {
		return true
	}
	for _, enc := range append(values(req, "Content-Encoding"), values(req, "e")...) { // RFC 3261, 20.12
		if !strings.EqualFold(enc, "identity") {
			return false
		}
	}
	t := req.ContentType()
	if t == nil {
		return false
	}
	kind, _, _ := strings.Cut(t.Value(), ";")
	return strings.EqualFold(strings.TrimSpace(kind), "application/sdp")
}

// invited begins an incoming dialog.
func (e *Endpoint) invited(req *Request, r *serverTx, d *Dialog, now time.Time) {
	if d != nil {
		if branch(d.request) == branch(req) {
			r.drop() // a copy that came after our 2xx, which is repeated until the ACK
			return
		}
		e.answer(req, r, 482, "Merged Request") // RFC 3261, 8.2.2.2
		return
	}
	if h := req.MaxForwards(); h != nil && h.Val() == 0 {
		e.answer(req, r, 483, "Too Many Hops") // we are about to forward it
		return
	}
	d = newIncoming(e, e, req, r, now)
	if !e.enter(d) { // two copies with different branches at once
		e.answer(req, r, 482, "Merged Request")
		return
	}
	e.cfg.Handler.Invite(d)
	if d.owner == nil {
		d.Refuse(500, "Not Handled", Cause{})
		r.drop() // without state, as answer does
		e.forget(d)
		close(d.owned)
		return
	}
	lost := func(_ string, err error) {
		if errors.Is(err, sip.ErrTransactionTransport) {
			e.post(d, dropped{tx: r, err: err})
		}
	}
	if !r.tx.OnTerminate(lost) {
		lost("", r.tx.Err())
	}
}

func branch(req *Request) string {
	b, _ := req.Via().Params.Get("branch")
	return b
}

// answer responds without a dialog, and without state (RFC 3261, 8.2.7): sipgo would keep each transaction for half a
// minute in case the answer is lost, and requests that nobody vouches for would fill the memory. A copy of such a request
// is answered anew; only that of a REGISTER that was accepted would be refused, as a replay, and so gets the first answer.
func (e *Endpoint) answer(req *Request, r *serverTx, code int, reason string, headers ...Header) {
	if code >= 300 || req.Method != sip.REGISTER {
		defer r.drop()
	}
	if req.IsAck() {
		return
	}
	res := sip.NewResponseFromRequest(req, code, oneLine(reason), nil)
	res.SipVersion = "SIP/2.0" // whatever the request's was
	for _, h := range headers {
		res.AppendHeader(h)
	}
	if err := r.respond(res); err != nil {
		e.cfg.Logger.Debug("answer a SIP request", "method", string(req.Method), "code", code, "peer", req.Source(), "error", err)
	}
}

// serverTx is a server transaction. Of an INVITE it is used up to the final response; after a 2xx the dialog does what
// RFC 6026, 7.1, gives to the Accepted state, so that nothing of it lives on for half a minute.
type serverTx struct {
	tx       *sip.ServerTx
	accepted atomic.Bool
}

func (r *serverTx) respond(res *Response) error {
	if r.accepted.Load() {
		return r.tx.Connection().WriteMsg(res)
	}
	err := r.tx.Respond(res)
	switch cseq := res.CSeq(); {
	case cseq == nil:
	case cseq.MethodName == sip.CANCEL: // sipgo keeps no state for these
		r.tx.Terminate()
	case cseq.MethodName == sip.INVITE && res.IsSuccess():
		r.accepted.Store(true)
		r.tx.Terminate()
	}
	return err
}

func (r *serverTx) drop() { r.tx.Terminate() }
