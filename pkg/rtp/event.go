package rtp

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// Event is the payload of a telephone event (RFC 4733, 2.3).
type Event struct {
	Code     uint8 // 0 to 15 are the digits of RFC 4733, 3.2, see Digit
	End      bool
	Volume   uint8  // 0 to 63, in -dBm0
	Duration uint16 // so far, in units of the timestamp
}

const digits = "0123456789*#ABCD"

// Digit is the key of a DTMF event; false for other events.
func (e Event) Digit() (byte, bool) {
	if int(e.Code) >= len(digits) {
		return 0, false
	}
	return digits[e.Code], true
}

// DigitCode is the event of a key: 0 to 9, *, #, A to D.
func DigitCode(digit byte) (uint8, bool) {
	i := strings.IndexByte(digits, digit)
	return uint8(i), i >= 0
}

// ParseEvent reads the first event of a payload.
func ParseEvent(payload []byte) (Event, error) {
	if len(payload) < 4 {
		return Event{}, fmt.Errorf("%w: telephone event of %d octets", ErrMalformed, len(payload))
	}
	return Event{
		Code: payload[0], End: payload[1]&0x80 != 0, Volume: payload[1] & 0x3f, Duration: binary.BigEndian.Uint16(payload[2:]),
	}, nil
}

// Rescale changes the duration of the event in a payload from one clock to another, both in Hz, in place. One that the field
// cannot hold is the longest that it can: the sender of a long event begins another segment in its own clock's time (RFC 4733,
// 2.5.1.3), and who makes a minute of it hears a shorter one.
func Rescale(payload []byte, from, to int) {
	if len(payload) < 4 || from <= 0 {
		return
	}
	d := uint64(binary.BigEndian.Uint16(payload[2:])) * uint64(to) / uint64(from)
	binary.BigEndian.PutUint16(payload[2:], uint16(min(d, 1<<16-1)))
}

// Append appends the payload of e to dst.
func (e Event) Append(dst []byte) []byte {
	second := e.Volume & 0x3f
	if e.End {
		second |= 0x80
	}
	return binary.BigEndian.AppendUint16(append(dst, e.Code, second), e.Duration)
}
