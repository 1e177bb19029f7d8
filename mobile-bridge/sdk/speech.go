package sdk

import (
	"sync"
	"time"

	"github.com/pion/webrtc/v4"

	"strowger/pkg/rtp"
	"strowger/pkg/sdp"
)

// maxGap is how much of what was lost is filled with silence. More is not loss, but another beginning.
const maxGap = time.Second

// Statistics is how the audio of a call fares.
type Statistics struct {
	Codec           string
	Sent            int64 // packets
	Received        int64
	Lost            int64   // on the way to us, by their numbers; negative if some came twice
	JitterMillis    float64 // RFC 3550, A.8
	RoundTripMillis float64 // to the switch, by ICE; 0 before it is known
	Path            string  // kinds of the two ends' addresses: "host/host", "srflx/host", "relay/host"
}

// speech is the audio of a call, whichever goroutine it comes from.
type speech struct {
	mu    sync.Mutex
	media *media // open, or nil
	muted bool
	held  bool
	in    incoming
	last  Statistics // of media that is shut
}

// ears are what takes what is heard, and speaks: one of the two.
type ears struct {
	audio  Audio
	frames Frames
}

func (e ears) start(c *Call) {
	if e.frames != nil {
		e.frames.Start(c)
	} else {
		e.audio.Start(c)
	}
}

func (e ears) stop() {
	if e.frames != nil {
		e.frames.Stop()
	} else {
		e.audio.Stop()
	}
}

// incoming is the stream that we hear.
type incoming struct {
	stats    rtp.Receiver
	received int64
	begun    bool
	sequence uint16 // of the next packet
	stamp    uint32 // its timestamp
	event    uint32 // timestamp of the last tone that was told
	pressed  bool   // there was one

	codec   string // that is decoded
	decoder *Decoder
	double  doubler
	halve   halver
}

// Mute sends silence in place of what the audio gives, or no longer.
func (c *Call) Mute(on bool) {
	c.speech.mu.Lock()
	defer c.speech.mu.Unlock()
	c.speech.muted = on
}

// Speak sends samples, in the form of Audio, at most 120 ms at a time. Before the call is connected and after its end it does
// nothing.
func (c *Call) Speak(pcm []byte) {
	c.speech.mu.Lock()
	m, silent := c.speech.media, c.speech.muted || c.speech.held
	c.speech.mu.Unlock()
	if m != nil && len(pcm) > 1 {
		m.track.speak(pcm, silent)
	}
}

// SpeakFrame sends a frame of Codec, of 20 ms best. Before the call is connected and after its end it does nothing, and while the
// call is muted or held.
func (c *Call) SpeakFrame(payload []byte) {
	c.speech.mu.Lock()
	m, silent := c.speech.media, c.speech.muted || c.speech.held
	c.speech.mu.Unlock()
	if m != nil && !silent {
		m.track.speakFrame(payload)
	}
}

// Codec is what is spoken here: Opus, G722, PCMU or PCMA; empty before the call is connected.
func (c *Call) Codec() string { return c.Statistics().Codec }

// Statistics returns how the audio fares, or fared.
func (c *Call) Statistics() *Statistics {
	c.speech.mu.Lock()
	m, last := c.speech.media, c.speech.last
	c.speech.mu.Unlock()
	if m == nil {
		return &last
	}
	s := m.statistics()
	c.speech.mu.Lock()
	defer c.speech.mu.Unlock()
	if c.speech.media != m { // it was closed meanwhile, and knows its way no longer
		s = c.speech.last
	}
	return &s
}

func (s *speech) hold(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = on
}

func (s *speech) open(m *media) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.media = m
}

func (s *speech) shut(m *media) {
	s.mu.Lock()
	open := s.media == m
	s.mu.Unlock()
	if !open {
		return
	}
	last := m.statistics()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.media, s.last = nil, last
}

func (m *media) statistics() Statistics {
	m.track.mu.Lock()
	s := Statistics{Codec: m.track.speech.Name, Sent: m.track.sent}
	m.track.mu.Unlock()
	path := m.sender.Transport().ICETransport()
	if stats, ok := path.GetSelectedCandidatePairStats(); ok {
		s.RoundTripMillis = stats.CurrentRoundTripTime * 1000
	}
	if pair, err := path.GetSelectedCandidatePair(); err == nil && pair != nil {
		s.Path = pair.Local.Typ.String() + "/" + pair.Remote.Typ.String()
	}
	in := &m.call.speech
	in.mu.Lock()
	defer in.mu.Unlock()
	s.Received, s.Lost, s.JitterMillis = in.in.received, in.in.stats.Lost(), float64(in.in.stats.Jitter())/float64(time.Millisecond)
	return s
}

// begin plays what comes from now on, and what came already.
func (m *media) begin(e ears) {
	m.ears = e
	close(m.started)
}

// listen plays one stream of the node.
func (m *media) listen(t *webrtc.TrackRemote) {
	select {
	case <-m.started:
	case <-m.stopped:
		return
	}
	for b := make([]byte, 1500); ; {
		n, _, err := t.Read(b)
		if err != nil {
			return
		}
		if h, payload, err := rtp.Parse(b[:n]); err == nil {
			m.heard(h, payload, time.Now())
		}
	}
}

// heard takes a packet.
func (m *media) heard(h rtp.Header, payload []byte, at time.Time) {
	s := &m.call.speech
	f := m.offer.find(h.PT)
	if f.Name == "" {
		return
	}
	s.mu.Lock()
	var pcm []byte
	var fresh bool
	var key byte
	var pressed bool
	s.in.received++
	if f.Name == sdp.TelephoneEvent {
		s.in.stats.Receive(h, 0, at)
		key, pressed = s.in.tone(h, payload)
	} else {
		s.in.stats.Receive(h, f.Clock, at)
		var lost int
		if lost, fresh = s.in.follow(h, f, payload); fresh && m.ears.frames == nil {
			pcm = s.in.decode(f, payload, lost, m.track.rate)
		}
	}
	held := s.held
	s.mu.Unlock()
	switch {
	case pressed:
		m.call.post(pressedKey{key})
	case held || !fresh:
	case m.ears.frames != nil:
		m.ears.frames.PlayFrame(&Frame{Codec: f.Name, Payload: append([]byte(nil), payload...), Sequence: int(h.Sequence), Timestamp: int64(h.Timestamp)})
	case len(pcm) > 0:
		m.ears.audio.Play(pcm)
	}
}

// follow says how much was lost before a packet, in units of its clock; a packet that comes too late is not fresh.
func (in *incoming) follow(h rtp.Header, f sdp.Format, payload []byte) (lost int, fresh bool) {
	if ahead := int16(h.Sequence - in.sequence); in.begun && ahead < 0 && ahead > -maxLate {
		return 0, false
	} else if in.begun && ahead > 0 {
		if gap := int32(h.Timestamp - in.stamp); gap > 0 && gap <= int32(inClock(maxGap, f)) {
			lost = int(gap)
		}
	}
	in.begun, in.sequence, in.stamp = true, h.Sequence+1, h.Timestamp+uint32(ticks(f.Name, payload))
	return lost, true
}

// decode returns the samples of a packet at a rate, after silence for what was lost.
func (in *incoming) decode(f sdp.Format, payload []byte, lost, rate int) []byte {
	if in.codec != f.Name {
		in.codec = f.Name
		in.decoder, _ = NewDecoder(f.Name) // offer.find knows no others
	}
	samples, err := in.decoder.decode(payload)
	if err != nil {
		return nil
	}
	switch coded := in.decoder.Rate(); {
	case coded < rate:
		samples = in.double.next(samples)
	case coded > rate:
		samples = in.halve.next(samples)
	}
	return append(make([]byte, 2*(lost*rate/f.Clock)), bytesOf(samples)...)
}

// maxLate is how many numbers a packet may be behind; one further behind is of a source that began anew.
const maxLate = 100

// tone tells each key once: all packets of one have one timestamp (RFC 4733, 2.2).
func (in *incoming) tone(h rtp.Header, payload []byte) (key byte, pressed bool) {
	if in.begun && h.Sequence == in.sequence {
		in.sequence++
	}
	e, err := rtp.ParseEvent(payload)
	if err != nil || in.pressed && in.event == h.Timestamp {
		return 0, false
	}
	in.event, in.pressed = h.Timestamp, true
	return e.Digit()
}
