package sip

import (
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

// Offence is what strangers do and phones seldom do.
type Offence string

// The offences that an endpoint sees.
const (
	NoSIP   Offence = "no SIP"   // what is no SIP, or none that can be read
	TooFast Offence = "too fast" // a message beyond Config.PerSource
	Probes  Offence = "probes"   // OPTIONS outside of any call
)

// Gate decides which strangers are heard at all. Its methods are called from many goroutines and must be quick.
type Gate interface {
	// Shut says whether what came from a stranger is dropped unread: a message, or a connection (nil).
	Shut(from Peer, message []byte) bool
	// Offends hears what somebody did, who may have shown a password before.
	Offends(from Peer, o Offence)
}

// strangers bounds what is done for peers that have not shown a password, which may be anybody: their messages are dropped
// unread when there are too many (RFC 3261, 21.5.4 allows that in place of 503: an answer would be work as well). The zero
// value has no bounds.
type strangers struct {
	sources *limit.Buckets[netip.Prefix] // nil: no bounds
	all     *limit.Buckets[struct{}]
	told    *limit.Buckets[netip.Prefix] // of the log
	log     *slog.Logger

	gate Gate // may be nil

	mu    sync.Mutex
	known limit.Recent[netip.AddrPort]
}

func newStrangers(perSource float64, gate Gate, log *slog.Logger) *strangers {
	known := limit.Recent[netip.AddrPort]{Keep: knownTime, Max: maxKnown}
	if perSource == 0 {
		return &strangers{gate: gate, known: known}
	}
	return &strangers{
		sources: limit.New[netip.Prefix](limit.Config{Rate: perSource, Burst: burstSeconds * perSource, Max: maxLimited, Now: time.Now}),
		all:     limit.New[struct{}](limit.Config{Rate: allSources * perSource, Burst: 2 * allSources * perSource, Max: 1, Now: time.Now}),
		told:    limit.New[netip.Prefix](limit.Config{Rate: 1. / 60, Burst: 1, Max: 256, Now: time.Now}),
		log:     log, gate: gate, known: known,
	}
}

// let returns an error if a message that came from an address, or a connection without one yet, must not cost work.
func (s *strangers) let(from Peer, message []byte) error {
	if s.sources == nil && s.gate == nil || s.knows(from.Addr) {
		return nil
	}
	if s.gate != nil && s.gate.Shut(from, message) {
		return refusal{dropShut}
	}
	if s.sources == nil {
		return nil
	}
	source := limit.Source(from.Addr.Addr())
	fast := !s.sources.Take(source)
	if !fast && s.all.Take(struct{}{}) {
		return nil
	}
	if fast { // and not because of others
		s.offends(from, TooFast)
	}
	if s.told.Take(source) {
		s.log.Warn("SIP messages without a password come too fast and are dropped", "source", source)
	}
	return refusal{dropRate}
}

// offends tells the gate what somebody did who may be a stranger.
func (s *strangers) offends(from Peer, o Offence) {
	if s.gate != nil {
		s.gate.Offends(from, o)
	}
}

// know lets everything from an address pass for at least knownTime. A stream's own trial does that for streams.
func (s *strangers) know(a netip.AddrPort) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known.Add(a, time.Now())
}

func (s *strangers) knows(a netip.AddrPort) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.known.Has(a)
}

// letConnect returns an error if a connection that came in must not cost work: a handshake is more than a message.
func (e *Endpoint) letConnect(c net.Conn, transport string) error {
	from, err := netip.ParseAddrPort(c.RemoteAddr().String())
	if err != nil {
		return refusal{dropRate}
	}
	return e.strangers.let(Peer{transport, netip.AddrPortFrom(from.Addr().Unmap(), from.Port())}, nil)
}
