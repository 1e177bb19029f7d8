package channel

import (
	"encoding/binary"
	"errors"
	"io"

	"strowger/pkg/errs"
)

// prefix is how many bytes say how long a frame on a stream is.
const prefix = 2

// WriteFrame writes a frame to a stream, at once. One that is empty or too large is errs.Invalid, and nothing is written.
func WriteFrame(w io.Writer, frame []byte) error {
	if len(frame) == 0 || len(frame) > MaxFrame {
		return errs.New(errs.Invalid, "a frame has %d bytes, 1 to %d are allowed", len(frame), MaxFrame)
	}
	b := make([]byte, prefix, prefix+len(frame))
	binary.BigEndian.PutUint16(b, uint16(len(frame)))
	_, err := w.Write(append(b, frame...))
	return err
}

// ReadFrame reads the next frame of a stream, and nothing that follows it. The end of the stream between two frames is io.EOF; a
// frame that is empty or too large, or that the end cuts off, is errs.Invalid, and nothing that follows can be read.
func ReadFrame(r io.Reader) ([]byte, error) {
	var head [prefix]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, cutOff(err)
	}
	n := int(binary.BigEndian.Uint16(head[:]))
	if n == 0 || n > MaxFrame {
		return nil, errs.New(errs.Invalid, "a frame has %d bytes, 1 to %d are allowed", n, MaxFrame)
	}
	// What is announced is not yet there: memory is taken as it comes.
	frame, err := io.ReadAll(io.LimitReader(r, int64(n)))
	if err == nil && len(frame) < n {
		err = cutOff(io.ErrUnexpectedEOF)
	}
	if err != nil {
		return nil, err
	}
	return frame, nil
}

func cutOff(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return errs.New(errs.Invalid, "the stream ends within a frame")
	}
	return err
}
