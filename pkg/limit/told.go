package limit

import (
	"net"
	"time"
)

// NewTold bounds what the log tells of strangers: of each the first few things and then one a minute, so that who knocks by the
// thousand does not fill the disk as well. Counters have the rest.
func NewTold[K comparable](now func() time.Time) *Buckets[K] {
	return New[K](Config{Rate: 1. / 60, Burst: 5, Max: 256, Now: now})
}

// Host is the address before the port of "host:port", and all of what is nothing of the kind.
func Host(address string) string {
	if host, _, err := net.SplitHostPort(address); err == nil {
		return host
	}
	return address
}
