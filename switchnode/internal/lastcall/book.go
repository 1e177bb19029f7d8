// Package lastcall remembers the number that each phone called last, for redial, and who called each user last, for call return and
// for blocking. It is on disk a second later: a restart forgets nothing, a crash at most that.
package lastcall

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"strowger/pkg/designation"
	"strowger/switchnode/internal/journal"
)

const (
	most  = 50_000      // entries: more than the phones and users of a large office
	delay = time.Second // of what is written: calls come in crowds

	// rewriteAt is how many bytes the journal has before it is written anew, and rewriteTimes how many times what it would have then.
	rewriteAt    = 1 << 20
	rewriteTimes = 4
)

// Call is one that a phone placed, or that came for a user.
type Call struct {
	Number string            `json:"number,omitempty"` // that was dialled
	From   designation.Party `json:"from,omitzero"`    // or who called
	At     time.Time         `json:"at"`
}

// entry is what is on disk: the last call of a device, or to a user.
type entry struct {
	Of string `json:"of"` // id
	Call
}

// Config is what a book works with.
type Config struct {
	Path   string // of the journal
	Now    func() time.Time
	Logger *slog.Logger
}

// Book is the last calls of a switch. It is safe for concurrent use.
type Book struct {
	cfg  Config
	wake chan struct{} // capacity 1

	mu      sync.Mutex // guards what follows
	last    map[string]Call
	changed map[string]bool // and not on disk

	// Of the goroutine.
	file   *journal.File
	whole  int64 // bytes when it was last written anew
	broken bool
}

// Open reads what an earlier run left, and starts nothing.
func Open(cfg Config) (*Book, error) {
	b := &Book{cfg: cfg, wake: make(chan struct{}, 1), last: map[string]Call{}, changed: map[string]bool{}, file: journal.NewFile(cfg.Path)}
	err := journal.Load(cfg.Path, "the last calls of phones", cfg.Logger, func(e entry) { b.put(e.Of, e.Call) })
	return b, err
}

// Placed notes that a device called a number.
func (b *Book) Placed(device, number string) { b.note(device, Call{Number: number}) }

// Came notes that somebody called a user.
func (b *Book) Came(user string, from designation.Party) { b.note(user, Call{From: from}) }

func (b *Book) note(of string, c Call) {
	if of == "" {
		return
	}
	c.At = b.cfg.Now()
	b.mu.Lock()
	b.put(of, c)
	b.changed[of] = true
	b.mu.Unlock()
	select {
	case b.wake <- struct{}{}:
	default: // it will look
	}
}

// put enters a call; where there is no room the oldest tenth goes. mu is held, or nobody else has the book.
func (b *Book) put(of string, c Call) {
	if _, known := b.last[of]; !known && len(b.last) >= most {
		old := make([]entry, 0, len(b.last))
		for of, c := range b.last {
			old = append(old, entry{of, c})
		}
		slices.SortFunc(old, func(x, y entry) int { return cmp.Or(x.At.Compare(y.At), cmp.Compare(x.Of, y.Of)) })
		for _, e := range old[:most/10] {
			delete(b.last, e.Of)
		}
	}
	b.last[of] = c
}

// Last is the last call of a device, or to a user.
func (b *Book) Last(of string) (Call, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c, ok := b.last[of]
	return c, ok
}

// Run keeps the book on disk until ctx ends.
func (b *Book) Run(ctx context.Context) error {
	timer := time.NewTimer(delay)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			b.save()
			return b.file.Close()
		case <-b.wake:
		}
		timer.Reset(delay)
		select {
		case <-ctx.Done():
		case <-timer.C:
			b.save()
		}
	}
}

// save has what changed on disk. When the disk fails the book goes on in memory, and the next save writes all of it.
func (b *Book) save() {
	whole := !b.file.Whole() || b.file.Size() > max(rewriteAt, rewriteTimes*b.whole)
	var records []entry
	b.mu.Lock()
	if len(b.changed) == 0 {
		b.mu.Unlock()
		return
	}
	for of, c := range b.last {
		if whole || b.changed[of] {
			records = append(records, entry{of, c})
		}
	}
	clear(b.changed)
	b.mu.Unlock()
	err := b.write(records, whole)
	if err != nil && !b.broken {
		b.cfg.Logger.Warn("the last calls of phones cannot be kept on disk: a restart would forget them", "file", b.cfg.Path, "error", err)
	}
	b.broken = err != nil
}

func (b *Book) write(records []entry, whole bool) error {
	bytes, err := journal.Encode(records)
	switch {
	case err != nil:
		return err
	case whole:
		b.whole = int64(len(bytes))
		return b.file.Replace(bytes)
	}
	if err := b.file.Append(bytes); err != nil {
		return err
	}
	return b.file.Sync()
}
