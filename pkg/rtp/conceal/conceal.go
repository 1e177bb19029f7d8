// Package conceal fills what of a voice was lost on the way with what it said last: the last period of its pitch again and again, softer and
// softer, as ITU-T G.711, Appendix I does. After 60 ms there is silence.
package conceal

import "math"

// Rate is that of samples, in Hz.
const Rate = 16000

const (
	millisecond = Rate / 1000
	minPitch    = 5 * millisecond / 2 // 400 Hz
	maxPitch    = 15 * millisecond    // 66 Hz
	compared    = 20 * millisecond
	kept        = maxPitch + compared
	full        = 10 * millisecond // before the voice gets softer
	fade        = 50 * millisecond // until it is silent
	join        = 4 * millisecond  // of what is repeated into what comes again
	edge        = 2 * millisecond  // of what was heard into what is repeated
)

// Concealer is the end of one voice. The zero value has heard nothing. It is not safe for concurrent use.
type Concealer struct {
	past   [kept]int16
	lost   int // samples since the last that came
	pitch  int
	period [maxPitch]float64 // what is repeated
	step   float64           // from its beginning to the last sample
}

// Good takes samples that came. After a loss, their beginning is joined to what took the place of the lost ones, in place.
func (c *Concealer) Good(samples []int16) {
	if c.lost > 0 {
		for i := range min(join, len(samples)) {
			old, share := c.next(), float64(i+1)/float64(join+1)
			samples[i] = int16(math.Round(old*(1-share) + float64(samples[i])*share))
		}
		c.lost = 0
	}
	c.remember(samples)
}

// Lost fills samples that did not come.
func (c *Concealer) Lost(samples []int16) {
	if c.lost == 0 {
		c.prepare()
	}
	for i := range samples {
		samples[i] = int16(math.Round(max(math.MinInt16, min(math.MaxInt16, c.next()))))
	}
	c.remember(samples)
}

func (c *Concealer) remember(samples []int16) {
	if n := len(samples); n >= kept {
		copy(c.past[:], samples[n-kept:])
	} else {
		copy(c.past[:], c.past[n:])
		copy(c.past[kept-n:], samples)
	}
}

// next is the next sample of what is repeated.
func (c *Concealer) next() float64 {
	i := c.lost
	c.lost++
	if i >= full+fade || c.pitch == 0 {
		return 0
	}
	v := c.period[i%c.pitch]
	if i < edge {
		v += c.step * float64(edge-i) / edge
	}
	if i > full {
		v *= 1 - float64(i-full)/fade
	}
	return v
}

// prepare finds the period, and joins its end to its beginning.
func (c *Concealer) prepare() {
	c.pitch = c.findPitch()
	last := c.past[kept-c.pitch:]
	before := c.past[kept-2*c.pitch:][:c.pitch]
	overlap := c.pitch / 4
	for i, s := range last {
		c.period[i] = float64(s)
		if into := i - (c.pitch - overlap); into >= 0 {
			share := float64(into+1) / float64(overlap+1)
			c.period[i] = float64(s)*(1-share) + float64(before[i])*share
		}
	}
	c.step = float64(c.past[kept-1]) - float64(before[c.pitch-1])
}

// findPitch is the lag at which the last samples are most like those before, by normalized correlation: every second lag and sample
// first, then those beside the best.
func (c *Concealer) findPitch() int {
	best, most := minPitch, math.Inf(-1)
	try := func(lag, stride int) {
		if s := c.likeness(lag, stride); s > most {
			best, most = lag, s
		}
	}
	for lag := minPitch; lag <= maxPitch; lag += 2 {
		try(lag, 2)
	}
	rough := best
	most = math.Inf(-1)
	for lag := max(minPitch, rough-1); lag <= min(maxPitch, rough+1); lag++ {
		try(lag, 1)
	}
	return best
}

func (c *Concealer) likeness(lag, stride int) float64 {
	now, then := c.past[kept-compared:], c.past[kept-compared-lag:]
	var product, power float64
	for i := 0; i < compared; i += stride {
		a, b := float64(now[i]), float64(then[i])
		product += a * b
		power += b * b
	}
	return product / math.Sqrt(power+1)
}
