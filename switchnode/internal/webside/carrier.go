package webside

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/pion/webrtc/v4"

	"strowger/pkg/errs"
	"strowger/pkg/rtp"
	"strowger/pkg/sdp"
	"strowger/switchnode/internal/media"
)

// track sends what the relay has for the app. It is a webrtc.TrackLocal for all payload types of the leg, so that digits go
// with the speech.
type track struct {
	formats []sdp.Format
	joined  rtp.Continuity // one track, whoever speaks (2-call-flows, "Offers and answers")
	writer  atomic.Pointer[webrtc.TrackLocalWriter]
	ssrc    atomic.Uint32
}

// Bind begins to send.
func (t *track) Bind(c webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	codecs := c.CodecParameters()
	if len(codecs) == 0 {
		return webrtc.RTPCodecParameters{}, errs.New(errs.NoCommonCodec, "the app took no codec")
	}
	w := c.WriteStream()
	t.ssrc.Store(uint32(c.SSRC()))
	t.writer.Store(&w)
	return codecs[0], nil
}

// Unbind ends it.
func (t *track) Unbind(webrtc.TrackLocalContext) error {
	t.writer.Store(nil)
	return nil
}

// ID and the others name the track in SDP.
func (t *track) ID() string { return "audio" }

// RID is of no use: there is one encoding.
func (t *track) RID() string { return "" }

// StreamID is the msid of the track.
func (t *track) StreamID() string { return "strowger" }

// Kind is audio.
func (t *track) Kind() webrtc.RTPCodecType { return webrtc.RTPCodecTypeAudio }

// send sends a packet of RTP to the app; before the app's answer it is dropped.
func (t *track) send(packet []byte) error {
	w := t.writer.Load()
	if w == nil || len(packet) < 2 {
		return errNotBound
	}
	t.joined.JoinAs(t.ssrc.Load(), packet, clock(t.formats, packet[1]&0x7f), time.Now())
	_, err := (*w).Write(packet)
	return err
}

var errNotBound = errors.New("the app has not answered yet")

// carrier is the media.Link of a leg. Its peer is another one after the app has come back.
type carrier struct {
	peer    atomic.Pointer[peer]
	port    atomic.Pointer[media.Port]
	receive func([]byte)
}

// flow is the one flow of a carrier, in both directions.
type flow struct{}

// ID is any number: there is one flow.
func (flow) ID() uint64 { return theFlow }

// Close does nothing: the leg closes its peer.
func (flow) Close() {}

const theFlow = 1

// NewFlow begins to receive.
func (c *carrier) NewFlow(receive func([]byte)) (media.Flow, error) {
	c.receive = receive
	return flow{}, nil
}

// take gives the relay a packet of the app, RTP or a report. Before the port is open there is none: the app has not been invited.
func (c *carrier) take(packet []byte) { c.receive(packet) }

// measured gives it the round trip.
func (c *carrier) measured(trip time.Duration) {
	if p := c.port.Load(); p != nil {
		p.Measured(trip)
	}
}

// Send sends a packet to the app. RTCP does not come here (media.Relay.OpenEnd).
func (c *carrier) Send(_ uint64, packet []byte, _ bool) error {
	p := c.peer.Load()
	if p == nil {
		return errNotBound
	}
	return p.track.send(packet)
}
