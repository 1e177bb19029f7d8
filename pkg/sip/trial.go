package sip

import (
	"errors"
	"net/netip"
	"os"
	"sync/atomic"
	"time"
)

// trial is the time that an accepted connection has to show a password before it must go. The zero trial is that of a
// connection that needs none.
type trial struct {
	until  time.Time // zero: it has for ever
	passed *atomic.Bool
}

func newTrial(length time.Duration) trial {
	t := trial{passed: new(atomic.Bool)}
	if length > 0 {
		t.until = time.Now().Add(length)
	}
	return t
}

// deadline is until when the connection may stay silent; zero is for ever.
func (t trial) deadline() time.Time {
	if t.passed == nil || t.over() {
		return time.Time{}
	}
	return t.until
}

// passed says whether an error of reading is only the end of a trial that was passed while the read waited.
func (s *Stream) passed(err error) bool {
	return errors.Is(err, os.ErrDeadlineExceeded) && s.greeted && len(s.buf) == 0 && s.trial.over()
}

// over says that the password was shown.
func (t trial) over() bool { return t.passed != nil && t.passed.Load() }

// Trust frees a peer that showed its password from Config.Trial and Config.PerSource: its connection for good, an address
// of UDP for at least 70 minutes.
func (e *Endpoint) Trust(p Peer) {
	if !p.reliable() {
		e.strangers.know(p.Addr)
		return
	}
	e.mu.Lock()
	s := e.open[p]
	e.mu.Unlock()
	if s != nil && s.trial.passed != nil {
		s.trial.passed.Store(true)
	}
}

// crowded says whether an address has all the accepted connections that one may have. e.mu is held.
func (e *Endpoint) crowded(from netip.Addr) bool {
	return e.cfg.MaxPerSource > 0 && e.sources[from] >= e.cfg.MaxPerSource
}

// leave takes a stream out of the tables. e.mu is held.
func (e *Endpoint) leave(s *Stream) {
	delete(e.open, s.peer)
	if !s.accepted {
		return
	}
	from := s.peer.Addr.Addr()
	if e.sources[from]--; e.sources[from] == 0 {
		delete(e.sources, from)
	}
}
