package journal

import (
	"errors"
	"os"

	"strowger/pkg/datafolder"
)

// File is a journal on disk. It is appended to only when it was replaced as a whole in this run, and nothing went wrong since: what
// an earlier run, or a failed write, left at its end is not known. It is for one goroutine.
type File struct {
	path string
	f    *os.File // nil: it has to be replaced first
	size int64
}

// NewFile returns the journal of a path. It opens nothing.
func NewFile(path string) *File { return &File{path: path} }

// Whole says whether records can be appended; else Replace comes first.
func (f *File) Whole() bool { return f.f != nil }

// Size is the number of bytes of the journal, as far as this run wrote it.
func (f *File) Size() int64 { return f.size }

// Append writes records to the end of a journal that is Whole. Sync makes them durable.
func (f *File) Append(records []byte) error {
	f.size += int64(len(records))
	if _, err := f.f.Write(records); err != nil {
		return errors.Join(err, f.Close()) // part of it may be there
	}
	return nil
}

// Sync makes durable what was appended. Of a journal that is not Whole it was told when it was written.
func (f *File) Sync() error {
	if f.f == nil {
		return nil
	}
	if err := f.f.Sync(); err != nil {
		return errors.Join(err, f.Close()) // what the disk has is not known
	}
	return nil
}

// Replace has the journal consist of records, durably.
func (f *File) Replace(records []byte) error {
	if err := f.Close(); err != nil {
		return err
	}
	if err := datafolder.Replace(f.path, records, 0o600); err != nil {
		return err
	}
	f.size = int64(len(records))
	var err error
	f.f, err = os.OpenFile(f.path, os.O_WRONLY|os.O_APPEND, 0)
	return err
}

// Close closes the journal. It may be replaced again.
func (f *File) Close() error {
	if f.f == nil {
		return nil
	}
	err := f.f.Close()
	f.f = nil
	return err
}
