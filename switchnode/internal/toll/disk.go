package toll

import (
	"log/slog"
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
	err = journal.Load(path, "the book of calls to the phone network", log, func(r record) {
		if r.Now > 0 {
			last = time.Unix(r.Now, 0)
		}
		b.apply(r)
	})
	return last, err
}

// save makes durable what was written.
func (d *disk) save(now time.Time, b *Book) error {
	written := append(b.written(), record{Now: now.Unix()})
	rewrite := !d.file.Whole() || d.file.Size() > max(rewriteAt, rewriteTimes*d.whole)
	if rewrite {
		written = append(b.all(now), record{Now: now.Unix()})
	}
	bytes, err := journal.Encode(written)
	if err != nil {
		return err
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
