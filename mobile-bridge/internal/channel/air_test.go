package channel

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/quic-go/testutils/simnet"
	"github.com/quic-go/webtransport-go"

	"strowger/pkg/channel"
)

// air is a network of UDP within a process, with a bridge's port of HTTP/3 in it.
type air struct {
	t      *testing.T
	router simnet.PerfectRouter
	tls    *tls.Config
	end    func() // of the port

	mu      sync.Mutex
	devices int
	open    []func() // closes what devices have open
	clients map[*quic.Conn]*webtransport.ClientConn
}

var bridgeAt = &net.UDPAddr{IP: net.IPv4(192, 0, 2, 2), Port: 443}

// quicOf is as a bridge and an app have it.
func quicOf() *quic.Config {
	return &quic.Config{EnableDatagrams: true, EnableStreamResetPartialDelivery: true, MaxIdleTimeout: time.Hour}
}

// newAir serves connections until close.
func newAir(t *testing.T, serve func(*quic.Conn)) *air {
	t.Helper()
	a := &air{t: t, tls: selfSigned(t), clients: map[*quic.Conn]*webtransport.ClientConn{}}
	socket, unplug := a.plug(bridgeAt)
	end := servePort(t, socket, a.tls, serve)
	a.end = func() {
		end()
		unplug()
	}
	return a
}

// servePort takes connections of HTTP/3 from a socket until end, which closes it.
func servePort(t *testing.T, socket net.PacketConn, config *tls.Config, serve func(*quic.Conn)) (end func()) {
	t.Helper()
	config = config.Clone()
	config.NextProtos = []string{http3.NextProtoH3}
	port := &quic.Transport{Conn: socket}
	l, err := port.ListenEarly(config, quicOf())
	if err != nil {
		t.Fatal(err)
	}
	var served sync.WaitGroup
	served.Go(func() {
		for {
			q, err := l.Accept(context.WithoutCancel(t.Context()))
			if err != nil {
				return
			}
			served.Go(func() { serve(q) })
		}
	})
	return func() {
		if err := errors.Join(port.Close(), socket.Close()); err != nil {
			t.Error(err)
		}
		served.Wait()
	}
}

func (a *air) close() {
	for _, end := range a.open {
		end()
	}
	a.end()
}

func (a *air) plug(at *net.UDPAddr) (socket net.PacketConn, unplug func()) {
	sim := &simnet.Simnet{Router: &a.router}
	socket = sim.NewEndpoint(at, simnet.NodeBiDiLinkSettings{})
	if err := sim.Start(); err != nil {
		a.t.Fatal(err)
	}
	return socket, func() {
		if err := sim.Close(); err != nil {
			a.t.Error(err)
		}
	}
}

// visit opens a connection to the bridge's port, from an address that all devices share.
func (a *air) visit(ctx context.Context) (*quic.Conn, error) {
	a.mu.Lock()
	a.devices++
	at := &net.UDPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1000 + a.devices}
	a.mu.Unlock()
	socket, unplug := a.plug(at)
	from := &quic.Transport{Conn: socket}
	a.mu.Lock()
	a.open = append(a.open, func() {
		_ = from.Close()
		_ = socket.Close()
		unplug()
	})
	a.mu.Unlock()
	q, err := from.Dial(ctx, bridgeAt, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13, NextProtos: []string{http3.NextProtoH3}}, quicOf())
	if err != nil {
		return nil, err
	}
	client, err := new(webtransport.Transport).NewClientConn(q)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.clients[q] = client
	return q, err
}

func (a *air) client(q *quic.Conn) *webtransport.ClientConn {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.clients[q]
}

// dial opens a connection, a session, and takes its stream.
func (a *air) dial(ctx context.Context) (conn, error) {
	q, err := a.visit(ctx)
	if err != nil {
		return nil, err
	}
	return a.session(ctx, q)
}

func (a *air) session(ctx context.Context, q *quic.Conn) (conn, error) {
	return openStream(ctx, q, a.client(q), "https://"+bridgeAt.String()+channel.Path)
}

// openStream opens a session, and takes its stream.
func openStream(ctx context.Context, q *quic.Conn, h3 *webtransport.ClientConn, url string) (conn, error) {
	_, session, err := h3.Dial(ctx, url, nil)
	if err != nil {
		return nil, err
	}
	s, err := session.AcceptStream(ctx)
	return &stream{q, s}, err
}
