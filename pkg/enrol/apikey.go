package enrol

import (
	"crypto/rand"
	"encoding/base32"
	"strings"

	"strowger/pkg/errs"
)

const (
	keyPrefix     = "sk_"
	keySecretSize = 20
)

func keyEncoding() *base32.Encoding {
	return base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)
}

// NewAPIKey makes an API key for the cloud whose TLS key has the SubjectPublicKeyInfo spki, and the hash to store.
func NewAPIKey(spki []byte) (key string, hash []byte) {
	secret := make([]byte, keySecretSize)
	_, _ = rand.Read(secret) // never fails (crypto/rand)
	return keyPrefix + keyEncoding().EncodeToString(append(secret, PinOf(spki)...)), HashSecret(secret)
}

// ParseAPIKey returns the hash of a key's secret, by which the cloud knows it, and the pin of the cloud, by which its
// bearer knows the cloud.
func ParseAPIKey(key string) (hash, pin []byte, err error) {
	s, ok := strings.CutPrefix(strings.TrimSpace(key), keyPrefix)
	b, decodeErr := keyEncoding().DecodeString(s)
	if !ok || decodeErr != nil || len(b) != keySecretSize+PinSize || keyEncoding().EncodeToString(b) != s {
		return nil, nil, errs.New(errs.Unauthenticated, "not an API key: want %q and %d letters and digits, just as it was printed", keyPrefix,
			keyEncoding().EncodedLen(keySecretSize+PinSize))
	}
	return HashSecret(b[:keySecretSize]), b[keySecretSize:], nil
}
