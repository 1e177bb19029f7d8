package registrar

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"

	"strowger/pkg/datafolder"
	"strowger/switchnode/internal/journal"
)

// file is a journal of records, each all the bindings of one device; the last one of a device counts.
type file struct {
	path    string
	f       *os.File // nil until the file was written anew in this run, and after an error
	size    int64
	compact int64 // size when it was last written anew
}

// slack is how far the file grows beyond twice its compact size, in bytes.
const slack = 64 << 10

// record is one line of the journal. No bindings: the device is gone.
type record struct {
	Device   string    `json:"device"`
	Bindings []Binding `json:"bindings,omitempty"`
}

// open reads the file. What comes after damage is lost: phones register again within the hour.
func open(path string, log *slog.Logger) (*file, map[string][]Binding, error) {
	in, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return &file{path: path}, map[string][]Binding{}, nil
	}
	if err != nil {
		return nil, nil, err
	}
	defer in.Close()
	all, err := read(in, path, log)
	if err != nil {
		return nil, nil, err
	}
	return &file{path: path}, all, nil
}

// read reads what a file of that path holds.
func read(in io.Reader, path string, log *slog.Logger) (map[string][]Binding, error) {
	all := map[string][]Binding{}
	for r := journal.NewReader(in); ; {
		payload, err := r.Next()
		switch {
		case errors.Is(err, io.EOF):
			return all, nil
		case errors.Is(err, journal.ErrTorn):
			log.Warn("the end of the saved registrations is damaged", "file", path, "read", r.End(), "devices", len(all))
			return all, nil
		case err != nil:
			return nil, err
		}
		var rec record
		if err := json.Unmarshal(payload, &rec); err != nil {
			return nil, fmt.Errorf("registrations in %s: %w; move the file away", path, err)
		}
		all[rec.Device] = rec.Bindings
	}
}

// save writes the bindings of the changed devices; all returns those of every device. sync makes them durable.
func (f *file) save(changed map[string][]Binding, all func() map[string][]Binding) error {
	if f.f == nil || f.size > 2*f.compact+slack {
		return f.rewrite(all())
	}
	b, err := encode(changed)
	if err != nil {
		return err
	}
	f.size += int64(len(b))
	if _, err = f.f.Write(b); err != nil {
		return errors.Join(err, f.close()) // part of b may be there: next time, anew
	}
	return nil
}

// sync makes durable what was saved.
func (f *file) sync() error {
	if f.f == nil {
		return nil // there is nothing, or it was told when it was saved
	}
	if err := f.f.Sync(); err != nil {
		return errors.Join(err, f.close()) // what the disk has is not known: next time, anew
	}
	return nil
}

func (f *file) rewrite(all map[string][]Binding) error {
	b, err := encode(all)
	if err != nil {
		return err
	}
	if err := f.close(); err != nil {
		return err
	}
	if err := datafolder.Replace(f.path, b, 0o600); err != nil {
		return err
	}
	f.size, f.compact = int64(len(b)), int64(len(b))
	f.f, err = os.OpenFile(f.path, os.O_WRONLY|os.O_APPEND, 0)
	return err
}

func encode(devices map[string][]Binding) (b []byte, err error) {
	for device, bindings := range devices {
		payload, err := json.Marshal(record{device, bindings})
		if err != nil {
			return nil, err
		}
		b = journal.Append(b, payload)
	}
	return b, nil
}

func (f *file) close() error {
	if f.f == nil {
		return nil
	}
	err := f.f.Close()
	f.f = nil
	return err
}
