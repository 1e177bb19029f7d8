package media

import "time"

// How fast a leg may send: audio in packets of 2.5 ms, the shortest of any codec (RFC 6716, 2.1.4), with its RTCP. What a
// network held back for a second may come at once.
const (
	maxRate  = 500 // packets per second
	maxBurst = 500 // packets
)

// pace is how many packets of a leg will still be taken, as a bucket that fills at maxRate. The zero value is full.
type pace struct {
	used float64 // packets of the bucket
	at   time.Time
}

func (p *pace) allow(now time.Time) bool {
	p.used, p.at = max(0, p.used-maxRate*now.Sub(p.at).Seconds()), now
	if p.used+1 > maxBurst {
		return false
	}
	p.used++
	return true
}
