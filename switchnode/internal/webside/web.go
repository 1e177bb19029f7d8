package webside

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/webtransport-go"

	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/limit"
	"strowger/pkg/proof"
	"strowger/pkg/sessionkey"
	"strowger/pkg/sip"
	"strowger/switchnode/internal/call"
	"strowger/switchnode/internal/media"
	"strowger/switchnode/internal/wake"
)

// Limits of connections. One holds about 100 kB; one of a stranger, who has not shown a session key yet, is open for
// Times.Stranger at most.
const (
	maxConnections = 4096
	maxStrangers   = 128
	maxPerSource   = 8 // strangers
)

// Times are the patience of the web side. A zero one takes its default, which nodes in service use; tests change them.
type Times struct {
	Stranger time.Duration // from a connection to its session key, 10 s
	Line     time.Duration // from a session to its stream, and from a stream to its line, 5 s
	Last     time.Duration // that an app has to read why it was refused, or that its call is over, 10 s
	Early    time.Duration // that a device may be here before the call that its key is for, 3 s
	Away     time.Duration // that the device of an answered leg may have no connection or no way for its media, 30 s
}

func (t Times) withDefaults() Times {
	return Times{
		Stranger: cmp.Or(t.Stranger, 10*time.Second), Line: cmp.Or(t.Line, 5*time.Second),
		Last: cmp.Or(t.Last, 10*time.Second), Early: cmp.Or(t.Early, 3*time.Second), Away: cmp.Or(t.Away, 30*time.Second),
	}
}

// HTTP/3 errors (RFC 9114, 8.1).
const (
	codeNoError       quic.ApplicationErrorCode = 0x100
	codeExcessiveLoad quic.ApplicationErrorCode = 0x107
)

// Config is what the web side needs.
type Config struct {
	Node     string // id of this switch
	Name     string // of this switch, for ladders
	Org      string // organization id: the host of SIP URIs
	RTC      *RTC
	Relay    *media.Relay
	Verifier *sessionkey.Verifier
	// Admission is that of the call which an app brings with a verified key, once; an error if this switch has not promised it.
	Admission func(c sessionkey.Claims, key string) (call.Admission, error)
	Begin     func(call.Incoming) error // starts it
	// Wake has a bridge wake a device, Cancel tell it that its call is over.
	Wake   func(context.Context, fabric.Wake) (fabric.WakeReply, error)
	Cancel func(context.Context, fabric.Cancel) (fabric.WakeReply, error)
	// Origin says whether pages of an origin are the softphone of one of the organization's bridges; nil: none is.
	Origin func(origin string) bool
	Now    func() time.Time // cloud-corrected
	Logger *slog.Logger
	Times  Times
}

// Web is the web side of a switch.
type Web struct {
	cfg    Config
	sip    *sip.Endpoint
	server *webtransport.Server
	ready  chan struct{}   // closed by Run, which sets ctx
	ctx    context.Context // ends what is under way
	work   work
	legs   legs
	number atomic.Uint64          // streams so far
	told   *limit.Buckets[string] // of whom the log tells, by address

	spliced atomic.Int64 // streams by way of bridges, now

	mu        sync.Mutex
	conns     map[*quic.Conn]*connection
	callers   map[netip.AddrPort]*visitor // apps that call, by the address of their stream
	strangers int
	bySource  map[netip.Prefix]int // strangers
	refused   map[errs.Code]uint64
	outcomes  map[wake.Outcome]uint64
}

// connection is a connection of an app.
type connection struct {
	let      chan struct{} // closed when it may ask for something
	source   netip.Prefix
	stranger bool        // its handshake is complete, and no more
	since    time.Time   // that it is one
	late     *time.Timer // ends a stranger
}

// New returns the web side; Run starts it. The link endpoint gets Take as its OnWeb.
func New(cfg Config) *Web {
	cfg.Times = cfg.Times.withDefaults()
	w := &Web{
		cfg: cfg, ready: make(chan struct{}), conns: map[*quic.Conn]*connection{}, callers: map[netip.AddrPort]*visitor{}, bySource: map[netip.Prefix]int{},
		refused: map[errs.Code]uint64{}, outcomes: map[wake.Outcome]uint64{}, told: limit.NewTold[string](cfg.Now),
	}
	w.legs.now = cfg.Now
	w.sip = sip.NewEndpoint(sip.Config{Name: "Strowger", AdvertiseHost: cfg.Org, Handler: w, Logger: cfg.Logger})
	paths := http.NewServeMux()
	paths.HandleFunc("/call", w.enter)
	w.server = &webtransport.Server{
		H3: &http3.Server{
			Handler: paths, EnableDatagrams: true, MaxHeaderBytes: proof.MaxEntry, Logger: slog.New(slog.DiscardHandler),
			ConnContext: func(ctx context.Context, c *quic.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) },
		},
		CheckOrigin: w.welcome,
	}
	return w
}

// welcome says whether a page may open a session (RFC 6454, 7). Native apps send no Origin. A page of whatever site must not
// use a key that it got hold of.
func (w *Web) welcome(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	return origin == "" || w.cfg.Origin != nil && w.cfg.Origin(origin)
}

// Run serves until ctx ends.
func (w *Web) Run(ctx context.Context) error {
	w.ctx = ctx
	close(w.ready)
	err := w.sip.Run(ctx)
	_ = w.server.Close() // what it says is of no use any more
	w.work.End()
	return err
}

// Take serves a connection of HTTP/3 until it ends. Its handshake may still be under way: the settings that the app waits for
// (RFC 9220, 3) go with it.
func (w *Web) Take(c *quic.Conn) {
	select {
	case <-w.ready:
	case <-c.Context().Done():
		return
	}
	w.expect(c)
	defer w.forget(c)
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := w.server.ServeQUICConn(c); err != nil && w.ctx.Err() == nil && w.told.Take(limit.Host(c.RemoteAddr().String())) {
			w.cfg.Logger.Warn("a connection of an app ended", "remote", c.RemoteAddr(), "error", err)
		}
	})
	defer serving.Wait()
	select {
	case <-c.HandshakeComplete():
	case <-c.Context().Done():
		return
	}
	if err := w.let(c); err != nil {
		w.count(err)
		_ = c.CloseWithError(codeExcessiveLoad, err.Error()) // it is closed either way
	}
	<-c.Context().Done()
}

// expect enters a connection whose handshake is under way; the link port bounds these.
func (w *Web) expect(c *quic.Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conns[c] = &connection{let: make(chan struct{})}
}

// let lets a connection in whose handshake is complete, if there is room for one more stranger.
func (w *Web) let(c *quic.Conn) error {
	at, err := netip.ParseAddrPort(c.RemoteAddr().String())
	if err != nil {
		return errs.New(errs.Internal, "address of an app: %w", err)
	}
	source := limit.Source(at.Addr())
	w.mu.Lock()
	defer w.mu.Unlock()
	in := w.conns[c]
	switch {
	case len(w.conns) > maxConnections:
		return errs.New(errs.Congested, "this switch has %d connections of apps, the most it takes", maxConnections)
	case w.bySource[source] >= maxPerSource:
		return errs.New(errs.Congested, "too many connections that have shown no session key")
	case w.strangers >= maxStrangers:
		w.makeRoom()
	}
	in.source, in.stranger, in.since = source, true, time.Now()
	in.late = time.AfterFunc(w.cfg.Times.Stranger, func() {
		_ = c.CloseWithError(codeNoError, "no session key was shown") // it is closed either way
	})
	w.strangers++
	w.bySource[source]++
	close(in.let)
	return nil
}

// makeRoom ends the connection that has been a stranger's for the longest time: who comes for a call shows its key two round
// trips after the handshake, and who holds places only does not shut it out. w.mu is held.
func (w *Web) makeRoom() {
	var oldest *quic.Conn
	for c, in := range w.conns {
		if in.stranger && (oldest == nil || in.since.Before(w.conns[oldest].since)) {
			oldest = c
		}
	}
	w.known(w.conns[oldest])
	w.refused[errs.Congested]++
	w.work.Go(func() { // it waits for the connection
		_ = oldest.CloseWithError(codeExcessiveLoad, "too many connections that have shown no session key") // it is closed either way
	})
}

// wasLet waits until a connection was let in, and says whether it was.
func (w *Web) wasLet(c *quic.Conn) bool {
	w.mu.Lock()
	in := w.conns[c]
	w.mu.Unlock()
	select {
	case <-in.let:
		return true
	case <-c.Context().Done():
		return false
	}
}

// admitted says that a connection is an app's.
func (w *Web) admitted(c *quic.Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.known(w.conns[c])
}

// known counts a connection as no stranger's. w.mu is held.
func (w *Web) known(c *connection) {
	if c == nil || !c.stranger {
		return
	}
	c.stranger = false
	c.late.Stop()
	w.strangers--
	if w.bySource[c.source]--; w.bySource[c.source] == 0 {
		delete(w.bySource, c.source)
	}
}

func (w *Web) forget(c *quic.Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.known(w.conns[c])
	delete(w.conns, c)
}

// count counts a refusal.
func (w *Web) count(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.refused[errs.CodeOf(err)]++
}

func (w *Web) ended(o wake.Outcome) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.outcomes[o]++
}

// Counters is what the web side did since it was made.
type Counters struct {
	Connections int                  // of apps, now
	Spliced     int                  // apps that came by way of a bridge, now
	Refused     map[errs.Code]uint64 // connections, by code
	Wakes       map[wake.Outcome]uint64
}

// Counters returns what the web side did so far.
func (w *Web) Counters() Counters {
	w.mu.Lock()
	defer w.mu.Unlock()
	return Counters{len(w.conns), int(w.spliced.Load()), maps.Clone(w.refused), maps.Clone(w.outcomes)}
}

// Register refuses apps that take a switch for a registrar.
func (w *Web) Register(_ *sip.Request, _ sip.Peer, respond sip.Respond) {
	respond(405, "Method Not Allowed", sip.NewHeader("Allow", "ACK, CANCEL, BYE, INFO, PRACK, UPDATE, OPTIONS"))
}
