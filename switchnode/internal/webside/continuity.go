package webside

import (
	"encoding/binary"
	"math/rand/v2"
	"sync"
	"time"

	"strowger/pkg/rtp"
)

// continuity makes one source of all that an app is sent, whoever speaks: a WebRTC receiver takes a jump for loss, and another
// SSRC for another track (2-call-flows, "Offers and answers"). Within a source nothing is changed but by an offset.
type continuity struct {
	mu        sync.Mutex
	began     bool
	source    uint32 // SSRC that is being sent
	sequence  uint16 // offsets to it
	timestamp uint32
	last      uint16 // sequence number and timestamp that were sent last, and when
	lastStamp uint32
	at        time.Time
}

// rewrite makes a packet of RTP one of the app's own source. clock is that of its payload type, in Hz.
func (c *continuity) rewrite(packet []byte, ssrc uint32, clock int, now time.Time) {
	h, _, err := rtp.Parse(packet)
	if err != nil {
		return // the relay has parsed it
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.began || h.SSRC != c.source {
		c.splice(h, clock, now)
		packet[1] |= 0x80 // RFC 3551, 4.1: a talkspurt begins
	}
	sequence, stamp := h.Sequence+c.sequence, h.Timestamp+c.timestamp
	if int16(sequence-c.last) > 0 { // a late packet is no step back
		c.last, c.lastStamp, c.at = sequence, stamp, now
	}
	binary.BigEndian.PutUint16(packet[2:], sequence)
	binary.BigEndian.PutUint32(packet[4:], stamp)
	binary.BigEndian.PutUint32(packet[8:], ssrc)
}

// splice goes on with another source where the last one stopped, as much later as time has passed.
func (c *continuity) splice(h rtp.Header, clock int, now time.Time) {
	if !c.began {
		c.began, c.last, c.lastStamp, c.at = true, uint16(rand.Uint32()>>17), rand.Uint32(), now // RFC 3550, 5.1: random
	}
	passed := uint32(now.Sub(c.at).Seconds() * float64(clock))
	c.source, c.sequence, c.timestamp = h.SSRC, c.last+1-h.Sequence, c.lastStamp+max(passed, 1)-h.Timestamp
}
