package queue

import (
	"log/slog"

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
	return d, journal.Load(path, "the saved queue", log, d.apply)
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
	b, err := journal.Encode(all)
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
	b, err := journal.Encode(all)
	if err == nil {
		err = d.file.Replace(b)
	}
	return err
}
