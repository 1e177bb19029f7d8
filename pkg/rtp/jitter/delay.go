package jitter

import "time"

// delay is how late packets come, against the one that came soonest of late: a histogram that forgets.
type delay struct {
	known  bool
	stamp  uint32        // of the last packet
	at     time.Time     // when it came
	offset time.Duration // of the last packet: how late it came against the first
	soonest,
	sooner time.Duration // least offsets: of this epoch, and of it and the one before
	epoch  time.Time // when this one began
	shares [buckets]float64
}

const (
	bucket  = 10 * time.Millisecond
	buckets = int(MaxDelay/bucket) + 1
	memory  = 0.995 // what is left of the past after a packet: 200 packets
	enough  = 0.97
	usual   = 40 * time.Millisecond // before anything is known
	epochs  = 5 * time.Second       // in which a clock that drifts by 200 parts in a million goes 1 ms
)

// came notes a packet, and returns how late it was.
func (d *delay) came(stamp, clock uint32, at time.Time) time.Duration {
	if !d.known {
		if d.shares == [buckets]float64{} {
			d.shares[usual/bucket-1] = 1
		}
		d.known, d.stamp, d.at, d.offset, d.soonest, d.sooner, d.epoch = true, stamp, at, 0, 0, 0, at
		return 0
	}
	sent := time.Duration(int32(stamp-d.stamp)) * time.Second / time.Duration(clock)
	d.offset += at.Sub(d.at) - sent
	d.stamp, d.at = stamp, at
	if at.Sub(d.epoch) > epochs {
		d.sooner, d.soonest, d.epoch = d.soonest, d.offset, at
	}
	d.soonest = min(d.soonest, d.offset)
	d.sooner = min(d.sooner, d.offset)
	late := d.offset - min(d.soonest, d.sooner)
	if late > 2*MaxDelay+patience { // a silence whose timestamps stood still, or a network that stood still: no jitter
		d.offset, d.soonest, d.sooner = 0, 0, 0
		return 0
	}
	for i := range d.shares {
		d.shares[i] *= memory
	}
	d.shares[min(int(late/bucket), buckets-1)] += 1 - memory
	return late
}

// forget forgets the timestamps, not what is known of the network.
func (d *delay) forget() { d.known = false }

// target is how long packets are to be held, so that enough come in time.
func (d *delay) target() time.Duration {
	sum := 0.0
	for i, share := range d.shares {
		if sum += share; sum >= enough {
			return max(MinDelay, min(MaxDelay, time.Duration(i+1)*bucket))
		}
	}
	return usual
}

// surplus is how much more than needed has been held, over a window of takes.
type surplus struct {
	takes       int
	least, peak time.Duration
	most        time.Duration // that can be left out
}

// see notes what is held before a take.
func (s *surplus) see(held, target time.Duration) {
	if s.takes == 0 || held < s.least {
		s.least = held
	}
	if s.takes == 0 || held > s.peak {
		s.peak = held
	}
	if s.takes++; s.takes < window {
		return
	}
	// A packet that comes as soon as any does is held for the peak; the least is what would still be there for the worst.
	s.most = max(0, min(s.peak-target-step, s.least-step))
	s.takes = 0
}
