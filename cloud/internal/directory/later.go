package directory

import (
	"context"
	"time"

	"strowger/pkg/limit"
)

const (
	laterWait  = time.Second // at most, for a change that the store has and the snapshot has not
	laterRate  = 50          // looks into the store in a second, for one organization: who dials wrong numbers causes no more
	maxLooking = 1 << 10     // organizations
)

func newLooks() *limit.Buckets[string] {
	return limit.New[string](limit.Config{Rate: laterRate, Burst: laterRate, Max: maxLooking, Now: time.Now})
}

// Later returns a snapshot that has all that the store has now, if s has not and it comes within a second; else s. It is for
// who would refuse something by s that another instance may just have made possible.
func (d *Directory) Later(ctx context.Context, org string, s *Snapshot) *Snapshot {
	if !d.looks.Take(org) {
		return s
	}
	revision, err := d.cfg.Store.Revision(ctx, org)
	if err != nil { // the last snapshot serves on
		return s
	}
	ctx, cancel := context.WithTimeout(ctx, laterWait)
	defer cancel()
	for {
		d.mu.Lock()
		now, moved := (*d.snapshots.Load())[org], d.moved
		d.mu.Unlock()
		switch {
		case now == nil:
			return s
		case now.revision >= revision:
			return now
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return now
		}
	}
}

// Follow waits until the snapshots have all that the Directory has been told of, at most a second. It is for who has just
// changed something here and says so: whoever is told that a phone is enrolled may call it at once.
func (d *Directory) Follow(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, laterWait)
	defer cancel()
	d.mu.Lock()
	told := d.told
	for d.taken < told && ctx.Err() == nil {
		moved := d.moved
		d.mu.Unlock()
		select {
		case <-moved:
		case <-ctx.Done():
		}
		d.mu.Lock()
	}
	d.mu.Unlock()
}
