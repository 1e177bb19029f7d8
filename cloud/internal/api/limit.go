package api

import (
	"net/netip"
	"time"

	"strowger/pkg/limit"
)

// Enrolment needs no key, so each source may try it only so often; a code has 128 bits and is not to be guessed, this
// keeps the database from being worn.
const (
	enrolBurst  = 10
	enrolRate   = 1    // a second
	enrolSource = 4096 // remembered
)

func newEnrolLimit(now func() time.Time) *limit.Buckets[netip.Prefix] {
	return limit.New[netip.Prefix](limit.Config{Rate: enrolRate, Burst: enrolBurst, Max: enrolSource, Now: now})
}
