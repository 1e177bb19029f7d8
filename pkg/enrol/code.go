// Package enrol is how a node gets its identity: the one-time code that an admin hands over, the exchange with the
// cloud, and the identity on the node's disk. It also makes API keys, which carry the same pin.
//
// An enrolment code is 128 bits of secret, the first 128 bits of the SHA-256 of the cloud's TLS SubjectPublicKeyInfo
// (the pin), and 16 bits of check sum, in Crockford's base32 in lower case: 55 characters, in groups of five joined by
// dashes. Case, dashes and spaces do not matter; o is read as 0, i and l as 1. The cloud keeps only the SHA-256 of the
// secret. An API key is "sk_" and 160 bits of secret and the same pin, in base32 (RFC 4648, 6) in lower case.
//
// The exchange is one POST of a Request to /api/v1/enrolments over TLS 1.3, to a server that has the pinned key. The
// node makes its own keys and keeps them on disk before it asks, so that an exchange that is cut off can be repeated:
// the same code with the same node key gets the same certificate, with another key errs.Used. Errors are problem+json
// (RFC 9457) with an errs code.
//
// An app enrols with a code of the same kind, which it is handed in a Link: see DeviceRequest.
//
// Capability 1 (2026-11).
// Capability 2 (2026-11): apps.
// Capability 3 (2026-11): a node says what it is.
package enrol

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"log/slog"
	"strings"

	"strowger/pkg/errs"
)

// Sizes in bytes of what a code is made of.
const (
	SecretSize = 16
	PinSize    = 16
	sumSize    = 2
)

const (
	alphabet = "0123456789abcdefghjkmnpqrstvwxyz" // Crockford's: without i, l, o, u
	group    = 5
)

func encoding() *base32.Encoding { return base32.NewEncoding(alphabet).WithPadding(base32.NoPadding) }

// Code is a parsed enrolment code.
type Code struct {
	Secret []byte
	Pin    []byte
}

// LogValue keeps the secret out of logs.
func (Code) LogValue() slog.Value { return slog.StringValue("(enrolment code)") }

// PinOf returns the pin of a TLS key: the first PinSize bytes of the SHA-256 of its SubjectPublicKeyInfo.
func PinOf(spki []byte) []byte {
	sum := sha256.Sum256(spki)
	return sum[:PinSize]
}

// HashSecret is the form in which the cloud stores the secret of a code or API key. The secrets are random and long, so
// that a plain hash is enough.
func HashSecret(secret []byte) []byte {
	sum := sha256.Sum256(secret)
	return sum[:]
}

// NewCode makes an enrolment code for the cloud whose TLS key has the SubjectPublicKeyInfo spki, and the hash to store.
func NewCode(spki []byte) (code string, hash []byte) {
	c := Code{Secret: make([]byte, SecretSize), Pin: PinOf(spki)}
	_, _ = rand.Read(c.Secret) // never fails (crypto/rand)
	return c.format(), HashSecret(c.Secret)
}

// format writes the code as people read it; it is no String method, so that printing a Code does not show it.
func (c Code) format() string {
	b := append(append([]byte{}, c.Secret...), c.Pin...)
	s := encoding().EncodeToString(append(b, checkSum(b)...))
	var out strings.Builder
	for i := 0; i < len(s); i += group {
		if i > 0 {
			out.WriteByte('-')
		}
		out.WriteString(s[i:min(i+group, len(s))])
	}
	return out.String()
}

func checkSum(b []byte) []byte {
	sum := sha256.Sum256(append([]byte("strowger enrolment code 1"), b...))
	return sum[:sumSize]
}

// Parse reads a code as a person typed it. Its errors say what is wrong with it, never the code.
func Parse(code string) (Code, error) {
	want := encoding().EncodedLen(SecretSize + PinSize + sumSize)
	var b strings.Builder
	for i, r := range strings.ToLower(code) {
		switch r {
		case '-', ' ', '\t', '\r', '\n':
			continue
		case 'o':
			r = '0'
		case 'i', 'l':
			r = '1'
		}
		if !strings.ContainsRune(alphabet, r) {
			return Code{}, errs.New(errs.Invalid, "enrolment code has %q at position %d, which no code contains", r, i+1)
		}
		b.WriteRune(r)
	}
	if b.Len() != want {
		return Code{}, errs.New(errs.Invalid, "enrolment code has %d characters without dashes, want %d: copy it whole", b.Len(), want)
	}
	raw, err := encoding().DecodeString(b.String())
	if err != nil {
		return Code{}, errs.New(errs.Invalid, "enrolment code: %w", err)
	}
	c := Code{Secret: raw[:SecretSize:SecretSize], Pin: raw[SecretSize : SecretSize+PinSize : SecretSize+PinSize]}
	if strings.ReplaceAll(c.format(), "-", "") != b.String() {
		return Code{}, errs.New(errs.Invalid, "enrolment code is mistyped: its check sum does not match")
	}
	return c, nil
}
