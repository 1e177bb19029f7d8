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

// An app says at each of its starts where its pushes go, and proves who it is: the check is a signature. An office has
// hundreds of them behind one address, and all start in the morning.
const (
	pushBurst = 500
	pushRate  = 20 // a second
)

func newEnrolLimit(now func() time.Time) *limit.Buckets[netip.Prefix] {
	return limit.New[netip.Prefix](limit.Config{Rate: enrolRate, Burst: enrolBurst, Max: enrolSource, Now: now})
}

func newPushLimit(now func() time.Time) *limit.Buckets[netip.Prefix] {
	return limit.New[netip.Prefix](limit.Config{Rate: pushRate, Burst: pushBurst, Max: enrolSource, Now: now})
}
