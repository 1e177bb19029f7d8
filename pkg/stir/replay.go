package stir

import (
	"bytes"
	"crypto/elliptic"
	"crypto/sha256"
	"math/big"
	"sync"
	"time"
)

// maxSeen is how many signatures of two minutes are remembered.
const maxSeen = 32 << 10

// memory knows the signatures of the last two minutes, and with which call each came: one that is signed up to MaxAge ahead can
// be shown again until it is as old. It has two halves, of which the older is dropped whenever the younger is that old.
type memory struct {
	limit int // of a half

	mu         sync.Mutex
	now, older map[print]print // call by signature
	since      time.Time       // of now
}

type print [sha256.Size]byte

func newMemory(limit int) *memory { return &memory{limit: limit, now: map[print]print{}} }

// admit takes a signature that is valid, or says that it came with another call. If too many came it knows no better than to
// refuse.
func (m *memory) admit(now time.Time, unsigned string, signature []byte, call string) error {
	key, id := fingerprint(unsigned, signature), print(sha256.Sum256([]byte(call)))
	m.mu.Lock()
	defer m.mu.Unlock()
	if now.Sub(m.since) > 2*MaxAge {
		m.older, m.now = m.now, map[print]print{}
		m.since = now
	}
	known, ok := m.now[key]
	if !ok {
		known, ok = m.older[key]
	}
	switch {
	case ok && known == id:
		return nil
	case ok:
		return failed(Replayed, "the signature came with another call before")
	case len(m.now) >= m.limit:
		return failed(Congested, "more than %d signed calls in %v", m.limit, 2*MaxAge)
	}
	m.now[key] = id
	return nil
}

// fingerprint is the same for both forms of a signature: whoever has (r, s) can make (r, n-s), which is as valid.
func fingerprint(unsigned string, signature []byte) print {
	half := len(signature) / 2
	s := new(big.Int).SetBytes(signature[half:])
	other := new(big.Int).Sub(elliptic.P256().Params().N, s)
	if other.Cmp(s) < 0 {
		s = other
	}
	return print(sha256.Sum256(bytes.Join([][]byte{[]byte(unsigned), signature[:half], s.Bytes()}, []byte{'.'})))
}
