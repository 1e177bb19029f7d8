package media

import (
	"sync/atomic"
	"time"

	"strowger/pkg/rtp"
)

// A leg may have telephone events on one side of the switch, and another form of keys on the other: what it says of a key is turned
// here. A key that becomes events takes the place of the speech that comes while it lasts: its packets have the numbers of those
// of the speech (RFC 4733, 2.2: events share its sequence), and nothing is renumbered.

// keyGap is the least time between two keys that count: RFC 4733, 2.5.1.1 has senders repeat the end of each, and nobody presses
// faster.
const keyGap = 50 * time.Millisecond

// keys is who is told of keys that are pressed while the leg has no other side, and what becomes of others. All but the atomic ones are
// guarded by Port.mu.
type keys struct {
	peer  atomic.Pointer[func(digit byte, length time.Duration)] // who is told of keys of the other side that do not pass
	types atomic.Bool                                            // a key waits that becomes telephone events, or tones
	tones tones
	typing

	told      func(digit byte) // nil: nobody
	timestamp uint32           // of the last one
	at        time.Time
}

// OnKey has f told each key that the leg's user presses, as a telephone event, while the leg has no other side; nil ends that. f must
// not block.
func (p *Port) OnKey(f func(digit byte)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.quality.keys.told = f
}

// pressed returns a key once, when its event ends, and how long it was.
func (p *Port) pressed(h rtp.Header, payload []byte, clock int, at time.Time) (digit byte, length time.Duration, ok bool) {
	e, err := rtp.ParseEvent(payload)
	digit, ok = e.Digit()
	if err != nil || !ok || !e.End {
		return 0, 0, false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	k := &p.quality.keys
	if h.Timestamp == k.timestamp && !k.at.IsZero() || at.Sub(k.at) < keyGap {
		return 0, 0, false
	}
	k.timestamp, k.at = h.Timestamp, at
	return digit, time.Duration(e.Duration) * time.Second / time.Duration(clock), true
}

// tell tells a key to who waits for keys of a leg that has no other side.
func (p *Port) tell(digit byte) {
	p.mu.Lock()
	told := p.quality.keys.told
	p.mu.Unlock()
	if told != nil {
		told(digit)
	}
}

// OnPeerKey has f told each key that the other side presses as a telephone event and that this leg takes in another form: it has no
// telephone events. nil ends that. f must not block.
func (p *Port) OnPeerKey(f func(digit byte, length time.Duration)) {
	if f == nil {
		p.quality.keys.peer.Store(nil)
		return
	}
	p.quality.keys.peer.Store(&f)
}

const (
	maxKeys   = 32                     // that wait
	shortest  = 40 * time.Millisecond  // of a key
	longest   = 5 * time.Second        // of a key, and how long one may wait
	usual     = 100 * time.Millisecond // of a key whose length nobody said
	endings   = 3                      // RFC 4733, 2.5.1.4: the last packet of an event is sent three times
	apart     = 3                      // packets of speech between two keys
	loudness  = 10                     // -dBm0
	usualPack = 20 * time.Millisecond
)

// typed is a key that becomes telephone events.
type typed struct {
	code   uint8
	length time.Duration
	until  time.Time // it is of no use after that
}

// typing is the keys of a leg that become telephone events.
type typing struct {
	waiting []typed
	began   bool
	start   uint32 // timestamp of the key
	last    uint32 // timestamp of the last packet of it
	endings int    // packets that said that it ended
	rest    int    // packets of speech until the next
}

// Press has the other side hear a key that this leg's user pressed: as telephone events in place of this leg's speech while it lasts, else in the
// form that OnPeerKey has, else as tones. It is false if there is no other side that takes any of them.
func (p *Port) Press(digit byte, length time.Duration) bool {
	code, ok := rtp.DigitCode(digit)
	r := p.route.Load()
	if !ok || r.peer == nil {
		return false
	}
	if length == 0 {
		length = usual
	}
	if len(r.events) == 0 {
		if told := r.peer.quality.keys.peer.Load(); told != nil {
			(*told)(digit, length)
			return true
		}
		if !r.peer.quality.keys.tones.makes.Load() {
			return false
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	k := &p.quality.keys
	if len(k.waiting) < maxKeys {
		k.waiting = append(k.waiting, typed{code, min(max(length, shortest), longest), p.relay.cfg.Now().Add(longest)})
		p.quality.keys.types.Store(true)
	}
	return true
}

// Hear has this leg hear a key that the other side's user pressed, as Press there does.
func (p *Port) Hear(digit byte, length time.Duration) bool {
	other := p.route.Load().peer
	return other != nil && other.Press(digit, length)
}

// typeKey makes a packet of a key of one of speech, which is in packet. Without one it returns the packet as it came.
func (p *Port) typeKey(r *route, h rtp.Header, packet, payload []byte, spoken *passage, at time.Time) ([]byte, bool) {
	speech := spoken.clock // Hz
	p.mu.Lock()
	defer p.mu.Unlock()
	t := &p.quality.keys.typing
	if t.rest > 0 {
		t.rest--
		return packet, false
	}
	for len(t.waiting) > 0 && !t.began && at.After(t.waiting[0].until) {
		t.waiting = t.waiting[1:]
	}
	sings := len(r.events) == 0 && r.peer.quality.keys.tones.makes.Load()
	if len(t.waiting) == 0 || len(r.events) == 0 && !sings || speech == 0 {
		if len(t.waiting) == 0 {
			p.quality.keys.types.Store(false)
		}
		return packet, false
	}
	if sings {
		if spoken.g711 {
			t.sing(spoken.law, h, payload)
		}
		return packet, false
	}
	key := t.waiting[0]
	first := !t.began
	if first {
		t.began, t.start, t.last, t.endings = true, h.Timestamp, h.Timestamp-uint32(usualPack*time.Duration(speech)/time.Second), 0
	}
	step := max(0, int32(h.Timestamp-t.last)) // 0 for a packet that was overtaken
	t.last += uint32(step)
	said := t.last - t.start + uint32(step) // with this packet
	length := uint32(key.length * time.Duration(speech) / time.Second)
	e := rtp.Event{Code: key.code, Volume: loudness, End: said >= length}
	if e.End {
		said = length
		t.endings++
	}
	format := r.events[0]
	for _, f := range r.events {
		if uint32(f.Clock) == speech {
			format = f
		}
	}
	e.Duration = uint16(min(uint64(said)*uint64(format.Clock)/uint64(speech), 1<<16-1))
	h.PT, h.Marker, h.Timestamp = format.PT, first, t.start
	if t.endings == endings {
		t.began, t.rest, t.waiting = false, apart, t.waiting[1:]
	}
	return h.Append(packet[:0], e.Append(nil)), true
}
