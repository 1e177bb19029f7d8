// Package g711 is the µ-law and A-law of ITU-T G.711, between octets and 16-bit linear samples.
//
// The tables of G.711 are in units of 14 bits (µ-law) and 13 bits (A-law); samples here are those values shifted left
// to 16 bits: µ-law decodes to ±32124 at most, A-law to ±32256.
package g711

import "math/bits"

// Law is one of the two encoding laws.
type Law uint8

// The laws: Mu is PCMU, A is PCMA.
const (
	Mu Law = iota
	A
)

// Encode appends the octets of the samples to dst.
func (l Law) Encode(dst []byte, samples []int16) []byte {
	encode := encodeMu
	if l == A {
		encode = encodeA
	}
	for _, s := range samples {
		dst = append(dst, encode(s))
	}
	return dst
}

// Decode appends the samples of the octets to dst.
func (l Law) Decode(dst []int16, octets []byte) []int16 {
	decode := decodeMu
	if l == A {
		decode = decodeA
	}
	for _, b := range octets {
		dst = append(dst, decode(b))
	}
	return dst
}

// Silence is the octet of the sample nearest to zero.
func (l Law) Silence() byte {
	if l == A {
		return 0xd5
	}
	return 0xff
}

const (
	muBias = 33 << 2     // makes the segments of table 2 powers of two
	muClip = 8159<<2 - 1 // the last value below 8159, the virtual decision value of table 2a
)

// encodeMu: sign, segment and step of table 2, all bits inverted (G.711, 3.2).
func encodeMu(s int16) byte {
	magnitude, sign := int(s), byte(0)
	if s < 0 {
		magnitude, sign = -magnitude, 0x80
	}
	magnitude = min(magnitude, muClip) + muBias
	segment := bits.Len(uint(magnitude)) - 8 // muBias itself has 8 bits
	return ^(sign | byte(segment)<<4 | byte(magnitude>>(segment+3))&0x0f)
}

func decodeMu(b byte) int16 {
	b = ^b
	segment, step := b>>4&7, int16(b&0x0f)
	magnitude := (step<<3+muBias)<<segment - muBias
	if b&0x80 != 0 {
		return -magnitude
	}
	return magnitude
}

// encodeA: sign, segment and step of table 1, even bits inverted (G.711, 3.2).
func encodeA(s int16) byte {
	magnitude, sign := int(s)>>4, byte(0x80)
	if s < 0 {
		magnitude, sign = int(^s)>>4, 0
	}
	segment := max(0, bits.Len(uint(magnitude))-4) // the first two segments have steps of one size
	step := byte(magnitude>>max(0, segment-1)) & 0x0f
	return (sign | byte(segment)<<4 | step) ^ 0x55
}

func decodeA(b byte) int16 {
	b ^= 0x55
	segment, step := b>>4&7, int16(b&0x0f)
	magnitude := step<<4 + 8
	if segment > 0 {
		magnitude = (magnitude + 0x100) << (segment - 1)
	}
	if b&0x80 == 0 {
		return -magnitude
	}
	return magnitude
}
