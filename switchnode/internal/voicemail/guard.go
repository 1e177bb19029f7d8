package voicemail

import (
	"sync"
	"time"
)

// Guard is how often the PIN of a mailbox was wrong. It is kept with the mailbox, so that no restart forgets it.
type Guard struct {
	Wrong int       `json:"wrong,omitempty"` // times since it was right last
	Until time.Time `json:"until,omitzero"`  // nobody gets in before that
}

const (
	lockAfter = 9                // wrong PINs in a row
	lockTime  = 15 * time.Minute // then, and each three later twice as long
	maxLock   = 24 * time.Hour
	maxPause  = 8 * time.Second // less than the cloud waits for an answer about a mailbox
)

// Locked says whether nobody gets in now.
func (g Guard) Locked(now time.Time) bool { return now.Before(g.Until) }

// Fail counts a wrong PIN. locks says that the mailbox is locked with it.
func (g Guard) Fail(now time.Time) (next Guard, locks bool) {
	g.Wrong++
	over := g.Wrong - lockAfter
	if over < 0 || over%3 != 0 {
		return g, false
	}
	g.Until = now.Add(min(lockTime<<min(over/3, 10), maxLock))
	return g, true
}

// Pause is how long whoever says a PIN waits for the answer: right or wrong, there or not, it is the same.
func Pause(wrong int) time.Duration {
	return min(time.Second<<min(wrong, 10)/2, maxPause)
}

// Guard is that of a mailbox, none for one that is not there.
func (s *Store) Guard(user string) Guard {
	b, _ := s.get(user)
	if b == nil {
		return Guard{}
	}
	return b.state.Load().Guard
}

// Wrong counts a wrong PIN; locks says that the mailbox is locked with it.
func (s *Store) Wrong(user string) (locks bool, err error) {
	b, err := s.box(user)
	if err != nil {
		return false, err
	}
	err = b.change(func(x *index) error {
		x.Guard, locks = x.Guard.Fail(s.cfg.Now())
		return nil
	})
	return locks, err
}

// Right forgets wrong PINs, also at an administrator's word.
func (s *Store) Right(user string) error {
	b, err := s.get(user)
	if b == nil || b.state.Load().Guard == (Guard{}) {
		return err
	}
	return b.change(func(x *index) error {
		x.Guard = Guard{}
		return nil
	})
}

// strangers counts wrong PINs of mailboxes that are not there, so that they look like those that are.
type strangers struct {
	mu    sync.Mutex
	wrong map[string]Guard
}

// mostStrangers is how many are remembered.
const mostStrangers = 4096

func (s *strangers) guard(asked string) Guard {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wrong[asked]
}

func (s *strangers) fail(asked string, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.wrong == nil || len(s.wrong) >= mostStrangers {
		s.wrong = map[string]Guard{}
	}
	s.wrong[asked], _ = s.wrong[asked].Fail(now)
}

// Lock lets nobody in before a time, at an administrator's word.
func (s *Store) Lock(user string, until time.Time) error {
	b, err := s.box(user)
	if err != nil {
		return err
	}
	return b.change(func(x *index) error {
		x.Guard.Until = until
		return nil
	})
}
