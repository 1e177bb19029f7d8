package registrar

import (
	"log/slog"

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
	all := map[string][]Binding{}
	err := journal.Load(path, "the saved registrations", log, func(r record) { all[r.Device] = r.Bindings })
	return &file{File: journal.NewFile(path)}, all, err
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

func encode(devices map[string][]Binding) ([]byte, error) {
	all := make([]record, 0, len(devices))
	for device, bindings := range devices {
		all = append(all, record{device, bindings})
	}
	return journal.Encode(all)
}
