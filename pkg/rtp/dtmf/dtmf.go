// Package dtmf finds the tones of keys in speech, and makes them: ITU-T Q.23 and Q.24, at 8,000 samples a second.
//
// A key is two tones, one of four low and one of four high ones. The detector looks at windows of 12.75 ms, each half over the one before it. A
// window counts if its power is in the two strongest tones of their groups, and their levels differ no more than a line may make
// them; successive windows have to show the same two, each turning at the speed of its frequency: that tells a tone that is 3.5 % off from one
// that is 1.5 % off, and most speech from both. Five windows in a row are a key: tones of 40 ms are, of 23 ms are not. Four windows without
// it end it, so that interruptions of 10 ms do not make two keys of one.
package dtmf

import (
	"math"
	"math/cmplx"
)

// Rate is that of samples, in Hz.
const Rate = 8000

const (
	half    = 51 // samples, half a window
	begins  = 5  // windows
	ends    = 4
	share   = 0.5 // least, of the power of a window
	clear   = 4   // of the strongest of a group over the others: 6 dB
	forward = 10  // of the low tone over the high one: 10 dB
	reverse = 4   // of the high tone over the low one: 6 dB
	off     = 0.025
	// weakest is the least power of a window: two tones at -30 dBm0 each, where a full sine is +3.14 dBm0 and as loud as 32,124. Q.24 asks for
	// -25 dBm0.
	weakest = 2 * 2 * half * (32124 * 0.022) * (32124 * 0.022) / 2
)

// keys by the low and the high tone: Q.23.
const keys = "123A" + "456B" + "789C" + "*0#D"

// tones are those of Q.23, in Hz: the low group, then the high one.
var tones = [...]float64{697, 770, 852, 941, 1209, 1336, 1477, 1633}

// wave is what a tone is compared with, over half a window.
type wave struct {
	re, im [half]float32
	turn   complex128 // in half a window
}

// Detector finds keys in one stream. The zero value is not ready: see NewDetector.
type Detector struct {
	waves   [len(tones)]wave
	rest    []float32 // samples of a half that is not full
	before  [len(tones)]complex128
	power   float64 // of the half before
	last    [len(tones)]complex128
	key     byte // of the windows in a row, 0 for none
	windows int  // in a row that show key
	misses  int  // in a row that do not show sounding
	sounds  byte // the key that is pressed, 0 for none
}

// NewDetector returns the detector of one stream.
func NewDetector() *Detector {
	d := &Detector{rest: make([]float32, 0, half)}
	for i, hz := range tones {
		w := 2 * math.Pi * hz / Rate
		for n := range half {
			d.waves[i].re[n], d.waves[i].im[n] = float32(math.Cos(w*float64(n))), float32(-math.Sin(w*float64(n)))
		}
		d.waves[i].turn = cmplx.Rect(1, w*half)
	}
	return d
}

// Feed takes the next samples, and returns the key that begins in them, if one does.
func (d *Detector) Feed(samples []int16) (key byte, pressed bool) {
	for _, s := range samples {
		if d.rest = append(d.rest, float32(s)); len(d.rest) < half {
			continue
		}
		if k, ok := d.take(); ok {
			key, pressed = k, true
		}
		d.rest = d.rest[:0]
	}
	return key, pressed
}

// Sounding says whether a key sounds now, or seems to begin.
func (d *Detector) Sounding() bool { return d.sounds != 0 || d.windows > 1 }

// take takes half a window.
func (d *Detector) take() (key byte, pressed bool) {
	var power float64
	for _, s := range d.rest {
		power += float64(s) * float64(s)
	}
	total := power + d.power
	d.power = power
	if total < weakest {
		d.before, d.last = [len(tones)]complex128{}, [len(tones)]complex128{}
		d.miss()
		d.key, d.windows = 0, 0
		return 0, false
	}
	var now, window [len(tones)]complex128
	for i := range d.waves {
		now[i] = d.waves[i].over(d.rest)
		window[i] = d.before[i] + now[i]*cmplx.Conj(d.waves[i].turn)
	}
	low, high, ok := judge(&window, total)
	k := byte(0)
	if ok {
		k = keys[low*4+high-4]
	}
	switch {
	case ok && k == d.key && d.turns(low, &window) && d.turns(high, &window):
		d.windows++
	case ok:
		d.key, d.windows = k, 1
	default:
		d.key, d.windows = 0, 0
	}
	d.before, d.last = now, window
	if d.sounds != 0 && k == d.sounds {
		d.misses = 0
		return 0, false
	}
	d.miss()
	if d.windows < begins {
		return 0, false
	}
	d.sounds, d.misses = d.key, 0
	return d.key, true
}

// miss is of a window that does not show the key that sounds.
func (d *Detector) miss() {
	if d.misses++; d.misses >= ends {
		d.sounds = 0
	}
}

// over compares half a window with the wave.
func (w *wave) over(samples []float32) complex128 {
	var re, im float32
	samples = samples[:half]
	for n, s := range samples {
		re += s * w.re[n]
		im += s * w.im[n]
	}
	return complex(float64(re), float64(im))
}

// turns says whether a tone has turned since the window before as its frequency has it.
func (d *Detector) turns(tone int, window *[len(tones)]complex128) bool {
	angle := cmplx.Phase(window[tone] * cmplx.Conj(d.last[tone]) * cmplx.Conj(d.waves[tone].turn))
	hz := angle / (2 * math.Pi) * Rate / half
	return math.Abs(hz) <= off*tones[tone]
}

// judge finds the two tones of a window of some power.
func judge(window *[len(tones)]complex128, power float64) (low, high int, ok bool) {
	var strength [len(tones)]float64
	for i, v := range window {
		strength[i] = real(v)*real(v) + imag(v)*imag(v)
	}
	low, high = strongest(strength[:4]), 4+strongest(strength[4:])
	l, h := strength[low], strength[high]
	// A sine of power p in a window of n samples has the strength n*p/2, where p is the sum of its squares.
	const samples = 2 * half
	if l > h*forward || h > l*reverse || l+h < share*power*samples/2 {
		return 0, 0, false
	}
	for i, s := range strength {
		best := l
		if i >= 4 {
			best = h
		}
		if i != low && i != high && s*clear > best {
			return 0, 0, false
		}
	}
	return low, high, true
}

func strongest(strength []float64) (best int) {
	for i, s := range strength {
		if s > strength[best] {
			best = i
		}
	}
	return best
}
