package fabric

import (
	"sync"
	"time"
)

// smoothing is the part of a measured difference by which the offset moves, as a divisor (as TCP's RTT estimate does,
// RFC 6298, 2.3).
const smoothing = 8

// clock is the cloud's time at a node. It runs on the monotonic clock, so that a step of the node's own wall clock does
// not move it.
type clock struct {
	authority bool      // of a cloud instance: follows nobody
	base      time.Time // with a monotonic reading

	mu     sync.Mutex
	offset time.Duration // to add to the local clock
	known  bool          // measured since the last doubt
}

func newClock(authority bool) *clock {
	return &clock{authority: authority, base: time.Now(), known: authority}
}

// local is the node's time at a moment, undisturbed by steps of the wall clock since the start.
func (k *clock) local(at time.Time) time.Time { return k.base.Add(at.Sub(k.base)).Round(0) }

// now returns the cloud's time and whether it was measured.
func (k *clock) now() (t time.Time, known bool) {
	if k.authority {
		return time.Now().UTC().Round(0), true
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.local(time.Now()).Add(k.offset).UTC(), k.known
}

// observe takes the cloud's time from an answer to a request. The true offset lies within half the round trip of the
// sample (Cristian, 1989): an offset outside is moved to the edge at once, one inside slowly to the middle.
func (k *clock) observe(sent, received, theirs time.Time) {
	if k.authority || theirs.IsZero() {
		return
	}
	half := received.Sub(sent) / 2
	sample := theirs.Add(half).Sub(k.local(received))
	k.mu.Lock()
	defer k.mu.Unlock()
	switch d := sample - k.offset; {
	case !k.known:
		k.offset, k.known = sample, true
	case d > half:
		k.offset = sample - half
	case d < -half:
		k.offset = sample + half
	default:
		k.offset += d / smoothing
	}
}

// doubt keeps the offset but no longer stakes a deadline on it: after a time-out, which a wrong clock may have caused.
func (k *clock) doubt() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.known = k.authority
}
