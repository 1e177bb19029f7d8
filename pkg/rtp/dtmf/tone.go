package dtmf

import (
	"math"
	"strings"
)

// How loud the two tones are: -9 and -7 dBm0, the high one more, since lines weaken it more (Q.23 leaves it to administrations; these are those of
// ETSI ES 201 235-2, 4.2.4, for a line without loss).
const (
	lowLevel  = 32124 * 0.247
	highLevel = 32124 * 0.311
)

// edge is how many samples a tone takes to come and to go: 2 ms.
const edge = 16

// IsKey says whether a byte is a key: 0 to 9, *, #, A to D.
func IsKey(key byte) bool { return strings.IndexByte(keys, key) >= 0 }

// Append appends samples of a key's tones to dst: n of them, from the one at an offset of a tone of length samples. After its end there is
// silence.
func Append(dst []int16, key byte, offset, n, length int) []int16 {
	i := strings.IndexByte(keys, key)
	if i < 0 {
		return append(dst, make([]int16, n)...)
	}
	low, high := 2*math.Pi*tones[i/4]/Rate, 2*math.Pi*tones[4+i%4]/Rate
	for t := offset; t < offset+n; t++ {
		shape := float64(max(0, min(edge, t+1, length-t))) / edge
		dst = append(dst, int16(math.Round(shape*(lowLevel*math.Sin(low*float64(t))+highLevel*math.Sin(high*float64(t))))))
	}
	return dst
}
