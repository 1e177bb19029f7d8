//go:build peers

package peers

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"testing"
)

// codec is a codec as a phone is told to use it, with what its sound source must be like.
type codec struct {
	baresip  string // in an account of baresip
	record   string // in a call record
	rate     int    // of the samples, in Hz
	channels int
}

var (
	pcmu = codec{"PCMU/8000/1", "PCMU/8000", 8000, 1}
	pcma = codec{"PCMA/8000/1", "PCMA/8000", 8000, 1}
	g722 = codec{"G722/16000/1", "G722/8000", 16000, 1} // RFC 3551, 4.5.2: the RTP clock rate of G.722 is 8000
	opus = codec{"opus/48000/2", "opus/48000/2", 48000, 2}
)

// wavHeader is the length of the header of a canonical WAV file of 16-bit samples.
const wavHeader = 44

// writeTone writes a WAV file with a minute of one tone.
func writeTone(path string, c codec, hertz float64) error { return writeToneFor(60, path, c, hertz) }

// writeToneFor writes one of some seconds.
func writeToneFor(seconds int, path string, c codec, hertz float64) error {
	const loudness = 0.5 * math.MaxInt16
	data := seconds * c.rate * c.channels * 2
	b := make([]byte, 0, wavHeader+data)
	le := binary.LittleEndian
	b = append(b, "RIFF"...)
	b = le.AppendUint32(b, uint32(wavHeader-8+data))
	b = append(b, "WAVEfmt "...)
	b = le.AppendUint32(b, 16)
	b = le.AppendUint16(b, 1) // PCM
	b = le.AppendUint16(b, uint16(c.channels))
	b = le.AppendUint32(b, uint32(c.rate))
	b = le.AppendUint32(b, uint32(c.rate*c.channels*2))
	b = le.AppendUint16(b, uint16(c.channels*2))
	b = le.AppendUint16(b, 16)
	b = append(b, "data"...)
	b = le.AppendUint32(b, uint32(data))
	for i := range seconds * c.rate {
		sample := uint16(int16(loudness * math.Sin(2*math.Pi*hertz*float64(i)/float64(c.rate))))
		for range c.channels {
			b = le.AppendUint16(b, sample)
		}
	}
	return os.WriteFile(path, b, 0o600)
}

// readSamples reads the first channel of a WAV file that may still be growing: its header does not know its length yet.
func readSamples(path string, c codec) ([]int16, error) {
	b, err := os.ReadFile(path)
	if err != nil || len(b) <= wavHeader {
		return nil, err
	}
	var samples []int16
	for at := wavHeader; at+2*c.channels <= len(b); at += 2 * c.channels {
		samples = append(samples, int16(binary.LittleEndian.Uint16(b[at:])))
	}
	return samples, nil
}

// expectTone checks that the last half second is one pure tone.
func expectTone(samples []int16, rate int, want float64) error {
	if len(samples) < rate/2 {
		return fmt.Errorf("%d samples so far, less than half a second", len(samples))
	}
	got, purity := strongest(samples[len(samples)-rate/2:], rate)
	if got != want || purity < 0.9 {
		return fmt.Errorf("heard %v Hz with a purity of %.2f, want %v Hz with at least 0.9", got, purity, want)
	}
	return nil
}

// strongest finds the strongest tone from 100 to 3400 Hz in steps of 10, by Goertzel's algorithm over a quarter of a
// second, and how much of the whole power it has, 0 to 1.
func strongest(samples []int16, rate int) (hertz, purity float64) {
	samples = samples[len(samples)-min(len(samples), rate/4):]
	var total, best float64
	for _, s := range samples {
		total += float64(s) * float64(s)
	}
	if total == 0 {
		return 0, 0
	}
	for f := 100.0; f < 3400; f += 10 {
		if p := power(samples, rate, f); p > best {
			best, hertz = p, f
		}
	}
	return hertz, 2 * best / (float64(len(samples)) * total)
}

// power is that of one frequency, by Goertzel's algorithm.
func power(samples []int16, rate int, hertz float64) float64 {
	c := 2 * math.Cos(2*math.Pi*hertz/float64(rate))
	var s1, s2 float64
	for _, s := range samples {
		s1, s2 = float64(s)+c*s1-s2, s1
	}
	return s1*s1 + s2*s2 - c*s1*s2
}

// expectTones checks that the last quarter of a second is tones of about one loudness, and nothing of another.
func expectTones(samples []int16, rate int, not float64, tones ...float64) error {
	if len(samples) < rate {
		return fmt.Errorf("%d samples so far, less than a second", len(samples))
	}
	samples = samples[len(samples)-rate/4:]
	var total float64
	for _, s := range samples {
		total += float64(s) * float64(s)
	}
	share := func(hertz float64) float64 { return 2 * power(samples, rate, hertz) / (float64(len(samples)) * total) }
	for _, f := range tones {
		if s := share(f); !(s > 0.6/float64(len(tones))) {
			return fmt.Errorf("%v Hz are %.2f of what is heard", f, s)
		}
	}
	if s := share(not); s > 0.02 {
		return fmt.Errorf("%v Hz, which nobody else says, are %.2f of what is heard", not, s)
	}
	return nil
}

// TestToneFinder gives the finder what it must hear and what it must not.
func TestToneFinder(t *testing.T) {
	need(t)
	path := t.TempDir() + "/tone.wav"
	for _, c := range []codec{pcmu, g722, opus} {
		if err := writeTone(path, c, 440); err != nil {
			t.Fatal(err)
		}
		samples, err := readSamples(path, c)
		if err != nil {
			t.Fatal(err)
		}
		if err := expectTone(samples, c.rate, 440); err != nil {
			t.Errorf("%s: %v", c.baresip, err)
		}
		if expectTone(samples, c.rate, 1000) == nil || expectTone(make([]int16, c.rate), c.rate, 440) == nil {
			err = errors.Join(err, errors.New("heard a tone that is not there"))
		}
		for i := range samples { // a second, louder tone
			samples[i] = samples[i]/4 + int16(8000*math.Sin(2*math.Pi*700*float64(i)/float64(c.rate)))
		}
		if expectTone(samples, c.rate, 440) == nil {
			err = errors.Join(err, errors.New("took another tone for the one asked for"))
		}
		if err != nil {
			t.Errorf("%s: %v", c.baresip, err)
		}
	}
}
