package rtp

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// MinPacket is the length of the fixed header; anything shorter is no RTP packet (RFC 3550, 5.1).
const MinPacket = 12

const version = 2

// ErrMalformed is what Parse and ParseControl wrap.
var ErrMalformed = errors.New("malformed packet")

// Header is the fixed header of an RTP packet, without what is the same in all packets here.
type Header struct {
	PT        uint8
	Marker    bool
	Sequence  uint16
	Timestamp uint32
	SSRC      uint32
}

// Parse checks an RTP packet as RFC 3550, A.1 does (version, contributing sources, extension and padding within its
// length) and returns its header and its payload, which shares b.
func Parse(b []byte) (Header, []byte, error) {
	if len(b) < MinPacket {
		return Header{}, nil, fmt.Errorf("%w: %d bytes are no RTP header", ErrMalformed, len(b))
	}
	if b[0]>>6 != version {
		return Header{}, nil, fmt.Errorf("%w: RTP version %d", ErrMalformed, b[0]>>6)
	}
	h := Header{
		PT: b[1] & 0x7f, Marker: b[1]&0x80 != 0, Sequence: binary.BigEndian.Uint16(b[2:]),
		Timestamp: binary.BigEndian.Uint32(b[4:]), SSRC: binary.BigEndian.Uint32(b[8:]),
	}
	from, to := MinPacket+4*int(b[0]&0x0f), len(b)
	if b[0]&0x10 != 0 { // RFC 3550, 5.3.1
		if from+4 > to {
			return Header{}, nil, fmt.Errorf("%w: header extension beyond the end", ErrMalformed)
		}
		from += 4 + 4*int(binary.BigEndian.Uint16(b[from+2:]))
	}
	if b[0]&0x20 != 0 { // the last octet counts the padding, itself included
		padding := int(b[to-1])
		if padding == 0 {
			return Header{}, nil, fmt.Errorf("%w: padding of 0 octets", ErrMalformed)
		}
		to -= padding
	}
	if from > to {
		return Header{}, nil, fmt.Errorf("%w: header of %d octets in %d", ErrMalformed, from, to)
	}
	return h, b[from:to], nil
}

// Append appends the packet of h and payload to dst.
func (h Header) Append(dst, payload []byte) []byte {
	second := h.PT & 0x7f
	if h.Marker {
		second |= 0x80
	}
	dst = append(dst, version<<6, second)
	dst = binary.BigEndian.AppendUint16(dst, h.Sequence)
	dst = binary.BigEndian.AppendUint32(dst, h.Timestamp)
	dst = binary.BigEndian.AppendUint32(dst, h.SSRC)
	return append(dst, payload...)
}

// SetPayloadType changes the payload type of a packet that Parse took, in place.
func SetPayloadType(b []byte, pt uint8) {
	b[1] = b[1]&0x80 | pt&0x7f
}

// SetMarker sets the marker of a packet that Parse took, in place.
func SetMarker(b []byte) { b[1] |= 0x80 }

// IsControl tells RTCP from RTP where both share one flow: by the second octet, which is an RTCP packet type from 192 to
// 223 or a marker with an RTP payload type that nobody assigns for that reason (RFC 5761, 4).
func IsControl(b []byte) bool {
	return len(b) >= 2 && b[1] >= 192 && b[1] <= 223
}
