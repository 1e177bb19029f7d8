package broker

import (
	"hash/fnv"

	"strowger/cloud/internal/directory"
	"strowger/pkg/errs"
)

// LampHome is the switch that knows all calls of a user without a home: of those that are there one that depends on the user alone, so that
// every instance of the cloud chooses the same, and few users change theirs when a switch comes or goes.
func (b *Broker) LampHome(s *directory.Snapshot, user string) (best string, err error) {
	var most uint64
	for id := range s.Switches() {
		if _, err := b.live(s, id); err != nil {
			continue
		}
		h := fnv.New64a()
		_, _ = h.Write([]byte(user + " " + id)) // never fails
		if rank := h.Sum64(); best == "" || rank > most || rank == most && id < best {
			best, most = id, rank
		}
	}
	if best == "" {
		return "", errs.New(errs.Unreachable, "no switch of the organization is there to show lamps of users without one")
	}
	return best, nil
}
