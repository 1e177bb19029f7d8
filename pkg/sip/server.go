package sip

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
)

// tagOf derives our tag from what a request shares with its copies and its CANCEL, and with nothing else (RFC 3261, 8.2.7,
// does so for stateless servers): so that they find its dialog.
func (e *Endpoint) tagOf(req *Request) string {
	b := make([]byte, 0, 256)
	b = append(b, e.secret...)
	b = append(append(b, req.CallID().Value()...), '\n') // which no header has
	b = append(append(b, tag(req.From().Params)...), '\n')
	b = strconv.AppendUint(b, uint64(req.CSeq().SeqNo), 10)
	sum := sha256.Sum256(b) // most of it stays here, so nobody can go on from it
	return hex.EncodeToString(sum[:12])
}

// serve takes a new request, with its transaction unless it is an ACK. The To tag of one that begins something is ours.
func (e *Endpoint) serve(req *Request, r *txn, begins bool) {
	now := time.Now()
	unpack(req)
	if code, reason, extra := e.check(req); code != 0 {
		e.answer(req, r, code, reason, extra...)
		return
	}
	method := req.Method
	var d *Dialog
	if !begins || method == sip.INVITE || method == sip.CANCEL {
		d = e.find(req.CallID().Value(), tag(req.To().Params))
	}
	switch {
	case method == sip.ACK:
		if d != nil {
			e.post(d, arrived{req: req, at: now})
		}
	case method == sip.OPTIONS: // RFC 3261, 11.2
		e.strangers.offends(peerOf(req), Probes)
		e.answer(req, r, 200, "OK", e.allows(), NewHeader("Accept", accept), NewHeader("Supported", (&terms{replaces: e.cfg.Replaces}).supported()))
	case method == sip.SUBSCRIBE && e.notifier != nil:
		e.notifier.subscribe(wanted{req, r, begins})
	case method == sip.NOTIFY && d == nil && e.cfg.Notified != nil:
		e.cfg.Notified(req, func(code int, reason string, headers ...Header) { e.answer(req, r, code, reason, headers...) })
	case method == sip.SUBSCRIBE:
		e.answer(req, r, 405, "Method Not Allowed", e.allows())
	case method == sip.REGISTER:
		e.cfg.Handler.Register(req, peerOf(req), func(code int, reason string, headers ...Header) {
			e.answer(req, r, code, reason, headers...)
		})
	case method == sip.CANCEL && e.transactions.find(serverSlot(req, sip.INVITE)) == nil: // RFC 3261, 9.2
		e.answer(req, r, 481, "Call/Transaction Does Not Exist")
	case method == sip.CANCEL && d == nil: // its INVITE has had its final response
		e.answer(req, r, 200, "OK")
	case method == sip.INVITE && begins:
		e.invited(req, r, d, now)
	case method == sip.REFER && begins: // RFC 3515, 2.4.1, has it outside of calls too; here only who is in a call transfers it
		e.answer(req, r, 403, "Only Within a Call")
	case d == nil:
		e.answer(req, r, 481, "Call/Transaction Does Not Exist")
	case !e.offer(d, arrived{req: req, tx: r, at: now}):
		e.tally.add(dropMailbox)
		e.answer(req, r, 503, "Service Unavailable", retryAfter(1))
	}
}

// check refuses what is malformed or not understood (RFC 3261, 8.2); code 0 is good. An ACK is never answered.
func (e *Endpoint) check(req *Request) (code int, reason string, extra []Header) {
	cseq := req.CSeq()
	if tag(req.From().Params) == "" {
		return 400, "Missing From Tag", nil
	}
	if cseq.MethodName != req.Method {
		return 400, "CSeq Does Not Match Method", nil
	}
	if !strings.EqualFold(req.SipVersion, "SIP/2.0") {
		return 505, "Version Not Supported", nil
	}
	switch cseq.MethodName {
	case sip.ACK, sip.CANCEL: // RFC 3261, 8.2.2.3: no Require in these
		return 0, "", nil
	case sip.INVITE, sip.BYE, sip.OPTIONS, sip.INFO, sip.REGISTER, sip.PRACK, sip.UPDATE, sip.REFER, sip.NOTIFY, sip.SUBSCRIBE:
	default:
		return 405, "Method Not Allowed", []Header{NewHeader("Allow", allow)}
	}
	if !dialable(req.Recipient) {
		return 416, "Unsupported URI Scheme", nil
	}
	tags := slices.DeleteFunc(values(req, "Require"), func(t string) bool {
		return strings.EqualFold(t, extensionTimer) || strings.EqualFold(t, extensionReliable) || strings.EqualFold(t, extensionOutbound) ||
			e.cfg.Replaces && strings.EqualFold(t, extensionReplaces)
	})
	if len(tags) > 0 {
		return 420, "Bad Extension", []Header{NewHeader("Unsupported", strings.Join(tags, ", "))}
	}
	if tooBrief(req) {
		return brief()
	}
	if req.IsInvite() && !acceptable(req) {
		return 406, "Not Acceptable", []Header{NewHeader("Accept", accept)}
	}
	if !readable(req) {
		return 415, "Unsupported Media Type", []Header{NewHeader("Accept", accept), NewHeader("Accept-Encoding", "identity")}
	}
	return 0, "", nil
}

// dialable says whether a Request-URI is of a scheme that is understood: urn where it names who helps (RFC 5031, 4.2).
func dialable(u URI) bool {
	switch u.Scheme {
	case "sip", "sips":
		return true
	case "urn":
		service, _, _ := strings.Cut(strings.ToLower(u.Raw()), ".")
		return service == "service:sos"
	}
	return false
}

// acceptable says whether an INVITE takes a session description (RFC 3261, 21.4.7); without Accept it does (20.1).
func acceptable(req *Request) bool {
	all := values(req, "Accept")
	return len(all) == 0 || slices.ContainsFunc(all, func(v string) bool {
		kind, _, _ := strings.Cut(strings.ToLower(v), ";")
		kind = strings.TrimSpace(kind)
		return kind == "application/sdp" || kind == "application/*" || kind == "*/*"
	})
}

// readable says whether the body of a request that may describe a session is one that we can read (RFC 3261, 8.2.3).
func readable(req *Request) bool {
	if len(req.Body()) == 0 || !req.IsInvite() && req.Method != sip.UPDATE && req.Method != sip.PRACK {
		return true
	}
	for _, enc := range values(req, "Content-Encoding") { // RFC 3261, 20.12
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
func (e *Endpoint) invited(req *Request, r *txn, d *Dialog, now time.Time) {
	if d != nil {
		e.answer(req, r, 482, "Merged Request") // RFC 3261, 8.2.2.2
		return
	}
	if e.find(req.CallID().Value(), tag(req.From().Params)) != nil {
		e.answer(req, r, 482, "Loop Detected") // RFC 3261, 8.2.2.2: a call of our own has come back
		return
	}
	if h := req.MaxForwards(); h != nil && h.Val() == 0 {
		e.answer(req, r, 483, "Too Many Hops") // we are about to forward it
		return
	}
	d = newIncoming(e, e, req, r, now)
	d.terms.replaces = e.cfg.Replaces
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
	e.transactions.onLoss(r, func(err error) { e.post(d, dropped{tx: r, err: err}) })
}

// allows says what requests the endpoint takes.
func (e *Endpoint) allows() Header {
	if e.notifier == nil {
		return NewHeader("Allow", allow)
	}
	return NewHeader("Allow", allow+", SUBSCRIBE")
}

func branch(req *Request) string {
	b, _ := req.Via().Params.Get("branch")
	return b
}

// answer responds without a dialog, and without state (RFC 3261, 8.2.7): to keep each transaction for half a minute in case
// the answer is lost would let requests that nobody vouches for fill the memory. A copy of such a request is answered
// anew; only that of a REGISTER or SUBSCRIBE that was accepted would be refused, as a replay, and so gets the first answer.
func (e *Endpoint) answer(req *Request, r *txn, code int, reason string, headers ...Header) {
	if req.IsAck() {
		return
	}
	if code >= 300 || req.Method != sip.REGISTER && req.Method != sip.SUBSCRIBE {
		defer r.drop()
	}
	res := newResponse(req, code, oneLine(reason))
	for _, h := range headers {
		res.AppendHeader(h)
	}
	if err := r.respond(res); err != nil {
		e.cfg.Logger.Debug("answer a SIP request", "method", string(req.Method), "code", code, "peer", req.Source(), "error", err)
	}
}
