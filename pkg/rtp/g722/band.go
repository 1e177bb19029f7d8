package g722

// band is the adaptive predictor and quantizer of one band (G.722, 3.5 and 3.6). Index 0 of a filter's past is the present.
type band struct {
	kind       *scale
	signal     int    // predicted: of both filters
	zeros      int    // of the filter of zeros alone
	poles      [3]int // coefficients of the filters; that of 0 is none
	zero       [7]int
	signals    [3]int // reconstructed
	partial    [3]int // what the filter of zeros left
	difference [7]int // quantized
	log, step  int    // of the quantizer's scale
}

// scale is what the adaptation of the two bands differs in.
type scale struct {
	first int // step at the beginning
	limit int // of the logarithm
	shift int
}

var (
	lowScale  = &scale{first: 32, limit: 18432, shift: 8}
	highScale = &scale{first: 8, limit: 22528, shift: 10}
)

func newBand(kind *scale) band { return band{kind: kind, step: kind.first} }

// quantizeLow is the code of a sample of the lower band.
func (b *band) quantizeLow(sample int) byte {
	e := saturate(sample - b.signal)
	size, codes := e, &positive
	if e < 0 {
		size, codes = -(e + 1), &negative
	}
	level := 1
	for level < 30 && size >= levels[level]*b.step>>12 {
		level++
	}
	code := codes[level]
	b.adaptLow(code)
	return code
}

// lower is the sample of a code of the lower band.
func (b *band) lower(code byte) int {
	sample := limit(b.signal + b.step*values6[code]>>15)
	b.adaptLow(code)
	return sample
}

// adaptLow goes on by the first four bits of a code: the other two refine what is heard, and predict nothing.
func (b *band) adaptLow(code byte) {
	code >>= 2
	d := b.step * values4[code] >> 15
	b.rescale(lowSteps[code])
	b.predict(d)
}

// quantizeHigh is the code of a sample of the higher band.
func (b *band) quantizeHigh(sample int) byte {
	e := saturate(sample - b.signal)
	size, code := e, byte(2)
	if e < 0 {
		size, code = -(e + 1), 0
	}
	if size < 564*b.step>>12 {
		code++
	}
	b.adaptHigh(code)
	return code
}

// higher is the sample of a code of the higher band.
func (b *band) higher(code byte) int {
	sample := limit(b.signal + b.step*high[code]>>15)
	b.adaptHigh(code)
	return sample
}

func (b *band) adaptHigh(code byte) {
	d := b.step * high[code] >> 15
	b.rescale(highSteps[code])
	b.predict(d)
}

// limit is that of what a band gives to the filter (blocks 6L and 6H).
func limit(v int) int { return min(max(v, -1<<14), 1<<14-1) }

// rescale adapts the step of the quantizer (blocks 3L and 3H).
func (b *band) rescale(by int) {
	b.log = min(max(b.log*127>>7+by, 0), b.kind.limit)
	step, shift := inverse[b.log>>6&31], b.kind.shift-b.log>>11
	if shift < 0 {
		step <<= -shift
	} else {
		step >>= shift
	}
	b.step = step << 2
}

// predict takes the quantized difference and predicts the next sample (block 4).
func (b *band) predict(d int) {
	b.difference[0] = d
	b.signals[0] = saturate(b.signal + d)
	b.partial[0] = saturate(b.zeros + d)
	first, second := b.adaptPoles()
	b.adaptZeros()
	b.poles[1], b.poles[2] = first, second
	copy(b.difference[1:], b.difference[:6])
	copy(b.signals[1:], b.signals[:2])
	copy(b.partial[1:], b.partial[:2])

	b.zeros = 0
	for i := 6; i > 0; i-- {
		b.zeros = saturate(b.zeros + b.zero[i]*saturate(2*b.difference[i])>>15)
	}
	poles := b.poles[1]*saturate(2*b.signals[1])>>15 + b.poles[2]*saturate(2*b.signals[2])>>15
	b.signal = saturate(saturate(poles) + b.zeros)
}

// adaptPoles is UPPOL2 and UPPOL1.
func (b *band) adaptPoles() (first, second int) {
	p := &b.partial
	by := saturate(4 * b.poles[1])
	if sameSign(p[0], p[1]) {
		by = min(-by, 1<<15-1)
	}
	second = by>>7 + b.poles[2]*32512>>15
	if sameSign(p[0], p[2]) {
		second += 128
	} else {
		second -= 128
	}
	second = min(max(second, -12288), 12288)

	first = b.poles[1] * 32640 >> 15
	if sameSign(p[0], p[1]) {
		first += 192
	} else {
		first -= 192
	}
	bound := saturate(15360 - second)
	return min(max(saturate(first), -bound), bound), second
}

// adaptZeros is UPZERO.
func (b *band) adaptZeros() {
	d := &b.difference
	by := 128
	if d[0] == 0 {
		by = 0
	}
	for i := 1; i < len(b.zero); i++ {
		if sameSign(d[i], d[0]) {
			b.zero[i] = saturate(b.zero[i]*32640>>15 + by)
		} else {
			b.zero[i] = saturate(b.zero[i]*32640>>15 - by)
		}
	}
}

// sameSign takes zero for positive, as the sign bit has it.
func sameSign(a, b int) bool { return a < 0 == (b < 0) }
