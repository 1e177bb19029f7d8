package rtp

import (
	"encoding/binary"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/pion/rtcp"
)

// Continuity makes one source of all that a receiver is sent, whoever speaks: many take a jump for loss, and another SSRC for another
// stream, or for nothing that they know. Within a source nothing is changed but by an offset. It is safe for concurrent use.
type Continuity struct {
	mu        sync.Mutex
	began     bool
	own       uint32 // SSRC that the receiver hears
	source    uint32 // SSRC that is being sent
	sequence  uint16 // offsets to it
	timestamp uint32
	last      uint16 // sequence number and timestamp that were sent last, and when
	lastStamp uint32
	at        time.Time
	unmarked  bool // no packet of the source said yet that it begins
}

// Join makes a packet one of the first source that there was, whose numbers stay as they are, and returns its SSRC. clock is that of
// the payload type, in Hz; speech says that the packet is no telephone event, whose marker means another thing. What is no packet stays
// as it is.
func (c *Continuity) Join(packet []byte, clock int, speech bool, now time.Time) (ssrc uint32) {
	h, _, err := Parse(packet)
	if err != nil {
		return 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.began {
		c.began, c.own, c.source = true, h.SSRC, h.SSRC
		c.last, c.lastStamp, c.at = h.Sequence, h.Timestamp, now
		return c.own
	}
	c.rewrite(h, packet, clock, speech, now)
	return c.own
}

// JoinAs makes a packet one of a source of the sender's own, which begins with random numbers (RFC 3550, 5.1).
func (c *Continuity) JoinAs(ssrc uint32, packet []byte, clock int, now time.Time) {
	h, _, err := Parse(packet)
	if err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.began {
		c.last, c.lastStamp, c.at = uint16(rand.Uint32()>>17), rand.Uint32(), now
		c.source = ^h.SSRC
	}
	c.began, c.own = true, ssrc
	c.rewrite(h, packet, clock, true, now)
}

// Restart has the receiver hear the next source as the first one: it has heard others that were not joined here, since.
func (c *Continuity) Restart() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.began, c.own, c.source, c.sequence, c.timestamp, c.unmarked = false, 0, 0, 0, 0, false
}

func (c *Continuity) rewrite(h Header, packet []byte, clock int, speech bool, now time.Time) {
	if h.SSRC != c.source { // goes on where the last one stopped, as much later as time has passed
		passed := uint32(now.Sub(c.at).Seconds() * float64(clock))
		c.source, c.sequence, c.timestamp = h.SSRC, c.last+1-h.Sequence, c.lastStamp+max(passed, 1)-h.Timestamp
		c.unmarked = true
	}
	if c.unmarked && speech {
		c.unmarked = false
		SetMarker(packet) // RFC 3551, 4.1: a talkspurt begins
	}
	sequence, stamp := h.Sequence+c.sequence, h.Timestamp+c.timestamp
	if int16(sequence-c.last) > 0 { // a late packet is no step back
		c.last, c.lastStamp, c.at = sequence, stamp, now
	}
	if c.spliced() {
		binary.BigEndian.PutUint16(packet[2:], sequence)
		binary.BigEndian.PutUint32(packet[4:], stamp)
		binary.BigEndian.PutUint32(packet[8:], c.own)
	}
}

// spliced says that numbers differ from those of the source.
func (c *Continuity) spliced() bool { return c.own != c.source || c.sequence != 0 || c.timestamp != 0 }

// Sent makes an RTCP packet of the source that is being sent, which ParseControl has taken, one of what the receiver hears.
func (c *Continuity) Sent(packet []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.began || !c.spliced() {
		return
	}
	each(packet, func(kind rtcp.PacketType, count int, b []byte) {
		switch kind {
		case rtcp.TypeSenderReport:
			if c.exchange(b[4:], c.source, c.own) {
				binary.BigEndian.PutUint32(b[16:], binary.BigEndian.Uint32(b[16:])+c.timestamp)
			}
		case rtcp.TypeReceiverReport, rtcp.TypeSourceDescription: // of one chunk, as senders write it
			if len(b) >= 8 {
				c.exchange(b[4:], c.source, c.own)
			}
		case rtcp.TypeGoodbye:
			for i := range count {
				if at := 4 + 4*i; at+4 <= len(b) {
					c.exchange(b[at:], c.source, c.own)
				}
			}
		}
	})
}

// Heard makes what the receiver reports of what it hears, in an RTCP packet that ParseControl has taken, a report of the source.
func (c *Continuity) Heard(packet []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.began || !c.spliced() {
		return
	}
	each(packet, func(kind rtcp.PacketType, count int, b []byte) {
		at := 8
		switch kind {
		case rtcp.TypeSenderReport:
			at = 28
		case rtcp.TypeReceiverReport:
		default:
			return
		}
		for ; count > 0 && at+blockLen <= len(b); count, at = count-1, at+blockLen {
			if c.exchange(b[at:], c.own, c.source) {
				highest := b[at+10:] // the lower half of the extended sequence number
				binary.BigEndian.PutUint16(highest, binary.BigEndian.Uint16(highest)-c.sequence)
			}
		}
	})
}

// blockLen is the octets of a report block (RFC 3550, 6.4.1).
const blockLen = 24

// exchange replaces an SSRC, and says whether it was there.
func (c *Continuity) exchange(b []byte, from, to uint32) bool {
	if binary.BigEndian.Uint32(b) != from {
		return false
	}
	binary.BigEndian.PutUint32(b, to)
	return true
}

// each calls f for each packet of a compound that ParseControl has taken.
func each(b []byte, f func(kind rtcp.PacketType, count int, b []byte)) {
	for len(b) >= 4 {
		n := 4 * (int(binary.BigEndian.Uint16(b[2:])) + 1)
		if n > len(b) {
			return
		}
		f(rtcp.PacketType(b[1]), int(b[0]&0x1f), b[:n])
		b = b[n:]
	}
}
