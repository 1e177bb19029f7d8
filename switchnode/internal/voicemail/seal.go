package voicemail

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"strowger/pkg/datafolder"
	"strowger/pkg/errs"
)

const (
	keySize   = 32
	nonceSize = 12
)

// vault seals things with one key.
type vault struct{ aead cipher.AEAD }

func newVault(key []byte) (vault, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return vault{}, err
	}
	aead, err := cipher.NewGCM(block)
	return vault{aead}, err
}

// seal encrypts with a random nonce. what it is goes into the seal, so that one thing cannot be put in place of another.
func (v vault) seal(what string, plain []byte) []byte {
	nonce := make([]byte, nonceSize, nonceSize+len(plain)+v.aead.Overhead())
	_, _ = rand.Read(nonce) // never fails (crypto/rand)
	return v.aead.Seal(nonce, nonce, plain, []byte(what))
}

func (v vault) open(what string, sealed []byte) ([]byte, error) {
	if len(sealed) < nonceSize {
		return nil, errs.New(errs.Invalid, "%s: %d bytes are too few", what, len(sealed))
	}
	plain, err := v.aead.Open(nil, sealed[:nonceSize], sealed[nonceSize:], []byte(what))
	if err != nil {
		return nil, errs.New(errs.Invalid, "%s: was changed, or is not of this switch: %w", what, err)
	}
	return plain, nil
}

// sealRecord encrypts a record of a file that has a key of its own, by its number.
func (v vault) sealRecord(dst []byte, number uint64, plain []byte) []byte {
	return v.aead.Seal(dst, recordNonce(number), plain, nil)
}

func (v vault) openRecord(number uint64, sealed []byte) ([]byte, error) {
	return v.aead.Open(nil, recordNonce(number), sealed, nil)
}

func recordNonce(number uint64) []byte {
	return binary.BigEndian.AppendUint64(make([]byte, nonceSize-8, nonceSize), number)
}

// derive makes a key of another one, for one purpose.
func derive(key []byte, purpose string) (vault, error) {
	k, err := hkdf.Key(sha256.New, key, nil, "strowger voicemail "+purpose, keySize)
	if err != nil {
		return vault{}, err
	}
	return newVault(k)
}

// masterKey reads the key of a switch, or makes it at first start.
func masterKey(path string) ([]byte, error) {
	key, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		key = make([]byte, keySize)
		_, _ = rand.Read(key) // never fails (crypto/rand)
		return key, datafolder.Replace(path, key, 0o600)
	case err != nil:
		return nil, err
	case len(key) != keySize:
		return nil, fmt.Errorf("%s: has %d bytes, want %d: bring it back from the backup, or move it and the mailboxes beside it away", path, len(key), keySize)
	}
	info, err := os.Stat(path)
	if err == nil && info.Mode().Perm()&0o077 != 0 {
		err = fmt.Errorf("%s: others may read it (mode %v): chmod 600", path, info.Mode().Perm())
	}
	return key, err
}
