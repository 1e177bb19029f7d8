// Package jitter puts the packets of one stream, which come late, twice, in any order or not at all, in the order and at the pace in
// which they are to be heard.
//
//	b.Put(header, payload, ticks, clock, time.Now())   // when a packet comes
//	p, verdict := b.Take(time.Now())                   // whenever more is to be heard: once in 20 ms
//
// How long packets are held is the target: what 97 of 100 packets need, by how late they came lately, from MinDelay to MaxDelay. A
// stream that begins, or goes on after a silence (a phone that sends nothing while its user says nothing), is held by that
// before its first packet is heard. While it runs, the delay grows when there is nothing to be heard and shrinks when Surplus says so:
// that serves clocks that drift as well. It neither locks nor looks at a clock.
package jitter

import (
	"slices"
	"time"

	"strowger/pkg/rtp"
)

// How long packets are held.
const (
	MinDelay = 20 * time.Millisecond
	MaxDelay = 200 * time.Millisecond
	// MaxHeld is the most speech that is held: what a network kept back and delivered at once is cut to the target.
	MaxHeld = 500 * time.Millisecond
)

const (
	maxPackets = 200                    // that are held: MaxHeld in packets of 2.5 ms
	maxPayload = 1500                   // octets
	step       = 20 * time.Millisecond  // of speech that is lost at a time
	patience   = 100 * time.Millisecond // without a packet, until the stream is thought silent
	jump       = 3 * time.Second        // of timestamps, that is no loss but another beginning
	maxLate    = 10                     // packets in a row that are too late: the stream began anew
	window     = 50                     // takes between two judgements of the surplus
)

// Verdict says what is to be heard.
type Verdict uint8

// The verdicts.
const (
	Quiet Verdict = iota // nothing: the stream has not begun, or says nothing
	Play                 // the packet
	Lost                 // what replaces a packet that did not come, as long as the Packet says
)

// Packet is a piece of the stream. Its payload is the buffer's, until the next Take.
type Packet struct {
	PT        uint8
	Timestamp uint32
	Ticks     uint32 // how long it lasts, in units of the timestamp
	Payload   []byte
}

// Counters is what became of the packets.
type Counters struct {
	Played, Late, Doubled, Lost, Cut, Restarts uint64
}

// Buffer is the packets of one stream. The zero value is ready. It is not safe for concurrent use.
type Buffer struct {
	Counters
	begun   bool // a packet has come
	ssrc    uint32
	clock   uint32   // Hz, of the stream
	packets []Packet // by timestamp
	spare   [][]byte // payloads that are free
	taken   []byte   // payload of the last Take

	playing bool
	due     time.Time // when the first is to be heard, if not
	next    uint32    // timestamp of what is to be heard next
	passed  bool      // next is of a packet that was heard: what is before it is late
	starved uint32    // ticks without a packet
	late    int       // packets in a row

	delay   delay
	surplus surplus
}

// Put takes a packet that came. ticks is how long it lasts, in units of its clock, which is in Hz; one without a duration or a clock is
// none.
func (b *Buffer) Put(h rtp.Header, payload []byte, ticks int, clock int, at time.Time) {
	if ticks <= 0 || clock <= 0 || len(payload) > maxPayload {
		return
	}
	switch newest := b.newest(); {
	case !b.begun || h.SSRC != b.ssrc || uint32(clock) != b.clock:
		b.restart(h.SSRC, uint32(clock))
	case b.length(h.Timestamp-newest) < -jump && (b.passed || len(b.packets) > 0),
		b.length(h.Timestamp-newest) > jump && (b.playing || len(b.packets) > 0): // what is ahead after a silence is no leap
		b.restart(h.SSRC, uint32(clock))
	}
	late := b.delay.came(h.Timestamp, b.clock, at)
	if b.passed && int32(h.Timestamp-b.next) < 0 && b.length(h.Timestamp-b.next) >= -jump {
		b.late++
		b.Late++
		if b.late < maxLate {
			return
		}
		b.restart(h.SSRC, b.clock)
		late = b.delay.came(h.Timestamp, b.clock, at)
	}
	b.late = 0
	place := len(b.packets)
	for place > 0 && int32(h.Timestamp-b.packets[place-1].Timestamp) < 0 {
		place--
	}
	if place > 0 && b.packets[place-1].Timestamp == h.Timestamp {
		b.Doubled++
		return
	}
	if !b.playing && len(b.packets) == 0 {
		b.due = at.Add(max(0, b.delay.target()-late))
	}
	b.packets = slices.Insert(b.packets, place, Packet{PT: h.PT, Timestamp: h.Timestamp, Ticks: uint32(ticks), Payload: b.keep(payload)})
	b.cut()
}

// cut drops the oldest of what is more than may be held.
func (b *Buffer) cut() {
	first := b.packets[0].Timestamp
	if b.playing {
		first = b.next
	}
	if len(b.packets) <= maxPackets && b.length(b.newest()-first) <= MaxHeld {
		return
	}
	for len(b.packets) > 1 && (len(b.packets) > maxPackets || b.length(b.newest()-b.packets[0].Timestamp) > b.delay.target()) {
		b.free(0)
		b.Cut++
	}
	b.next = b.packets[0].Timestamp
	b.surplus = surplus{}
}

// newest is the timestamp at which what is held ends.
func (b *Buffer) newest() uint32 {
	if n := len(b.packets); n > 0 {
		return b.packets[n-1].Timestamp + b.packets[n-1].Ticks
	}
	return b.next
}

// length is how long so many ticks last, which are negative from the half of their range.
func (b *Buffer) length(ticks uint32) time.Duration {
	return time.Duration(int32(ticks)) * time.Second / time.Duration(max(b.clock, 1))
}

func (b *Buffer) ticks(d time.Duration) uint32 {
	return uint32(d * time.Duration(b.clock) / time.Second)
}

// restart begins with another stream, or anew with this one. How late packets come is of the network, and stays known.
func (b *Buffer) restart(ssrc, clock uint32) {
	if b.begun {
		b.Restarts++
	}
	for len(b.packets) > 0 {
		b.free(0)
		b.Cut++
	}
	b.begun, b.ssrc, b.clock = true, ssrc, clock
	b.playing, b.passed, b.starved, b.late, b.surplus = false, false, 0, 0, surplus{}
	b.delay.forget()
}

func (b *Buffer) keep(payload []byte) []byte {
	var p []byte
	if n := len(b.spare); n > 0 {
		p, b.spare = b.spare[n-1], b.spare[:n-1]
	}
	return append(p[:0], payload...)
}

func (b *Buffer) free(i int) {
	b.spare = append(b.spare, b.packets[i].Payload)
	b.packets = slices.Delete(b.packets, i, i+1)
}

// Take is what is to be heard now.
func (b *Buffer) Take(at time.Time) (Packet, Verdict) {
	if b.taken != nil {
		b.spare, b.taken = append(b.spare, b.taken), nil
	}
	if !b.playing {
		if len(b.packets) == 0 || at.Before(b.due) {
			return Packet{}, Quiet
		}
		b.playing, b.next, b.starved = true, b.packets[0].Timestamp, 0
	}
	b.surplus.see(b.length(b.newest()-b.next), b.delay.target())
	if len(b.packets) == 0 {
		return b.starve()
	}
	gap := b.packets[0].Timestamp - b.next // never negative: what is late is not taken
	if b.length(gap) > patience {
		b.next += gap // a silence, or more than can be concealed
		gap = 0
	}
	if skip := min(gap, b.starved); skip > 0 { // it was concealed when nothing had come yet
		b.next += skip
		b.starved -= skip
		gap -= skip
	}
	if gap > 0 {
		length := min(gap, b.ticks(step))
		b.next += length
		b.passed = true
		b.Lost++
		return Packet{Ticks: length}, Lost
	}
	p := b.packets[0]
	b.packets = slices.Delete(b.packets, 0, 1)
	b.taken, b.starved, b.passed = p.Payload, 0, true
	b.next = p.Timestamp + p.Ticks
	for len(b.packets) > 0 && int32(b.packets[0].Timestamp-b.next) < 0 { // they overlap: no sender does that
		b.free(0)
		b.Cut++
	}
	b.Played++
	return p, Play
}

// starve is of a stream of which nothing is there. What is to be heard next stays, so the delay grows; if it was lost instead, the gap
// will show it.
func (b *Buffer) starve() (Packet, Verdict) {
	length := b.ticks(step)
	b.starved += length
	if b.length(b.starved) > patience {
		b.playing, b.starved, b.surplus = false, 0, surplus{}
		return Packet{}, Quiet
	}
	return Packet{Ticks: length}, Lost
}

// Surplus is how much of what is held could be left out, for a shorter delay; who leaves some out, where it is not heard, says so by
// Shortened.
func (b *Buffer) Surplus() time.Duration { return b.surplus.most }

// Shortened says that so much was left out.
func (b *Buffer) Shortened(d time.Duration) { b.surplus.most -= d }

// Target is how long packets are held at present.
func (b *Buffer) Target() time.Duration { return b.delay.target() }

// Held is how much speech is held.
func (b *Buffer) Held() time.Duration {
	if len(b.packets) == 0 {
		return 0
	}
	return b.length(b.newest() - b.packets[0].Timestamp)
}

// Clock is that of the stream, in Hz, at least 1.
func (b *Buffer) Clock() int { return max(int(b.clock), 1) }
