package prompt

import (
	"math"
	"sync"

	"strowger/pkg/rtp/g711"
	"strowger/pkg/rtp/g722"
	"strowger/pkg/sdp"
)

// octets is what a packet of 20 ms has, in every codec here: all are of 64 kbit/s.
const octets = 160

// coding is one of the codecs that sounds are played in.
type coding uint8

const (
	mu coding = iota
	a
	wideband // G.722
	codings
)

// codingOf is that of a codec, which is playable.
func codingOf(c sdp.Codec) coding {
	switch c.Name {
	case "PCMU":
		return mu
	case "PCMA":
		return a
	}
	return wideband
}

// playable says whether a codec is one of those here.
func playable(c sdp.Codec) bool {
	return c.Clock == rate && c.Channels == 1 && (c.Name == "PCMU" || c.Name == "PCMA" || c.Name == "G722")
}

// clip is a sound. It is coded when it is first needed, and once for all who hear it.
type clip struct {
	samples []int16
	coded   [codings]struct {
		once  sync.Once
		bytes []byte
	}
	wide struct {
		once    sync.Once
		samples []int16
	}
}

// in returns the clip in a coding, whole packets of it.
func (c *clip) in(k coding) []byte {
	e := &c.coded[k]
	e.once.Do(func() {
		whole := make([]int16, (len(c.samples)+octets-1)/octets*octets) // silent at its end
		copy(whole, c.samples)
		switch k {
		case mu:
			e.bytes = g711.Mu.Encode(nil, whole)
		case a:
			e.bytes = g711.A.Encode(nil, whole)
		default:
			e.bytes = g722.NewEncoder().Encode(nil, doubled(whole))
		}
	})
	return e.bytes
}

// doubled is samples at twice the rate: between two of them comes what the four around it suggest (a cubic through them).
func doubled(samples []int16) []int16 {
	at := func(i int) int { return int(samples[min(max(i, 0), len(samples)-1)]) }
	wide := make([]int16, 0, 2*len(samples))
	for i, s := range samples {
		between := (9*(at(i)+at(i+1)) - at(i-1) - at(i+2)) / 16
		wide = append(wide, s, int16(min(max(between, math.MinInt16), math.MaxInt16)))
	}
	return wide
}

// The tone that says that the callee is alerted: ITU-T E.180, 7 and table 1 recommend 425 Hz, one second in five, at -10 dBm0.
const (
	toneHz     = 425
	toneOn     = rate
	tonePeriod = 5 * rate
	toneLevel  = 0.22 // of full scale, which is +3.14 dBm0
)

// ringingTone is one period of it.
func ringingTone() *clip {
	samples := make([]int16, tonePeriod)
	for i := range samples[:toneOn] {
		const edge = rate / 100 // 10 ms
		loud := toneLevel * min(1, float64(min(i, toneOn-i))/edge)
		samples[i] = int16(loud * math.MaxInt16 * math.Sin(2*math.Pi*toneHz*float64(i)/rate))
	}
	return &clip{samples: samples}
}
