// Package g722 is the wideband codec of ITU-T G.722 at 64 kbit/s (mode 1), between octets and 16-bit linear samples at
// 16,000 a second. An octet is two samples; the clock of its RTP timestamps is 8,000 a second all the same (RFC 3551, 4.5.2).
//
// Two filters split the signal into a lower and a higher band, each of which is coded as the difference to what its past
// predicts: 6 bits for the lower one, 2 for the higher. Both ends adapt in step by what was sent, so an Encoder and a Decoder
// have a state, and belong to one stream and one goroutine.
package g722

// Rate is that of samples, in Hz.
const Rate = 16000

// Encoder makes octets of samples. The zero value is not ready: see NewEncoder.
type Encoder struct {
	low, high band
	past      [24]int
}

// NewEncoder returns the encoder of one stream.
func NewEncoder() *Encoder { return &Encoder{low: newBand(lowScale), high: newBand(highScale)} }

// Decoder makes samples of octets. The zero value is not ready: see NewDecoder.
type Decoder struct {
	low, high band
	past      [24]int
}

// NewDecoder returns the decoder of one stream.
func NewDecoder() *Decoder { return &Decoder{low: newBand(lowScale), high: newBand(highScale)} }

// Encode appends the octets of the samples to dst, one for each two; an odd last sample is left out.
func (e *Encoder) Encode(dst []byte, samples []int16) []byte {
	for ; len(samples) > 1; samples = samples[2:] {
		copy(e.past[:], e.past[2:])
		e.past[22], e.past[23] = int(samples[0]), int(samples[1])
		even, odd := filter(&e.past)
		dst = append(dst, e.high.quantizeHigh((even-odd)>>14)<<6|e.low.quantizeLow((even+odd)>>14))
	}
	return dst
}

// Decode appends the samples of the octets to dst, two for each.
func (d *Decoder) Decode(dst []int16, octets []byte) []int16 {
	for _, o := range octets {
		low, high := d.low.lower(o&0x3f), d.high.higher(o>>6)
		copy(d.past[:], d.past[2:])
		d.past[22], d.past[23] = low+high, low-high
		even, odd := filter(&d.past)
		dst = append(dst, saturated(even>>11), saturated(odd>>11))
	}
	return dst
}

// filter runs both halves of the mirror filter over the past.
func filter(past *[24]int) (even, odd int) {
	for i, tap := range taps {
		odd += past[2*i] * tap
		even += past[2*i+1] * taps[len(taps)-1-i]
	}
	return even, odd
}

// saturate is the 16-bit arithmetic of the recommendation.
func saturate(v int) int { return min(max(v, -1<<15), 1<<15-1) }

func saturated(v int) int16 { return int16(saturate(v)) }
