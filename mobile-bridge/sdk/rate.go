package sdk

// halfband are the taps of a low-pass filter at a quarter of the rate, from its middle outwards, times 2^15: a sinc under a Hamming window, whose
// even taps but the middle one are zero.
var halfband = [...]int{20557, -6236, 3076, -1604, 787, -341, 146}

// doubler makes 16,000 samples a second of 8,000, halver the reverse. Each is for one stream.
type (
	doubler struct{ past [2 * len(halfband)]int }
	halver  struct {
		past [4*len(halfband) - 1]int
		odd  bool // of the samples that came
	}
)

func (d *doubler) next(samples []int16) []int16 {
	out := make([]int16, 0, 2*len(samples))
	for _, s := range samples {
		copy(d.past[:], d.past[1:])
		d.past[len(d.past)-1] = int(s)
		between := 0
		for i, tap := range halfband {
			between += tap * (d.past[len(halfband)-1-i] + d.past[len(halfband)+i])
		}
		out = append(out, int16(d.past[len(halfband)-1]), clip(between>>15))
	}
	return out
}

func (h *halver) next(samples []int16) []int16 {
	out := make([]int16, 0, len(samples)/2+1)
	for _, s := range samples {
		copy(h.past[:], h.past[1:])
		h.past[len(h.past)-1] = int(s)
		if h.odd = !h.odd; h.odd {
			continue
		}
		middle := len(h.past) / 2
		sum := h.past[middle] << 15
		for i, tap := range halfband {
			sum += tap * (h.past[middle-1-2*i] + h.past[middle+1+2*i])
		}
		out = append(out, clip(sum>>16))
	}
	return out
}

func clip(v int) int16 { return int16(min(max(v, -1<<15), 1<<15-1)) }
