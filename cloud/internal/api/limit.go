package api

import (
	"net/netip"
	"sync"
	"time"
)

// Enrolment needs no key, so each source may try it only so often; a code has 128 bits and is not to be guessed, this
// keeps the database from being worn.
const (
	burst      = 10
	refill     = time.Second // until one more try is allowed
	maxSources = 4096        // remembered; when full, strangers wait until sources that have all their tries back are forgotten
)

// limiter is a token bucket per source.
type limiter struct {
	now func() time.Time

	mu      sync.Mutex
	sources map[netip.Prefix]bucket
	forgot  time.Time // when sources were last forgotten: to look through them all for each stranger would be work
}

// bucket is how many tries were left at a time.
type bucket struct {
	left float64
	at   time.Time
}

func (b bucket) leftAt(now time.Time) float64 {
	return min(burst, b.left+float64(now.Sub(b.at))/float64(refill))
}

func newLimiter(now func() time.Time) *limiter {
	return &limiter{now: now, sources: map[netip.Prefix]bucket{}}
}

// allow takes one try from the source of a request. An IPv6 source is its /64: a host has a whole one.
func (l *limiter) allow(remote string) bool {
	at, err := netip.ParseAddrPort(remote)
	if err != nil {
		return false
	}
	addr, bits := at.Addr().Unmap().WithZone(""), 64
	if addr.Is4() {
		bits = 32
	}
	source, err := addr.Prefix(bits)
	if err != nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	b, ok := l.sources[source]
	if !ok {
		if len(l.sources) >= maxSources && !l.forget(now) {
			return false
		}
		b = bucket{left: burst, at: now}
	}
	left := b.leftAt(now)
	if left < 1 {
		return false
	}
	l.sources[source] = bucket{left: left - 1, at: now}
	return true
}

// forget drops the sources that have all their tries back, once per refill, and says whether there is room now.
func (l *limiter) forget(now time.Time) bool {
	if now.Sub(l.forgot) < refill {
		return false
	}
	l.forgot = now
	for s, b := range l.sources {
		if b.leftAt(now) >= burst {
			delete(l.sources, s)
		}
	}
	return len(l.sources) < maxSources
}
