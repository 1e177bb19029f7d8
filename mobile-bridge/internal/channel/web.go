package channel

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/webtransport-go"

	"strowger/pkg/channel"
	"strowger/pkg/errs"
	"strowger/pkg/limit"
)

// maxWeb is how many connections of HTTP/3 there may be: one holds several times the memory of a WebSocket, which apps that find
// no place here take.
const maxWeb = 8192

// maxHeader is that of a request for a session, in bytes.
const maxHeader = 4 << 10

// HTTP/3 errors (RFC 9114, 8.1).
const (
	codeNoError       quic.ApplicationErrorCode = 0x100
	codeExcessiveLoad quic.ApplicationErrorCode = 0x107
)

// web takes channels over WebTransport.
type web struct {
	hub    *Channels
	server *webtransport.Server

	mu     sync.Mutex
	visits map[*quic.Conn]*visit
}

// visit is a connection of HTTP/3: of a stranger, and then that of a channel.
type visit struct {
	source netip.Prefix
	let    chan struct{} // closed when it may ask for a session
	once   sync.Once
	asked  chan struct{} // closed when it has
}

// ask says whether it is the first time.
func (v *visit) ask() (first bool) {
	v.once.Do(func() {
		first = true
		close(v.asked)
	})
	return first
}

// connKey finds the connection in the context of its requests.
type connKey struct{}

func newWeb(c *Channels) *web {
	w := &web{hub: c, visits: map[*quic.Conn]*visit{}}
	paths := http.NewServeMux()
	paths.HandleFunc(channel.Path, w.enter)
	w.server = &webtransport.Server{
		H3: &http3.Server{
			Handler: paths, EnableDatagrams: true, MaxHeaderBytes: maxHeader, Logger: slog.New(slog.DiscardHandler),
			ConnContext: func(ctx context.Context, q *quic.Conn) context.Context { return context.WithValue(ctx, connKey{}, q) },
		},
		CheckOrigin: func(*http.Request) bool { return true }, // as for a WebSocket
	}
	return w
}

// TakeWeb serves a connection of HTTP/3 until it ends. Its handshake may still be under way: the settings that the app waits for
// (RFC 9220, 3) go with it.
func (c *Channels) TakeWeb(q *quic.Conn) {
	w, v := c.web, &visit{let: make(chan struct{}), asked: make(chan struct{})}
	w.mu.Lock()
	w.visits[q] = v
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.visits, q)
	}()
	in := make(chan bool, 1)
	go func() { in <- w.receive(q, v) }()
	if err := w.server.ServeQUICConn(q); err != nil {
		if c.told.Take(sourceOf(q).String()) {
			c.cfg.Logger.Info("a connection of an app ended", "remote", q.RemoteAddr(), "error", err)
		}
		_ = q.CloseWithError(codeNoError, "") // it is closed either way
	}
	<-q.Context().Done()
	if <-in {
		c.leave(v.source)
	}
}

// receive lets a connection in whose handshake is complete, and ends one that has asked for nothing in time.
func (w *web) receive(q *quic.Conn, v *visit) (in bool) {
	select {
	case <-q.HandshakeComplete():
	case <-q.Context().Done():
		return false
	}
	if err := w.letIn(q, v); err != nil {
		w.hub.count(err)
		_ = q.CloseWithError(codeExcessiveLoad, err.Error()) // it is closed either way
		return false
	}
	close(v.let)
	late := time.NewTimer(channel.HelloTime)
	defer late.Stop()
	select {
	case <-v.asked:
	case <-q.Context().Done():
	case <-late.C:
		_ = q.CloseWithError(codeNoError, "no channel was asked for") // it is closed either way
	}
	return true
}

// sourceOf is whom a connection comes from.
func sourceOf(q *quic.Conn) netip.Prefix {
	at, _ := netip.ParseAddrPort(q.RemoteAddr().String()) // an address of no kind that is known is no source
	return limit.Source(at.Addr())
}

// letIn counts a connection as one of its source.
func (w *web) letIn(q *quic.Conn, v *visit) error {
	v.source = sourceOf(q)
	w.mu.Lock()
	n := len(w.visits)
	w.mu.Unlock()
	switch {
	case n > maxWeb:
		return errs.New(errs.Congested, "this bridge has %d connections of HTTP/3, the most it takes; come by WebSocket", maxWeb)
	case !w.hub.cfg.Allow(v.source):
		return errs.New(errs.Congested, "too many requests from your address; wait some seconds and try again")
	}
	return w.hub.enter(v.source)
}

// enter opens the channel of a connection.
func (w *web) enter(rw http.ResponseWriter, r *http.Request) {
	q, _ := r.Context().Value(connKey{}).(*quic.Conn)
	w.mu.Lock()
	v := w.visits[q]
	w.mu.Unlock()
	select {
	case <-v.let:
	case <-q.Context().Done():
		return
	}
	if !v.ask() {
		http.Error(rw, "one channel for a connection", http.StatusConflict)
		return
	}
	conn, err := w.open(rw, r, q)
	if err != nil {
		w.hub.count(errs.New(errs.Invalid, "%w", err))
		_ = q.CloseWithError(codeNoError, "WebTransport only, and for apps only") // it is closed either way
		return
	}
	c := w.hub
	c.opened(conn)
	s, l, err := c.greet(conn)
	if err != nil {
		c.refuse(conn, v.source, err)
		c.closed(conn)
		return
	}
	c.work.Go(func() { // the goroutine of the request has a larger stack
		defer c.closed(conn)
		c.read(s, l)
	})
}

// open opens the stream of a channel.
func (w *web) open(rw http.ResponseWriter, r *http.Request, q *quic.Conn) (*stream, error) {
	session, err := w.server.Upgrade(rw, r)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(q.Context(), channel.HelloTime)
	defer cancel()
	s, err := session.OpenStreamSync(ctx)
	return &stream{q, s}, err
}

// stream is the stream of a session of WebTransport as a conn.
type stream struct {
	quic *quic.Conn
	*webtransport.Stream
}

func (s *stream) Read(ctx context.Context) ([]byte, error) {
	until, _ := ctx.Deadline() // without one it has all time
	if err := s.SetReadDeadline(until); err != nil {
		return nil, err
	}
	return channel.ReadFrame(s.Stream)
}

func (s *stream) Write(ctx context.Context, frame []byte) error {
	until, _ := ctx.Deadline()
	if err := s.SetWriteDeadline(until); err != nil {
		return err
	}
	return channel.WriteFrame(s.Stream, frame)
}

func (s *stream) Close() { _ = s.quic.CloseWithError(codeNoError, "") } // it is closed either way
