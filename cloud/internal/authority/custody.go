package authority

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"strowger/cloud/internal/store"
	"strowger/pkg/errs"
)

const (
	masterKeySize   = 32 // bytes: AES-256
	masterKeyPrefix = "strowger-master-key-1 "
	wrapVersion     = 1                  // first byte of a wrapped secret
	secretCheck     = "master-key-check" // tells whether the master key is the right one
	unfinished      = ".new"             // ends the name of a key file that no database was used with yet
)

// custody keeps secrets in the database, wrapped.
type custody struct {
	aead  cipher.AEAD
	store *store.Store
}

// openCustody reads the master key, or makes it if create allows and no secret was ever wrapped, and checks that it is
// the key of this database.
func openCustody(ctx context.Context, s *store.Store, path string, create bool) (custody, error) {
	key, err := readMasterKey(path)
	fresh := errors.Is(err, fs.ErrNotExist)
	switch {
	case fresh:
		key, err = newMasterKey(ctx, s, path, create)
	case err == nil && create:
		err = usedBefore(ctx, s, path)
	}
	if err != nil {
		return custody{}, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return custody{}, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return custody{}, err
	}
	c := custody{aead: aead, store: s}
	if _, err := c.once(ctx, secretCheck, func() ([]byte, error) { return []byte(secretCheck), nil }); err != nil {
		return custody{}, fmt.Errorf("master key file %s: %w", path, err)
	}
	if fresh { // from here on the key and the database belong together
		if err := os.Rename(path+unfinished, path); err != nil {
			return custody{}, fmt.Errorf("master key file: %w", err)
		}
	}
	return c, nil
}

// usedBefore refuses a database that was never used with a master key although there is one: what the key wrapped is lost
// or elsewhere, and a new root would cut off every node that trusts the old one.
func usedBefore(ctx context.Context, s *store.Store, path string) error {
	_, err := s.Secret(ctx, secretCheck)
	if errs.CodeOf(err) == errs.NotFound {
		return errs.New(errs.Invalid, "there is a master key file %s, but the database is empty: restore the database that belongs to it (is the data folder mounted?); for a new installation name another file with --master-key-file", path)
	}
	return err
}

func readMasterKey(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("master key file: %w", err)
	}
	defer func() { _ = f.Close() }() // only read from
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("master key file: %w", err)
	}
	if perm := info.Mode().Perm(); perm&0o077 != 0 {
		return nil, errs.New(errs.Invalid, "master key file %s has mode %04o, others could read it: chmod 600 it", path, perm)
	}
	var text [128]byte
	n, err := f.Read(text[:])
	if err != nil {
		return nil, fmt.Errorf("master key file %s: %w", path, err)
	}
	s, ok := strings.CutPrefix(strings.TrimSpace(string(text[:n])), masterKeyPrefix)
	key, err := base64.RawStdEncoding.DecodeString(s)
	if !ok || err != nil || len(key) != masterKeySize {
		return nil, errs.New(errs.Invalid, "master key file %s holds no master key: want one line %q and %d characters of base64",
			path, masterKeyPrefix, base64.RawStdEncoding.EncodedLen(masterKeySize))
	}
	return key, nil
}

// newMasterKey makes a master key in an unfinished file, or finds it there if it was used but not renamed.
func newMasterKey(ctx context.Context, s *store.Store, path string, create bool) ([]byte, error) {
	switch _, err := s.Secret(ctx, secretCheck); {
	case err == nil:
		if key, err := readMasterKey(path + unfinished); !errors.Is(err, fs.ErrNotExist) {
			return key, err
		}
		return nil, errs.New(errs.Invalid, "there is no master key file %s, but the database was made with one: restore the file", path)
	case errs.CodeOf(err) != errs.NotFound:
		return nil, err
	case !create:
		return nil, errs.New(errs.Invalid, "there is no master key file %s: make one that all cloud instances share, mode 600, with one line %q and 32 random bytes in base64 without padding",
			path, masterKeyPrefix)
	}
	key := make([]byte, masterKeySize)
	_, _ = rand.Read(key) // never fails (crypto/rand)
	path += unfinished
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("master key file: %w", err)
	}
	_, err = f.WriteString(masterKeyPrefix + base64.RawStdEncoding.EncodeToString(key) + "\n")
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return nil, fmt.Errorf("master key file: %w", errors.Join(err, os.Remove(path)))
	}
	return key, nil
}

// wrap encrypts a secret; the name is bound to it, so that one wrapped secret cannot be put in the place of another.
func (c custody) wrap(name string, plain []byte) []byte {
	return c.aead.Seal([]byte{wrapVersion}, nil, plain, []byte(name))
}

func (c custody) unwrap(name string, wrapped []byte) ([]byte, error) {
	if len(wrapped) == 0 || wrapped[0] != wrapVersion {
		return nil, errs.New(errs.Invalid, "secret %s is not wrapped in a way that this release knows", name)
	}
	plain, err := c.aead.Open(nil, nil, wrapped[1:], []byte(name))
	if err != nil {
		return nil, errs.New(errs.Invalid, "secret %s does not open with this master key: it is another one than the database was made with, or the database was tampered with", name)
	}
	return plain, nil
}

// get returns a secret, or errs.NotFound.
func (c custody) get(ctx context.Context, name string) ([]byte, error) {
	wrapped, err := c.store.Secret(ctx, name)
	if err != nil {
		return nil, err
	}
	return c.unwrap(name, wrapped)
}

func (c custody) put(ctx context.Context, name string, plain []byte) error {
	return c.store.PutSecret(ctx, name, c.wrap(name, plain))
}

// once returns a secret, which it makes if there is none; of several that make it at once all get the first one.
func (c custody) once(ctx context.Context, name string, fresh func() ([]byte, error)) ([]byte, error) {
	plain, err := c.get(ctx, name)
	if errs.CodeOf(err) != errs.NotFound {
		return plain, err
	}
	if plain, err = fresh(); err != nil {
		return nil, err
	}
	stored, err := c.store.PutSecretOnce(ctx, name, c.wrap(name, plain))
	if err != nil {
		return nil, err
	}
	return c.unwrap(name, stored)
}

// Wrap encrypts what the database keeps by the master key, bound to a name.
func (a *Authority) Wrap(name string, plain []byte) []byte { return a.custody.wrap(name, plain) }

// Unwrap opens what Wrap made under the same name.
func (a *Authority) Unwrap(name string, wrapped []byte) ([]byte, error) {
	return a.custody.unwrap(name, wrapped)
}
