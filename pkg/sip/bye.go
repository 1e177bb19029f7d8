package sip

import "github.com/emiago/sipgo/sip"

// Bye ends the dialog, whatever its state: an outgoing one that is not answered is cancelled, an incoming one is refused
// with 480. Closed follows.
func (d *Dialog) Bye(c Cause) {
	switch {
	case d.state == fresh, d.state == early && d.uac:
		d.Cancel(c)
	case d.state == early:
		d.Refuse(480, "Temporarily Unavailable", c)
	case d.state != up:
	case d.telling():
		d.hold(c)
	case !d.uac && d.in != nil && d.in.req == d.request:
		// RFC 3261, 15: the callee sends no BYE before the ACK of its first 2xx has come or can no longer come.
		d.end()
		d.in.bye = &c
	default:
		d.bye(c)
	}
}

// bye sends the BYE.
func (d *Dialog) bye(c Cause) {
	d.end()
	d.terms.timer.stop()
	if in := d.in; in != nil {
		in.timer.stop()
		if in.ok == nil {
			d.reply(in.tx, d.response(in.req, 487, "Request Terminated", nil))
		}
		d.in = nil
	}
	if d.out != nil {
		d.out.timer.stop()
		d.out.abandon()
		d.out = nil
	}
	req := d.next(sip.BYE)
	for _, h := range c.headers() {
		req.AppendHeader(h)
	}
	d.extra.bye = req
	d.send(req)
}

// byeAgain answers a challenge of our BYE (RFC 3261, 22.2), once: a phone company that did not take it would go on charging for the
// call. It says whether it did.
func (d *Dialog) byeAgain(res *Response) bool {
	bye := d.extra.bye
	if bye == nil || d.extra.creds == nil {
		return false
	}
	proof := d.extra.creds.answer(bye, res, false)
	if proof == nil {
		return false
	}
	d.extra.bye = nil
	req := d.next(sip.BYE)
	for h := range Named(bye, "Reason") {
		req.AppendHeader(h)
	}
	req.AppendHeader(proof)
	d.send(req)
	return true
}
