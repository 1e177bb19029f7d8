package sdk

import (
	"cmp"

	"strowger/pkg/errs"
	"strowger/pkg/proof"
	"strowger/pkg/sip"
)

// invited rings, or answers at once if the user has answered already.
func (c *Call) invited(in invited) {
	d := in.dialog
	switch {
	case c.conn == nil || d.Source() != c.conn.served.Peer() || c.dialog != nil: // one connection is for one call
		d.Refuse(486, "Busy Here", sip.Cause{})
		return
	case c.unwanted == 603:
		c.dialog = d
		d.Refuse(603, "Decline", sip.Cause{SIP: 603, Text: "Declined"})
		c.finish(end{})
		return
	}
	c.dialog = d
	if c.unwanted == 486 {
		c.refuseBusy()
		return
	}
	m, err := newMedia(c, d.SDP())
	if err != nil {
		d.Refuse(488, err.Error(), sip.Cause{SIP: 488, Text: err.Error()}, sip.NewHeader(sip.HeaderRefusal, string(errs.CodeOf(err))))
		c.finish(endOf(err))
		return
	}
	c.media = m
	c.regard(m.offer.video)
	d.Progress(180, "Ringing")
	if !c.rang && c.stage == waking {
		c.stage = ringing
		c.tell(Ringing, end{})
		if c.phone.Awake() {
			c.report(proof.Ringing) // in case that the connection is lost before our 180 has come
		}
	}
	c.rang = true
	c.accept()
}

// accept makes our answer beside run, once the user answered and the node asked.
func (c *Call) accept() {
	if m, video := c.media, c.scene.far; m != nil && c.stage == answered {
		c.work.Go(func() {
			sdp, err := m.accept(video)
			c.post(gathered{m, sdp, err})
		})
	}
}

func (c *Call) gathered(in gathered) {
	if c.out {
		c.invite(in)
		return
	}
	if errs.CodeOf(in.err) == errs.NoCommonCodec {
		c.dialog.Refuse(488, in.err.Error(), sip.Cause{SIP: 488, Text: in.err.Error()}, sip.NewHeader(sip.HeaderRefusal, string(errs.NoCommonCodec)))
		c.finish(endOf(in.err))
		return
	}
	if in.err != nil {
		c.dialog.Refuse(500, "Server Internal Error", sip.Cause{SIP: 500, Text: "No media"})
		c.finish(endOf(in.err))
		return
	}
	c.stage, c.media.local, c.media.setup = up, in.sdp, attribute(in.sdp, "setup")
	c.dialog.Answer(c.described(c.answers(in.media.offer), ""))
}

// happened is an event of the dialog.
func (c *Call) happened(e sip.Event) {
	switch e := e.(type) {
	case sip.Progress:
		c.progressed(e)
	case sip.Answered:
		c.taken(e)
	case sip.Refused:
		c.byes = true // the node waits for us to leave
		c.finish(refusedFor(e))
	case sip.Acked:
		c.acked = true
		c.begin()
	case sip.Cancelled:
		c.finish(cancelled(e.Cause))
	case sip.HungUp:
		c.finish(end{words: cmp.Or(e.Cause.Text, "the other side hung up")})
	case sip.Offered:
		c.offered(e.SDP)
	case sip.OfferAccepted:
		c.reoffered(e.SDP)
	case sip.OfferRefused:
		c.reoffered(nil)
	case sip.ReferAnswered:
		c.transferAnswered(e)
	case sip.Notified:
		c.transferTold(e)
	case sip.DTMF:
		c.tell(Digit, end{words: string(e.Digit)})
	case sip.Lost:
		if !c.cutOff() { // else the connection is gone, not the node
			c.finish(end{errs.LegLost, e.Err.Error()})
		}
	}
}

// cancelled is why an INVITE was taken back (RFC 3326).
func cancelled(why sip.Cause) end {
	switch {
	case why.SIP == 200: // RFC 3326, 3.1: "Call completed elsewhere"
		return end{errs.Elsewhere, cmp.Or(why.Text, "answered on another device")}
	case why.SIP == 603:
		return end{errs.Elsewhere, cmp.Or(why.Text, "declined on another device")}
	case why.SIP == 408 || why.SIP == 480 || why.Q850 == 19:
		return end{errs.NoAnswer, cmp.Or(why.Text, "not answered in time")}
	}
	return end{errs.CallerLeft, cmp.Or(why.Text, "the caller hung up")}
}

// offered answers an offer within the call. The path stays as it is; the direction follows, and the codec if it has to.
func (c *Call) offered(sdp []byte) {
	if m := c.media; m.differs(sdp) {
		c.work.Go(func() {
			answer, err := m.follow(sdp)
			c.post(followed{m, sdp, answer, err})
		})
		return
	}
	c.reanswer(sdp)
}

func (c *Call) reanswer(sdp []byte) {
	o, err := parseOffer(sdp, c.sound.frames)
	if err == nil {
		err = o.from(c.media.far)
	}
	if err != nil {
		c.dialog.RefuseOffer(488, "Not Acceptable Here")
		return
	}
	c.media.track.follow(o)
	c.dialog.AcceptOffer(c.described(c.answers(o), c.media.setup))
	c.regard(o.video)
}

// begin talks, once the node knows that we answered and the path is there. Who calls hears what there is to hear before.
func (c *Call) begin() {
	if !c.flowing || c.connected || !c.acked && !c.out {
		return
	}
	if !c.sounding {
		c.sounding = true
		c.speech.open(c.media)
		c.ears.start(c)
		c.media.begin(c.ears)
		if !c.acked {
			c.tell(EarlyMedia, end{})
		}
	}
	if c.acked {
		c.connected = true
		if c.media.far != c.wake.Node.DTLS { // the node sees nothing of it
			c.dialog.TellPair(c.media.statistics().Path)
		}
		c.tell(Connected, end{})
		c.scene.asks = c.scene.wanted
		c.renew()
	}
}
