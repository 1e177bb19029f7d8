package dtmf

import (
	"encoding/binary"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"strowger/pkg/rtp/g711"
)

// signal is two tones, as a test has them.
type signal struct {
	key       byte
	low, high float64 // frequency, as a factor
	level     float64 // dBm0 of the low tone
	twist     float64 // dB of the high tone over the low one
	ms        float64
}

func amplitude(dBm0 float64) float64 { return 32124 * math.Pow(10, (dBm0-3.14)/20) }

func (s signal) samples() []int16 {
	i := strings.IndexByte(keys, s.key)
	l, h := tones[i/4]*s.low, tones[4+i%4]*s.high
	out := make([]int16, int(s.ms*8))
	for t := range out {
		out[t] = clip(amplitude(s.level)*math.Sin(2*math.Pi*l*float64(t)/Rate) + amplitude(s.level+s.twist)*math.Sin(2*math.Pi*h*float64(t)/Rate+1))
	}
	return out
}

func clip(v float64) int16 { return int16(max(math.MinInt16, min(math.MaxInt16, v))) }

func silence(ms float64) []int16 { return make([]int16, int(ms*8)) }

// found is the keys of samples that come in packets of 20 ms, as G.711.
func found(samples []int16) string {
	d := NewDetector()
	var all []byte
	for len(samples) > 0 {
		n := min(160, len(samples))
		if k, ok := d.Feed(g711.Mu.Decode(nil, g711.Mu.Encode(nil, samples[:n]))); ok {
			all = append(all, k)
		}
		samples = samples[n:]
	}
	return string(all)
}

// TestAllKeys dials all sixteen, in tones and pauses of 40 ms: Q.24, annex A.
func TestAllKeys(t *testing.T) {
	for lead := range 51 {
		samples := make([]int16, lead)
		for _, k := range []byte(keys) {
			samples = append(samples, signal{key: k, low: 1, high: 1, level: -10, ms: 40}.samples()...)
			samples = append(samples, silence(40)...)
		}
		if got := found(samples); got != keys {
			t.Fatalf("after %d samples: found %q", lead, got)
		}
	}
}

// TestQ24 holds the detector against the limits of Q.24, annex A: what must be taken, and what must not.
func TestQ24(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*signal)
		taken  bool
	}{
		"weak":                   {func(s *signal) { s.level = -25 }, true},
		"very weak":              {func(s *signal) { s.level = -40 }, false},
		"loud":                   {func(s *signal) { s.level = -3 }, true},
		"high tone 4 dB louder":  {func(s *signal) { s.twist = 4 }, true},
		"high tone 8 dB softer":  {func(s *signal) { s.level, s.twist = -8, -8 }, true},
		"high tone 12 dB louder": {func(s *signal) { s.level, s.twist = -18, 12 }, false},
		"high tone 14 dB softer": {func(s *signal) { s.level, s.twist = -4, -14 }, false},
		"1.5 % high":             {func(s *signal) { s.low, s.high = 1.015, 1.015 }, true},
		"1.5 % low":              {func(s *signal) { s.low, s.high = 0.985, 0.985 }, true},
		"1.5 % apart":            {func(s *signal) { s.low, s.high = 0.985, 1.015 }, true},
		"low tone 3.5 % high":    {func(s *signal) { s.low = 1.035 }, false},
		"low tone 3.5 % low":     {func(s *signal) { s.low = 0.965 }, false},
		"high tone 3.5 % high":   {func(s *signal) { s.high = 1.035 }, false},
		"high tone 3.5 % low":    {func(s *signal) { s.high = 0.965 }, false},
		"23 ms":                  {func(s *signal) { s.ms = 23 }, false},
		"40 ms":                  {func(s *signal) { s.ms = 40 }, true},
		"45 ms, weak, 1.5 % off": {func(s *signal) { s.ms, s.level, s.low, s.high = 45, -25, 1.015, 0.985 }, true},
		"a second":               {func(s *signal) { s.ms = 1000 }, true},
		"only the low tone":      {func(s *signal) { s.twist = -60 }, false},
	} {
		for _, k := range []byte(keys) {
			for lead := 0; lead < 51; lead += 5 {
				s := signal{key: k, low: 1, high: 1, level: -10, ms: 60}
				c.change(&s)
				want := ""
				if c.taken {
					want = string(k)
				}
				samples := append(append(make([]int16, lead), s.samples()...), silence(60)...)
				if got := found(samples); got != want {
					t.Errorf("%s: %c after %d samples is %q", name, k, lead, got)
					break
				}
			}
		}
	}
}

// An interruption of 10 ms is part of a key; a pause of 40 ms parts two.
func TestInterruption(t *testing.T) {
	tone := signal{key: '5', low: 1, high: 1, level: -10, ms: 80}.samples()
	for ms, want := range map[float64]string{10: "5", 40: "55"} {
		if got := found(append(append(append([]int16{}, tone...), silence(ms)...), tone...)); got != want {
			t.Errorf("a gap of %v ms: %q", ms, got)
		}
	}
}

// Noise 15 dB below a key does not hide it, and noise alone is none.
func TestNoise(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	missed, extra := 0, 0
	for range 20 {
		var samples []int16
		for _, k := range []byte(keys) {
			samples = append(samples, signal{key: k, low: 1, high: 1, level: -15, ms: 60}.samples()...)
			samples = append(samples, silence(60)...)
		}
		for i := range samples {
			samples[i] = clip(float64(samples[i]) + r.NormFloat64()*amplitude(-15-15)/math.Sqrt2*math.Sqrt2)
		}
		got := found(samples)
		for _, k := range []byte(keys) {
			if !strings.Contains(got, string(k)) {
				missed++
			}
		}
		extra += max(0, len(got)-len(keys))
	}
	if missed > 1 || extra > 0 {
		t.Errorf("of 320 keys in noise %d are missed, %d too many", missed, extra)
	}
	noise := make([]int16, 60*Rate)
	for i := range noise {
		noise[i] = clip(r.NormFloat64() * 3000)
	}
	if got := found(noise); got != "" {
		t.Errorf("a minute of noise dials %q", got)
	}
}

// TestTalkOff has the detector hear all that the product says, in two languages, and its music: nobody dials.
func TestTalkOff(t *testing.T) {
	root := filepath.Join("..", "..", "..", "switchnode", "internal", "prompt", "clips")
	seconds := 0.0
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || filepath.Ext(path) != ".wav" {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		at := strings.Index(string(b), "data")
		if binary.LittleEndian.Uint16(b[20:]) != 7 || at < 0 { // µ-law
			return nil
		}
		speech := g711.Mu.Decode(nil, b[at+8:])
		seconds += float64(len(speech)) / Rate
		for _, gain := range []float64{1, 0.5, 0.2} {
			louder := make([]int16, len(speech))
			for i, s := range speech {
				louder[i] = clip(float64(s) * gain)
			}
			if got := found(louder); got != "" {
				t.Errorf("%s at %v dials %q", filepath.Base(path), gain, got)
			}
		}
		return nil
	})
	if err != nil || seconds < 30 {
		t.Errorf("heard %.0f s of speech, %v", seconds, err)
	}
}

// What is made here is found here, whatever the keys, lengths and pauses are.
func TestMadeIsFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var want []byte
		samples := make([]int16, rapid.IntRange(0, 400).Draw(t, "lead"))
		for range rapid.IntRange(1, 12).Draw(t, "keys") {
			k := keys[rapid.IntRange(0, 15).Draw(t, "key")]
			n := rapid.IntRange(45*8, 300*8).Draw(t, "samples")
			want = append(want, k)
			for at := 0; at < n; at += 160 {
				samples = Append(samples, k, at, 160, n)
			}
			samples = append(samples, make([]int16, rapid.IntRange(45*8, 2000).Draw(t, "pause"))...)
		}
		if got := found(samples); got != string(want) {
			t.Fatalf("found %q of %q", got, want)
		}
	})
}

func FuzzDetector(f *testing.F) {
	f.Add([]byte("\x00\xff\x80some samples"))
	f.Fuzz(func(t *testing.T, b []byte) {
		d := NewDetector()
		for range 20 {
			if k, ok := d.Feed(g711.A.Decode(nil, b)); ok && !IsKey(k) {
				t.Fatalf("key %q", k)
			}
		}
	})
}

func BenchmarkFeed(b *testing.B) {
	d := NewDetector()
	s := signal{key: '5', low: 1, high: 1, level: -10, ms: 20}.samples()
	for b.Loop() {
		d.Feed(s)
	}
}
