// Package relay passes media on between two ends that find no direct way: a TURN server (RFC 8656) over UDP, TCP and TLS.
//
// Who uses it shows a credential that the cloud made for one leg of a call (designation.Relay). It guards the beginning: a leg
// that has an allocation may refresh it, and make another after a change of its network, past the expiry. What one leg may
// have and send is bounded, and so is what all may. Peers in private, local and loopback networks are refused, so that nobody
// reaches through the relay what is behind it, unless Config.Private allows them.
//
// Whoever asks is told where they are seen (STUN), which two apps behind NATs need to find a direct way to each other. A relay
// that was opened for nothing else (Config.Listen without Ports) knows no other request.
package relay

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/logging"
	"github.com/pion/turn/v5"

	"strowger/mobile-bridge/internal/outbound"
	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/limit"
)

// Limits.
const (
	maxPerLeg     = 8    // allocations: each of a leg's ways to the relay is one, twice while its network changes
	maxTCP        = 4096 // connections of clients
	maxTCPPerHost = 64
)

// What one source (limit.Source) may ask, of STUN and of TURN: a call takes some ten requests, and an office is one source. An answer
// is hardly larger than what it answers, and nobody is sent more than this because of requests that bear their address.
const (
	sourceRate  = 50 // a second
	sourceBurst = 500
	maxSources  = 1 << 16
)

// Config describes a relay.
type Config struct {
	Listen string      // UDP and TCP: "host:port"
	TLS    string      // TCP; empty: none
	Cert   *tls.Config // of TLS
	Public netip.Addr  // that peers send to
	Ports  [2]uint16   // that media come and go by, first and last; none: nothing is relayed, clients are told where they are seen over UDP
	Rate   int         // bits a second of one leg, both directions together
	Most   int         // allocations at a time
	Realm  string
	// Private allows peers that are not on the public internet.
	Private   bool
	FirstWord time.Duration    // that a client over TCP may take to show a credential; 0: 10 s
	Now       func() time.Time // the cloud's
	Logger    *slog.Logger
}

// Relay is a relay that was opened.
type Relay struct {
	cfg    Config
	secret []byte
	udp    net.PacketConn
	tcp    []net.Listener // TCP, and TLS
	asking *limit.Buckets[netip.Prefix]

	mu       sync.Mutex
	all      int // allocations
	legs     map[string]*leg
	clients  map[path]*client // over TCP
	refused  map[string]uint64
	bytes    uint64 // relayed
	overRate uint64 // packets
	seen     uint64 // clients that were told where
}

// leg is what one leg has.
type leg struct {
	allocations int
	tokens      float64 // bytes that may pass now
	at          time.Time
}

// Open binds the addresses; Run or Close must follow.
func Open(cfg Config) (r *Relay, err error) {
	cfg.FirstWord = cmp.Or(cfg.FirstWord, firstWord)
	r = &Relay{cfg: cfg, secret: make([]byte, 32), legs: map[string]*leg{}, clients: map[path]*client{}, refused: map[string]uint64{}}
	r.asking = limit.New[netip.Prefix](limit.Config{Rate: sourceRate, Burst: sourceBurst, Max: maxSources, Now: cfg.Now})
	_, _ = rand.Read(r.secret) // never fails (crypto/rand)
	defer func() {
		if err != nil {
			err = errors.Join(err, r.Close())
		}
	}()
	if err = r.listen(); err != nil || cfg.TLS == "" {
		return r, err
	}
	secure, err := net.Listen("tcp", cfg.TLS)
	if err != nil {
		return r, fmt.Errorf("listen for clients of the relay over TLS: %w", err)
	}
	r.tcp = append(r.tcp, tls.NewListener(listener{limit.Connections(secure, maxTCP, maxTCPPerHost), r}, cfg.Cert))
	return r, nil
}

// anyPort is how often a port that is free for UDP and TCP is looked for, if any was asked for.
const anyPort = 20

// listen binds the port of clients, of a relay for TCP too.
func (r *Relay) listen() (err error) {
	_, port, _ := net.SplitHostPort(r.cfg.Listen)
	for tries := 1; ; tries++ {
		if r.udp, err = net.ListenPacket("udp", r.cfg.Listen); err != nil {
			return fmt.Errorf("listen for apps that ask where they are seen, or for the relay: %w", err)
		}
		if !r.relays() {
			return nil
		}
		tcp, err := net.Listen("tcp", r.udp.LocalAddr().String())
		if err == nil {
			r.tcp = append(r.tcp, listener{limit.Connections(tcp, maxTCP, maxTCPPerHost), r})
			return nil
		}
		if port != "0" || tries == anyPort {
			return fmt.Errorf("listen for clients of the relay over TCP: %w", err)
		}
		if err := r.udp.Close(); err != nil {
			return err
		}
	}
}

// Secret is what credentials are made with: another one in each run.
func (r *Relay) Secret() []byte { return r.secret }

// relays says whether there is more than STUN.
func (r *Relay) relays() bool { return r.cfg.Ports[0] != 0 }

// Addr is where clients reach it over UDP and TCP, SecureAddr over TLS, zero if they do not.
func (r *Relay) Addr() netip.AddrPort { return addrPort(r.udp.LocalAddr()) }

// SecureAddr is where clients reach the relay over TLS, zero if they do not.
func (r *Relay) SecureAddr() netip.AddrPort {
	if len(r.tcp) < 2 {
		return netip.AddrPort{}
	}
	return addrPort(r.tcp[1].Addr())
}

func addrPort(a net.Addr) netip.AddrPort {
	at, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.AddrPort{}
	}
	return at
}

// Close releases the addresses.
func (r *Relay) Close() error {
	var errAll []error
	if r.udp != nil {
		errAll = append(errAll, r.udp.Close())
	}
	for _, l := range r.tcp {
		errAll = append(errAll, l.Close())
	}
	return errors.Join(errAll...)
}

// Run relays until ctx ends.
func (r *Relay) Run(ctx context.Context) error {
	server, err := turn.NewServer(r.server())
	if err != nil {
		return fmt.Errorf("relay: %w", errors.Join(err, r.Close()))
	}
	<-ctx.Done()
	defer r.part()
	return server.Close()
}

// server is what pion is to serve.
func (r *Relay) server() turn.ServerConfig {
	// pion's log is about what strangers send above all.
	silent := &logging.DefaultLoggerFactory{Writer: io.Discard, DefaultLogLevel: logging.LogLevelDisabled}
	udp := turn.PacketConnConfig{PacketConn: &gate{r.udp, r}}
	if !r.relays() { // without an AuthHandler no request gets further than to be told where it comes from
		return turn.ServerConfig{PacketConnConfigs: []turn.PacketConnConfig{udp}, LoggerFactory: silent}
	}
	relayed := &addresses{relay: r, RelayAddressGeneratorPortRange: turn.RelayAddressGeneratorPortRange{
		RelayAddress: r.cfg.Public.AsSlice(), MinPort: r.cfg.Ports[0], MaxPort: r.cfg.Ports[1], Address: r.bind(),
	}}
	udp.RelayAddressGenerator, udp.PermissionHandler = relayed, r.permit
	cfg := turn.ServerConfig{
		PacketConnConfigs: []turn.PacketConnConfig{udp},
		Realm:             r.cfg.Realm, AuthHandler: r.authenticate, QuotaHandler: r.quota, EventHandler: turn.EventHandler{OnAuth: r.judged},
		LoggerFactory: silent,
	}
	for _, l := range r.tcp {
		cfg.ListenerConfigs = append(cfg.ListenerConfigs, turn.ListenerConfig{Listener: l, RelayAddressGenerator: relayed, PermissionHandler: r.permit})
	}
	return cfg
}

// bind is the address that media sockets are bound to.
func (r *Relay) bind() string {
	if a := r.Addr().Addr(); a.IsValid() && !a.IsUnspecified() {
		return a.String()
	}
	if r.cfg.Public.Is4() {
		return "0.0.0.0"
	}
	return "::"
}

// Reasons of refusals, as they are counted.
const (
	refusedMalformed = "malformed"
	refusedExpired   = "expired"
	refusedWrong     = "wrong credential"
	refusedLeg       = "quota of the leg"
	refusedAll       = "quota of all"
	refusedPeer      = "peer"
	refusedSource    = "rate of the source"
)

// user returns who a user is, and what they must know; or why they are refused. r.mu is held.
func (r *Relay) user(username string) (credential, name, refused string) {
	credential, name, expires, err := designation.OpenRelay(r.secret, username)
	switch l := r.legs[name]; {
	case err != nil:
		return "", "", refusedMalformed
	case r.cfg.Now().After(expires) && l == nil: // who has an allocation goes on
		return "", "", refusedExpired
	}
	return credential, name, ""
}

// authenticate returns the key that a user must have signed with (RFC 8489, 9.2.2), and the leg that it is.
func (r *Relay) authenticate(q *turn.RequestAttributes) (leg string, key []byte, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	credential, name, refused := r.user(q.Username)
	if refused != "" {
		r.refused[refused]++
		return "", nil, false
	}
	return name, turn.GenerateAuthKey(q.Username, q.Realm, credential), true
}

// judged hears whether a request was signed with the key that authenticate returned.
func (r *Relay) judged(from, to net.Addr, _, username, _, _ string, good bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, _, refused := r.user(username); !good && refused == "" {
		r.refused[refusedWrong]++
	}
	if good {
		r.stays(from, to)
	}
}

// quota says whether a leg may have one more allocation.
func (r *Relay) quota(name, _ string, _ net.Addr) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch l := r.legs[name]; {
	case r.all >= r.cfg.Most:
		r.refused[refusedAll]++
		return false
	case l != nil && l.allocations >= maxPerLeg:
		r.refused[refusedLeg]++
		return false
	}
	return true
}

// permit says whether media may go to a peer.
func (r *Relay) permit(_ net.Addr, peer net.IP) bool {
	a, ok := netip.AddrFromSlice(peer)
	if a = a.Unmap(); ok && (outbound.Public(a) || r.cfg.Private && (a.IsGlobalUnicast() || a.IsLoopback())) {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refused[refusedPeer]++
	return false
}

// Counters is what a relay did so far.
type Counters struct {
	Allocations int // now
	Bytes       uint64
	OverRate    uint64            // packets that were dropped because their leg sent too much
	Seen        uint64            // clients that were told over UDP where they are seen
	Refused     map[string]uint64 // requests, by reason
}

// Counters returns what the relay did so far.
func (r *Relay) Counters() Counters {
	r.mu.Lock()
	defer r.mu.Unlock()
	return Counters{r.all, r.bytes, r.overRate, r.seen, maps.Clone(r.refused)}
}

var errFull = errs.New(errs.Congested, "the relay has no place")
