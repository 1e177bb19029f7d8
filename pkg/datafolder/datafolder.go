// Package datafolder is a role's folder on disk: private to its owner, used by one process at a time, and
// with files that are replaced whole or not at all.
package datafolder

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Folder is a folder that this process holds.
type Folder struct {
	lock *os.File
	last time.Time
}

// LastUsed is when an earlier process last called Touch; zero if none did.
func (f *Folder) LastUsed() time.Time { return f.last }

// Touch notes that this process lives.
func (f *Folder) Touch() error {
	now := time.Now()
	return os.Chtimes(f.lock.Name(), now, now)
}

// Open makes the folder of a role if there is none, and takes it for this process: two processes on one folder would number
// their ledgers alike. The lock goes with the process, however it ends. A folder that another role has used is refused.
func Open(dir, role string) (*Folder, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the data folder %s: %w; name another with --data", dir, err)
	}
	path := filepath.Join(dir, "lock")
	var last time.Time
	if info, err := os.Stat(path); err == nil {
		last = info.ModTime()
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("write to the data folder %s: %w; let this user write there, or name another with --data", dir, err)
	}
	switch err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); {
	case errors.Is(err, syscall.EWOULDBLOCK):
		return nil, errors.Join(Taken{dir}, f.Close())
	case err != nil:
		return nil, errors.Join(fmt.Errorf("lock the data folder %s: %w", dir, err), f.Close())
	}
	if err := claim(f, dir, role); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &Folder{f, last}, nil
}

// Taken says that another process uses a folder.
type Taken struct{ Dir string }

func (t Taken) Error() string {
	return fmt.Sprintf("another process uses the data folder %s: stop it, or name another folder with --data", t.Dir)
}

// claim finds the role in the lock file, or writes it.
func claim(f *os.File, dir, role string) error {
	b, err := io.ReadAll(f)
	switch of := strings.TrimSpace(string(b)); {
	case err != nil:
		return fmt.Errorf("data folder: %w", err)
	case of == role:
		return nil
	case of != "":
		return fmt.Errorf("the data folder %s is that of a %s, this is a %s: name another with --data (STROWGER_DATA means the folder of every role)", dir, of, role)
	}
	if _, err := f.WriteAt([]byte(role+"\n"), 0); err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	return nil
}

// Close gives the folder up.
func (f *Folder) Close() error { return f.lock.Close() }
