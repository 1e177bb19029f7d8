// Package limit bounds how often each of many may do something: a token bucket for each, in bounded memory.
package limit

import (
	"net/netip"
	"sync"
	"time"
)

// Config describes the buckets.
type Config struct {
	Rate  float64 // tokens that come back in a second
	Burst float64 // tokens of a full bucket
	Max   int     // buckets that are remembered; those who come when there are so many share one
	Now   func() time.Time
}

// Buckets is a bucket for each K. It is safe for concurrent use.
type Buckets[K comparable] struct {
	cfg Config

	mu     sync.Mutex
	each   map[K]bucket // those not full
	rest   bucket       // of all who came when each had Max
	forgot time.Time    // when full buckets were last forgotten: to look through them all at each call would be work
}

// bucket is how many tokens were missing at a time. The zero value is full.
type bucket struct {
	used float64
	at   time.Time
}

// New returns buckets that are all full.
func New[K comparable](cfg Config) *Buckets[K] {
	return &Buckets[K]{cfg: cfg, each: map[K]bucket{}}
}

// Take takes a token from the bucket of k, if there is one.
func (b *Buckets[K]) Take(k K) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.cfg.Now()
	old, known := b.each[k]
	shared := !known && len(b.each) >= b.cfg.Max && !b.forget(now)
	if shared {
		old = b.rest
	}
	used := b.usedAt(old, now) + 1
	if used > b.cfg.Burst {
		return false
	}
	if shared {
		b.rest = bucket{used, now}
	} else {
		b.each[k] = bucket{used, now}
	}
	return true
}

// Has says whether Take would find a token, and takes none.
func (b *Buckets[K]) Has(k K) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.cfg.Now()
	old, known := b.each[k]
	if !known && len(b.each) >= b.cfg.Max && !b.forget(now) {
		old = b.rest
	}
	return b.usedAt(old, now)+1 <= b.cfg.Burst
}

// Len is how many buckets are remembered.
func (b *Buckets[K]) Len() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.each)
}

func (b *Buckets[K]) usedAt(k bucket, now time.Time) float64 {
	passed := max(0, now.Sub(k.at).Seconds()) // a clock that was set back gives no tokens, and takes none
	return max(0, k.used-b.cfg.Rate*passed)
}

// forget drops the buckets that are full again, once a second, and says whether there is room now.
func (b *Buckets[K]) forget(now time.Time) bool {
	if now.Sub(b.forgot).Abs() < time.Second {
		return false
	}
	b.forgot = now
	for k, old := range b.each {
		if b.usedAt(old, now) == 0 {
			delete(b.each, k)
		}
	}
	return len(b.each) < b.cfg.Max
}

// Source is whom an address stands for: itself, or the /64 of an IPv6 address, which one host has as a whole (RFC 7421).
// That of no address is no source: all such share one.
func Source(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := 64
	if a.Is4() {
		bits = 32
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}
