package g711

import (
	"slices"
	"testing"
)

// law is one half of the tables of G.711, in 16-bit units, as 5 and 3.1 of the recommendation define them: segments of
// 16 equal steps that double from segment to segment, each decoded to its middle.
type law struct {
	decision []int // where a step begins
	output   []int // what it decodes to
}

// muLaw is table 2a: the first step is half a step wide, [0, 1), decoded to 0.
func muLaw() law {
	var l law
	from := 0
	for segment := range 8 {
		step := 2 << segment
		for i := range 16 {
			if segment == 0 && i == 0 {
				l.decision, l.output = append(l.decision, 0), append(l.output, 0)
				from = 1
				continue
			}
			l.decision, l.output = append(l.decision, from*4), append(l.output, (from+step/2)*4)
			from += step
		}
	}
	return l
}

// aLaw is table 1a: the first two segments have steps of 2.
func aLaw() law {
	var l law
	from := 0
	for segment := range 8 {
		step := 2 << max(0, segment-1)
		for range 16 {
			l.decision, l.output = append(l.decision, from*8), append(l.output, (from+step/2)*8)
			from += step
		}
	}
	return l
}

func (l law) quantize(magnitude int) (index, output int) {
	i, found := slices.BinarySearch(l.decision, magnitude)
	if !found {
		i--
	}
	return i, l.output[i]
}

func TestEverySample(t *testing.T) {
	mu, a := muLaw(), aLaw()
	for i := -32768; i <= 32767; i++ {
		s := int16(i)
		magnitude := max(i, -i)
		_, want := mu.quantize(min(magnitude, 8158*4))
		if i < 0 {
			want = -want
		}
		if got := Mu.Decode(nil, Mu.Encode(nil, []int16{s})); int(got[0]) != want {
			t.Fatalf("µ-law takes %d for %d, want %d", got[0], i, want)
		}
		if i < 0 {
			magnitude = -i - 1 // the negative half of A-law begins below zero: there is no zero
		}
		_, want = a.quantize(min(magnitude, 4095*8))
		if i < 0 {
			want = -want
		}
		if got := A.Decode(nil, A.Encode(nil, []int16{s})); int(got[0]) != want {
			t.Fatalf("A-law takes %d for %d, want %d", got[0], i, want)
		}
	}
}

func TestEveryOctet(t *testing.T) {
	for i := range 256 {
		b := byte(i)
		if got := A.Encode(nil, A.Decode(nil, []byte{b})); got[0] != b {
			t.Errorf("A-law: %#x becomes %#x", b, got[0])
		}
		want := b
		if b == 0x7f {
			want = 0xff // minus zero
		}
		if got := Mu.Encode(nil, Mu.Decode(nil, []byte{b})); got[0] != want {
			t.Errorf("µ-law: %#x becomes %#x, want %#x", b, got[0], want)
		}
	}
}

// Character signals of the tables: first, last and middle values, and the digital milliwatt of tables 5 and 6, a sine
// of 1 kHz at 0 dBm0.
func TestPublishedValues(t *testing.T) {
	milliwatt := map[Law][]byte{
		Mu: {0x1e, 0x0b, 0x0b, 0x1e, 0x9e, 0x8b, 0x8b, 0x9e},
		A:  {0x34, 0x21, 0x21, 0x34, 0xb4, 0xa1, 0xa1, 0xb4},
	}
	for l, octets := range milliwatt {
		s := l.Decode(nil, octets)
		for i := range 4 {
			if s[i] != -s[i+4] || s[i] >= 0 {
				t.Errorf("law %d: the digital milliwatt is not a sine: %v", l, s)
			}
		}
	}
	for _, tt := range []struct {
		law   Law
		octet byte
		want  int16
	}{
		{Mu, 0x80, 8031 * 4}, {Mu, 0x00, -8031 * 4}, {Mu, 0xff, 0}, {Mu, 0xfe, 2 * 4}, {Mu, 0xef, 33 * 4}, {Mu, 0x8f, 4191 * 4},
		{A, 0xaa, 4032 * 8}, {A, 0x2a, -4032 * 8}, {A, 0xd5, 1 * 8}, {A, 0x55, -1 * 8}, {A, 0xc5, 33 * 8}, {A, 0xa5, 2112 * 8},
	} {
		if got := tt.law.Decode(nil, []byte{tt.octet}); got[0] != tt.want {
			t.Errorf("law %d: %#x is %d, want %d", tt.law, tt.octet, got[0], tt.want)
		}
	}
	for _, l := range []Law{Mu, A} {
		if got := l.Decode(nil, []byte{l.Silence()}); got[0] > 8 || got[0] < 0 {
			t.Errorf("law %d: silence is %d", l, got[0])
		}
	}
}
