package voicemail

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"

	"strowger/pkg/datafolder"
	"strowger/pkg/errs"
)

// disk is what is done with files. fault, where it is set, stands before each change: an error of it is that of the disk.
type disk struct{ fault func(step, path string) error }

func (d disk) do(step, path string, change func() error) error {
	if d.fault != nil {
		if err := d.fault(step, path); err != nil {
			return full(err)
		}
	}
	return full(change())
}

// full has a disk without room say so.
func full(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return errs.New(errs.Congested, "the disk of the switch is full: %w", err)
	}
	return err
}

func (d disk) folder(path string) error {
	return d.do("folder", path, func() error {
		if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
		return datafolder.SyncDir(filepath.Dir(path))
	})
}

func (d disk) create(path string) (f *os.File, err error) {
	err = d.do("create", path, func() error {
		f, err = os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		return err
	})
	return f, err
}

// write appends, durably.
func (d disk) write(f *os.File, b []byte) error {
	err := d.do("write", f.Name(), func() error {
		_, err := f.Write(b)
		return err
	})
	if err != nil {
		return err
	}
	return d.do("sync", f.Name(), f.Sync)
}

func (d disk) replace(path string, b []byte) error {
	return d.do("replace", path, func() error { return datafolder.Replace(path, b, 0o600) })
}

func (d disk) rename(from, to string) error {
	return d.do("rename", from, func() error {
		if err := os.Rename(from, to); err != nil {
			return err
		}
		return datafolder.SyncDir(filepath.Dir(to))
	})
}

// remove deletes a file, which may be gone already.
func (d disk) remove(path string) error {
	return d.do("remove", path, func() error {
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		return datafolder.SyncDir(filepath.Dir(path))
	})
}

// removeFolder deletes a folder with all that is in it.
func (d disk) removeFolder(path string) error {
	return d.do("remove", path, func() error {
		if err := os.RemoveAll(path); err != nil {
			return err
		}
		return datafolder.SyncDir(filepath.Dir(path))
	})
}
