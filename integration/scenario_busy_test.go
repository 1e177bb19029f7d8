package integration

import (
	"sync"
	"time"
)

// pauses is when this process was late to do something. Packets of audio that waited are dropped: a machine that has other
// work loses some, which says nothing about those who carry them.
type pauses struct {
	stop chan struct{}
	done sync.WaitGroup

	mu  sync.Mutex
	all []pause // a few thousand on a busy machine
}

type pause struct {
	end    time.Time
	length time.Duration
}

// late is the pauses of this process; it is watched while tests run.
var late = pauses{stop: make(chan struct{})}

func (p *pauses) watch() {
	const every, usual = 5 * time.Millisecond, 5 * time.Millisecond
	tick := time.NewTicker(every)
	defer tick.Stop()
	for before := time.Now(); ; {
		select {
		case <-tick.C:
		case <-p.stop:
			return
		}
		now := time.Now()
		if length := now.Sub(before) - every; length > usual {
			p.mu.Lock()
			p.all = append(p.all, pause{now, length})
			p.mu.Unlock()
		}
		before = now
	}
}

// busy says whether more than a twentieth of the time since then was pauses.
func (p *pauses) busy(since time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	var lost time.Duration
	for i := len(p.all) - 1; i >= 0 && p.all[i].end.After(since); i-- {
		lost += p.all[i].length
	}
	return lost > time.Since(since)/20
}
