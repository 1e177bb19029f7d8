package sdk

import (
	"encoding/binary"
	"sync"
	"time"

	"github.com/pion/webrtc/v4"

	"strowger/pkg/rtp"
	"strowger/pkg/rtp/g711"
)

// maxGap is how much of what was lost is filled with silence. More is not loss, but another beginning.
const maxGap = rate // a second

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

// incoming is the stream that we hear.
type incoming struct {
	stats    rtp.Receiver
	received int64
	begun    bool
	sequence uint16 // of the next packet
	sample   uint32 // its timestamp
	event    uint32 // timestamp of the last tone that was told
	pressed  bool   // there was one
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
		m.track.speak(pcm[:min(len(pcm), 2*longest)], silent)
	}
}

// Statistics returns how the audio fares, or fared.
func (c *Call) Statistics() *Statistics {
	c.speech.mu.Lock()
	m, last := c.speech.media, c.speech.last
	c.speech.mu.Unlock()
	if m == nil {
		return &last
	}
	s := m.statistics()
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
	s := Statistics{Codec: map[g711.Law]string{g711.Mu: "PCMU", g711.A: "PCMA"}[m.offer.law]}
	m.track.mu.Lock()
	s.Sent = m.track.sent
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
func (m *media) begin(a Audio) {
	m.audio = a
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
	s.mu.Lock()
	var pcm []byte
	var key byte
	var pressed bool
	switch {
	case h.PT == m.offer.speech:
		s.in.stats.Receive(h, rate, at)
		s.in.received++
		pcm = s.in.samples(h, m.offer.law.Decode(nil, payload))
	case h.PT == m.offer.events && m.offer.events != 0:
		s.in.stats.Receive(h, 0, at)
		s.in.received++
		key, pressed = s.in.tone(h, payload)
	}
	held := s.held
	s.mu.Unlock()
	if pressed {
		m.call.post(pressedKey{key})
	}
	if len(pcm) > 0 && !held {
		m.audio.Play(pcm)
	}
}

// samples returns what to play, silence for what was lost first; nothing if it comes too late.
func (in *incoming) samples(h rtp.Header, linear []int16) []byte {
	lost := 0
	if ahead := int16(h.Sequence - in.sequence); in.begun && ahead < 0 && ahead > -maxLate {
		return nil
	} else if in.begun && ahead > 0 {
		if gap := int32(h.Timestamp - in.sample); gap > 0 && gap <= maxGap {
			lost = int(gap)
		}
	}
	in.begun, in.sequence, in.sample = true, h.Sequence+1, h.Timestamp+uint32(len(linear))
	pcm := make([]byte, 2*lost, 2*(lost+len(linear)))
	for _, s := range linear {
		pcm = binary.LittleEndian.AppendUint16(pcm, uint16(s))
	}
	return pcm
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
