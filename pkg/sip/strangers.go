package sip

import (
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"strowger/pkg/limit"
)

// How much the limits of strangers allow, in terms of Config.PerSource. An office of 500 phones behind one address has its
// power back at once, and each sends its request twice, the second time with its password.
const (
	burstSeconds = 10 // of its rate one source may use at once
	allSources   = 25 // what all strangers may send together, in rates of one; two seconds of it at once
	maxLimited   = 1 << 14
)

// Peers that showed a password stay known for one to two such times: longer than a registration lives.
const (
	knownTime = 70 * time.Minute
	maxKnown  = 1 << 17
)

var errFast = errors.New("more messages than whoever has not shown a password may send")

// strangers bounds what is done for peers that have not shown a password, which may be anybody: their messages are dropped
// unread when there are too many (RFC 3261, 21.5.4 allows that in place of 503: an answer would be work as well). The zero
// value has no bounds.
type strangers struct {
	sources *limit.Buckets[netip.Prefix] // nil: no bounds
	all     *limit.Buckets[struct{}]
	told    *limit.Buckets[netip.Prefix] // of the log
	log     *slog.Logger

	mu     sync.Mutex
	since  time.Time // when known began
	known  map[netip.AddrPort]struct{}
	before map[netip.AddrPort]struct{} // what known was before since
}

func newStrangers(perSource float64, log *slog.Logger) *strangers {
	if perSource == 0 {
		return &strangers{}
	}
	return &strangers{
		sources: limit.New[netip.Prefix](limit.Config{Rate: perSource, Burst: burstSeconds * perSource, Max: maxLimited, Now: time.Now}),
		all:     limit.New[struct{}](limit.Config{Rate: allSources * perSource, Burst: 2 * allSources * perSource, Max: 1, Now: time.Now}),
		told:    limit.New[netip.Prefix](limit.Config{Rate: 1. / 60, Burst: 1, Max: 256, Now: time.Now}),
		log:     log, since: time.Now(), known: map[netip.AddrPort]struct{}{},
	}
}

// let says whether something that came from an address may cost work.
func (s *strangers) let(from netip.AddrPort) bool {
	if s.sources == nil || s.knows(from) {
		return true
	}
	source := limit.Source(from.Addr())
	if s.sources.Take(source) && s.all.Take(struct{}{}) {
		return true
	}
	if s.told.Take(source) {
		s.log.Warn("SIP messages without a password come too fast and are dropped", "source", source)
	}
	return false
}

// know lets everything from an address pass for at least knownTime. A stream's own trial does that for streams.
func (s *strangers) know(a netip.AddrPort) {
	if s.sources == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := time.Now(); now.Sub(s.since) > knownTime || len(s.known) >= maxKnown {
		s.since, s.before, s.known = now, s.known, map[netip.AddrPort]struct{}{}
	}
	s.known[a] = struct{}{}
}

func (s *strangers) knows(a netip.AddrPort) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.known[a]; ok {
		return true
	}
	_, ok := s.before[a]
	return ok
}

// letConnect says whether a connection that came in may cost work: a handshake is more than a message.
func (e *Endpoint) letConnect(c net.Conn) bool {
	from, err := netip.ParseAddrPort(c.RemoteAddr().String())
	return err == nil && e.strangers.let(netip.AddrPortFrom(from.Addr().Unmap(), from.Port()))
}
