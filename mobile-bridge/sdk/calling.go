package sdk

import (
	"cmp"
	"slices"
	"time"

	"github.com/pion/webrtc/v4"

	"strowger/pkg/errs"
	"strowger/pkg/proof"
	"strowger/pkg/sdp"
	"strowger/pkg/sip"
)

// payloads are the formats that we offer, and how: those that phones are used to.
var payloads = []sdp.Format{
	{Codec: sdp.Codec{Name: Opus, Clock: 48000, Channels: 2, Fmtp: "minptime=10;useinbandfec=1"}, PT: 111},
	{Codec: sdp.Codec{Name: G722, Clock: 8000, Channels: 1}, PT: 9},
	{Codec: sdp.Codec{Name: PCMU, Clock: 8000, Channels: 1}, PT: 0},
	{Codec: sdp.Codec{Name: PCMA, Clock: 8000, Channels: 1}, PT: 8},
	{Codec: sdp.Codec{Name: sdp.TelephoneEvent, Clock: 8000, Channels: 1}, PT: 101},
	{Codec: sdp.Codec{Name: sdp.TelephoneEvent, Clock: 48000, Channels: 1}, PT: 110},
}

// ours is what a phone offers.
func ours(frames bool) (o offer) {
	for _, f := range payloads {
		switch {
		case f.Name != sdp.TelephoneEvent && speaks(f.Codec, frames):
			o.speech = append(o.speech, f)
		case f.Name == sdp.TelephoneEvent && (frames || f.Clock == narrow):
			o.events = append(o.events, f)
		}
	}
	return o
}

// offer makes our offer beside run, now that the node lets us in.
func (c *Call) offer() {
	m, err := openMedia(c, ours(c.sound.frames))
	if err != nil {
		c.finish(endOf(err))
		return
	}
	c.media = m
	if c.scene.wanted {
		if err := m.film(); err != nil {
			c.finish(endOf(err))
			return
		}
	}
	c.work.Go(func() {
		o, err := m.pc.CreateOffer(nil)
		var sdp []byte
		if err == nil {
			sdp, err = m.describe(o)
		}
		c.post(gathered{m, sdp, err})
	})
}

// invite calls with our offer.
func (c *Call) invite(in gathered) {
	if in.err != nil {
		c.finish(endOf(in.err))
		return
	}
	if c.conn == nil { // lost meanwhile, which ends it
		return
	}
	c.media.local = in.sdp
	c.call(c.described(c.directions(), ""))
}

// call sends the INVITE with our offer.
func (c *Call) call(offer []byte) {
	c.dialog = c.sip.NewDialog(sip.InviteParams{
		To:   sip.URI{Scheme: "sip", User: c.claims.To.Number, Host: c.claims.Org},
		From: sip.Party{User: c.claims.From.Number, Host: c.claims.Org}, Peer: c.conn.served.Peer(),
		Owner: c.owner,
	})
	c.dialog.Invite(offer)
}

// owner takes the inputs of a dialog.
func (c *Call) owner(d *sip.Dialog, in sip.Input) bool {
	select {
	case c.mail <- sipInput{d, in}:
		return true
	default:
		return false
	}
}

// takeBack ends a call of ours that is not answered.
func (c *Call) takeBack() {
	switch {
	case c.dialog != nil && c.cutOff():
		c.owes = true
	case c.dialog != nil:
		c.cancel()
	}
	if c.KeptPlace() {
		c.finish(end{words: "the place in the queue is kept: you will be called back"})
		return
	}
	c.finish(end{words: "hung up"})
}

func (c *Call) cancel() {
	c.byes = true // what answers our CANCEL are the last words
	var keeps []sip.Header
	if c.KeptPlace() {
		keeps = []sip.Header{sip.NewHeader(sip.HeaderQueue, sip.KeepPlace)}
	}
	c.dialog.Cancel(sip.Cause{Q850: 16, Text: "Normal call clearing"}, keeps...)
}

// progressed tells once what the phones of the callee do, or of who the call went on to.
func (c *Call) progressed(e sip.Progress) {
	c.previewed(e.SDP)
	switch {
	case e.Code == 181:
		if !slices.Contains(c.forwards, e.Forward) { // else we came back, and are told once more
			c.forwards, c.rang, c.woke = append(c.forwards, e.Forward), false, false
			c.tell(Forwarded, end{words: e.Forward})
		}
	case e.Code == 182:
		c.queued(e.Queue)
	case c.rang:
	case e.Code == 180:
		c.rang = true
		c.tell(Ringing, end{})
	case e.State == sip.StateWaking && !c.woke:
		c.woke = true
		c.tell(Waking, end{})
	}
}

// previewed takes the node's answer to our offer that comes before the callee's. The 200 has the same one (RFC 3261, 13.2.1).
func (c *Call) previewed(body []byte) {
	if len(body) == 0 || c.media == nil || c.media.far != "" || c.stage >= up {
		return
	}
	if _, err := c.media.answered(sip.Answered{SDP: body}); err != nil {
		c.cancel()
		c.finish(endOf(err))
	}
}

// queued tells where we stand.
func (c *Call) queued(value string) {
	p, ok := sip.ParsePlace(value)
	if !ok || p == c.place {
		return // we came back, and are told once more
	}
	c.place, c.rang, c.woke = p, false, false
	e := Event{Kind: Queued, Call: c, Words: p.Words(), Position: p.Position, Wait: -1}
	if p.Known {
		e.Wait = int(p.Wait / time.Second)
	}
	c.phone.listener.Happened(&e)
}

// taken takes the callee's answer.
func (c *Call) taken(e sip.Answered) {
	c.stage, c.acked = up, true // the node has our ACK
	if c.media.far == "" {      // else it came before, and our ACK was lost
		o, err := c.media.answered(e)
		if err != nil {
			c.bye(sip.Cause{SIP: 488, Text: err.Error()})
			c.finish(endOf(err))
			return
		}
		c.regard(o.video)
	}
	c.begin()
	if c.moved { // what we offered are the addresses of another network
		c.renegotiate(true)
	}
	c.whole()
}

// answered takes the answer to our offer.
func (m *media) answered(e sip.Answered) (offer, error) {
	body := e.SDP
	far, err := m.call.answerer(e.Proof)
	if err != nil {
		return offer{}, err
	}
	o, err := parseOffer(body, m.call.sound.frames)
	if err == nil {
		err = o.from(far)
	}
	if err != nil {
		return o, err
	}
	m.offer, m.far = o, far
	if m.setup = "active"; attribute(body, "setup") == m.setup {
		m.setup = "passive"
	}
	m.track.mu.Lock()
	m.track.offer = o
	m.track.mu.Unlock()
	if err := m.hear(webrtc.SDPTypeAnswer, body); err != nil {
		return o, errs.New(errs.Invalid, "the answer of the other side: %w", err)
	}
	return o, nil
}

// answerer is the fingerprint of who answers: the node, or an app that has proved by a key of the callee's that it is its own.
func (c *Call) answerer(shown string) (string, error) {
	if shown == "" {
		return c.wake.Node.DTLS, nil
	}
	var p proof.Call
	thumbprint, err := proof.Open(shown, proof.TypeCall, &p)
	switch {
	case err != nil:
		return "", err
	case !slices.Contains(c.claims.Peers, thumbprint) || p.Node != c.wake.Node.ID:
		return "", errs.New(errs.WrongPresenter, "the call was answered by a phone that is not the callee's")
	}
	return p.DTLS, nil
}

// offerer is the fingerprint of who offers: the node, or the app that calls, which the session key names.
func (c *Call) offerer(o offer) string {
	if len(o.fingerprints) > 0 && c.claims.Print != "" && proof.HashPrint(o.fingerprints[0]) == c.claims.Print {
		return o.fingerprints[0]
	}
	return c.wake.Node.DTLS
}

// refusedFor is why a call of ours was refused.
func refusedFor(e sip.Refused) end {
	code := errs.Code(e.Refusal)
	if code == "" {
		code = codeOf(e.Code)
	}
	return end{cmp.Or(code, errs.Unreachable), e.Reason}
}

// codeOf is the code of a refusal that comes without one, "" for none.
func codeOf(status int) errs.Code {
	return map[int]errs.Code{
		486: errs.Busy, 600: errs.Busy, 603: errs.Declined, 404: errs.Unknown, 480: errs.NoAnswer, 488: errs.NoCommonCodec,
		403: errs.Forbidden, 481: errs.Gone, 482: errs.Loop, 491: errs.Congested, 503: errs.CloudAway,
	}[status]
}
