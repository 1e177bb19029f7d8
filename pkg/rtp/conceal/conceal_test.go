package conceal

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

const frame = 320

// voiced is a voice of some pitch in Hz: a few harmonics.
func voiced(hz float64, n int) []int16 {
	s := make([]int16, n)
	for i := range s {
		var v float64
		for k := 1.0; k <= 5; k++ {
			v += math.Sin(2*math.Pi*hz*k*float64(i)/Rate+k) / k
		}
		s[i] = int16(4000 * v)
	}
	return s
}

func rms(s []int16) float64 {
	var sum float64
	for _, v := range s {
		sum += float64(v) * float64(v)
	}
	return math.Sqrt(sum / float64(len(s)))
}

// What takes the place of a frame of a voice is nearly what was lost, for pitches of men, women and children.
func TestOneFrame(t *testing.T) {
	for _, hz := range []float64{85, 110, 160, 210, 250, 320} {
		said := voiced(hz, 20*frame)
		var c Concealer
		for i := range 10 {
			c.Good(said[i*frame : (i+1)*frame])
		}
		got := make([]int16, frame)
		c.Lost(got)
		lost := said[10*frame : 11*frame]
		wrong := make([]int16, frame/2) // its second half is softer
		for i := range wrong {
			wrong[i] = got[i] - lost[i]
		}
		if ratio := rms(wrong) / rms(lost); ratio > 0.25 {
			t.Errorf("%v Hz: the error is %.2f of the voice", hz, ratio)
		}
	}
}

// A long loss ends in silence within 60 ms, and what comes afterwards is what was said.
func TestFadesAndComesBack(t *testing.T) {
	said := voiced(150, 20*frame)
	var c Concealer
	for i := range 10 {
		c.Good(said[i*frame : (i+1)*frame])
	}
	var levels []float64
	for range 4 {
		f := make([]int16, frame)
		c.Lost(f)
		levels = append(levels, rms(f))
	}
	if levels[0] < rms(said)/2 || levels[1] > levels[0] || levels[2] > levels[1] || levels[3] != 0 {
		t.Errorf("levels of four frames %.0f, of the voice %.0f", levels, rms(said))
	}
	f := append([]int16(nil), said[14*frame:15*frame]...)
	c.Good(f)
	for i := join; i < frame; i++ {
		if f[i] != said[14*frame+i] {
			t.Fatalf("sample %d after the loss is %d, was said as %d", i, f[i], said[14*frame+i])
		}
	}
}

// Nothing that was never heard is made up, and nothing leaps: from sample to sample there is no more than the voice and the joins have.
func TestAnything(t *testing.T) {
	var c Concealer
	f := make([]int16, frame)
	c.Lost(f)
	if rms(f) != 0 {
		t.Error("silence was concealed by a sound")
	}
	rapid.Check(t, func(t *rapid.T) {
		var c Concealer
		hz := rapid.Float64Range(70, 380).Draw(t, "pitch")
		said := voiced(hz, 40*frame)
		most := 0
		for i := 1; i < len(said); i++ {
			most = max(most, abs(int(said[i])-int(said[i-1])))
		}
		last := 0
		for i, lost := range rapid.SliceOfN(rapid.Bool(), 10, 40).Draw(t, "lost") {
			f := append([]int16(nil), said[i*frame:(i+1)*frame]...)
			if lost {
				c.Lost(f)
			} else {
				c.Good(f)
			}
			for k, v := range f {
				if i > 1 && abs(int(v)-last) > 3*most {
					t.Fatalf("a leap of %d in frame %d at %d, the voice has %d", int(v)-last, i, k, most)
				}
				last = int(v)
			}
		}
	})
}

func abs(i int) int { return max(i, -i) }

func FuzzConcealer(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4}, uint8(5))
	f.Fuzz(func(t *testing.T, b []byte, lost uint8) {
		var c Concealer
		for i, v := range b {
			s := make([]int16, int(v)*3+1)
			for k := range s {
				s[k] = int16(int(v) * k * 7919)
			}
			if lost>>(i%8)&1 == 1 {
				c.Lost(s)
			} else {
				c.Good(s)
			}
		}
	})
}

func BenchmarkLost(b *testing.B) {
	said := voiced(150, 20*frame)
	f := make([]int16, frame)
	for b.Loop() {
		var c Concealer
		c.Good(said)
		c.Lost(f)
	}
}
