package sdk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"strowger/pkg/datafolder"
)

// Store keeps what a phone must not forget, its keys among it. Apps give one that lets the system's key store wrap what is
// saved; NewFolder is for the rest.
type Store interface {
	// Load returns what was saved under a name, empty if nothing was.
	Load(name string) ([]byte, error)
	// Save replaces what is kept under a name, whole or not at all.
	Save(name string, data []byte) error
}

// Folder is a Store of files that only their owner can read.
type Folder struct{ dir string }

// NewFolder returns the store in a folder, and makes the folder if there is none.
func NewFolder(dir string) (*Folder, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of the phone: %w", err)
	}
	return &Folder{dir}, nil
}

// Load reads a file.
func (f *Folder) Load(name string) ([]byte, error) {
	b, err := os.ReadFile(filepath.Join(f.dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return b, err
}

// Save replaces a file.
func (f *Folder) Save(name string, data []byte) error {
	return datafolder.Replace(filepath.Join(f.dir, name), data, 0o600)
}
