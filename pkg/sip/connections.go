package sip

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

// accept takes connections until the listener is closed.
func (e *Endpoint) accept(l net.Listener, transport string) {
	for {
		c, err := l.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil: // out of file descriptors, most likely: connections must end first
			e.cfg.Logger.Error("accept a SIP connection", "transport", transport, "error", err)
			select {
			case <-e.ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
			continue
		}
		if r := (refusal{}); errors.As(e.letConnect(c, transport), &r) {
			e.tally.add(r.drop)
			c.Close()
			continue
		}
		if _, err := e.adopt(e.ctx, c, transport, true); err != nil {
			c.Close()
		}
	}
}

// ServeStream carries SIP over a connection that exists, a stream of a link above all. Its remote address must be an
// ip:port that no other stream of the endpoint has at the same time: it is the stream's name. It waits for Run.
func (e *Endpoint) ServeStream(ctx context.Context, c net.Conn) (*Stream, error) {
	return e.adopt(ctx, c, TCP, false)
}

// Dial opens a connection over TCP, or over TLS with its configuration. It waits for Run.
func (e *Endpoint) Dial(ctx context.Context, transport, addr string, cfg *tls.Config) (*Stream, error) {
	return e.DialFrom(ctx, netip.Addr{}, transport, addr, cfg)
}

// DialFrom is Dial from an IP address of this machine; the zero value leaves that to the system.
func (e *Endpoint) DialFrom(ctx context.Context, local netip.Addr, transport, addr string, cfg *tls.Config) (*Stream, error) {
	dialer := &net.Dialer{}
	if local.IsValid() {
		dialer.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(local, 0))
	}
	var c net.Conn
	var err error
	switch transport {
	case TCP:
		c, err = dialer.DialContext(ctx, "tcp", addr)
	case TLS:
		c, err = (&tls.Dialer{NetDialer: dialer, Config: cfg}).DialContext(ctx, "tcp", addr)
	default:
		err = fmt.Errorf("transport %q has no connections", transport)
	}
	if err != nil {
		return nil, fmt.Errorf("dial SIP at %s: %w", addr, err)
	}
	return e.adopt(ctx, c, transport, false)
}

// adopt takes a connection and returns when it can be sent to.
func (e *Endpoint) adopt(ctx context.Context, c net.Conn, transport string, accepted bool) (*Stream, error) {
	select {
	case <-e.running:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	s, err := newStream(c, transport, &e.tally)
	if err != nil {
		return nil, err
	}
	if s.accepted = accepted; accepted {
		s.trial, s.strangers = newTrial(e.cfg.Trial), e.strangers
	}
	if err := e.admit(s); err != nil {
		return nil, err
	}
	if !e.spawn(func() { e.carry(s) }) {
		return nil, errClosed
	}
	return s, nil
}

// carry reads and writes a stream until it ends.
func (e *Endpoint) carry(s *Stream) {
	var wg sync.WaitGroup
	wg.Go(s.write)
	s.read(func(b []byte, framing fault) { e.received(b, s.peer, framing) })
	wg.Wait()
	// RFC 3261, 17.1.4: its transactions are over. What begins now finds that it is closed.
	e.transactions.lose(s.peer, fmt.Errorf("%w: %w", errNoDial, s.err), (*machine).open)
	e.mu.Lock()
	e.leave(s)
	e.mu.Unlock()
	close(s.left)
}

// admit enters a stream into the table.
func (e *Endpoint) admit(s *Stream) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.open) >= maxStreams {
		e.tally.add(dropStreams)
		return fmt.Errorf("%d SIP connections are open, no more are taken", maxStreams)
	}
	if e.open[s.peer] != nil {
		return fmt.Errorf("a SIP stream with %s is open already", s.peer)
	}
	if from := s.peer.Addr.Addr(); s.accepted {
		if e.crowded(from) {
			e.tally.add(dropStreams)
			return fmt.Errorf("%s has %d SIP connections, no more are taken from there", from, e.cfg.MaxPerSource)
		}
		e.sources[from]++
	}
	e.open[s.peer] = s
	return nil
}

// Certificates are those that the peer of a TLS connection showed when it began, its own first; nobody has checked whose they are.
func (e *Endpoint) Certificates(p Peer) []*x509.Certificate {
	e.mu.Lock()
	s := e.open[p]
	e.mu.Unlock()
	if s == nil {
		return nil
	}
	c, ok := s.conn.(*tls.Conn)
	if !ok {
		return nil
	}
	return c.ConnectionState().PeerCertificates
}

// Connected says whether a peer can be sent to: a stream only while it is open, since only its owner opens another.
func (e *Endpoint) Connected(p Peer) bool {
	if !p.reliable() {
		return true
	}
	e.mu.Lock()
	s := e.open[p]
	e.mu.Unlock()
	if s == nil {
		return false
	}
	select {
	case <-s.closed:
		return false
	default:
		return true
	}
}
