// Package standin is what push services have in common that are stood in for: devices that sleep, and servers that fail when
// they are told to. The services themselves are in the packages below: they take what the real ones take, and refuse what
// those refuse, with their words.
package standin

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"sync"
	"time"
)

// Server is an HTTP server on loopback that can be told to fail, and the devices behind it.
type Server struct {
	*Devices

	http     *http.Server
	listener *listener
	pem      []byte // of its certificate; nil: no TLS

	mu      sync.Mutex
	script  []http.HandlerFunc // for the next requests, in place of the service
	held    chan struct{}      // not nil: requests wait until it is closed
	leaving bool               // the next answer says that the connection ends
	served  int
}

// maxHeld bounds the body of a request that waits, in bytes.
const maxHeld = 64 << 10

// Loopback is where servers listen unless somebody wants something else.
const Loopback = "127.0.0.1:0"

// NewServer binds a port. A server with TLS speaks HTTP/2 only.
func NewServer(listen string, withTLS bool, devices *Devices, service http.Handler) (*Server, error) {
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return nil, err
	}
	s := &Server{Devices: devices, listener: &listener{Listener: l, conns: map[*conn]struct{}{}}}
	s.http = &http.Server{Handler: s.failing(service), ReadHeaderTimeout: 10 * time.Second}
	if !withTLS {
		return s, nil
	}
	certificate, text, err := selfSigned()
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	s.pem = text
	s.http.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{certificate}}
	s.http.Protocols = new(http.Protocols)
	s.http.Protocols.SetHTTP2(true)
	return s, nil
}

// URL is the server's base, without a slash at its end.
func (s *Server) URL() string {
	scheme := "http"
	if s.pem != nil {
		scheme = "https"
	}
	return scheme + "://" + s.listener.Addr().String()
}

// Certificate is what the server is known by, in PEM.
func (s *Server) Certificate() []byte { return s.pem }

// Run serves until ctx ends.
func (s *Server) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var devices sync.WaitGroup
	devices.Go(func() { s.Devices.Run(ctx) })
	defer devices.Wait()
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = s.http.Close() }) // nothing to save
	defer stop()
	serve := func() error { return s.http.Serve(s.listener) }
	if s.pem != nil {
		serve = func() error { return s.http.ServeTLS(s.listener, "", "") }
	}
	if err := serve(); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("push stand-in: %w", err)
	}
	return nil
}

// Served is how many requests the server has had.
func (s *Server) Served() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.served
}

// Next has the next request answered by h in place of the service; called again, the one after that.
func (s *Server) Next(h http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script = append(s.script, h)
}

// Stall has the next request stay without an answer until who sent it gives up, on a connection that else works.
func (s *Server) Stall() {
	s.Next(func(_ http.ResponseWriter, r *http.Request) { untilGone(r, nil) })
}

// Hold has requests wait until release is called.
func (s *Server) Hold() (release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	held := make(chan struct{})
	s.held = held
	return sync.OnceFunc(func() {
		s.mu.Lock()
		s.held = nil
		s.mu.Unlock()
		close(held)
	})
}

// GoAway has the server end the connection of the next request after its answer: by GOAWAY on HTTP/2.
func (s *Server) GoAway() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leaving = true
}

// Lose makes the connections that are open dead, as when a firewall forgets them: they stay open, and nothing comes through
// either way. It returns how many they are.
func (s *Server) Lose() int { return s.listener.lose() }

// Connections is how many connections were ever accepted.
func (s *Server) Connections() int {
	s.listener.mu.Lock()
	defer s.listener.mu.Unlock()
	return s.listener.accepted
}

// failing does as it was told before the service is asked.
func (s *Server) failing(service http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.served++
		answer := service.ServeHTTP
		if len(s.script) > 0 {
			answer, s.script = s.script[0], s.script[1:]
		}
		held, leaving := s.held, s.leaving
		s.leaving = false
		s.mu.Unlock()
		if held != nil {
			var ok bool
			if r, ok = untilGone(r, held); !ok {
				return
			}
		}
		if leaving {
			w.Header().Set("Connection", "close") // net/http sends GOAWAY for it
		}
		answer(w, r)
	})
}

// untilGone waits until c is closed, or until who sent the request is gone: then it says false. It reads the request, as
// net/http watches a connection only after that, and returns one that can be read.
func untilGone(r *http.Request, c <-chan struct{}) (*http.Request, bool) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxHeld))
	if err != nil {
		return r, false
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	select {
	case <-c:
		return r, true
	case <-r.Context().Done():
		return r, false
	}
}

// listener knows its connections.
type listener struct {
	net.Listener
	mu       sync.Mutex
	conns    map[*conn]struct{}
	accepted int
}

func (l *listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	own := &conn{Conn: c, of: l}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conns[own] = struct{}{}
	l.accepted++
	return own, nil
}

func (l *listener) lose() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.conns {
		c.mu.Lock()
		c.lost = true
		c.mu.Unlock()
	}
	return len(l.conns)
}

// conn is a connection that can be lost.
type conn struct {
	net.Conn
	of   *listener
	mu   sync.Mutex
	lost bool
}

func (c *conn) isLost() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lost
}

// Read of a lost connection swallows what comes.
func (c *conn) Read(p []byte) (int, error) {
	for {
		n, err := c.Conn.Read(p)
		if err != nil || !c.isLost() {
			return n, err
		}
	}
}

// Write of a lost connection leads nowhere.
func (c *conn) Write(p []byte) (int, error) {
	if c.isLost() {
		return len(p), nil
	}
	return c.Conn.Write(p)
}

// Close closes the connection.
func (c *conn) Close() error {
	c.of.mu.Lock()
	delete(c.of.conns, c)
	c.of.mu.Unlock()
	return c.Conn.Close()
}

// selfSigned is a certificate for loopback, valid for a day.
func selfSigned() (tls.Certificate, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "push stand-in"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"},
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), nil
}
