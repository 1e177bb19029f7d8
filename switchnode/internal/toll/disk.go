package toll

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"strowger/switchnode/internal/journal"
)

// rewriteAt is how many bytes the journal has before it is written anew, and how many times what it would have then.
const (
	rewriteAt    = 1 << 20
	rewriteTimes = 4
)

// disk is the journal of a book.
type disk struct {
	file  *journal.File
	whole int64 // bytes when it was last written anew
}

// open reads a journal into a book, and returns the last time in it. What comes after damage is lost.
func (d *disk) open(path string, b *Book, log *slog.Logger) (last time.Time, err error) {
	d.file = journal.NewFile(path)
	in, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return last, nil
	}
	if err != nil {
		return last, err
	}
	defer in.Close()
	for r := journal.NewReader(in); ; {
		payload, err := r.Next()
		switch {
		case errors.Is(err, io.EOF):
			return last, nil
		case errors.Is(err, journal.ErrTorn):
			log.Warn("the end of the book of calls to the phone network is damaged", "file", path, "read", r.End())
			return last, nil
		case err != nil:
			return last, err
		}
		var rec record
		if err := json.Unmarshal(payload, &rec); err != nil {
			return last, fmt.Errorf("the book of calls to the phone network in %s: %w; move the file away", path, err)
		}
		if rec.Now > 0 {
			last = time.Unix(rec.Now, 0)
		}
		b.apply(rec)
	}
}

// save makes durable what was written.
func (d *disk) save(now time.Time, b *Book) error {
	written := append(b.written(), record{Now: now.Unix()})
	rewrite := !d.file.Whole() || d.file.Size() > max(rewriteAt, rewriteTimes*d.whole)
	if rewrite {
		written = append(b.all(now), record{Now: now.Unix()})
	}
	var bytes []byte
	for _, r := range written {
		payload, err := json.Marshal(r)
		if err != nil {
			return err
		}
		bytes = journal.Append(bytes, payload)
	}
	if rewrite {
		d.whole = int64(len(bytes))
		return d.file.Replace(bytes)
	}
	if err := d.file.Append(bytes); err != nil {
		return err
	}
	return d.file.Sync()
}
