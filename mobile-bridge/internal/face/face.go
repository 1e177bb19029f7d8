// Package face is what of a bridge the public internet sees: one HTTP server for apps and browsers, whose parts bring their
// handlers. It bounds what one source may have and ask for, and who may say nothing for how long.
package face

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/life"
	"strowger/pkg/limit"
	"strowger/pkg/rest"
)

// Limits of requests and of connections.
const (
	maxConnections = 1 << 16 // and half of the files of the process
	fileParts      = 2
	maxSources     = 1 << 14 // that are told apart
	sourceRate     = 20      // requests a second from one source, in the long run
	sourceBurst    = 400     // at once: an office behind one address that comes back after an outage
	maxHeader      = 16 << 10
	headerTime     = 5 * time.Second // of a TLS handshake as well
	readTime       = 15 * time.Second
	writeTime      = 30 * time.Second
	idleTime       = time.Minute
)

// DefaultPerSource is how many connections one source may have, proxies aside: an office, say, behind one address.
const DefaultPerSource = 1024

// Config describes the server.
type Config struct {
	Listen    string
	TLS       *tls.Config    // nil: plain HTTP
	Proxies   []netip.Prefix // whose X-Forwarded-For is believed
	PerSource int            // connections; 0: DefaultPerSource
	Now       func() time.Time
	Logger    *slog.Logger
}

// Face is the server.
type Face struct {
	cfg      Config
	listener *limit.Listener
	mux      *http.ServeMux
	requests *limit.Buckets[netip.Prefix]
	refused  atomic.Uint64 // requests
}

// Listen binds the address; Run or Close must follow.
func Listen(cfg Config) (*Face, error) {
	if cfg.PerSource == 0 {
		cfg.PerSource = DefaultPerSource
	}
	l, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return nil, err
	}
	bounded := limit.Connections(l, life.Share(fileParts, maxConnections), cfg.PerSource)
	bounded.Trusted = cfg.trusts
	return &Face{
		cfg: cfg, mux: http.NewServeMux(),
		listener: bounded,
		requests: limit.New[netip.Prefix](limit.Config{Rate: sourceRate, Burst: sourceBurst, Max: maxSources, Now: cfg.Now}),
	}, nil
}

// Addr is where it listens.
func (f *Face) Addr() netip.AddrPort { return f.listener.Addr().(*net.TCPAddr).AddrPort() }

// Handle has requests of a pattern of http.ServeMux answered. It is called before Run.
func (f *Face) Handle(pattern string, h http.Handler) { f.mux.Handle(pattern, h) }

// Run serves until ctx ends, and the handlers have seen that. Connections that a handler took over are the handler's.
func (f *Face) Run(ctx context.Context) error {
	var open sync.WaitGroup // connections
	defer open.Wait()
	server := &http.Server{
		Handler: http.HandlerFunc(f.serve), ErrorLog: slog.NewLogLogger(f.cfg.Logger.Handler(), slog.LevelDebug),
		ReadHeaderTimeout: headerTime, ReadTimeout: readTime, WriteTimeout: writeTime, IdleTimeout: idleTime, MaxHeaderBytes: maxHeader,
		ConnState: func(_ net.Conn, s http.ConnState) {
			switch s {
			case http.StateNew:
				open.Add(1)
			case http.StateClosed, http.StateHijacked:
				open.Done()
			}
		},
		TLSConfig: f.cfg.TLS, TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){}, // HTTP/1.1: a WebSocket is a connection
	}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() }) // who was asked for something asks another bridge
	defer stop()
	serve := server.Serve
	if f.cfg.TLS != nil {
		serve = func(l net.Listener) error { return server.ServeTLS(l, "", "") }
	}
	if err := serve(patients{f.listener}); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve apps: %w", err)
	}
	return nil
}

// Close releases the address of a server that was never run.
func (f *Face) Close() error { return f.listener.Close() }

// Allow takes a request of a source that comes another way than by this server, if it may have one more.
func (f *Face) Allow(source netip.Prefix) bool {
	if f.requests.Take(source) {
		return true
	}
	f.refused.Add(1)
	return false
}

// Refused is how many connections and requests were one too many so far.
func (f *Face) Refused() (connections, requests uint64) {
	return f.listener.Refused(), f.refused.Load()
}

// serve answers a request, unless its source has asked for too much.
func (f *Face) serve(w http.ResponseWriter, r *http.Request) {
	if !f.Allow(f.Source(r)) {
		w.Header().Set("Retry-After", "10")
		Refuse(w, http.StatusTooManyRequests, errs.New(errs.Congested, "too many requests from your address; wait some seconds and try again"))
		return
	}
	f.mux.ServeHTTP(w, r)
}

// Refuse answers with an error, as the API of the cloud does (RFC 9457).
func Refuse(w http.ResponseWriter, status int, why *errs.Error) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(rest.Problem{Title: http.StatusText(status), Status: status, Code: why.Code, Detail: why.Words}) // nobody is left to tell
}

// Source is whom a request comes from, for limits: behind a proxy of ours, whom the proxy names.
func (f *Face) Source(r *http.Request) netip.Prefix {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Prefix{}
	}
	from := at.Addr()
	// Each proxy appends whom it got the request from: what is before the last one of ours is anybody's word.
	names := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(names) - 1; i >= 0 && f.cfg.trusts(from); i-- {
		named, err := netip.ParseAddr(strings.TrimSpace(names[i]))
		if err != nil {
			break
		}
		from = named
	}
	return limit.Source(from)
}

func (c Config) trusts(a netip.Addr) bool {
	a = a.Unmap()
	for _, p := range c.Proxies {
		if p.Contains(a) {
			return true
		}
	}
	return false
}
