package phone

import (
	"net/netip"
	"time"

	"strowger/pkg/rtp"
	"strowger/pkg/rtp/g711"
	"strowger/pkg/sdp"
)

// sender makes the packets of one call.
type sender struct {
	ssrc      uint32
	sequence  uint16
	timestamp uint32
	to        netip.AddrPort
	format    sdp.Format
	law       g711.Law
	events    *sdp.Format // telephone-event, if negotiated
	sends     bool
	began     bool // a packet was sent: the next one is in the middle of a talkspurt
	say       []int16
	presses   []press
	buf       []byte
}

// press is a digit that is being sent.
type press struct {
	code   uint8
	begin  uint32 // timestamp of all its packets (RFC 4733, 2.2)
	length uint32
	sent   uint32
	ends   int // copies of the last packet that were sent
}

// follow takes their description: where to send, and what, of the formats that we have announced.
func (s *sender) follow(d sdp.Session, ours []sdp.Format) bool {
	s.to, s.sends, s.events = d.Audio, d.Direction.Receives(), nil
	found := false
	for _, f := range d.Formats {
		_, known := sdp.Find(ours, f.Codec)
		if law, ok := lawOf(f); ok && known && !found {
			s.format, s.law, found = f, law, true
		}
		if f.Name == sdp.TelephoneEvent && s.events == nil {
			s.events = &f
		}
	}
	s.sends = s.sends && found
	return found
}

func (s *sender) press(key byte, length time.Duration) bool {
	code, ok := rtp.DigitCode(key)
	if s.events == nil || !ok {
		return false
	}
	s.presses = append(s.presses, press{code: code, length: uint32(length * rate / time.Second)})
	return true
}

// next returns the packet of the present frame, nil while nothing is sent.
func (s *sender) next() ([]byte, netip.AddrPort) {
	defer func() { s.timestamp += samples }()
	if !s.sends && len(s.presses) == 0 {
		s.began = false
		return nil, netip.AddrPort{}
	}
	h := rtp.Header{PT: s.format.PT, Marker: !s.began, Sequence: s.sequence, Timestamp: s.timestamp, SSRC: s.ssrc}
	s.sequence++
	s.began = true
	speech := make([]int16, samples)
	s.say = s.say[copy(speech, s.say):]
	payload := s.law.Encode(nil, speech)
	if len(s.presses) > 0 {
		h, payload = s.event(h)
	}
	s.buf = h.Append(s.buf[:0], payload)
	return s.buf, s.to
}

// event replaces a frame of audio by one of the digit that is pressed (RFC 4733, 2.5.1).
func (s *sender) event(h rtp.Header) (rtp.Header, []byte) {
	p := &s.presses[0]
	h.Marker = p.sent == 0 && p.ends == 0
	if h.Marker {
		p.begin = s.timestamp
	}
	p.sent = min(p.sent+samples, p.length)
	e := rtp.Event{Code: p.code, Volume: 10, Duration: uint16(p.sent), End: p.sent == p.length}
	h.PT, h.Timestamp = s.events.PT, p.begin
	if e.End {
		if p.ends++; p.ends == 3 { // RFC 4733, 2.5.1.4: the end is sent three times
			s.presses = s.presses[1:]
		}
	}
	return h, e.Append(nil)
}

// listener records the packets of one call.
type listener struct {
	formats []sdp.Format
	audio   []int16
	ssrc    uint32
	base    uint32 // timestamp of the first sample of audio
	begun   bool
	packets int
	stats   rtp.Receiver
	event   struct {
		begin uint32
		known bool
	}
}

// take records a packet and says whether it is the beginning of a digit.
func (l *listener) take(h rtp.Header, payload []byte, at time.Time) (key byte, pressed bool) {
	for _, f := range l.formats {
		if f.PT != h.PT {
			continue
		}
		l.packets++
		if f.Name == sdp.TelephoneEvent {
			l.stats.Receive(h, 0, at)
			return l.digit(h, payload)
		}
		l.stats.Receive(h, f.Clock, at)
		if law, ok := lawOf(f); ok {
			l.write(h, law.Decode(nil, payload))
		}
		return 0, false
	}
	return 0, false
}

// digit reports each event once: all its packets have one timestamp.
func (l *listener) digit(h rtp.Header, payload []byte) (byte, bool) {
	e, err := rtp.ParseEvent(payload)
	if err != nil || l.event.known && l.event.begin == h.Timestamp {
		return 0, false
	}
	l.event.begin, l.event.known = h.Timestamp, true
	return e.Digit()
}

// write puts samples where their timestamp says. A new source, and a jump of more than ten seconds, goes on at the end.
func (l *listener) write(h rtp.Header, audio []int16) {
	const jump = 10 * rate
	at := int(int32(h.Timestamp - l.base))
	if end := len(l.audio); !l.begun || h.SSRC != l.ssrc || at > end+jump || at < end-jump {
		l.begun, l.ssrc, l.base, at = true, h.SSRC, h.Timestamp-uint32(end), end
	}
	if at < 0 || at+len(audio) > longest {
		return
	}
	if need := at + len(audio); need > len(l.audio) {
		l.audio = append(l.audio, make([]int16, need-len(l.audio))...)
	}
	copy(l.audio[at:], audio)
}
