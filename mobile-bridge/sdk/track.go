package sdk

import (
	"encoding/binary"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/pion/webrtc/v4"

	"strowger/pkg/errs"
	"strowger/pkg/rtp"
	"strowger/pkg/rtp/g711"
)

const (
	rate       = 8000 // Hz, of G.711 and of its RTP clock
	frame      = 20 * time.Millisecond
	samples    = rate / 50              // in a frame
	toneLength = 160 * time.Millisecond // of a key
	pause      = 80 * time.Millisecond  // between keys
	longest    = 6 * samples            // of what is spoken at once
	volume     = 10                     // of a tone, in -dBm0
	ends       = 3                      // RFC 4733, 2.5.1.4: the end of a tone is sent three times
)

// track is what we send. It writes whole RTP packets, since tones have a payload type of their own.
type track struct {
	law            g711.Law
	speech, events uint8 // payload types

	mu        sync.Mutex // guards what follows
	writer    webrtc.TrackLocalWriter
	ssrc      uint32
	sequence  uint16
	timestamp uint32
	talking   bool // the last packet was speech
	toning    bool // a key is pressed: speech gives way
	sent      int64
}

func newTrack(o offer) *track {
	return &track{law: o.law, speech: o.speech, events: o.events, sequence: uint16(rand.Uint32()), timestamp: rand.Uint32()}
}

// Bind is told by pion where to write.
func (t *track) Bind(ctx webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, p := range ctx.CodecParameters() {
		if uint8(p.PayloadType) == t.speech {
			t.writer, t.ssrc = ctx.WriteStream(), uint32(ctx.SSRC())
			return p, nil
		}
	}
	return webrtc.RTPCodecParameters{}, webrtc.ErrUnsupportedCodec
}

// Unbind ends writing.
func (t *track) Unbind(webrtc.TrackLocalContext) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.writer = nil
	return nil
}

// ID is the track's name in descriptions.
func (*track) ID() string { return "audio" }

// RID is that of a simulcast layer: none.
func (*track) RID() string { return "" }

// StreamID is the name of the stream that the track belongs to.
func (*track) StreamID() string { return "phone" }

// Kind says that it is audio.
func (*track) Kind() webrtc.RTPCodecType { return webrtc.RTPCodecTypeAudio }

// speak sends linear samples, 16 bits each with the low byte first; silent ones if they are not to be heard.
func (t *track) speak(pcm []byte, silent bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.toning {
		return
	}
	linear := make([]int16, len(pcm)/2)
	for i := range linear {
		if !silent {
			linear[i] = int16(binary.LittleEndian.Uint16(pcm[2*i:]))
		}
	}
	t.write(rtp.Header{PT: t.speech, Marker: !t.talking, Timestamp: t.timestamp}, t.law.Encode(nil, linear))
	t.talking = true
	t.timestamp += uint32(len(linear))
}

// write sends a packet. t.mu is held.
func (t *track) write(h rtp.Header, payload []byte) {
	if t.writer == nil {
		return
	}
	h.Sequence, h.SSRC = t.sequence, t.ssrc
	t.sequence++
	// A path that is broken is told by the connection's state.
	if _, err := t.writer.Write(h.Append(make([]byte, 0, rtp.MinPacket+len(payload)), payload)); err == nil {
		t.sent++
	}
}

// tone is one key that is pressed (RFC 4733, 2.5).
type tone struct {
	code  uint8
	begin uint32 // timestamp of all its packets
	sent  uint32 // of its length so far
	ends  int    // packets with its end
}

// press begins a tone.
func (t *track) press(key byte) *tone {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.toning = true
	code, _ := rtp.DigitCode(key) // checkKeys has seen it
	return &tone{code: code, begin: t.timestamp}
}

// step sends the next packet of a tone, and says whether it was the last.
func (t *track) step(n *tone) (over bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	const length = uint32(toneLength * rate / time.Second)
	first := n.sent == 0
	if n.sent < length {
		n.sent += samples
		t.timestamp += samples
	}
	e := rtp.Event{Code: n.code, Volume: volume, Duration: uint16(n.sent), End: n.sent >= length}
	t.write(rtp.Header{PT: t.events, Marker: first, Timestamp: n.begin}, e.Append(nil))
	if e.End {
		n.ends++
	}
	if over = n.ends == ends; over {
		t.toning, t.talking = false, false
	}
	return over
}

// checkKeys says which key there is none of.
func checkKeys(keys string) error {
	for _, key := range []byte(keys) {
		if _, ok := rtp.DigitCode(key); !ok {
			return errs.New(errs.Invalid, "no phone has the key %q; want 0 to 9, *, # and A to D", key)
		}
	}
	return nil
}
