package voicemail

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"os"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
)

// Rate is that of all samples here, in Hz; a record has Second of them.
const (
	Rate   = 16000
	Second = Rate
)

const (
	magic     = "strowger voicemail 1\n"
	maxRecord = 32 << 10 // bytes of a record, sealed
)

// Envelope is what is known of a message when its recording begins.
type Envelope struct {
	Call string            `json:"call,omitempty"` // id of the call in which it was left
	From designation.Party `json:"from"`
	At   time.Time         `json:"at"`
	// Greeting says that it is none, but what callers hear of the user: greetingName or greetingOwn.
	Greeting string `json:"greeting,omitempty"`
	// By is the user who sent it on, "" if nobody did.
	By string `json:"by,omitempty"`
}

// writer writes the records of a message.
type writer struct {
	disk   disk
	f      *os.File
	vault  vault
	number uint64
	bytes  int64
	err    error // the first: nothing is written after it, since a nonce must not be used for two things
}

func newWriter(d disk, path string, v vault, e Envelope) (*writer, error) {
	b, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	f, err := d.create(path)
	if err != nil {
		return nil, err
	}
	w := &writer{disk: d, f: f, vault: v}
	if w.err = w.raw([]byte(magic)); w.err == nil {
		w.err = w.record(b)
	}
	if w.err != nil {
		return nil, errors.Join(w.err, f.Close(), d.remove(path))
	}
	return w, nil
}

func (w *writer) raw(b []byte) error {
	w.bytes += int64(len(b))
	return w.disk.write(w.f, b)
}

func (w *writer) record(plain []byte) error {
	if w.err != nil {
		return w.err
	}
	sealed := w.vault.sealRecord(make([]byte, 4, 4+len(plain)+16), w.number, plain)
	binary.BigEndian.PutUint32(sealed, uint32(len(sealed)-4))
	w.number++
	w.err = w.raw(sealed)
	return w.err
}

// reader reads the records of a message.
type reader struct {
	r      *bufio.Reader
	vault  vault
	number uint64
}

// newReader reads the envelope. It is errs.Invalid if that is damaged; other errors are those of in.
func newReader(in io.Reader, v vault) (r *reader, e Envelope, err error) {
	r = &reader{r: bufio.NewReader(in), vault: v}
	head := make([]byte, len(magic))
	if err := r.fill(head); err != nil && !errors.Is(err, io.EOF) {
		return nil, e, err
	}
	if string(head) != magic {
		return nil, e, errs.New(errs.Invalid, "the message does not begin as one of this release")
	}
	b, err := r.next()
	switch {
	case errors.Is(err, io.EOF):
		return nil, e, errs.New(errs.Invalid, "the message has no envelope")
	case err != nil:
		return nil, e, err
	}
	if err := json.Unmarshal(b, &e); err != nil {
		return nil, e, errs.New(errs.Invalid, "the envelope of the message: %w", err)
	}
	return r, e, nil
}

// next is the next record; io.EOF after the last, errs.Invalid where one is cut off or was changed. Other errors are those of the disk.
func (r *reader) next() ([]byte, error) {
	var head [4]byte
	if err := r.fill(head[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n < 16 || n > maxRecord {
		return nil, errs.New(errs.Invalid, "record %d of the message has %d bytes", r.number, n)
	}
	sealed := make([]byte, n)
	switch err := r.fill(sealed); {
	case errors.Is(err, io.EOF):
		return nil, r.cutOff()
	case err != nil:
		return nil, err
	}
	plain, err := r.vault.openRecord(r.number, sealed)
	if err != nil {
		return nil, errs.New(errs.Invalid, "record %d of the message was changed, or is not of this mailbox", r.number)
	}
	r.number++
	return plain, nil
}

// fill reads as much as b takes; io.EOF if there is nothing more.
func (r *reader) fill(b []byte) error {
	_, err := io.ReadFull(r.r, b)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return r.cutOff()
	}
	return err
}

func (r *reader) cutOff() error {
	return errs.New(errs.Invalid, "the message ends in the middle of record %d", r.number)
}
