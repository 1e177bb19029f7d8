// Package journal is the records of an append-only file that may end anywhere, as after a crash.
//
// A record is its length (4 bytes, big endian), the CRC-32C of length and payload (4 bytes, big endian), and the payload
// of 1 to MaxRecord bytes. Reading ends at the first record that is cut short or does not match its sum.
package journal

import (
	"bufio"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
)

// MaxRecord is the largest payload of a record, in bytes.
const MaxRecord = 256 << 10

const headerSize = 8

// ErrTorn is the end of a journal whose last record is not whole.
var ErrTorn = errors.New("the journal's last record is cut short or damaged")

// Append frames a payload, of 1 to MaxRecord bytes, as a record at the end of dst.
func Append(dst, payload []byte) []byte {
	var h [headerSize]byte
	binary.BigEndian.PutUint32(h[:4], uint32(len(payload)))
	binary.BigEndian.PutUint32(h[4:], sum(h[:4], payload))
	return append(append(dst, h[:]...), payload...)
}

// sum covers the length too, so that a run of zeros is no record.
func sum(length, payload []byte) uint32 {
	t := crc32.MakeTable(crc32.Castagnoli)
	return crc32.Update(crc32.Checksum(length, t), t, payload)
}

// Reader reads records one after the other.
type Reader struct {
	r    *bufio.Reader
	end  int64
	free []byte // for the next payloads, which most readers keep together
}

const chunk = 4 << 10 // bytes of payloads that are one allocation

// NewReader returns a Reader of the records in r.
func NewReader(r io.Reader) *Reader { return &Reader{r: bufio.NewReader(r)} }

// Next returns the next payload, io.EOF after the last whole record, or ErrTorn when something else follows it.
func (r *Reader) Next() ([]byte, error) {
	var h [headerSize]byte
	switch _, err := io.ReadFull(r.r, h[:]); {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil, ErrTorn
	case err != nil:
		return nil, err
	}
	n := binary.BigEndian.Uint32(h[:4])
	if n == 0 || n > MaxRecord {
		return nil, ErrTorn
	}
	if len(r.free) < int(n) {
		r.free = make([]byte, max(n, chunk))
	}
	payload := r.free[:n:n]
	r.free = r.free[n:]
	switch _, err := io.ReadFull(r.r, payload); {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, ErrTorn
	case err != nil:
		return nil, err
	}
	if sum(h[:4], payload) != binary.BigEndian.Uint32(h[4:]) {
		return nil, ErrTorn
	}
	r.end += headerSize + int64(n)
	return payload, nil
}

// End is the number of bytes of the records that Next returned.
func (r *Reader) End() int64 { return r.end }
