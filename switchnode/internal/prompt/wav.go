package prompt

import (
	"encoding/binary"
	"errors"
	"fmt"

	"strowger/pkg/rtp/g711"
)

// rate is that of all samples here, in Hz.
const rate = 8000

// The codings of a WAV file that are read, as in its format chunk.
const (
	codingLinear = 1
	codingA      = 6
	codingMu     = 7
)

// longest is how much of a file is read, in samples: ten minutes.
const longest = 10 * 60 * rate

// readWAV reads a RIFF WAVE file: 8,000 samples a second, one channel, 16 bits each, A-law or µ-law. Errors say what it has instead.
func readWAV(b []byte) ([]int16, error) {
	if len(b) < 12 || string(b[:4]) != "RIFF" || string(b[8:12]) != "WAVE" {
		return nil, errors.New("is no WAV file")
	}
	coding := 0
	for b = b[12:]; len(b) >= 8; {
		name, size := string(b[:4]), int(binary.LittleEndian.Uint32(b[4:]))
		b = b[8:]
		if size > len(b) {
			return nil, fmt.Errorf("ends within its chunk %q", name)
		}
		var err error
		switch {
		case name == "fmt ":
			coding, err = readFormat(b[:size])
		case name == "data" && coding == 0:
			err = errors.New("has no format chunk before its samples")
		case name == "data":
			return decode(coding, b[:size])
		}
		if err != nil {
			return nil, err
		}
		b = b[min(size+size%2, len(b)):] // a chunk is padded to an even length
	}
	return nil, errors.New("has no samples")
}

func readFormat(b []byte) (coding int, err error) {
	if len(b) < 16 {
		return 0, fmt.Errorf("has a format chunk of %d octets, too short", len(b))
	}
	coding = int(binary.LittleEndian.Uint16(b))
	channels, hz, bits := binary.LittleEndian.Uint16(b[2:]), binary.LittleEndian.Uint32(b[4:]), binary.LittleEndian.Uint16(b[14:])
	switch {
	case hz != rate:
		return 0, fmt.Errorf("has %d samples a second, want %d", hz, rate)
	case channels != 1:
		return 0, fmt.Errorf("has %d channels, want 1", channels)
	case coding == codingLinear && bits != 16:
		return 0, fmt.Errorf("has samples of %d bits, want 16", bits)
	case coding != codingLinear && coding != codingA && coding != codingMu:
		return 0, fmt.Errorf("has the coding %d, want %d (linear), %d (A-law) or %d (µ-law)", coding, codingLinear, codingA, codingMu)
	}
	return coding, nil
}

func decode(coding int, b []byte) (samples []int16, err error) {
	switch coding {
	case codingA:
		samples = g711.A.Decode(nil, b[:min(len(b), longest+1)])
	case codingMu:
		samples = g711.Mu.Decode(nil, b[:min(len(b), longest+1)])
	default:
		for ; len(b) > 1 && len(samples) <= longest; b = b[2:] {
			samples = append(samples, int16(binary.LittleEndian.Uint16(b)))
		}
	}
	switch {
	case len(samples) == 0:
		return nil, errors.New("has no samples")
	case len(samples) > longest:
		return nil, fmt.Errorf("is longer than %d minutes", longest/rate/60)
	}
	return samples, nil
}
