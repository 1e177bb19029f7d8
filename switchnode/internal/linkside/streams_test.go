package linkside

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/link"
	"strowger/pkg/sdp"
	"strowger/pkg/sip"
	"strowger/switchnode/internal/call"
)

// opened has an office open a SIP stream on the link that X dials, and waits until X uses it.
func (w *world) opened(by *office) {
	w.t.Helper()
	c, err := w.x.endpoint.Connect(w.t.Context(), w.y.node())
	if err != nil {
		w.t.Fatal(err)
	}
	if by == w.y {
		if c, err = w.y.endpoint.Connect(w.t.Context(), w.x.node()); err != nil {
			w.t.Fatal(err)
		}
	}
	if _, err := by.links.streamOf(w.t.Context(), c); err != nil {
		w.t.Fatal(err)
	}
	eventually(w.t, "stream at X", func() bool { return w.x.works() != sip.Peer{} })
}

// works is the stream that an office's next call would use, zero if there is none.
func (o *office) works() (at sip.Peer) {
	o.links.mu.Lock()
	defer o.links.mu.Unlock()
	for _, p := range o.links.peers {
		at = p.stream
	}
	return at
}

// closeStreams ends the SIP streams that the other side of an office opened.
func (o *office) closeStreams() {
	o.t.Helper()
	for {
		select {
		case s := <-o.streams:
			if err := s.Close(); err != nil {
				o.t.Error(err)
			}
		default:
			return
		}
	}
}

// Whichever side opened the stream and whichever side's calls are left, another is opened: by the side that dialled, or by
// the other a second later. A call that only one side still knows would else wait for ever.
func TestAnotherStreamWhoeverNeedsIt(t *testing.T) {
	for _, c := range []struct {
		name          string
		yOpens, xLeft bool // Y opened the stream; X is the side that still has the call
	}{
		{"opened by the dialler, its call is left", false, true},
		{"opened by the dialler, the other's call is left", false, false},
		{"opened by the dialled, the dialler's call is left", true, true},
		{"opened by the dialled, its call is left", true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			opener, other := w.x, w.y
			if c.yOpens {
				opener, other = w.y, w.x
			}
			w.opened(opener)
			x, y := w.up()
			left, lost, leg := x, y, "link"
			if !c.xLeft {
				left, lost, leg = y, x, y.in.Leg
			}
			lost.PosterOf(call.LegID(map[bool]int{true: 0, false: 1}[c.xLeft]))(gone{"the BYE was lost"})
			hears[call.HangUp](lost.party)
			lost.end(map[bool]string{true: y.in.Leg, false: "link"}[c.xLeft])
			other.closeStreams()
			hears[call.HangUp](left.party)
			left.end(leg)
		})
	}
}

// twin is a second endpoint of an office's identity and run: what it dials replaces the office's links at the other side.
func (o *office) twin() *link.Endpoint {
	o.t.Helper()
	cfg := o.link
	cfg.OnSIP = func(_ *link.Conn, s net.Conn) { _ = s.Close() }
	e, err := link.Listen(cfg)
	if err != nil {
		o.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(o.t.Context())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	o.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			o.t.Error(err)
		}
	})
	return e
}

// The calls of a link that another connection replaced live on it to their end, and over a stream that ends.
func TestDrainingLinkOpensAnotherStream(t *testing.T) {
	t.Parallel()
	w := hasty(t)
	x, y := w.up()
	up := time.Now()
	eventually(t, "age: a connection from the other side is no crossing any more", func() bool {
		return time.Since(up) > w.y.link.Times.Dead
	})
	second, err := w.y.twin().Connect(t.Context(), w.x.node())
	if err != nil {
		t.Fatal(err)
	}
	defer second.Hold()()
	eventually(t, "second connection", func() bool {
		c, err := w.x.endpoint.Connect(t.Context(), w.y.node())
		return err == nil && !c.Dialled()
	})
	w.ended(<-w.y.streams)
	y.party.hangUp()
	hears[call.HangUp](x.party)
	if c := x.end("link"); c.Code != "normal" {
		t.Errorf("ended with %+v", c)
	}
	y.end(y.in.Leg)
}

// An ACK that was lost with its stream comes on the next one: the 200 is repeated there, and acknowledged there.
func TestAckLostWithItsStream(t *testing.T) {
	w := newWorld(t)
	x := w.call(w.way(w.sign(w.claims())))
	y := w.y.rings()
	y.party.say(call.Ringing{Leg: 1})
	hears[call.Ring](x.party)
	w.y.ignores.Store(true)
	y.party.say(call.Answered{Leg: 1, Description: speech, SessionID: strings.Repeat("cd", 16)})
	hears[call.Accept](x.party)
	if err := (<-w.y.streams).Close(); err != nil {
		t.Error(err)
	}
	w.y.ignores.Store(false)
	eventually(t, "ACK", func() bool { return len(y.arrows("ACK")) > 0 })
	y.party.hangUp()
	hears[call.HangUp](x.party)
	if c := x.end("link"); c.Code != "normal" {
		t.Errorf("ended with %+v", c)
	}
	y.end(y.in.Leg)
}

// A call that rings ends with its stream, at once and at both sides: what was under way, an answer above all, may be lost.
func TestRingingCallEndsWithItsStream(t *testing.T) {
	w := newWorld(t)
	x := w.call(w.way(w.sign(w.claims())))
	y := w.y.rings()
	y.party.say(call.Ringing{Leg: 1})
	hears[call.Ring](x.party)
	if err := (<-w.y.streams).Close(); err != nil {
		t.Error(err)
	}
	if r := hears[call.Refuse](x.party); r.Cause.Code != string(errs.LinkLost) {
		t.Errorf("refused with %+v", r.Cause)
	}
	hears[call.Cancel](y.party)
	if c := x.end("link"); c.Code != string(errs.LinkLost) {
		t.Errorf("at X it ended with %+v", c)
	}
	if c := y.end(y.in.Leg); c.Code != string(errs.LinkLost) {
		t.Errorf("at Y it ended with %+v", c)
	}
}

// The answer to a new offer is lost with its stream: at the side that made the offer it counts as refused, the other took it.
// A copy of the 2xx on the next stream tells, and both go back to the session before.
func TestAcceptedOfferLostWithItsStream(t *testing.T) {
	w := newWorld(t)
	w.opened(w.y)
	x, y := w.up()
	held := speech
	held.Direction = sdp.Inactive
	x.party.say(call.Offered{Leg: 0, Description: held})
	hears[call.Offer](y.party)
	w.x.ignores.Store(true)
	y.party.say(call.OfferAccepted{Leg: 1, Description: held})
	eventually(t, "200", func() bool { return len(y.arrows("200 OK (INVITE)")) == 2 })
	if err := (<-w.x.streams).Close(); err != nil {
		t.Error(err)
	}
	w.x.ignores.Store(false)
	if r := hears[call.RefuseOffer](x.party); r.Status != 503 {
		t.Errorf("the offer was refused with %+v", r)
	}
	if o := hears[call.Offer](y.party); o.Description.Direction != sdp.SendRecv {
		t.Errorf("offered to Y's phone: %+v", o.Description)
	}
	y.party.say(call.OfferAccepted{Leg: 1, Description: speech})
	eventually(t, "ACK", func() bool { return len(y.arrows("ACK")) == 3 })
	y.party.hangUp()
	hears[call.HangUp](x.party)
	if c := x.end("link"); c.Code != "normal" {
		t.Errorf("ended with %+v", c)
	}
	y.end(y.in.Leg)
}
