// Package resample turns samples of 8,000 a second into 16,000 and back. Both ways a half-band filter of 63 taps (a windowed sinc;
// Kaiser, beta 6.8) runs in its two phases, of which one only delays: what lies below 3,400 Hz passes within 0.01 dB, and what would be
// mirrored there, from 4,600 Hz, is 68 dB weaker. A sample is delayed by 2 ms.
package resample

import "math"

// half is every second tap from the middle on; the others are zero, and the one in the middle is a half.
var half = [...]float32{
	0.31738287475989335, -0.10324392234913818, 0.058980093424261575, -0.03911276191469937, 0.027516628717204242, -0.019816041958559745,
	0.014337216987497554, -0.01029836992000623, 0.007277887161327884, -0.005019423826388277, 0.003349731366684835, -0.002140825380320893,
	0.001291714517767151, -0.0007194508387019985, 0.00035479579387612216, -0.00014014654069810243,
}

const (
	taps  = len(half)
	reach = 2*taps - 1 // samples of the past that a phase needs
)

// Up doubles the rate of one stream. The zero value is ready.
type Up struct {
	past  [reach]float32
	whole []float32
}

// Append appends two samples to dst for each of samples.
func (u *Up) Append(dst, samples []int16) []int16 {
	u.whole = append(u.whole[:0], u.past[:]...)
	for _, s := range samples {
		u.whole = append(u.whole, float32(s))
	}
	for i := range samples {
		w := u.whole[i : i+2*taps]
		dst = append(dst, int16(w[taps-1]), round(2*across(w)))
	}
	copy(u.past[:], u.whole[len(samples):])
	return dst
}

// Down halves the rate of one stream. The zero value is ready.
type Down struct {
	even, odd [reach]float32
	evens     []float32
	odds      []float32
}

// Append appends a sample to dst for each two of samples, of which there is an even number.
func (d *Down) Append(dst, samples []int16) []int16 {
	d.evens, d.odds = append(d.evens[:0], d.even[:]...), append(d.odds[:0], d.odd[:]...)
	for i := 0; i+1 < len(samples); i += 2 {
		d.evens = append(d.evens, float32(samples[i]))
		d.odds = append(d.odds, float32(samples[i+1]))
	}
	n := len(d.evens) - reach
	for i := range n {
		dst = append(dst, round(d.evens[i+taps]/2+across(d.odds[i:i+2*taps])))
	}
	copy(d.even[:], d.evens[n:])
	copy(d.odd[:], d.odds[n:])
	return dst
}

// Clone returns one that goes on as d would.
func (d *Down) Clone() Down { return Down{even: d.even, odd: d.odd} }

// across is the phase that filters: samples on both sides of the middle, which is between the two halves of w.
func across(w []float32) float32 {
	w = w[:2*taps]
	var sum float32
	for k, tap := range half {
		sum += tap * (w[taps-1-k] + w[taps+k])
	}
	return sum
}

func round(v float32) int16 {
	switch {
	case v >= math.MaxInt16:
		return math.MaxInt16
	case v <= math.MinInt16:
		return math.MinInt16
	case v < 0:
		return int16(v - 0.5)
	}
	return int16(v + 0.5)
}
