package sdk

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/pion/webrtc/v4"

	"strowger/pkg/errs"
	"strowger/pkg/sip"
)

// A call that was answered outlives its connection and the way of its media. The phone dials again, with the same key, a fresh
// proof, and the token that the node gave it; the SIP dialog goes on on the new stream, and a re-INVITE tells the node of the
// phone's new addresses (an ICE restart: RFC 8445, 9). DTLS and SRTP stay as they are.

// awayLimit is how long a call goes on while it lacks its connection or the way of its media: as long as nodes wait.
const awayLimit = 30 * time.Second

// NetworkChanged says that the phone has another network: calls dial their nodes anew, at once instead of when they miss them.
func (p *Phone) NetworkChanged() {
	p.mu.Lock()
	calls := slices.Collect(maps.Values(p.calls))
	p.mu.Unlock()
	for _, c := range calls { // one that takes no more says so in the log, which is under the same lock
		if !c.isOver() {
			c.do(c.networkChanged)
		}
	}
}

func (c *Call) networkChanged() {
	c.moved = c.stage == up || c.called()
	switch {
	case c.retreat != nil:
		c.retreat() // the next attempt follows
	case c.conn != nil:
		_ = c.conn.served.Close() // lost follows
	}
}

// lost is the end of the connection.
func (c *Call) lost(ctx context.Context) {
	c.disconnect()
	switch {
	case c.token != "" && (c.stage == up || c.called()): // the node may have our answer, or the callee's, and says so when we come back
		c.lacks(ctx)
		c.connect(ctx)
	case c.acked || c.out:
		c.finish(end{errs.LinkLost, "the connection to the switch was lost"})
	default: // until it has our 200 it takes another connection for the same key, and asks again
		c.forget()
		c.again(ctx)
	}
}

// forget drops a dialog that the node does not know any more.
func (c *Call) forget() {
	c.stage = min(c.stage, answered)
	c.dropMedia()
	if c.dialog != nil {
		c.dialog.Abandon()
	}
	c.dialog, c.flowing, c.lacking = nil, false, false
	c.away++
}

// back goes on on a new connection.
func (c *Call) back(ctx context.Context) {
	resumed := c.conn.verdict.Resumed
	switch {
	case c.dialog == nil && resumed: // our answer got there when we had given it up
		c.finish(end{errs.LinkLost, "the connection to the switch was lost while the call was answered"})
	case c.dialog == nil && c.out:
		c.offer()
	case c.dialog == nil: // its INVITE follows
	case !resumed && c.out:
		c.inviteAgain()
	case resumed && c.stage != up: // no answer came, and the node knows better
		c.finish(end{errs.LinkLost, "the connection to the switch was lost while the call was answered"})
	case !resumed: // and here too: our answer never got there
		c.forget()
	default:
		c.dialog.Redirect(c.conn.served.Peer())
		if c.moved || !c.flowing {
			c.renegotiate(true)
		}
		c.whole()
	}
}

// called says that our INVITE is under way.
func (c *Call) called() bool { return c.out && c.dialog != nil && c.stage < up }

// inviteAgain calls once more on another connection, with the same offer: the node says how far the call is.
func (c *Call) inviteAgain() {
	offer := c.dialog.SDP()
	c.dialog.Abandon()
	if c.lacking && !c.connected {
		c.lacking = false
		c.away++
	}
	c.call(offer)
}

// lacks begins to wait for what is lacking.
func (c *Call) lacks(ctx context.Context) {
	if c.lacking {
		return
	}
	c.lacking = true
	c.away++
	if c.connected {
		c.tell(Reconnecting, end{})
	}
	away := c.away
	c.work.Go(func() {
		t := time.NewTimer(awayLimit)
		defer t.Stop()
		select {
		case <-t.C:
			c.post(tooLong{away})
		case <-ctx.Done():
		}
	})
}

// whole ends that if nothing is lacking any more.
func (c *Call) whole() {
	if !c.lacking || c.conn == nil || !c.flowing {
		return
	}
	c.lacking = false
	c.away++
	if c.connected {
		c.tell(Reconnected, end{})
	}
	keys := c.keys
	c.keys = nil
	for _, key := range keys {
		c.press(key)
	}
}

func (c *Call) tooLong(in tooLong) {
	switch {
	case in.away != c.away || !c.lacking:
	case c.conn == nil:
		c.finish(end{errs.LinkLost, "the connection to the switch was lost"})
	default:
		c.pathless()
	}
}

// pathless ends a call whose media find no way.
func (c *Call) pathless() {
	words := "No media path was found to the switch"
	if c.media != nil && c.media.direct() {
		words = "No media path was found between the two phones"
	}
	if !c.relay.Relays() {
		words += "; a relay would be one, which the administrator can set up (--relay of the bridge)"
	}
	c.bye(sip.Cause{SIP: 500, Text: words})
	c.finish(end{errs.MediaLost, words})
}

// renegotiate makes an offer anew, beside run: of video, or of an ICE restart, which looks for another way for the media.
func (c *Call) renegotiate(elsewhere bool) {
	m := c.media
	if m == nil || c.conn == nil || c.restarting {
		return
	}
	c.restarting = true
	if elsewhere {
		c.moved, c.flowing = false, false
	}
	films := c.scene.wanted
	c.work.Go(func() {
		sdp, err := m.renegotiate(elsewhere, films)
		c.post(rerouted{m, sdp, err})
	})
}

// rerouted offers the node where the phone is now.
func (c *Call) rerouted(in rerouted) {
	if in.err != nil {
		c.restarting = false
		c.phone.logger().Warn("no other way for the audio of a call", "call", c.ID(), "error", in.err)
		return
	}
	in.media.local = in.sdp
	c.dialog.Reoffer(c.reoffer())
}

// reoffer is an offer of what there is, with what is wanted of it now.
func (c *Call) reoffer() []byte { return c.described(c.directions(), "actpass") }

// described is our description, with directions and a version of its own.
func (c *Call) described(d directions, setup string) []byte {
	c.scene.said = c.directions().video
	c.media.version++
	return redescribe(c.media.local, c.media.version, d, setup)
}

// reoffered takes the outcome of an offer of ours: sdp is the answer, nil if there is none.
func (c *Call) reoffered(sdp []byte) {
	var o offer
	if c.restarting {
		c.restarting = false
		if err := c.media.restarted(sdp); err != nil {
			c.phone.logger().Warn("the other side does not follow", "call", c.ID(), "error", err)
			sdp = nil
		}
	}
	if sdp != nil {
		o, _ = parseOffer(sdp, c.sound.frames)
		c.regard(o.video)
	}
	c.renew()
	if !c.holding {
		return
	}
	c.holding = false
	said := ""
	if sdp == nil { // the audio of this phone is held all the same
		said = "the other side is not told"
	}
	c.tell(map[bool]string{true: Held, false: Resumed}[c.held], end{words: said})
}

// pathChanged takes the state of the way of the media.
func (c *Call) pathChanged(ctx context.Context, state webrtc.PeerConnectionState) {
	switch {
	case state == webrtc.PeerConnectionStateConnected:
		c.flowing = true
		c.begin()
		c.whole()
	case c.connected:
		c.flowing = false
		c.lacks(ctx)
		c.renegotiate(true)
	case c.called(): // nobody talks yet, and there is time until the answer
		c.flowing, c.moved = false, true
	case state == webrtc.PeerConnectionStateFailed:
		c.pathless()
	}
}

// renegotiate returns an offer of what pion has, with the camera if it is to be there, and of an ICE restart. It waits for the
// addresses of this phone.
func (m *media) renegotiate(elsewhere, films bool) ([]byte, error) {
	if err := m.settle(); err != nil { // an offer that was lost
		return nil, err
	}
	if films {
		if err := m.film(); err != nil {
			return nil, err
		}
	}
	o, err := m.pc.CreateOffer(&webrtc.OfferOptions{ICERestart: elsewhere})
	if err != nil {
		return nil, err
	}
	return m.describe(o)
}

// restarted takes the answer to it, nil if there is none.
func (m *media) restarted(answer []byte) error {
	if answer == nil {
		return m.settle()
	}
	o, err := parseOffer(answer, m.call.sound.frames)
	if err == nil {
		err = o.from(m.far)
	}
	if err != nil {
		return err
	}
	return m.hear(webrtc.SDPTypeAnswer, answer)
}

// settle leaves the other side where it was, if an offer of ours waits for its answer: pion knows no way back but one.
func (m *media) settle() error {
	if m.pc.SignalingState() != webrtc.SignalingStateHaveLocalOffer {
		return nil
	}
	return m.hear(webrtc.SDPTypeAnswer, redescribe([]byte(m.pc.CurrentRemoteDescription().SDP), 0, bothWays, "passive"))
}

// hear has pion take a description of the other side's.
func (m *media) hear(kind webrtc.SDPType, sdp []byte) error {
	sdp = redescribe(sdp, 0, bothWays, "")
	if offer := m.pc.PendingLocalDescription(); kind == webrtc.SDPTypeAnswer && offer != nil {
		sdp = complete(sdp, []byte(offer.SDP))
	}
	return m.pc.SetRemoteDescription(webrtc.SessionDescription{Type: kind, SDP: string(sdp)})
}

// differs says whether an offer of the other side's has other ICE credentials than before, since the app at the other end has
// another network, or other video. Else it is about directions alone.
func (m *media) differs(offer []byte) bool {
	had := []byte(m.pc.CurrentRemoteDescription().SDP)
	if attribute(had, "ice-ufrag") != attribute(offer, "ice-ufrag") {
		return true
	}
	before, err := parseOffer(had, m.call.sound.frames)
	now, failed := parseOffer(offer, m.call.sound.frames)
	return err == nil && failed == nil && !slices.Equal(before.video.Sources, now.video.Sources) ||
		len(sections(had)) != len(sections(offer))
}

// follow answers the ICE restart of another app, or its video.
func (m *media) follow(offer []byte) ([]byte, error) {
	o, err := parseOffer(offer, m.call.sound.frames)
	if err == nil {
		err = o.from(m.far)
	}
	if err == nil {
		err = m.settle() // ours crosses it, and is made again
	}
	if err == nil {
		err = m.hear(webrtc.SDPTypeOffer, offer)
	}
	if err != nil {
		return nil, err
	}
	return m.answer(m.call.known(o.video))
}

// followed answers the other side, which is elsewhere now, or has video.
func (c *Call) followed(in followed) {
	if in.err != nil {
		c.phone.logger().Warn("cannot follow the other side of a call", "call", c.ID(), "error", in.err)
		c.dialog.RefuseOffer(488, "Not Acceptable Here")
		return
	}
	in.media.local = in.sdp
	c.reanswer(in.offer)
	if c.restarting {
		c.restarting = false
		c.dialog.Reoffer(c.reoffer()) // in place of the one that waits
	}
}
