package link

import (
	"sync"
	"time"

	"github.com/quic-go/quic-go/quicvarint"
)

const (
	maxAge    = 60 * time.Millisecond // a packet that waited longer is late for any jitter buffer worth its delay
	maxQueued = 4096                  // packets: 60 ms of more than a thousand voice streams at 20 ms
	keepBytes = 2048                  // larger buffers are not kept for reuse
)

// ring holds the packets that wait for the connection, oldest first. quic-go's own queue blocks when the path stalls and
// never drops; this one never blocks and drops the oldest.
type ring struct {
	mu      sync.Mutex
	packets []queued // a circle; its length is a power of two
	head, n int
	ready   chan struct{} // capacity 1: there may be packets
}

type queued struct {
	at   time.Time // zero: it is never too late
	data []byte    // flow id and packet
}

func newRing() *ring { return &ring{packets: make([]queued, 64), ready: make(chan struct{}, 1)} }

// push adds a copy of a packet and says whether the oldest had to go for it.
func (r *ring) push(now time.Time, flow uint64, packet []byte) (dropped bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.n == len(r.packets) {
		if r.n < maxQueued {
			r.grow()
		} else {
			r.head, r.n, dropped = r.head+1, r.n-1, true
		}
	}
	q := &r.packets[(r.head+r.n)&(len(r.packets)-1)]
	q.at = now
	q.data = append(quicvarint.Append(q.data[:0], flow), packet...)
	r.n++
	r.wake()
	return dropped
}

// wake has who takes the packets look again.
func (r *ring) wake() {
	select {
	case r.ready <- struct{}{}:
	default:
	}
}

func (r *ring) grow() {
	larger := make([]queued, 2*len(r.packets))
	for i := range r.n {
		larger[i] = r.packets[(r.head+i)&(len(r.packets)-1)]
	}
	r.packets, r.head = larger, 0
}

// gather moves the oldest packets that are not stale into b, as many as it takes. stale is how many were too old.
func (r *ring) gather(now time.Time, b *batch) (stale int) {
	b.reset()
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.n > 0 {
		q := &r.packets[r.head&(len(r.packets)-1)]
		if !q.at.IsZero() && now.Sub(q.at) > maxAge {
			stale++
		} else if !b.add(q.data) {
			break
		}
		if cap(q.data) > keepBytes {
			q.data = nil
		}
		r.head, r.n = r.head+1, r.n-1
	}
	return stale
}
