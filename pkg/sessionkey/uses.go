package sessionkey

import (
	"time"

	"strowger/pkg/errs"
)

// MaxUses bounds the memory of keys used lately; beyond it new legs are refused, for forgetting would allow replays.
const MaxUses = 1 << 17

// use is one key that was presented.
type use struct {
	confirm Confirmation
	resume  string
	done    bool
	dead    time.Time // from when age alone refuses the key
	until   time.Time // when to forget it
}

// uses remembers keys by leg until they are dead anyway.
type uses struct {
	byLeg map[string]use
	sweep time.Time // when to look for the dead next
}

// resume says whether p is back for a leg that it may take up again.
func (u *uses) resume(c Claims, p Presenter) (bool, error) {
	old, used := u.byLeg[c.ID]
	switch {
	case !used:
		return false, nil
	case old.done:
		return false, errs.New(errs.Replayed, "session key was used, and its leg %s was answered or is over", c.ID)
	case old.confirm != p.Confirm || old.resume != p.Resume:
		return false, errs.New(errs.Replayed, "session key was used for another call of leg %s", c.ID)
	}
	return true, nil
}

// first remembers the first use of a key.
func (u *uses) first(c Claims, p Presenter, now time.Time) error {
	if len(u.byLeg) >= MaxUses {
		return errs.New(errs.Congested, "%d session keys are in use, no more can be remembered", MaxUses)
	}
	if u.byLeg == nil {
		u.byLeg = make(map[string]use)
	}
	dead := time.Unix(c.Expires, 0).Add(2 * Leeway) // exp + Leeway, and a clock that may be set back
	until := dead
	if ring := now.Add(MaxLifetime); ring.After(dead) {
		until = ring // no leg rings longer, and so long it may be resumed
	}
	u.byLeg[c.ID] = use{confirm: p.Confirm, resume: p.Resume, dead: dead, until: until}
	return nil
}

func (u *uses) done(leg string) {
	if old, ok := u.byLeg[leg]; ok {
		old.done, old.until = true, old.dead
		u.byLeg[leg] = old
	}
}

// forget drops keys that age alone refuses, at most once in Leeway.
func (u *uses) forget(now time.Time) {
	if now.Before(u.sweep) {
		return
	}
	u.sweep = now.Add(Leeway)
	for leg, old := range u.byLeg {
		if now.After(old.until) {
			delete(u.byLeg, leg)
		}
	}
}
