package phone

import "math"

// Similarity is how much of one recording is in another.
type Similarity struct {
	Score float64 // 0 to 1: the normalized correlation at the best alignment; above 0.95 for speech through G.711
	Delay int     // samples from the beginning of what was received to that of what was sent
}

// probe is how much of a recording is looked for, in samples: a quarter of a second.
const probe = rate / 4

// Compare finds what was sent in what was received. Parts that are missing count as silence.
func Compare(sent, received []int16) Similarity {
	n := min(probe, len(sent), len(received))
	if n == 0 {
		return Similarity{}
	}
	at := loudest(sent, n)
	key := sent[at : at+n]
	best, where := math.Inf(-1), 0
	for i := 0; i+n <= len(received); i++ {
		window := received[i : i+n]
		if p := power(window); p > 0 {
			if c := dot(key, window) / math.Sqrt(p); c > best {
				best, where = c, i
			}
		}
	}
	delay := where - at
	from, to := max(0, -delay), min(len(sent), len(received)-delay)
	if from >= to {
		return Similarity{Delay: delay}
	}
	norm := math.Sqrt(power(sent) * power(received[from+delay:to+delay]))
	if norm == 0 {
		return Similarity{Delay: delay}
	}
	return Similarity{Score: max(0, dot(sent[from:to], received[from+delay:to+delay])/norm), Delay: delay}
}

// loudest returns where the n samples with the most power begin.
func loudest(s []int16, n int) int {
	now := power(s[:n])
	best, at := now, 0
	for i := n; i < len(s); i++ {
		now += float64(s[i])*float64(s[i]) - float64(s[i-n])*float64(s[i-n])
		if now > best {
			best, at = now, i-n+1
		}
	}
	return at
}

func dot(a, b []int16) float64 {
	var sum int64
	for i := range a {
		sum += int64(a[i]) * int64(b[i])
	}
	return float64(sum)
}

func power(s []int16) float64 { return dot(s, s) }

// Tone returns the strongest frequency in samples, in Hz, and its purity: the part of the whole power that it has, 0 to 1.
// Only the last two seconds are looked at.
func Tone(samples []int16, rate int) (hz, purity float64) {
	if n := 2 * rate; len(samples) > n {
		samples = samples[len(samples)-n:]
	}
	total := power(samples)
	if total == 0 {
		return 0, 0
	}
	// First roughly in the loudest part, then finely in all.
	n := min(1024, len(samples))
	at := loudest(samples, n)
	coarse := float64(rate) / float64(n)
	hz, _ = strongest(samples[at:at+n], rate, coarse, float64(rate)/2-coarse, coarse/2)
	fine := float64(rate) / float64(len(samples))
	hz, _ = strongest(samples, rate, hz-coarse, hz+coarse, fine/2)
	hz, most := strongest(samples, rate, hz-fine, hz+fine, fine/20)
	// A sine of amplitude a has a Goertzel power of (a*n/2)^2 and a power of n*a^2/2.
	return hz, min(1, 2*most/(float64(len(samples))*total))
}

// strongest searches a range of frequencies, in Hz.
func strongest(samples []int16, rate int, from, to, step float64) (hz, most float64) {
	for f := from; f <= to; f += step {
		if p := goertzel(samples, f/float64(rate)); p > most {
			most, hz = p, f
		}
	}
	return hz, most
}

// goertzel is the squared magnitude of one frequency, given in cycles per sample.
func goertzel(samples []int16, f float64) float64 {
	c := 2 * math.Cos(2*math.Pi*f)
	var a, b float64
	for _, s := range samples {
		a, b = float64(s)+c*a-b, a
	}
	return a*a + b*b - c*a*b
}

// Sine returns a tone at half of full scale.
func Sine(hz float64, seconds float64) []int16 {
	s := make([]int16, int(seconds*rate))
	for i := range s {
		s[i] = int16(16384 * math.Sin(2*math.Pi*hz*float64(i)/rate))
	}
	return s
}
