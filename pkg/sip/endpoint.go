package sip

import (
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
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Handler takes the requests that begin something. Its methods are called from many goroutines and must be quick.
type Handler interface {
	// Invite takes an INVITE outside of any dialog. It refuses the dialog or gives it to an owner ([Dialog.SetOwner])
	// before it returns; else the caller hears 500. A copy of an INVITE that it refused may come again.
	Invite(d *Dialog)
	// Register takes a REGISTER. It must call respond exactly once, when it likes.
	Register(req *Request, from Peer, respond Respond)
}

// Respond answers a request with a final response.
type Respond func(code int, reason string, headers ...Header)

// Config is what an endpoint is made of.
type Config struct {
	Name          string // User-Agent
	AdvertiseHost string // the address that peers use to reach us; empty: that of the listener, which must be a specific one
	OtherHost     string // instead of it, for peers of the other family of IP; empty: there is none
	Handler       Handler
	Logger        *slog.Logger
	Replaces      bool // the handler reads [Dialog.Replaces]; else who requires that is refused
	// Limits on whoever the handler has not called Trust for; 0 is none.
	MaxPerSource int           // TCP and TLS connections open at a time from one IP address, trusted ones too
	Trial        time.Duration // that such a connection may stay open
	PerSource    float64       // messages and connections a second from one IP address, or one /64 of IPv6
	Gate         Gate          // may be nil: everybody is heard
	// Notified takes a NOTIFY of a subscription of ours, and must call respond once; nil: we subscribe to nothing.
	Notified func(req *Request, respond Respond)
}

// Endpoint is one SIP user agent.
type Endpoint struct {
	cfg     Config
	secret  []byte // of the To tags
	tally   tally
	accepts map[string]net.Listener // by transport
	udp     *net.UDPConn
	running chan struct{}
	ctx     context.Context // of Run; set before running is closed
	wg      sync.WaitGroup

	transactions *transactions
	strangers    *strangers
	notifier     *Notifier // nil: nobody subscribes here

	mu      sync.Mutex // guards what follows
	closed  bool
	open    map[Peer]*Stream
	sources map[netip.Addr]int // accepted streams by where they come from
	dialogs map[key]*Dialog
}

// key names a dialog of ours by its Call-ID and our tag.
type key struct{ callID, tag string }

var (
	errClosed = errors.New("the SIP endpoint does not run")
	errNoDial = errors.New("the connection is gone, and only the phone opens another")

	errNoSocket = errors.New("the SIP endpoint has no UDP socket")
)

// NewEndpoint makes an endpoint. Nothing is read or sent before [Endpoint.Run].
func NewEndpoint(cfg Config) *Endpoint {
	e := &Endpoint{
		cfg: cfg, secret: make([]byte, 32), running: make(chan struct{}), transactions: newTransactions(),
		accepts: map[string]net.Listener{}, open: map[Peer]*Stream{}, sources: map[netip.Addr]int{},
		dialogs: map[key]*Dialog{}, strangers: newStrangers(cfg.PerSource, cfg.Gate, cfg.Logger),
	}
	_, _ = rand.Read(e.secret) // never fails (crypto/rand)
	return e
}

// receiveBuffer is how much may wait for the one reader of a socket, in bytes: what every phone of an office sends when its
// power comes back.
const receiveBuffer = 4 << 20

// ListenUDP binds a socket before [Endpoint.Run], at most one, and returns its address; port 0 chooses a free one.
func (e *Endpoint) ListenUDP(addr string) (netip.AddrPort, error) {
	at, err := net.ResolveUDPAddr("udp", addr)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("listen for SIP over UDP on %q: %w", addr, err)
	}
	c, err := net.ListenUDP("udp", at)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("listen for SIP over UDP: %w", err)
	}
	if err := watchErrors(c); err != nil {
		return netip.AddrPort{}, errors.Join(fmt.Errorf("listen for SIP over UDP: watch for ICMP errors: %w", err), c.Close())
	}
	_ = c.SetReadBuffer(receiveBuffer) // less is granted where the system allows less
	e.udp = c
	return e.bound(c.LocalAddr(), c)
}

// ListenTCP listens for connections, in the manner of ListenUDP.
func (e *Endpoint) ListenTCP(addr string) (netip.AddrPort, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("listen for SIP over TCP: %w", err)
	}
	e.accepts[TCP] = l
	return e.bound(l.Addr(), l)
}

// portTries is how often Listen looks for a port that is free for both UDP and TCP.
const portTries = 32

// Listen binds UDP and TCP on one port (RFC 3261, 18.2.1), in the manner of ListenUDP.
func (e *Endpoint) Listen(addr string) (netip.AddrPort, error) {
	for try := 1; ; try++ {
		at, err := e.ListenUDP(addr)
		if err != nil {
			return at, err
		}
		_, err = e.ListenTCP(net.JoinHostPort(at.Addr().String(), strconv.Itoa(int(at.Port()))))
		if err == nil {
			return at, nil
		}
		err = errors.Join(err, e.udp.Close())
		e.udp = nil
		if _, port, _ := net.SplitHostPort(addr); port != "0" || try == portTries || !errors.Is(err, syscall.EADDRINUSE) {
			return at, err
		}
	}
}

// ListenTLS listens for TLS connections, in the manner of ListenUDP.
func (e *Endpoint) ListenTLS(addr string, cfg *tls.Config) (netip.AddrPort, error) {
	l, err := tls.Listen("tcp", addr, cfg)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("listen for SIP over TLS: %w", err)
	}
	e.accepts[TLS] = l
	return e.bound(l.Addr(), l)
}

func (e *Endpoint) bound(a net.Addr, c io.Closer) (netip.AddrPort, error) {
	addr := netip.MustParseAddrPort(a.String())
	if e.cfg.AdvertiseHost == "" && addr.Addr().IsUnspecified() {
		c.Close()
		return netip.AddrPort{}, fmt.Errorf("listen for SIP on %s: every address of the machine, so AdvertiseHost must say which one peers use", addr)
	}
	return addr, nil
}

// Running is closed when the endpoint can send. Requests before that fail.
func (e *Endpoint) Running() <-chan struct{} { return e.running }

// Run serves until ctx is done, then closes every socket and stream and waits for what it started.
func (e *Endpoint) Run(ctx context.Context) error {
	e.ctx = ctx
	e.spawn(func() { e.clock(ctx.Done()) })
	if e.udp != nil {
		e.spawn(e.readUDP)
	}
	close(e.running)
	for transport, l := range e.accepts {
		e.spawn(func() { e.accept(l, transport) })
	}
	<-ctx.Done()
	e.mu.Lock()
	e.closed = true
	streams := slices.Collect(maps.Values(e.open))
	e.mu.Unlock()
	for _, s := range streams {
		s.Close()
	}
	for _, l := range e.accepts {
		l.Close()
	}
	if e.udp != nil {
		e.udp.Close()
	}
	e.transactions.close()
	e.wg.Wait()
	return nil
}

// over says that Run is ending or has ended.
func (e *Endpoint) over() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.closed
}

// spawn runs f in a goroutine that Run waits for, unless Run is over.
func (e *Endpoint) spawn(f func()) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return false
	}
	e.wg.Go(f)
	return true
}

// Drops returns how many messages and connections were refused at the entry, by reason.
func (e *Endpoint) Drops() map[string]uint64 { return e.tally.snapshot() }

// Contact returns the URI under which a peer reaches a user of ours.
func (e *Endpoint) Contact(user string, p Peer) URI {
	host, port := e.local(p)
	return contact(user, host, port, p)
}

// advertised is the address that a peer is told, without its port; empty: that of the listener.
func (e *Endpoint) advertised(p Peer) string {
	other, err := netip.ParseAddr(strings.Trim(e.cfg.OtherHost, "[]"))
	if at := p.Addr.Addr(); err == nil && at.IsValid() && at.Unmap().Is6() == other.Is6() {
		return e.cfg.OtherHost
	}
	return e.cfg.AdvertiseHost
}

// local returns the host and port under which a peer reaches us: those of our listener of its transport, else of the one
// connection that it has.
func (e *Endpoint) local(p Peer) (string, int) {
	var a net.Addr
	advertise := e.advertised(p)
	switch l := e.accepts[p.Transport]; {
	case p.Transport == UDP && e.udp != nil:
		a = e.udp.LocalAddr()
	case l != nil:
		a = l.Addr()
	default:
		e.mu.Lock()
		s := e.open[p]
		e.mu.Unlock()
		if s == nil {
			return advertise, 0
		}
		a, advertise = s.conn.LocalAddr(), ""
	}
	host, service, _ := net.SplitHostPort(a.String())
	port, _ := strconv.Atoi(service)
	if advertise != "" {
		host = advertise
	}
	if strings.HasPrefix(host, "[") || !strings.Contains(host, ":") {
		return host, port
	}
	return "[" + host + "]", port // RFC 3261, 25.1: IPv6reference
}
