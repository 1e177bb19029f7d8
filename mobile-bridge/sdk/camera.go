package sdk

import (
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/webrtc/v4"

	"strowger/pkg/rtp"
	"strowger/pkg/rtp/video"
	"strowger/pkg/sdp"
)

// videoPayloads are the formats of video that we offer. What can be sent again is (RFC 4585, 6.2.1).
var videoPayloads = []sdp.Format{
	{Codec: sdp.Codec{Name: VP8, Clock: video.Clock, Channels: 1}, PT: 96},
	{Codec: sdp.Codec{Name: H264, Clock: video.Clock, Channels: 1, Fmtp: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"}, PT: 97},
}

// askAgain is how long a key picture may take before it is asked for again.
const askAgain = 500 * time.Millisecond

// camera is what we send of video. pion has it as a track of whatever codec was agreed on; which one that is may change, and
// whether anything is sent, without it.
type camera struct {
	media *media

	mu         sync.Mutex // guards what follows
	format     sdp.Format // of no name while nothing is sent
	packetizer *video.Packetizer
	writer     webrtc.TrackLocalWriter
	ssrc       uint32
	sequence   uint16
	zero       uint32 // timestamp of the app's beginning of time
	wanted     bool   // the app was told that a key picture is wanted, and gave none yet
	begins     bool   // with a key picture
}

func newCamera(m *media) *camera {
	return &camera{media: m, sequence: uint16(rand.Uint32()), zero: rand.Uint32()}
}

// Bind is told by pion where to write.
func (c *camera) Bind(ctx webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	agreed := ctx.CodecParameters()
	if len(agreed) == 0 {
		return webrtc.RTPCodecParameters{}, webrtc.ErrUnsupportedCodec
	}
	c.writer, c.ssrc = ctx.WriteStream(), uint32(ctx.SSRC())
	i := slices.IndexFunc(agreed, func(p webrtc.RTPCodecParameters) bool { return uint8(p.PayloadType) == c.format.PT })
	return agreed[max(i, 0)], nil
}

// Unbind ends writing.
func (c *camera) Unbind(webrtc.TrackLocalContext) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writer = nil
	return nil
}

// ID is the track's name in descriptions.
func (*camera) ID() string { return "video" }

// RID is that of a simulcast layer: none.
func (*camera) RID() string { return "" }

// StreamID is the name of the stream that the track belongs to.
func (*camera) StreamID() string { return "phone" }

// Kind says that it is video.
func (*camera) Kind() webrtc.RTPCodecType { return webrtc.RTPCodecTypeVideo }

// film sends pictures of a format from now on; one of no name is none.
func (c *camera) film(f sdp.Format) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.Name != c.format.Name {
		c.packetizer, _ = video.NewPacketizer(f.Name) // nil for none
		c.begins, c.wanted = true, false
	}
	c.format = f
}

// send sends a picture that was taken at a time of the app's.
func (c *camera) send(picture []byte, micros int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.packetizer == nil || c.writer == nil {
		return
	}
	switch key := video.Key(c.format.Name, picture); {
	case key:
		c.wanted, c.begins = false, false
	case c.begins:
		return
	}
	payloads := c.packetizer.Payloads(picture)
	at := c.zero + uint32(micros*9/100) // 90,000 a second
	for i, payload := range payloads {
		h := rtp.Header{PT: c.format.PT, Marker: i == len(payloads)-1, Sequence: c.sequence, Timestamp: at, SSRC: c.ssrc}
		c.sequence++
		// A path that is broken is told by the connection's state.
		_, _ = c.writer.Write(h.Append(make([]byte, 0, rtp.MinPacket+len(payload)), payload))
	}
	if len(payloads) > 0 {
		c.media.call.count(func(s *VideoStatistics) { s.Sent++; s.SentPackets += int64(len(payloads)) })
	}
}

// heed reads what the other side says of what we send, and tells the app when it wants a key picture.
func (c *camera) heed(read func([]byte) (int, interceptor.Attributes, error)) {
	for b := make([]byte, 1500); ; {
		n, _, err := read(b)
		if err != nil {
			return
		}
		c.mu.Lock()
		told := c.wanted
		fresh := video.KeyWanted(b[:n], c.ssrc)
		c.wanted = c.wanted || fresh
		c.mu.Unlock()
		if fresh {
			c.media.call.count(func(s *VideoStatistics) { s.KeysWanted++ })
		}
		if fresh && !told {
			c.media.call.post(keyWanted{})
		}
	}
}

// keyWanted says that the other side cannot go on without a key picture.
type keyWanted struct{}

func (c *Call) count(f func(*VideoStatistics)) {
	c.sight.mu.Lock()
	defer c.sight.mu.Unlock()
	f(&c.sight.stats)
}

// askKey asks for a key picture.
func (m *media) askKey(source uint32) {
	if m.pc.WriteRTCP(video.RequestKey(source)) == nil {
		m.call.count(func(s *VideoStatistics) { s.KeysAsked++ })
	}
}

// watch shows one stream of the other side.
func (m *media) watch(t *webrtc.TrackRemote) {
	select {
	case <-m.started:
	case <-m.stopped:
		return
	}
	var a *video.Assembler
	var codec string
	var asked time.Time
	source := uint32(t.SSRC())
	for b := make([]byte, 1500); ; {
		n, _, err := t.Read(b)
		if err != nil {
			return
		}
		h, payload, err := rtp.Parse(b[:n])
		name, ok := video.Codec(strings.TrimPrefix(t.Codec().MimeType, "video/"))
		if err != nil || !ok {
			continue
		}
		if a == nil || name != codec {
			a, codec = video.NewAssembler(name), name
		}
		lost := a.Lost()
		pictures := a.Push(h, payload)
		screen := m.call.received(source, len(pictures), a.Lost()-lost)
		if screen == nil {
			a.Miss()
			continue
		}
		for _, p := range pictures {
			screen.ShowPicture(&Picture{Codec: codec, Data: p.Data, Key: p.Key, Timestamp: int64(p.Timestamp)})
		}
		if now := time.Now(); h.Marker && a.NeedsKey() && now.Sub(asked) >= askAgain {
			asked = now
			m.askKey(source)
		}
	}
}

// received counts a packet and what came of it, and returns where pictures are shown; nil while they are not.
func (c *Call) received(source uint32, pictures int, lost int64) Video {
	c.sight.mu.Lock()
	defer c.sight.mu.Unlock()
	c.sight.source = source
	c.sight.stats.Received++
	c.sight.stats.Lost += lost
	if !c.sight.shown {
		return nil
	}
	c.sight.stats.Shown += int64(pictures)
	return c.sight.screen
}
