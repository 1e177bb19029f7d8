// Package opus decodes the speech of apps (RFC 6716) at 16,000 samples a second, one channel. Nothing here encodes it.
package opus

import (
	"github.com/pion/opus"

	"strowger/pkg/errs"
)

// Rate is that of samples, in Hz; Clock is that of RTP timestamps (RFC 7587, 4.1).
const (
	Rate  = 16000
	Clock = 48000
)

// MaxSamples is the most that a packet has: 120 ms (RFC 6716, 3.1).
const MaxSamples = Rate * 120 / 1000

// Decoder makes samples of the packets of one stream. It belongs to one goroutine at a time.
type Decoder struct {
	decoder opus.Decoder
	linear  [MaxSamples]int16
}

// NewDecoder returns the decoder of one stream.
func NewDecoder() (*Decoder, error) {
	o, err := opus.NewDecoderWithOutput(Rate, 1)
	if err != nil {
		return nil, err
	}
	return &Decoder{decoder: o}, nil
}

// Decode returns the samples of a packet, until the next call. One that is malformed is errs.Invalid.
func (d *Decoder) Decode(packet []byte) ([]int16, error) {
	if Ticks(packet) == 0 {
		return nil, errs.New(errs.Invalid, "%d bytes are no packet of Opus", len(packet))
	}
	n, err := d.decoder.DecodeToInt16(packet, d.linear[:])
	if err != nil {
		return nil, errs.New(errs.Invalid, "decode a packet of Opus: %w", err)
	}
	return d.linear[:n], nil
}

// Ticks is the duration of a packet at 48,000 Hz, 0 if it is none: RFC 6716, 3.1. It has 120 ms at most.
func Ticks(packet []byte) int {
	const ms = 48
	if len(packet) == 0 {
		return 0
	}
	config, code := packet[0]>>3, packet[0]&3
	var frame int
	switch {
	case config < 12: // SILK
		frame = []int{10 * ms, 20 * ms, 40 * ms, 60 * ms}[config&3]
	case config < 16: // hybrid
		frame = []int{10 * ms, 20 * ms}[config&1]
	default: // CELT
		frame = 120 << (config & 3)
	}
	frames := 1
	switch {
	case code == 1 || code == 2:
		frames = 2
	case code == 3 && len(packet) < 2:
		return 0
	case code == 3:
		frames = int(packet[1] & 0x3f)
	}
	if frame*frames > 120*ms {
		return 0
	}
	return frame * frames
}
