// Package outbound is the HTTP connections to push services: replaced when they stall, and kept off this network when a
// device may choose where they lead.
//
// A connection that a firewall forgot swallows requests for minutes, and HTTP/2 puts all requests to a host on one. Two
// things find that: pings on a connection that is silent, and a request without an answer in time, after which the next ones
// to that host go over a new connection, whether the old one still answers pings or not.
package outbound

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// Times of connections. Push services see pings on silent connections only.
const (
	dialTimeout = 3 * time.Second
	silence     = 15 * time.Second // then a ping
	pingTimeout = 3 * time.Second
	idle        = 10 * time.Minute // Apple wants connections kept; NAT forgets sooner, which pings prevent
)

// maxAnswer bounds what is read of an answer, in bytes: push services say a word or two.
const maxAnswer = 64 << 10

// Config says where connections may lead.
type Config struct {
	TLS *tls.Config // nil: the system's roots
	// Public refuses addresses that are not on the public internet: those of this machine and of its networks are not for
	// whoever may name a push service.
	Public bool
}

// Transport is an http.RoundTripper that reads each answer whole. It has no connection before it is used; Close ends those
// that it has.
type Transport struct {
	cfg Config

	mu     sync.Mutex
	routes map[string]*route // by scheme and host
	closed bool
}

// New returns a transport.
func New(cfg Config) *Transport {
	return &Transport{cfg: cfg, routes: map[string]*route{}}
}

// RoundTrip sends a request. When its context's deadline passes, later requests to its host go over new connections.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	r, err := t.enter(req.URL.Scheme + "://" + req.URL.Host)
	if err != nil {
		return nil, err
	}
	resp, err := roundTrip(r.http, req)
	t.leave(r, errors.Is(req.Context().Err(), context.DeadlineExceeded))
	return resp, err
}

// roundTrip reads the answer to its end, so that a connection that stalls in the middle is found too.
func roundTrip(h *http.Transport, req *http.Request) (*http.Response, error) {
	resp, err := h.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }() // only read from
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("read the answer of %s: %w", req.URL.Host, err)
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

// Close ends the connections, at once those that carry no request, the others when it is done.
func (t *Transport) Close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	for _, r := range t.routes {
		t.retire(r)
	}
}

// route is the connections to one host since they last stalled.
type route struct {
	name string
	http *http.Transport

	// Guarded by Transport.mu.
	flying  int // requests
	retired bool
	conns   map[*conn]struct{}
}

// conn is a connection that its route knows of while it is open.
type conn struct {
	net.Conn
	closed func(*conn)
}

// Close closes the connection.
func (c *conn) Close() error {
	c.closed(c)
	return c.Conn.Close()
}

func (t *Transport) enter(name string) (*route, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, errors.New("the connections to push services are closed")
	}
	r := t.routes[name]
	if r == nil {
		r = t.newRoute(name)
		t.routes[name] = r
	}
	r.flying++
	return r, nil
}

func (t *Transport) leave(r *route, stalled bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r.flying--
	if stalled || r.retired {
		t.retire(r)
	}
	t.forget(r)
}

// retire has later requests use a new route, and closes this one when it carries no request any more.
func (t *Transport) retire(r *route) {
	r.retired = true
	if t.routes[r.name] == r {
		delete(t.routes, r.name)
	}
	if r.flying > 0 {
		return
	}
	for c := range r.conns {
		_ = c.Conn.Close() // its reader ends, which tells the HTTP client
	}
	clear(r.conns)
}

// forget drops a route that has nothing left, so that the routes are not more than the hosts in use.
func (t *Transport) forget(r *route) {
	if r.flying == 0 && len(r.conns) == 0 && t.routes[r.name] == r {
		delete(t.routes, r.name)
	}
}

func (t *Transport) newRoute(name string) *route {
	r := &route{name: name, conns: map[*conn]struct{}{}}
	dialer := &net.Dialer{Timeout: dialTimeout}
	if t.cfg.Public {
		dialer.Control = publicOnly
	}
	r.http = &http.Transport{
		TLSClientConfig: t.cfg.TLS, ForceAttemptHTTP2: true, TLSHandshakeTimeout: dialTimeout, IdleConnTimeout: idle,
		HTTP2: &http.HTTP2Config{SendPingTimeout: silence, PingTimeout: pingTimeout},
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := dialer.DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return t.opened(r, c), nil
		},
	}
	return r
}

// opened notes a connection. One that a request which is over had dialled for may come after the route is closed.
func (t *Transport) opened(r *route, c net.Conn) net.Conn {
	own := &conn{Conn: c, closed: func(c *conn) {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(r.conns, c)
		t.forget(r)
	}}
	t.mu.Lock()
	defer t.mu.Unlock()
	if r.retired && r.flying == 0 {
		_ = c.Close() // the HTTP client finds it closed
		return own
	}
	r.conns[own] = struct{}{}
	return own
}
