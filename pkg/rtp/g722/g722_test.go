package g722

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"testing"
)

// noise is a second of it, in eight degrees of loudness from none to full.
func noise() []int16 {
	samples, x := make([]int16, Rate), 1
	for i := range samples {
		x = (x*1103515245 + 12345) & 0x7fffffff
		v := x>>15&0xffff - 32768
		samples[i] = int16(math.Floor(float64(v*(i/2000%8)) / 8))
	}
	return samples
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

// TestAgainstSpandsp compares every bit with what spandsp 0.0.6 (g722_encode and g722_decode at 64,000) makes of the same.
func TestAgainstSpandsp(t *testing.T) {
	const octets, heard = "81954bc4c48ce01166232fa2281bfe14f74a9278c6ccab9cf22fd2469bee9d06", "14d394d1bc5a3b47d300d42c668f05f424c49bb638c1ce1e280d61fa1650396f"
	b := NewEncoder().Encode(nil, noise())
	if got := sum(b); len(b) != Rate/2 || got != octets {
		t.Errorf("%d octets, SHA-256 %s", len(b), got)
	}
	var pcm []byte
	for _, s := range NewDecoder().Decode(nil, b) {
		pcm = binary.LittleEndian.AppendUint16(pcm, uint16(s))
	}
	if got := sum(pcm); len(pcm) != 2*Rate || got != heard {
		t.Errorf("%d bytes of samples, SHA-256 %s", len(pcm), got)
	}
}

// A tone of either band comes back as it was, 22 samples later.
func TestTones(t *testing.T) {
	for _, hertz := range []float64{300, 1000, 3000, 5000, 6500} {
		in := make([]int16, Rate)
		for i := range in {
			in[i] = int16(8000 * math.Sin(2*math.Pi*hertz*float64(i)/Rate))
		}
		out := NewDecoder().Decode(nil, NewEncoder().Encode(nil, in))
		var signal, noise float64
		for i := Rate / 2; i < Rate; i++ {
			want := float64(in[i-22])
			signal, noise = signal+want*want, noise+(float64(out[i])-want)*(float64(out[i])-want)
		}
		if ratio := 10 * math.Log10(signal/noise); ratio < 12 {
			t.Errorf("%v Hz: signal to noise %.1f dB", hertz, ratio)
		}
	}
}

// Whatever comes, there are two samples for each octet, and frames may be cut anywhere.
func FuzzDecode(f *testing.F) {
	f.Add(NewEncoder().Encode(nil, noise()[:320]), 7)
	f.Add([]byte{0, 0xff, 0x3f, 0xc0}, 1)
	f.Fuzz(func(t *testing.T, octets []byte, cut int) {
		whole := NewDecoder().Decode(nil, octets)
		if len(whole) != 2*len(octets) {
			t.Fatalf("%d samples of %d octets", len(whole), len(octets))
		}
		cut = max(0, min(cut, len(octets)))
		d := NewDecoder()
		parts := d.Decode(d.Decode(nil, octets[:cut]), octets[cut:])
		for i := range whole {
			if whole[i] != parts[i] {
				t.Fatalf("sample %d is %d, in two parts %d", i, whole[i], parts[i])
			}
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	e, in, out := NewEncoder(), noise()[:320], make([]byte, 0, 160)
	for b.Loop() {
		out = e.Encode(out[:0], in)
	}
}

func BenchmarkDecode(b *testing.B) {
	d, in, out := NewDecoder(), NewEncoder().Encode(nil, noise()[:320]), make([]int16, 0, 320)
	for b.Loop() {
		out = d.Decode(out[:0], in)
	}
}
