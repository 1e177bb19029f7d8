package rtp

import "time"

// Constants of RFC 3550, A.1.
const (
	minSequential = 2
	maxDropout    = 3000
	maxMisorder   = 100
	sequenceMod   = 1 << 16
)

// A step of a stream's timestamps against the clock that is larger than this is a restart (a phone that stopped its
// timestamps while on hold), not jitter.
const maxTransitStep = time.Second

// Receiver keeps the statistics of what one party sends, through changes of its synchronization source. The zero value
// is ready. It is not safe for concurrent use.
type Receiver struct {
	started bool
	ssrc    uint32
	// RFC 3550, A.1, of the present source:
	maxSequence         uint16
	cycles              uint32
	base, bad           uint32
	probation           int
	received            int64
	expectedThen        int64 // at the last Block
	receivedThen        int64
	lostBefore          int64 // by earlier sources
	transit             transit
	senderReport        uint32 // middle of the last one
	senderReportArrived time.Time
}

// transit is the jitter of RFC 3550, A.8, in time instead of timestamp units, so that a change of codec needs no
// conversion.
type transit struct {
	clock     int // of the last packet, 0 before the first
	timestamp uint32
	at        time.Time
	jitter    time.Duration
}

// Receive counts a packet that arrived at a time. clock is the RTP clock of its codec in Hz, 0 for packets whose
// timestamps do not tell when they were sent: telephone events repeat that of their beginning (RFC 4733, 2.2).
func (r *Receiver) Receive(h Header, clock int, at time.Time) {
	if !r.started || h.SSRC != r.ssrc {
		r.lostBefore = r.Lost()
		r.started, r.ssrc, r.transit.clock = true, h.SSRC, 0
		r.restart(h.Sequence)
		r.maxSequence, r.probation = h.Sequence-1, minSequential
	}
	if r.update(h.Sequence) && clock > 0 {
		r.transit.update(h.Timestamp, clock, at)
	}
}

// Pause has the next packet be the first of its source: what was sent since the last one was for somebody else.
func (r *Receiver) Pause() {
	r.lostBefore = r.Lost()
	r.started, r.received = false, 0
}

// restart is init_seq of RFC 3550, A.1.
func (r *Receiver) restart(sequence uint16) {
	r.base, r.bad = uint32(sequence), sequenceMod+1
	r.maxSequence, r.cycles = sequence, 0
	r.received, r.expectedThen, r.receivedThen = 0, 0, 0
}

// update is update_seq of RFC 3550, A.1. It says whether the packet counts.
func (r *Receiver) update(sequence uint16) bool {
	delta := sequence - r.maxSequence
	switch {
	case r.probation > 0:
		if sequence == r.maxSequence+1 {
			r.probation--
			r.maxSequence = sequence
			if r.probation == 0 {
				r.restart(sequence)
				r.received++
				return true
			}
		} else {
			r.probation, r.maxSequence = minSequential-1, sequence
		}
		return false
	case delta < maxDropout:
		if sequence < r.maxSequence {
			r.cycles += sequenceMod
		}
		r.maxSequence = sequence
	case int(delta) <= sequenceMod-maxMisorder:
		if uint32(sequence) != r.bad {
			r.bad = (uint32(sequence) + 1) & (sequenceMod - 1)
			return false
		}
		r.lostBefore = r.Lost() // two in sequence: the other side restarted without telling us
		r.restart(sequence)
	}
	r.received++
	return true
}

func (t *transit) update(timestamp uint32, clock int, at time.Time) {
	if t.clock == clock {
		sent := time.Duration(int32(timestamp-t.timestamp)) * time.Second / time.Duration(clock)
		if d := (at.Sub(t.at) - sent).Abs(); d < maxTransitStep {
			t.jitter += (d - t.jitter) / 16
		}
	}
	t.clock, t.timestamp, t.at = clock, timestamp, at
}

func (r *Receiver) highest() uint32 { return r.cycles + uint32(r.maxSequence) }

func (r *Receiver) expected() int64 {
	if r.probation > 0 || !r.started {
		return 0
	}
	return int64(r.highest()) - int64(r.base) + 1
}

// Lost is the number of packets that did not arrive (RFC 3550, A.3), of all sources; negative with duplicates.
func (r *Receiver) Lost() int64 { return r.lostBefore + r.expected() - r.received }

// Jitter is the interarrival jitter (RFC 3550, A.8).
func (r *Receiver) Jitter() time.Duration { return r.transit.jitter }

// SenderReport notes a sender report of the party, for the times in Block.
func (r *Receiver) SenderReport(s SenderReport, at time.Time) {
	r.senderReport, r.senderReportArrived = s.Middle(), at
}

// Block is the report on the present source (RFC 3550, 6.4.1 and A.3), and begins a new interval of its loss fraction.
// There is nothing to report before a source is valid.
func (r *Receiver) Block(at time.Time) (Block, bool) {
	if !r.started || r.probation > 0 {
		return Block{}, false
	}
	expected := r.expected()
	b := Block{
		SSRC: r.ssrc, Lost: clamp24(expected - r.received), Highest: r.highest(),
		Jitter: uint32(r.transit.jitter * time.Duration(r.transit.clock) / time.Second),
	}
	expectedNow, receivedNow := expected-r.expectedThen, r.received-r.receivedThen
	r.expectedThen, r.receivedThen = expected, r.received
	if lost := expectedNow - receivedNow; expectedNow > 0 && lost > 0 {
		b.FractionLost = uint8(min(lost<<8/expectedNow, 255))
	}
	if !r.senderReportArrived.IsZero() {
		b.LastSR = r.senderReport
		b.DelaySinceLastSR = uint32(at.Sub(r.senderReportArrived) * 65536 / time.Second)
	}
	return b, true
}

// clamp24 keeps a cumulative loss within its 24 bits (RFC 3550, A.3).
func clamp24(n int64) int32 { return int32(max(-0x800000, min(n, 0x7fffff))) }
