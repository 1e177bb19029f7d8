package spool

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"strowger/pkg/datafolder"
	"strowger/pkg/ident"
	"strowger/pkg/ledger"
	"strowger/switchnode/internal/journal"
)

// Ends of the names of files: of spools, and of those that are of no use any more but to people.
const (
	suffix = ".spool"
	aside  = ".damaged"
)

// segment is one file and its id on the fabric.
type segment struct {
	path   string
	id     string
	last   uint64 // seq of the last durable event
	end    int64  // offset behind it
	done   uint64 // seq of the last event that the cloud has stored
	next   int64  // offset behind it
	file   file   // nil in an earlier run's segment
	sealed bool   // it is not written any more
	before bool   // it is an earlier run's, perhaps of another release

	damaged bool // something in it could not be read
}

// head is the first record of a file.
type head struct {
	Spool string `json:"spool"`
	// Open is the calls that had begun and not ended before the file's first event, so that earlier files may go.
	Open []string `json:"open,omitempty"`
}

// file is what the writer needs of a file. Writing at an offset lets it repeat a batch that was half written.
type file interface {
	io.WriterAt
	io.Closer
	Sync() error
}

func createFile(path string) (file, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
}

func (s *Spool) path(serial uint64) string {
	return filepath.Join(s.cfg.Dir, fmt.Sprintf("%016x%s", serial, suffix))
}

// recover finds the files of earlier runs and removes those that say nothing.
func (s *Spool) recover() error {
	entries, err := os.ReadDir(s.cfg.Dir) // sorted by name, and so by serial
	if err != nil {
		return err
	}
	for _, e := range entries {
		var serial uint64
		if n, _ := fmt.Sscanf(e.Name(), "%016x"+suffix, &serial); n != 1 || e.Name() != filepath.Base(s.path(serial)) {
			continue
		}
		s.serial = serial
		seg, torn, err := scan(s.path(serial), &s.open)
		if err != nil {
			return fmt.Errorf("open spool %s: %w", s.path(serial), err)
		}
		if seg.damaged = torn > 0; seg.damaged {
			s.cfg.Logger.Error("a file of the call ledger is damaged or was cut off; what can be read is delivered, and the file is kept",
				"file", seg.path, "kept", seg.path+aside, "spool", seg.id, "events", seg.last, "unreadable_bytes", torn)
		}
		if seg.last == 0 && len(s.open.calls) == 0 {
			if err := seg.discard(); err != nil {
				return err
			}
			continue
		}
		s.segments = append(s.segments, seg)
		s.size += seg.end
		s.counts.Recovered += seg.last
	}
	s.outstanding.Store(int64(s.counts.Recovered))
	return nil
}

// discard removes a file that has served, or sets it aside for people when there was something in it that could not be read.
func (seg *segment) discard() error {
	if seg.damaged {
		return os.Rename(seg.path, seg.path+aside)
	}
	return os.Remove(seg.path)
}

// scan reads a file to the last whole event, notes the calls in it and says how many bytes follow.
func scan(path string, open *openCalls) (seg *segment, torn int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	seg = &segment{path: path, sealed: true, before: true}
	r := journal.NewReader(f)
	for {
		payload, err := r.Next()
		if errors.Is(err, io.EOF) || errors.Is(err, journal.ErrTorn) {
			return seg, info.Size() - r.End(), nil
		}
		if err != nil {
			return nil, 0, err
		}
		if seg.id != "" {
			seg.last++
			seg.end = r.End()
			open.noteJSON(payload)
			continue
		}
		var h head
		if json.Unmarshal(payload, &h) != nil || ident.KindOf(h.Spool) != ident.Spool {
			return nil, 0, fmt.Errorf("it does not begin with the id of a spool; move it away")
		}
		seg.id, seg.next, seg.end = h.Spool, r.End(), r.End()
		open.begin(h.Open)
	}
}

// begin makes the next file and writes to it from now on.
func (s *Spool) begin() (*segment, error) {
	seg := &segment{path: s.path(s.serial + 1), id: ident.New(ident.Spool)}
	b, err := json.Marshal(head{Spool: seg.id, Open: s.open.list()})
	if err != nil {
		return nil, err
	}
	b = journal.Append(nil, b)
	seg.next, seg.end = int64(len(b)), int64(len(b))
	if seg.file, err = s.create(seg.path); err != nil {
		return nil, err
	}
	_, err = seg.file.WriteAt(b, 0)
	if err == nil {
		err = seg.file.Sync()
	}
	if err == nil {
		err = datafolder.SyncDir(s.cfg.Dir)
	}
	if err != nil {
		_ = seg.file.Close()    // the first error is the one to tell
		_ = os.Remove(seg.path) // else the next attempt or start overwrites it
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serial++
	s.size += seg.end
	s.segments = append(s.segments, seg)
	s.active = seg
	return seg, nil
}

// errDamaged is a file that has lost events which were durable.
var errDamaged = errors.New("durable events are gone")

// unreadable is an event that another release wrote in a way that this one cannot decode. It keeps its number; the cloud
// puts it aside.
const unreadable ledger.Kind = "unreadable"

// read returns the events after seg.done up to limit bytes of JSON, and the offset behind each. Their place is their
// number. The caller alone moves done and next; last and end are passed because the writer moves them.
func (seg *segment) read(last uint64, end, limit int64) (events []json.RawMessage, ends []int64, err error) {
	f, err := os.Open(seg.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("%w: %w", errDamaged, err)
	}
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	r := journal.NewReader(io.NewSectionReader(f, seg.next, end-seg.next))
	for seq := seg.done + 1; seq <= last; seq++ {
		payload, err := r.Next()
		if errors.Is(err, io.EOF) || errors.Is(err, journal.ErrTorn) {
			err = fmt.Errorf("%w: %w", errDamaged, err)
		}
		if err != nil {
			return events, ends, fmt.Errorf("event %d of %s: %w", seq, seg.path, err)
		}
		if limit -= int64(len(payload)) + 1; limit < 0 && len(events) > 0 {
			break
		}
		if seg.before {
			payload = readable(payload)
		}
		events, ends = append(events, payload), append(ends, seg.next+r.End())
	}
	return events, ends, nil
}

// readable is the payload of a record, or in its place an event which says that it is none.
func readable(payload []byte) []byte {
	var e ledger.Event
	if err := json.Unmarshal(payload, &e); err != nil {
		payload, _ = json.Marshal(ledger.Event{Kind: unreadable, Text: err.Error()}) // plain data always marshals
	}
	return payload
}
