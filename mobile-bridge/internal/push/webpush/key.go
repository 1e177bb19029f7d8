package webpush

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// Key is the VAPID key pair (RFC 8292, 2): push services know the bridge by it, and a subscription is for one such key.
type Key struct {
	scalar []byte
	point  []byte
}

// Public is the key that browsers subscribe for, in unpadded base64url (RFC 8292, 3.2).
func (k Key) Public() string { return base64.RawURLEncoding.EncodeToString(k.point) }

func (k Key) private() string { return base64.RawURLEncoding.EncodeToString(k.scalar) }

// OpenKey reads the key in a PEM file (PKCS #8, P-256), or makes one there.
func OpenKey(file string) (Key, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		text, err = makeKey(file)
	}
	if err != nil {
		return Key{}, fmt.Errorf("VAPID key: %w", err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return Key{}, fmt.Errorf("VAPID key: %s holds no key in PEM form", file)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return Key{}, fmt.Errorf("VAPID key: %s: %w", file, err)
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok || key.Curve != elliptic.P256() {
		return Key{}, fmt.Errorf("VAPID key: %s holds another kind of key, want ECDSA P-256", file)
	}
	var k Key
	if k.scalar, err = key.Bytes(); err != nil {
		return Key{}, fmt.Errorf("VAPID key: %s: %w", file, err)
	}
	k.point, err = key.PublicKey.Bytes()
	return k, err
}

// makeKey writes a new key, which nobody else may read, and returns what it wrote.
func makeKey(file string) (text []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	text = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		err = errors.Join(err, os.Remove(file)) // half a key would be found at the next start
	}
	return text, err
}
