package resample

import (
	"math"
	"testing"
)

func sine(hz float64, rate, n int) []int16 {
	s := make([]int16, n)
	for i := range s {
		s[i] = int16(math.Round(10000 * math.Sin(2*math.Pi*hz*float64(i)/float64(rate))))
	}
	return s
}

// level is how strong a tone is in samples, in dB against that of sine.
func level(s []int16, hz float64, rate int) float64 {
	var re, im float64
	for i, v := range s {
		w := 2 * math.Pi * hz * float64(i) / float64(rate)
		re += float64(v) * math.Cos(w)
		im += float64(v) * math.Sin(w)
	}
	return 20 * math.Log10(2*math.Hypot(re, im)/float64(len(s))/10000+1e-9)
}

// inFrames runs a filter as it is used: 20 ms at a time.
func inFrames(samples []int16, n int, f func(dst, frame []int16) []int16) (all []int16) {
	for ; len(samples) >= n; samples = samples[n:] {
		all = f(all, samples[:n])
	}
	return all
}

func TestUpKeepsTones(t *testing.T) {
	for _, hz := range []float64{200, 1000, 2000, 3000, 3400} {
		var u Up
		got := inFrames(sine(hz, 8000, 8000), 160, u.Append)[1600:]
		if l := level(got, hz, 16000); math.Abs(l) > 0.05 {
			t.Errorf("%v Hz comes at %.2f dB", hz, l)
		}
		if l := level(got, 8000-hz, 16000); l > -60 { // its mirror
			t.Errorf("%v Hz has an image of %.1f dB", hz, l)
		}
	}
}

func TestDownKeepsTonesAndNothingElse(t *testing.T) {
	for _, hz := range []float64{200, 1000, 2000, 3000, 3400} {
		var d Down
		got := inFrames(sine(hz, 16000, 16000), 320, d.Append)[800:]
		if l := level(got, hz, 8000); math.Abs(l) > 0.05 {
			t.Errorf("%v Hz comes at %.2f dB", hz, l)
		}
	}
	for _, hz := range []float64{4600, 5000, 6000, 7000, 7800} {
		var d Down
		got := inFrames(sine(hz, 16000, 16000), 320, d.Append)[800:]
		if l := level(got, 8000-hz, 8000); l > -60 {
			t.Errorf("%v Hz is mirrored to %v Hz at %.1f dB", hz, 8000-hz, l)
		}
	}
}

// Up and down again is what it was, later.
func TestThereAndBack(t *testing.T) {
	var u Up
	var d Down
	sent := sine(700, 8000, 4000)
	got := inFrames(sent, 160, func(dst, f []int16) []int16 { return d.Append(dst, u.Append(nil, f)) })
	const delay = 31 // samples of 8,000 a second: both filters
	for i := 200; i < len(got); i++ {
		if diff := int(got[i]) - int(sent[i-delay]); diff < -12 || diff > 12 {
			t.Fatalf("sample %d is %d, was %d", i, got[i], sent[i-delay])
		}
	}
}

// A step to full scale, where the filters overshoot, does not wrap.
func TestClipping(t *testing.T) {
	step := make([]int16, 640)
	for i := 100; i < len(step); i++ {
		step[i] = math.MaxInt16
	}
	var d Down
	var u Up
	down, up := d.Append(nil, step), u.Append(nil, step)
	for i, s := range down[50+taps+2:] {
		if s < 28000 {
			t.Errorf("down: sample %d is %d", i, s)
		}
	}
	for i, s := range up[200+2*taps+2:] {
		if s < 28000 {
			t.Errorf("up: sample %d is %d", i, s)
		}
	}
}

func BenchmarkUp(b *testing.B) {
	var u Up
	in, out := sine(1000, 8000, 160), make([]int16, 0, 320)
	for b.Loop() {
		out = u.Append(out[:0], in)
	}
}

func BenchmarkDown(b *testing.B) {
	var d Down
	in, out := sine(1000, 16000, 320), make([]int16, 0, 160)
	for b.Loop() {
		out = d.Append(out[:0], in)
	}
}
