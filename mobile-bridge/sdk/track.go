package sdk

import (
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/pion/webrtc/v4"

	"strowger/pkg/errs"
	"strowger/pkg/rtp"
	"strowger/pkg/sdp"
)

const (
	narrow     = 8000 // Hz, of the samples of Audio
	wide       = 16000
	frame      = 20 * time.Millisecond
	toneLength = 160 * time.Millisecond // of a key
	pause      = 80 * time.Millisecond  // between keys
	longest    = 6 * frame              // of what is spoken at once
	volume     = 10                     // of a tone, in -dBm0
	ends       = 3                      // RFC 4733, 2.5.1.4: the end of a tone is sent three times
)

// track is what we send. It writes whole RTP packets, since tones have a payload type of their own.
type track struct {
	offer offer
	rate  int // of the samples that are spoken, in Hz

	mu        sync.Mutex // guards what follows
	speech    sdp.Format // that is sent
	keys      sdp.Format // of telephone events
	encoder   encoder
	double    doubler
	halve     halver
	writer    webrtc.TrackLocalWriter
	ssrc      uint32
	sequence  uint16
	timestamp uint32
	talking   bool // the last packet was speech
	toning    bool // a key is pressed: speech gives way
	sent      int64
}

func newTrack(o offer, rate int) *track {
	return &track{offer: o, rate: rate, sequence: uint16(rand.Uint32()), timestamp: rand.Uint32()}
}

// Bind is told by pion where to write, and what was agreed on.
func (t *track) Bind(ctx webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	agreed := ctx.CodecParameters()
	for _, f := range t.offer.speech {
		i := slices.IndexFunc(agreed, func(p webrtc.RTPCodecParameters) bool { return uint8(p.PayloadType) == f.PT })
		if i < 0 {
			continue
		}
		t.speech, t.encoder = f, newEncoder(f.Name)
		t.keys, _ = t.offer.keys(f)
		t.writer, t.ssrc = ctx.WriteStream(), uint32(ctx.SSRC())
		return agreed[i], nil
	}
	return webrtc.RTPCodecParameters{}, webrtc.ErrUnsupportedCodec
}

// follow speaks what an offer within the call has, if what was spoken is no part of it.
func (t *track) follow(o offer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.encoder == nil || o.find(t.speech.PT).Same(t.speech.Codec) {
		return
	}
	for _, f := range o.speech {
		if t.offer.find(f.PT).Same(f.Codec) {
			t.speech, t.encoder = f, newEncoder(f.Name)
			t.keys, _ = o.keys(f)
			return
		}
	}
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
	pcm = pcm[:min(len(pcm), 2*int(longest*time.Duration(t.rate)/time.Second))]
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.encoder == nil || t.toning {
		return
	}
	samples := samplesOf(pcm, silent)
	switch coded := rateOf(t.speech.Name); {
	case coded > t.rate:
		samples = t.double.next(samples)
	case coded < t.rate:
		samples = t.halve.next(samples)
	}
	t.say(t.encoder.Encode(nil, samples))
}

// speakFrame sends a frame of the codec.
func (t *track) speakFrame(payload []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.toning {
		t.say(payload)
	}
}

// say sends a frame of speech. t.mu is held.
func (t *track) say(payload []byte) {
	n := ticks(t.speech.Name, payload)
	if n == 0 {
		return
	}
	t.write(rtp.Header{PT: t.speech.PT, Marker: !t.talking, Timestamp: t.timestamp}, payload)
	t.talking = true
	t.timestamp += uint32(n)
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

// rateOf is that of a codec's samples, in Hz.
func rateOf(codec string) int {
	if codec == PCMU || codec == PCMA {
		return narrow
	}
	return wide
}

// tone is one key that is pressed (RFC 4733, 2.5).
type tone struct {
	code  uint8
	begin uint32 // timestamp of all its packets
	sent  time.Duration
	ends  int // packets with its end
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
	first := n.sent == 0
	if n.sent < toneLength {
		n.sent += frame
		t.timestamp += inClock(frame, t.speech)
	}
	e := rtp.Event{Code: n.code, Volume: volume, Duration: uint16(inClock(n.sent, t.keys)), End: n.sent >= toneLength}
	t.write(rtp.Header{PT: t.keys.PT, Marker: first, Timestamp: n.begin}, e.Append(nil))
	if e.End {
		n.ends++
	}
	if over = n.ends == ends; over {
		t.toning, t.talking = false, false
	}
	return over
}

// inClock is a time in units of a format's RTP clock.
func inClock(d time.Duration, f sdp.Format) uint32 {
	return uint32(d * time.Duration(f.Clock) / time.Second)
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
