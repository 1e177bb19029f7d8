package sipside

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"sync"

	"strowger/pkg/errs"
	"strowger/pkg/sip"
	"strowger/pkg/sitecopy"
)

// way is how a server of a phone company is spoken to.
type way struct {
	transport string // of a sip.Peer
	server    string // "host" or "host:port"
	ca        string // whose certificates it must have: PEM; empty: those that the system trusts
}

func wayTo(t sitecopy.Trunk, server string) way {
	w := way{sip.UDP, server, ""}
	switch t.Transport {
	case "tcp":
		w.transport = sip.TCP
	case "tls":
		w.transport, w.ca = sip.TLS, t.TLSCA
	}
	return w
}

// host is the name that a certificate must be for (RFC 5922, 7.1): that of the server as it was given, not what DNS made of it.
func (w way) host() string {
	if host, _, err := net.SplitHostPort(w.server); err == nil {
		return host
	}
	return w.server
}

// tls is how the server shows who it is.
func (w way) tls() (*tls.Config, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: w.host()}
	if w.ca == "" {
		return cfg, nil
	}
	cfg.RootCAs = x509.NewCertPool()
	if !cfg.RootCAs.AppendCertsFromPEM([]byte(w.ca)) {
		return nil, errs.New(errs.Invalid, "the CA of the trunk has no certificate")
	}
	return cfg, nil
}

// connections are those that the switch opened to phone companies: one to each server, for all calls, both ways (as in RFC 5923).
type connections struct {
	mu    sync.Mutex
	open  map[sip.Peer]trunkStream
	dials map[sip.Peer]chan struct{} // closed when the dial is over
}

// trunkStream is one of them, and as what it was opened.
type trunkStream struct {
	stream *sip.Stream
	way    way
}

func newConnections() connections {
	return connections{open: map[sip.Peer]trunkStream{}, dials: map[sip.Peer]chan struct{}{}}
}

// reach opens the connection to a server, unless there is one. It may block until ctx ends.
func (p *Phones) reach(ctx context.Context, w way, peer sip.Peer) error {
	if peer.Transport == sip.UDP {
		p.sip.Trust(peer) // what it answers is not a stranger's
		return nil
	}
	c := &p.connections
	for {
		c.mu.Lock()
		if had, ok := c.open[peer]; ok {
			c.mu.Unlock()
			if had.way != w { // RFC 5923, 9: what was checked for one name is no proof of another
				return errs.New(errs.Conflict, "another trunk has the connection to %s, by the name %s", peer, had.way.server)
			}
			return nil
		}
		dial, ok := c.dials[peer]
		if !ok {
			break
		}
		c.mu.Unlock()
		select {
		case <-dial:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	over := make(chan struct{})
	c.dials[peer] = over
	c.mu.Unlock()
	s, err := p.dial(ctx, w, peer)
	c.mu.Lock()
	defer c.mu.Unlock()
	close(over)
	delete(c.dials, peer)
	if err == nil {
		c.open[peer] = trunkStream{s, w}
		p.work.Go(func() { c.forget(peer, s) })
	}
	return err
}

func (p *Phones) dial(ctx context.Context, w way, peer sip.Peer) (*sip.Stream, error) {
	ctx, cancel := context.WithTimeout(ctx, oneServer)
	defer cancel()
	var cfg *tls.Config
	if w.transport == sip.TLS {
		var err error
		if cfg, err = w.tls(); err != nil {
			return nil, err
		}
	}
	s, err := p.sip.Dial(ctx, w.transport, peer.Addr.String(), cfg)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", w.server, err)
	}
	return s, nil
}

// forget takes a connection away when it has ended.
func (c *connections) forget(peer sip.Peer, s *sip.Stream) {
	<-s.Done()
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.open, peer)
}

// opened says whether the switch opened the connection that something came by, to a server of a trunk.
func (c *connections) opened(from sip.Peer, w way) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	had, ok := c.open[from]
	return ok && had.way == w
}

// connect opens the connections to all carriers, and returns when the one that is tried first has its own. Those that have none by then
// are tried last.
func (p *Phones) connect(ctx context.Context, all []carrier) []carrier {
	reached := make([]chan error, len(all))
	for i, c := range all {
		reached[i] = make(chan error, 1)
		p.work.Go(func() { reached[i] <- p.reach(p.ctx, c.way, c.peer) })
	}
	for i := range all {
		select {
		case all[i].trouble = <-reached[i]:
		case <-ctx.Done():
			all[i].trouble = ctx.Err()
		}
		if all[i].trouble == nil {
			break
		}
		all[i].sound = false
	}
	return soundFirst(all)
}
