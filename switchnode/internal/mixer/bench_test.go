package mixer

import (
	"math"
	"testing"
	"time"

	"strowger/pkg/rtp/g711"
	"strowger/pkg/rtp/g722"
	"strowger/pkg/sdp"
	"strowger/switchnode/internal/voice"
)

// plain is the limit: one leg's 20 ms decoded and coded again, and nothing else.
func plain(f sdp.Format) func() {
	octets, wide := make([]byte, 160), make([]int16, 0, voice.Frame)
	for i := range octets {
		octets[i] = byte(i * 37)
	}
	coded := make([]byte, 0, 160)
	if f.Name == "G722" {
		d, e := g722.NewDecoder(), g722.NewEncoder()
		return func() { coded = e.Encode(coded[:0], d.Decode(wide[:0], octets)) }
	}
	return func() { coded = g711.Mu.Encode(coded[:0], g711.Mu.Decode(wide[:0], octets)) }
}

// BenchmarkSeats is how many seats of rooms one core moves, beside how many legs it decodes and codes again: three who all talk, and a hundred of whom
// three do. What phones do for it is not counted. Run it with -benchtime 300x: a leg is heard at the rate of audio only, with a burst of 500 packets.
func BenchmarkSeats(b *testing.B) {
	for _, f := range []sdp.Format{pcmu, wide} {
		for name, c := range map[string]struct{ seats, talk int }{"three": {3, 3}, "hundred": {100, 3}} {
			b.Run(f.Name+"/"+name, func(b *testing.B) {
				r := NewRoom(voice.NewClock(), newRelay(b))
				var all []*phone
				for range c.seats {
					all = append(all, seat(b, r, f, 0))
				}
				loud, quiet := make([]int16, voice.Frame), make([]int16, voice.Frame)
				for i := range loud {
					loud[i] = int16(6000 * math.Sin(float64(i)*0.3))
				}
				var mixed, limit time.Duration
				work, at := plain(f), time.Now()
				for b.Loop() {
					for i, p := range all {
						if i < c.talk {
							p.Say(loud)
						} else {
							p.Say(quiet)
						}
					}
					begin := time.Now()
					r.Tick(at)
					mixed += time.Since(begin)
					begin = time.Now()
					for range all {
						work()
					}
					limit += time.Since(begin)
					at = at.Add(20 * time.Millisecond)
				}
				legs := float64(c.seats) * float64(b.N) * 0.02
				b.ReportMetric(legs/mixed.Seconds(), "seats/core")
				b.ReportMetric(legs/limit.Seconds(), "plain/core")
				b.ReportMetric(float64(limit)/float64(mixed), "of-plain")
				for _, p := range all {
					p.Close()
				}
				r.Close()
			})
		}
	}
}
