package queue

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"

	"strowger/switchnode/internal/journal"
)

// disk is a journal of the entries that wait: who came, and who left.
type disk struct {
	file *journal.File
	live map[string]Entry
}

// slack is how many bytes the file may have for each entry that waits, and at least, before it is written anew.
const (
	slack     = 2 << 10
	slackBase = 64 << 10
)

// record is one entry of the journal: exactly one of its fields.
type record struct {
	Came *Entry `json:"came,omitempty"`
	Left string `json:"left,omitempty"` // id of the call
}

// openDisk reads the file. What comes after damage is lost.
func openDisk(path string, log *slog.Logger) (*disk, error) {
	d := &disk{file: journal.NewFile(path), live: map[string]Entry{}}
	in, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return d, nil
	}
	if err != nil {
		return nil, err
	}
	defer in.Close()
	for r := journal.NewReader(in); ; {
		payload, err := r.Next()
		switch {
		case errors.Is(err, io.EOF):
			return d, nil
		case errors.Is(err, journal.ErrTorn):
			log.Warn("the end of the saved queue is damaged", "file", path, "read", r.End(), "calls", len(d.live))
			return d, nil
		case err != nil:
			return nil, err
		}
		var rec record
		if err := json.Unmarshal(payload, &rec); err != nil {
			return nil, fmt.Errorf("the queue in %s: %w; move the file away", path, err)
		}
		d.apply(rec)
	}
}

func (d *disk) apply(r record) {
	if r.Came != nil {
		d.live[r.Came.Call] = *r.Came
	} else {
		delete(d.live, r.Left)
	}
}

// save makes records durable.
func (d *disk) save(all []record) error {
	for _, r := range all {
		d.apply(r)
	}
	if !d.file.Whole() || d.file.Size() > slackBase+slack*int64(len(d.live)) {
		return d.rewrite()
	}
	b, err := encode(all)
	if err == nil {
		err = d.file.Append(b)
	}
	if err == nil {
		err = d.file.Sync()
	}
	return err
}

func (d *disk) rewrite() error {
	all := make([]record, 0, len(d.live))
	for _, e := range d.live {
		all = append(all, record{Came: &e})
	}
	b, err := encode(all)
	if err == nil {
		err = d.file.Replace(b)
	}
	return err
}

func encode(all []record) (b []byte, err error) {
	for _, r := range all {
		payload, err := json.Marshal(r)
		if err != nil {
			return nil, err
		}
		b = journal.Append(b, payload)
	}
	return b, nil
}
