package sip

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
)

// maxTries bounds how often an offer is repeated after a 491.
const maxTries = 5

// maxDigits bounds the digits that wait for the one before them to be answered.
const maxDigits = 32

// digit is one DTMF digit to be sent.
type digit struct {
	key      byte
	duration time.Duration
	pair     string // of addresses, in place of a digit
}

// Reoffer sends a re-INVITE. While another INVITE is in progress it waits (RFC 3261, 14.1), and a newer offer takes its
// place; glare is resolved by trying again. OfferAccepted or OfferRefused follows for each that was sent.
func (d *Dialog) Reoffer(sdp []byte) { d.reoffer(sdp, maxTries) }

// PassOffer sends on what somebody else offers to us, as Reoffer does, but leaves it to them to try again: a 491 is an
// OfferRefused. Were each dialog of a chain to try again by itself, the offers of both ends would meet on and on.
func (d *Dialog) PassOffer(sdp []byte) { d.reoffer(sdp, 1) }

func (d *Dialog) reoffer(sdp []byte, limit int) {
	switch answer := d.rel.then; {
	case d.state == early && answer != nil: // it waits for the PRACK, and this for it
		d.rel.then = func() {
			answer()
			d.reoffer(sdp, limit)
		}
	case d.state != up:
	case d.out == nil:
		d.out = &outgoing{sdp: sdp, limit: limit, abandon: func() {}}
		d.offerNext()
	case d.out.req == nil:
		d.out.sdp, d.out.limit, d.out.refresh, d.out.update = sdp, limit, false, false
	default:
		d.out.then, d.out.limit = sdp, limit
	}
}

// offerNext sends the offer that waits, if nothing is in its way.
func (d *Dialog) offerNext() {
	switch {
	case d.out == nil || d.out.req != nil || d.out.timer != nil || d.in != nil:
	case d.out.update:
		d.update()
	default:
		d.invite()
	}
}

// offerDone forgets the offer that had its final response and goes on with the one that came meanwhile.
func (d *Dialog) offerDone() {
	then, limit := d.out.then, d.out.limit
	d.out = nil
	if then != nil {
		d.reoffer(then, limit)
	}
}

// reoffered handles a refusal of our re-INVITE.
func (d *Dialog) reoffered(res *Response) {
	out := d.out
	switch code := res.StatusCode; {
	case code == 481 || code == 408: // RFC 3261, 12.2.1.2: the dialog is gone
		d.out = nil
		d.gone(code)
	case out.refresh:
		d.unrefreshed()
		d.offerDone()
	case code == 491 && out.tries < out.limit:
		out.req, out.timer = nil, d.after(d.glare())
	default:
		d.emit(OfferRefused{Code: code})
		d.offerDone()
	}
}

// glare is how long to wait after a 491: the owner of the Call-ID longer than the other (RFC 3261, 14.1).
func (d *Dialog) glare() time.Duration {
	if d.uac {
		return 2100*time.Millisecond + 10*time.Millisecond*time.Duration(rand.IntN(191))
	}
	return 10 * time.Millisecond * time.Duration(rand.IntN(201))
}

// gone ends a dialog that the peer has forgotten or no longer answers in.
func (d *Dialog) gone(code int) {
	if code == 408 {
		d.lose(ErrTimeout)
		return
	}
	d.emit(Lost{Err: ErrGone})
	d.finish()
}

// reinvited handles a re-INVITE (RFC 3261, 14.2).
func (d *Dialog) reinvited(in arrived) {
	if w := d.in; w != nil && w.ok != nil && len(w.req.Body()) > 0 {
		d.confirmed(nil) // the peer would not offer again without our 2xx: its ACK is lost or late
	}
	switch {
	case d.in != nil:
		d.deny(in, 500, "INVITE In Progress", retryAfter(rand.IntN(11)))
	case d.out != nil && d.out.req != nil && d.out.req.IsInvite(), d.state == early:
		d.deny(in, 491, "Request Pending")
	case d.state != up:
		d.deny(in, 481, "Call/Transaction Does Not Exist")
	default:
		d.in = &incoming{req: in.req, tx: in.tx}
		d.refresh(in.req)
		d.terms.heard(in.req)
		if d.restated(in.req.Body()) {
			d.accept(d.terms.local)
			return
		}
		d.emit(Offered{SDP: in.req.Body()})
	}
}

// AcceptOffer answers an Offered: with an answer, or with an offer if it had none. Acked follows for a re-INVITE.
func (d *Dialog) AcceptOffer(sdp []byte) {
	switch {
	case d.state != up || d.in == nil || d.in.ok != nil:
	case d.in.req.IsInvite():
		d.accept(sdp)
	default:
		d.acceptUpdate(sdp)
	}
}

// RefuseOffer leaves the session as it was.
func (d *Dialog) RefuseOffer(code int, reason string) {
	if d.state == up && d.in != nil && d.in.ok == nil {
		d.in.timer.stop()
		d.reply(d.in.tx, d.response(d.in.req, code, reason, nil))
		d.in = nil
		d.offerNext()
	}
}

// SendDTMF sends a digit by INFO. Digits are sent one after the other, so that none overtakes another; beyond 32 waiting
// they are dropped.
func (d *Dialog) SendDTMF(key byte, duration time.Duration) {
	if d.state != up || len(d.digits) == maxDigits {
		return
	}
	d.inform(digit{key: key, duration: duration})
}

// TellPair tells the peer by which pair of addresses our media go, by INFO, in turn with digits.
func (d *Dialog) TellPair(kinds string) {
	if kinds != "" && d.state == up && len(d.digits) < maxDigits {
		d.inform(digit{pair: kinds})
	}
}

func (d *Dialog) inform(what digit) {
	d.digits = append(d.digits, what)
	if len(d.digits) == 1 {
		d.sendDigit()
	}
}

func (d *Dialog) sendDigit() {
	req := d.next(sip.INFO)
	if pair := d.digits[0].pair; pair != "" {
		req.AppendHeader(NewHeader(HeaderPair, pair))
		d.send(req)
		return
	}
	t := sip.ContentTypeHeader("application/dtmf-relay")
	req.AppendHeader(&t)
	ms := d.digits[0].duration.Milliseconds()
	req.SetBody([]byte("Signal=" + string(d.digits[0].key) + "\r\nDuration=" + strconv.FormatInt(ms, 10) + "\r\n"))
	d.send(req)
}

// digitAnswered goes on with the next digit. That one was refused is no reason to hold the others back.
func (d *Dialog) digitAnswered(code int) {
	switch {
	case d.state != up:
	case code == 481 || code == 408:
		d.gone(code)
	case len(d.digits) > 0:
		if d.digits = d.digits[1:]; len(d.digits) > 0 {
			d.sendDigit()
		}
	}
}

// info handles an INFO: a digit, or an empty one, which some phones send to see whether the dialog lives.
func (d *Dialog) info(in arrived) {
	body := in.req.Body()
	if len(body) == 0 {
		d.deny(in, 200, "OK")
		if pair := value(in.req, HeaderPair); pair != "" && d.state == up {
			d.emit(Pair{pair})
		}
		return
	}
	kind := ""
	if t := in.req.ContentType(); t != nil {
		kind, _, _ = strings.Cut(strings.ToLower(t.Value()), ";")
	}
	var e DTMF
	var ok bool
	switch strings.TrimSpace(kind) {
	case "application/dtmf-relay":
		e, ok = parseRelay(string(body))
	case "application/dtmf":
		e.Digit, ok = parseKey(string(body))
	default:
		d.unsupported(in)
		return
	}
	if !ok {
		d.deny(in, 400, "Bad DTMF Digit")
		return
	}
	d.deny(in, 200, "OK")
	if d.state == up || d.state == early && !d.uac { // a caller who waits may press keys
		d.emit(e)
	}
}

// parseRelay reads "Signal=5" and "Duration=160" (ms) lines.
func parseRelay(body string) (e DTMF, ok bool) {
	for l := range strings.Lines(body) {
		name, v, _ := strings.Cut(l, "=")
		switch v = strings.TrimSpace(v); strings.ToLower(strings.TrimSpace(name)) {
		case "signal":
			e.Digit, ok = parseKey(v)
		case "duration":
			if ms, err := strconv.ParseUint(v, 10, 16); err == nil {
				e.Duration = time.Duration(ms) * time.Millisecond
			}
		}
	}
	return e, ok
}

// parseKey reads one key; 10 and 11 are what some phones write for * and #.
func parseKey(s string) (byte, bool) {
	switch s = strings.ToUpper(strings.TrimSpace(s)); {
	case s == "10":
		return '*', true
	case s == "11":
		return '#', true
	case len(s) == 1 && strings.Contains("0123456789*#ABCD", s):
		return s[0], true
	}
	return 0, false
}
