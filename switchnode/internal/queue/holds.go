package queue

import (
	"slices"
	"time"
)

// Holds of a line: the last of how many count, and how many it takes to know anything.
const (
	lastHolds  = 10
	leastHolds = 3
)

// holds is how long the last calls of a callee lasted.
type holds []time.Duration

func (h *holds) add(d time.Duration) {
	*h = append(*h, d)
	if len(*h) > lastHolds {
		*h = slices.Delete(*h, 0, 1)
	}
}

func (h holds) mean() (time.Duration, bool) {
	if len(h) < leastHolds {
		return 0, false
	}
	var sum time.Duration
	for _, d := range h {
		sum += d
	}
	return sum / time.Duration(len(h)), true
}
