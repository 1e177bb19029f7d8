package link

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"

	"strowger/pkg/errs"
	"strowger/pkg/limit"
	"strowger/pkg/trust"
)

// ALPN is the application protocol of links between nodes, ALPNWeb that of apps: HTTP/3 with WebTransport.
const (
	ALPN    = "strowger-link/1"
	ALPNWeb = "h3"
)

const (
	maxSIPStreams    = 16        // bidirectional streams that a peer may have open at once
	maxPacketStreams = 32        // large packets under way from a peer
	streamWindow     = 512 << 10 // bytes that a peer may send on a stream ahead of who reads it
	firstWindow      = 64 << 10  // and that a stranger may send on one that nobody reads
	maxFlows         = 16384     // on one connection
	maxPerPeer       = 4         // connections of one peer: the preferred, the draining

	quietChannel = 75 * time.Second // longer than what package channel takes for the end
)

// Times are the intervals of a link. A zero one takes its default, which nodes in service use; tests shorten them.
type Times struct {
	Ping   time.Duration // between two pings, 3 s
	Stall  time.Duration // of a path in a call before the link looks for another, 500 ms
	Dead   time.Duration // without an answer, 9 s
	Idle   time.Duration // from the last release to the end, 60 s
	Opener time.Duration // for an opener or a hello, 5 s
	Dial   time.Duration // for a whole dial over all addresses, 10 s

	Unreached time.Duration // before Config.Unreached is called, 1 s
}

// Config is what an endpoint needs. What may be missing says so; of the rest only Now and Times may.
type Config struct {
	Addr        string                 // UDP "host:port" to listen on; port 0 takes a free one
	Name        trust.Name             // of this node
	Boot        string                 // id of this run
	Certificate func() tls.Certificate // the current one: the node's, then the organization's intermediate; renewal keeps the key
	Roots       *x509.CertPool         // the installation root
	// Authorize says whether a peer may link: it is listed and not revoked (errs.Revoked). An expired certificate is no
	// reason to refuse. It is called in every handshake, from any goroutine, and must not block.
	Authorize func(peer trust.Name, keyHash string, expired bool) error
	// OnSIP takes over a SIP stream that the peer opened. It is called in a goroutine of its own, that Run waits for: it
	// returns when the stream ends, or earlier. A bridge has none.
	OnSIP func(*Conn, net.Conn)
	// OnCall is the same for an app that comes through the bridge that is the peer; from is where the bridge sees it. It may be
	// nil: then none is taken.
	OnCall func(s net.Conn, from string)
	// OnLamps takes over a stream by which another switch tells of lamps. It may be nil: then none is taken.
	OnLamps func(*Conn, net.Conn)
	// Unreached asks somebody else to have a node dial this one, which does not reach it. It may be nil. It is called once in
	// a dial that has not succeeded after Times.Unreached, or that failed because nobody answers; an error says that the
	// node was not asked.
	Unreached func(ctx context.Context, node string) error

	// OnWeb takes over a connection of ALPNWeb, whose peer shows no certificate; WebCertificate is what it is shown. Both may be
	// nil: then there are none. OnWeb is called in a goroutine of its own, that Run waits for: it returns when the connection
	// has ended. The handshake may not be complete yet: what is sent by then saves half a round trip, and nobody has proven
	// the peer's address.
	OnWeb          func(*quic.Conn)
	WebCertificate func() *tls.Certificate

	Logger *slog.Logger
	Now    func() time.Time // cloud-corrected wall clock; nil means time.Now
	Times  Times
}

// Endpoint is a node's end of all its links: one UDP socket.
type Endpoint struct {
	cfg        Config
	log        *slog.Logger
	socket     net.PacketConn
	transport  *quic.Transport
	counters   counters
	streams    atomic.Uint64 // SIP streams so far; makes their addresses unique
	handshakes handshakes
	told       *limit.Buckets[string] // of whom the log tells, by address
	started    chan struct{}          // closed by Run
	running    sync.WaitGroup

	mu      sync.Mutex
	stopped bool
	links   map[string][]*Conn // by node id, the preferred first
	dials   map[dialKey]*dial
	paths   []*quic.Transport // transport, then those that links which lost their path moved to

	open func() (net.PacketConn, error) // another socket
}

// Listen binds the socket and starts nothing: call Run, which releases the socket in the end (at once, if its context is
// done).
func Listen(cfg Config) (*Endpoint, error) {
	addr, err := net.ResolveUDPAddr("udp", cfg.Addr)
	if err != nil {
		return nil, fmt.Errorf("link address %q: %w", cfg.Addr, err)
	}
	socket, err := net.ListenUDP("udp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen for links: %w", err)
	}
	return newEndpoint(cfg, newLossy(socket), anySocket), nil
}

// anySocket is a socket on any address of the machine.
func anySocket() (net.PacketConn, error) {
	socket, err := net.ListenUDP("udp", nil)
	if err != nil {
		return nil, err
	}
	return newLossy(socket), nil
}

func newEndpoint(cfg Config, socket net.PacketConn, open func() (net.PacketConn, error)) *Endpoint {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	cfg.Times = cfg.Times.withDefaults()
	e := &Endpoint{
		cfg:     cfg,
		log:     cfg.Logger,
		socket:  socket,
		started: make(chan struct{}),
		links:   map[string][]*Conn{},
		dials:   map[dialKey]*dial{},
		told:    limit.NewTold[string](cfg.Now),
		open:    open,
	}
	e.transport = &quic.Transport{
		Conn:                socket,
		StatelessResetKey:   resetKey(cfg.Certificate()),
		ConnContext:         e.countHandshake,
		VerifySourceAddress: e.handshakes.busy,
	}
	e.paths = []*quic.Transport{e.transport}
	return e
}

func (t Times) withDefaults() Times {
	or := func(d *time.Duration, standard time.Duration) {
		if *d == 0 {
			*d = standard
		}
	}
	or(&t.Ping, 3*time.Second)
	or(&t.Stall, 500*time.Millisecond)
	or(&t.Dead, 9*time.Second)
	or(&t.Idle, time.Minute)
	or(&t.Opener, 5*time.Second)
	or(&t.Dial, 10*time.Second)
	or(&t.Unreached, time.Second)
	return t
}

// Addr is where the endpoint listens.
func (e *Endpoint) Addr() netip.AddrPort {
	a, ok := e.socket.LocalAddr().(*net.UDPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	return a.AddrPort()
}

// Counters returns what the links did so far.
func (e *Endpoint) Counters() Counters {
	e.mu.Lock()
	links := len(e.links)
	e.mu.Unlock()
	return e.counters.snapshot(links)
}

// Run serves links until ctx is done, then closes them all, releases the socket and waits for every goroutine.
func (e *Endpoint) Run(ctx context.Context) error {
	listener, err := e.transport.ListenEarly(e.acceptTLS(), e.quicConfigFrom())
	if err != nil {
		return errors.Join(fmt.Errorf("serve links: %w", err), e.socket.Close())
	}
	close(e.started)
	for err == nil {
		var qc *quic.Conn
		if qc, err = listener.Accept(ctx); err == nil {
			e.running.Go(func() { e.accept(ctx, qc) })
		}
	}
	e.stop()
	err = errors.Join(err, e.closePaths())
	e.running.Wait()
	if ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("serve links: %w", err)
}

// stop gives up every dial and closes every link with a word to its peer.
func (e *Endpoint) stop() {
	e.mu.Lock()
	e.stopped = true
	for _, d := range e.dials {
		d.cancel()
	}
	var all []*Conn
	for _, conns := range e.links {
		all = append(all, conns...)
	}
	e.mu.Unlock()
	for _, c := range all {
		c.close(closeStopped, "node "+e.cfg.Name.ID+" stops")
	}
}

// accept greets a peer when its handshake is complete; an app is given away before.
func (e *Endpoint) accept(ctx context.Context, qc *quic.Conn) {
	if qc.ConnectionState().TLS.NegotiatedProtocol == ALPNWeb {
		e.counters.web.Add(1)
		e.running.Go(func() { finish(qc) })
		e.cfg.OnWeb(qc)
		return
	}
	if !finish(qc) {
		return
	}
	c, err := e.greet(ctx, qc, false)
	if err == nil {
		_, err = e.admit(c)
	}
	if err != nil {
		e.refused(qc.RemoteAddr(), err)
		return
	}
	e.counters.accepted.Add(1)
}

// admit makes a greeted connection a link and returns the connection to use with its peer: this one, or the one that
// stays of two.
func (e *Endpoint) admit(c *Conn) (*Conn, error) {
	if err := e.insert(c); err != nil {
		return nil, err
	}
	// Once more: a revocation between the handshake and insert found no connection to drop.
	if err := e.cfg.Authorize(c.peer.Name, c.peer.keyHash, c.peer.expired); err != nil {
		c.close(closeRevoked, err.Error())
		return nil, err
	}
	e.log.Info("link up", "peer", c.peer.ID, "remote", c.RemoteAddr(), "dialled", c.dialled)
	return e.preferred(c.peer.ID, c), nil
}

func (e *Endpoint) insert(c *Conn) error {
	e.mu.Lock()
	conns := e.links[c.peer.ID]
	switch {
	case e.stopped:
		e.mu.Unlock()
		c.close(closeStopped, "node stops")
		return errs.New(errs.NodeStopped, "this node stops")
	case len(conns) >= maxPerPeer:
		e.mu.Unlock()
		c.close(closeLimit, "too many connections")
		return errs.New(errs.Congested, "node %s has %d connections already", c.peer.ID, len(conns))
	}
	before := slices.Clone(conns)
	if len(conns) > 0 && e.outlives(conns[0], c) {
		conns = append(conns, c)
	} else {
		conns = slices.Insert(conns, 0, c)
	}
	e.links[c.peer.ID] = conns
	if key := (dialKey{c.peer.ID, c.peer.keyHash}); e.dials[key] != nil && !c.dialled {
		e.dials[key].end(conns[0], nil) // it goes on; which of two connections stays is decided as for any two
		delete(e.dials, key)
	}
	e.running.Go(c.run)
	e.mu.Unlock()
	for _, old := range before {
		if old.hello.Boot != c.hello.Boot {
			old.close(closeRestarted, "node "+c.peer.ID+" restarted")
		}
		old.poke()
	}
	return nil
}

// outlives says whether old stays preferred when fresh comes up to the same peer.
func (e *Endpoint) outlives(old, fresh *Conn) bool {
	if old.hello.Boot != fresh.hello.Boot || old.peer != fresh.peer || old.dialled == fresh.dialled {
		return false
	}
	if fresh.opened.Sub(old.opened) > e.cfg.Times.Dead {
		return false // not at once: who dialled fresh had lost old
	}
	return old.dialled == (e.cfg.Name.ID < old.peer.ID)
}

// preferred returns the connection to use with a node, or otherwise.
func (e *Endpoint) preferred(node string, otherwise *Conn) *Conn {
	e.mu.Lock()
	defer e.mu.Unlock()
	if conns := e.links[node]; len(conns) > 0 {
		return conns[0]
	}
	return otherwise
}

// remove forgets a closed connection.
func (e *Endpoint) remove(c *Conn) {
	e.mu.Lock()
	conns := slices.DeleteFunc(e.links[c.peer.ID], func(o *Conn) bool { return o == c })
	e.links[c.peer.ID] = conns
	if len(conns) == 0 {
		delete(e.links, c.peer.ID)
	} else {
		conns[0].poke() // it may drain no longer
	}
	e.mu.Unlock()
}

// Drop closes every link to a node now: it was revoked. Config.Authorize must refuse the node already.
func (e *Endpoint) Drop(node, reason string) {
	e.mu.Lock()
	conns := slices.Clone(e.links[node])
	e.mu.Unlock()
	for _, c := range conns {
		c.close(closeRevoked, reason)
	}
}
