package phone

import "math"

// What reads each sample many times is not watched for races: that would be a sixth of all that the tests with -race do. Who gives the samples
// has copied them.

// Similarity is how much of one recording is in another.
type Similarity struct {
	Score   float64 // 0 to 1: the normalized correlation of what arrived, at the best alignment; above 0.95 for speech through G.711
	Missing int     // samples of what was sent, other than silence, that did not arrive
	Delay   int     // samples from the beginning of what was received to that of what was sent
}

const (
	probe  = rate / 4 // of a recording is looked for, in samples: a quarter of a second
	probes = 5        // of a recording are looked for at most, and the loudest
	sparse = 4        // of so many samples one is compared when an alignment is sought
	found  = 0.9      // a score above which no other is
)

// Compare finds what was sent in what was received. A packet or more of nothing but zeros is one that did not arrive: that is
// counted, but is no difference.
func Compare(sent, received []int16) Similarity {
	n := min(probe, len(sent), len(received))
	if n == 0 || loud(sent) == 0 {
		return Similarity{Missing: loud(sent)}
	}
	best := align(sent, received, loudest(sent, n), n)
	for at := 0; at+n <= len(sent) && best.Score < found; at += max(n, len(sent)/probes) { // the loudest may not have arrived
		if s := align(sent, received, at, n); s.Score > best.Score {
			best = s
		}
	}
	return best
}

// align compares where n samples of what was sent, from at on, are found best.
//
//go:norace
func align(sent, received []int16, at, n int) Similarity {
	key := sent[at : at+n]
	best, where := math.Inf(-1), 0
	for i, p := 0, power(received[:n]); ; i++ {
		if p > 0 {
			sum := 0.0
			for k := 0; k < n; k += sparse {
				sum += float64(key[k]) * float64(received[i+k])
			}
			if c := sum / math.Sqrt(p); c > best {
				best, where = c, i
			}
		}
		if i+n == len(received) {
			break
		}
		out, in := float64(received[i]), float64(received[i+n])
		p += in*in - out*out
	}
	s := Similarity{Delay: where - at, Missing: loud(sent)}
	var product, here, there float64
	for i := max(0, -s.Delay); i < len(sent) && i+s.Delay < len(received); {
		run := 0
		for i+run < len(sent) && i+s.Delay+run < len(received) && received[i+s.Delay+run] == 0 {
			run++
		}
		if run < samples {
			run = max(run, 1)
			a, b := sent[i:i+run], received[i+s.Delay:i+s.Delay+run]
			product, here, there = product+dot(a, b), here+power(a), there+power(b)
			s.Missing -= loud(a)
		}
		i += run
	}
	if here > 0 && there > 0 {
		s.Score = max(0, product/math.Sqrt(here*there))
	}
	return s
}

// loud is how many samples are not zero.
//
//go:norace
func loud(samples []int16) (n int) {
	for _, s := range samples {
		if s != 0 {
			n++
		}
	}
	return n
}

// loudest returns where the n samples with the most power begin.
//
//go:norace
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

//go:norace
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
//
//go:norace
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

// Level is how much of the samples is a tone of a frequency, in Hz: 1 for nothing else, 0 for none of it.
func Level(samples []int16, rate int, hz float64) float64 {
	var power float64
	for _, s := range samples {
		power += float64(s) * float64(s)
	}
	if power == 0 {
		return 0
	}
	return 2 * goertzel(samples, hz/float64(rate)) / (power * float64(len(samples)))
}
