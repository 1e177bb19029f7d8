package registrar

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

// file is a journal of records, each all the bindings of one device; the last one of a device counts.
type file struct {
	*journal.File
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
		return &file{File: journal.NewFile(path)}, map[string][]Binding{}, nil
	}
	if err != nil {
		return nil, nil, err
	}
	defer in.Close()
	all, err := read(in, path, log)
	if err != nil {
		return nil, nil, err
	}
	return &file{File: journal.NewFile(path)}, all, nil
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

// save writes the bindings of the changed devices; all returns those of every device. Sync makes them durable.
func (f *file) save(changed map[string][]Binding, all func() map[string][]Binding) error {
	if !f.Whole() || f.Size() > 2*f.compact+slack {
		return f.rewrite(all())
	}
	b, err := encode(changed)
	if err == nil {
		err = f.Append(b)
	}
	return err
}

func (f *file) rewrite(all map[string][]Binding) error {
	b, err := encode(all)
	if err == nil {
		err = f.Replace(b)
	}
	if err == nil {
		f.compact = f.Size()
	}
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
