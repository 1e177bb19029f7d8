package rtp

import (
	"fmt"
	"time"

	"github.com/pion/rtcp"
)

// maxControl is the most packets that are read of one compound.
const maxControl = 32

// Control is what the reports in one RTCP packet (a compound, or a reduced-size one) say; other kinds are passed over.
type Control struct {
	Sender uint32        // SSRC of who wrote the first packet
	Report *SenderReport // nil if there is none
	Blocks []Block
	Bye    bool
}

// SenderReport is what a sender says of its own stream (RFC 3550, 6.4.1).
type SenderReport struct {
	NTP             uint64 // seconds since 1900 in 32.32 bits
	Timestamp       uint32 // the same moment by the RTP clock
	Packets, Octets uint32
}

// Middle is the middle half of the NTP time, which a receiver repeats as LastSR.
func (s SenderReport) Middle() uint32 { return uint32(s.NTP >> 16) }

// NTP is a time as in a sender report.
func NTP(t time.Time) uint64 {
	const from1900to1970 = 2208988800 // s
	return uint64(t.Unix()+from1900to1970)<<32 | uint64(t.Nanosecond())<<32/uint64(time.Second)
}

// Block is what a receiver says of one source (RFC 3550, 6.4.1).
type Block struct {
	SSRC             uint32 // of the source
	FractionLost     uint8  // of 256, since the report before
	Lost             int32  // 24 bits, negative with duplicates
	Highest          uint32 // extended highest sequence number
	Jitter           uint32 // in units of the timestamp
	LastSR           uint32 // middle of the last sender report, 0 without one
	DelaySinceLastSR uint32 // in 1/65536 s
}

// ParseControl reads an RTCP packet. The lengths and versions of its parts must add up (RFC 3550, A.2); it need not
// begin with a report (RFC 5506).
func ParseControl(b []byte) (Control, error) {
	var c Control
	for i := 0; len(b) > 0; i++ {
		var h rtcp.Header
		if i == maxControl {
			return Control{}, fmt.Errorf("%w: more than %d RTCP packets in one", ErrMalformed, maxControl)
		}
		if err := h.Unmarshal(b); err != nil {
			return Control{}, fmt.Errorf("%w: %w", ErrMalformed, err)
		}
		n := 4 * (int(h.Length) + 1)
		if n > len(b) || !IsControl(b) || h.Padding && n < len(b) {
			return Control{}, fmt.Errorf("%w: RTCP packet type %d of %d octets in %d", ErrMalformed, h.Type, n, len(b))
		}
		if err := c.read(h, b[:n]); err != nil {
			return Control{}, fmt.Errorf("%w: RTCP packet type %d: %w", ErrMalformed, h.Type, err)
		}
		b = b[n:]
	}
	return c, nil
}

func (c *Control) read(h rtcp.Header, b []byte) error {
	switch h.Type {
	case rtcp.TypeSenderReport:
		var s rtcp.SenderReport
		if err := s.Unmarshal(b); err != nil {
			return err
		}
		c.Sender = s.SSRC
		c.Report = &SenderReport{NTP: s.NTPTime, Timestamp: s.RTPTime, Packets: s.PacketCount, Octets: s.OctetCount}
		c.addBlocks(s.Reports)
	case rtcp.TypeReceiverReport:
		var r rtcp.ReceiverReport
		if err := r.Unmarshal(b); err != nil {
			return err
		}
		c.Sender = r.SSRC
		c.addBlocks(r.Reports)
	case rtcp.TypeGoodbye:
		c.Bye = true
	}
	return nil
}

func (c *Control) addBlocks(reports []rtcp.ReceptionReport) {
	for _, r := range reports {
		c.Blocks = append(c.Blocks, Block{
			SSRC: r.SSRC, FractionLost: r.FractionLost, Lost: int32(r.TotalLost<<8) >> 8, Highest: r.LastSequenceNumber,
			Jitter: r.Jitter, LastSR: r.LastSenderReport, DelaySinceLastSR: r.Delay,
		})
	}
}

// Marshal writes c as a compound: a sender report if there is one to give, else a receiver report, and the canonical
// name of the sender (RFC 3550, 6.1), then a BYE if c says so. At most 31 blocks and 255 octets of name fit.
func (c Control) Marshal(cname string) ([]byte, error) {
	blocks := make([]rtcp.ReceptionReport, len(c.Blocks))
	for i, b := range c.Blocks {
		blocks[i] = rtcp.ReceptionReport{
			SSRC: b.SSRC, FractionLost: b.FractionLost, TotalLost: uint32(b.Lost) & 0xffffff, LastSequenceNumber: b.Highest,
			Jitter: b.Jitter, LastSenderReport: b.LastSR, Delay: b.DelaySinceLastSR,
		}
	}
	var first rtcp.Packet = &rtcp.ReceiverReport{SSRC: c.Sender, Reports: blocks}
	if r := c.Report; r != nil {
		first = &rtcp.SenderReport{SSRC: c.Sender, NTPTime: r.NTP, RTPTime: r.Timestamp, PacketCount: r.Packets,
			OctetCount: r.Octets, Reports: blocks}
	}
	packets := []rtcp.Packet{first, rtcp.NewCNAMESourceDescription(c.Sender, cname)}
	if c.Bye {
		packets = append(packets, &rtcp.Goodbye{Sources: []uint32{c.Sender}})
	}
	b, err := rtcp.Marshal(packets)
	if err != nil {
		return nil, fmt.Errorf("write RTCP with %d report blocks, name %q: %w", len(c.Blocks), cname, err)
	}
	return b, nil
}

// RoundTrip measures the round trip to a receiver from the sender reports that were sent to it and the blocks that come
// back (RFC 3550, 6.4.1). It remembers the last 8 reports: a party sends one every few seconds, and an answer that
// refers to an older one is too old to tell anything. The zero value is ready.
type RoundTrip struct {
	sent [8]sentReport
	next int
}

type sentReport struct {
	middle uint32
	at     time.Time
}

// Sent notes that a sender report went out.
func (r *RoundTrip) Sent(s SenderReport, at time.Time) {
	r.sent[r.next%len(r.sent)] = sentReport{s.Middle(), at}
	r.next++
}

// Measure is A - LSR - DLSR with A and LSR by our own clock. It fails for a block that refers to no report that we know,
// or to a delay longer than the time that has passed.
func (r *RoundTrip) Measure(b Block, at time.Time) (time.Duration, bool) {
	if b.LastSR == 0 {
		return 0, false
	}
	for _, s := range r.sent {
		if s.middle == b.LastSR && !s.at.IsZero() {
			d := at.Sub(s.at) - time.Duration(b.DelaySinceLastSR)*time.Second/65536
			return d, d >= 0
		}
	}
	return 0, false
}
