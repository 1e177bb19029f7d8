package mixer

import (
	"math"

	"strowger/switchnode/internal/voice"
)

const (
	most    = 32000 // of a sample, when a sum is made softer
	attack  = 32    // samples, 2 ms, in which it is
	release = 0.04  // of what is missing to the full gain, that comes back in a frame: half of it in 0.35 s
	near    = 0.999
)

// limiter makes sums of speech fit into samples. The zero value is ready.
type limiter struct {
	lost float32 // 1 less the gain
}

// limit writes a frame of sums as samples.
func (l *limiter) limit(frame []int16, sums []int32) {
	peak := int32(0)
	for _, v := range sums {
		peak = max(peak, v, -v)
	}
	before, now := 1-l.lost, float32(1)
	if peak > math.MaxInt16 {
		now = most / float32(peak)
	}
	ramp := attack
	if now >= before {
		now = min(now, before+(1-before)*release)
		ramp = voice.Frame
		if now > near {
			now = 1
		}
	}
	l.lost = 1 - now
	if before == 1 && now == 1 {
		for i, v := range sums {
			frame[i] = int16(v)
		}
		return
	}
	step := (now - before) / float32(ramp)
	gain := before
	for i, v := range sums {
		if i < ramp {
			gain += step
		} else {
			gain = now
		}
		frame[i] = int16(max(math.MinInt16, min(math.MaxInt16, float32(v)*gain)))
	}
}
