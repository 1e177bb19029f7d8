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
	d.send(req)
}
