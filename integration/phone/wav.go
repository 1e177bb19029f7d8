package phone

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

var errWAV = errors.New("not a WAV file of 16-bit linear samples, mono, 8,000 Hz")

// ReadWAV reads a RIFF WAVE file of 16-bit linear samples, mono, at 8,000 Hz.
func ReadWAV(r io.Reader) ([]int16, error) {
	var head [12]byte
	if _, err := io.ReadFull(r, head[:]); err != nil || string(head[:4]) != "RIFF" || string(head[8:]) != "WAVE" {
		return nil, errWAV
	}
	fits := false
	for {
		var chunk [8]byte
		if _, err := io.ReadFull(r, chunk[:]); err != nil {
			return nil, fmt.Errorf("read WAV: no data chunk: %w", err)
		}
		size := int64(binary.LittleEndian.Uint32(chunk[4:]))
		body, err := io.ReadAll(io.LimitReader(r, size+size%2)) // chunks are padded to even lengths
		if err != nil || int64(len(body)) < size {
			return nil, fmt.Errorf("read WAV: chunk %q ends early: %w", chunk[:4], errors.Join(err, io.ErrUnexpectedEOF))
		}
		switch string(chunk[:4]) {
		case "fmt ":
			if size < 16 || binary.LittleEndian.Uint16(body) != 1 || binary.LittleEndian.Uint16(body[2:]) != 1 ||
				binary.LittleEndian.Uint32(body[4:]) != rate || binary.LittleEndian.Uint16(body[14:]) != 16 {
				return nil, errWAV
			}
			fits = true
		case "data":
			if !fits {
				return nil, errWAV
			}
			s := make([]int16, size/2)
			for i := range s {
				s[i] = int16(binary.LittleEndian.Uint16(body[2*i:]))
			}
			return s, nil
		}
	}
}
