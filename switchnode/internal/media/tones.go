package media

import (
	"sync"
	"sync/atomic"
	"time"

	"strowger/pkg/rtp"
	"strowger/pkg/rtp/dtmf"
	"strowger/pkg/rtp/g711"
	"strowger/pkg/sdp"
)

// A leg that has agreed to no telephone events, and has no other form of keys, sends and hears them as tones in its speech. That of G.711 is
// read for such a leg, while somebody is there to be told; a key that was found is taken out of the speech, so that nobody hears it twice. No
// other leg's speech is looked at.

// tones is how a leg has keys as tones.
type tones struct {
	reads atomic.Pointer[reader]
	makes atomic.Bool
}

// reader finds keys in the speech of a leg.
type reader struct {
	mu       sync.Mutex // guards what follows; nobody but the leg's own packets takes it
	detector *dtmf.Detector
	linear   []int16
	informed time.Time // when a key came by another way: that phone does both
	turned   bool      // the key that sounds was told in another form
}

// doubled is how long a key in another form stands for the tone that comes with it.
const doubled = 2 * time.Second

// SetTones says whether the leg has keys as tones in its speech: those that it sends are found and told, and those that it is to hear are made.
func (p *Port) SetTones(on bool) {
	p.quality.keys.tones.makes.Store(on)
	switch r := p.quality.keys.tones.reads.Load(); {
	case on && r == nil:
		p.quality.keys.tones.reads.Store(&reader{detector: dtmf.NewDetector()})
	case !on:
		p.quality.keys.tones.reads.Store(nil)
	}
}

// lawOf is that of a codec, false if it is not G.711.
func lawOf(c sdp.Codec) (g711.Law, bool) {
	switch c.Name {
	case "PCMU":
		return g711.Mu, true
	case "PCMA":
		return g711.A, true
	}
	return g711.Mu, false
}

// readTones looks for a key in a packet of speech of the leg, tells it, and takes its tone out of the packet.
func (p *Port) readTones(t *reader, r *route, passage *passage, payload []byte, at time.Time) {
	if !passage.g711 || !p.toldOfTones(r) {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.linear = passage.law.Decode(t.linear[:0], payload)
	digit, pressed := t.detector.Feed(t.linear)
	if pressed && at.Sub(t.informed) > doubled {
		p.turn(r, digit)
	}
	if pressed {
		t.turned = true
	}
	if t.turned = t.turned && t.detector.Sounding(); t.turned {
		for i := range payload {
			payload[i] = passage.law.Silence()
		}
	}
}

// toldOfTones says whether somebody is to be told of keys that the leg presses.
func (p *Port) toldOfTones(r *route) bool {
	if r.peer == nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.quality.keys.told != nil
	}
	return len(r.events) > 0 || r.peer.quality.keys.peer.Load() != nil
}

// turn tells a key that was found in the speech, in the form that the other side has.
func (p *Port) turn(r *route, digit byte) {
	if r.peer == nil {
		p.tell(digit)
		return
	}
	p.Press(digit, usual)
}

// Informed notes that a key of the leg came by another way, as INFO: a tone that comes with it is the same key.
func (p *Port) Informed() {
	if t := p.quality.keys.tones.reads.Load(); t != nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.informed = p.relay.cfg.Now()
	}
}

// sing makes a packet of a key's tones of one of speech of the other side, in place. Its codec is one of G.711: others are not touched, and the key
// waits.
func (k *typing) sing(law g711.Law, h rtp.Header, payload []byte) {
	const perSecond = dtmf.Rate
	key := k.waiting[0]
	length := int(key.length * perSecond / time.Second)
	if !k.began {
		k.began, k.start = true, h.Timestamp
	}
	offset := int(int32(h.Timestamp - k.start))
	if offset < 0 {
		return // it was overtaken
	}
	digit, _ := rtp.Event{Code: key.code}.Digit()
	samples := dtmf.Append(make([]int16, 0, len(payload)), digit, offset, len(payload), length)
	copy(payload, law.Encode(nil, samples))
	if offset+len(payload) >= length {
		k.began, k.rest, k.waiting = false, apart, k.waiting[1:]
	}
}
