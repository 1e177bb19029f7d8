package mobilebridge

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"strowger/mobile-bridge/internal/relay"
	"strowger/mobile-bridge/internal/splice"
	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/hostaddr"
	"strowger/pkg/link"
	"strowger/pkg/trust"
	"strowger/pkg/webcert"
)

// links is the connections that switches keep to this bridge, without an endpoint none, and what apps do with them when they find
// no way of their own.
type links struct {
	endpoint *link.Endpoint
	web      *webcert.Certificates // that apps see; nil: they have channels by WebSocket only
	splice   *splice.Splice        // nil without a face
	relay    *relay.Relay          // of media, or only STUN; nil: none
	asked    chan struct{}         // capacity 1: which nodes are revoked is to be asked

	mu      sync.Mutex
	revoked map[string]bool // nodes; nothing before the cloud has said so
}

// openLinks opens the port that switches dial.
func (b *bridge) openLinks() (err error) {
	if b.Link == "" {
		return nil
	}
	id := b.identity.Load()
	cfg := link.Config{
		Addr: b.Link, Name: trust.Name{Org: id.Org, Kind: trust.Bridge, ID: id.Node}, Boot: b.boot,
		Certificate: func() tls.Certificate { return b.identity.Load().Certificate() }, Roots: b.identity.Roots(),
		Authorize: b.links.authorize, Logger: b.log, Now: b.now,
	}
	if b.links.web != nil {
		cfg.OnWeb, cfg.WebCertificate = b.channels.TakeWeb, b.links.web.Current
	}
	b.links.endpoint, err = link.Listen(cfg)
	if err != nil {
		return fmt.Errorf("listen for switches: %w; choose another address with --link, or turn it off with --link ''", err)
	}
	b.started.Link = netip.AddrPortFrom(b.host, b.links.endpoint.Addr().Port()).String()
	return nil
}

// serveLinks serves that port until ctx ends, and the devices that have their channels there have heard so.
func (b *bridge) serveLinks(ctx context.Context) error {
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	defer context.AfterFunc(ctx, func() {
		b.channels.Close()
		stop()
	})()
	return b.links.endpoint.Run(serving)
}

// close releases the port of an endpoint that never ran.
func (l *links) close(ctx context.Context) error {
	if l.endpoint == nil {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	return l.endpoint.Run(ctx)
}

// closeRelay releases the ports of a relay that never ran.
func (l *links) closeRelay() error {
	if l.relay == nil {
		return nil
	}
	return l.relay.Close()
}

// addresses are where switches dial this bridge, told with each lease.
func (b *bridge) addresses() []string {
	if b.links.endpoint == nil {
		return nil
	}
	host := b.host
	if a, err := hostaddr.Outward(); err == nil && b.Host == "" {
		host = a
	}
	all, err := hostaddr.Candidates(host, b.links.endpoint.Addr())
	if err != nil {
		b.log.Warn("the addresses of this machine cannot be read; switches are told of one only", "host", host, "error", err)
	}
	if b.NAT == "" {
		return all
	}
	all = slices.Insert(all, 0, netip.AddrPortFrom(b.relaying.public, b.links.endpoint.Addr().Port()).String())
	return all[:min(len(all), designation.MaxAddresses)]
}

// open opens a stream to a switch for an app.
func (l *links) open(ctx context.Context, node, from string) (net.Conn, error) {
	var c *link.Conn
	if l.endpoint != nil {
		c = l.endpoint.Linked(node)
	}
	if c == nil {
		return nil, errs.New(errs.Unreachable, "the switch %s has no connection to this bridge", node)
	}
	return c.OpenCall(ctx, from)
}

// authorize lets in what the organization's authority has named, and the cloud has not revoked. A certificate that expired
// counts: an office without the cloud cannot renew it.
func (l *links) authorize(peer trust.Name, _ string, _ bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.revoked[peer.ID] {
		return errs.New(errs.Revoked, "%s was revoked", peer.ID)
	}
	return nil
}

// revokedNodes takes what the cloud has revoked, and cuts it off.
func (l *links) revokedNodes(nodes []string) {
	all := map[string]bool{}
	for _, n := range nodes {
		all[n] = true
	}
	l.mu.Lock()
	l.revoked = all
	l.mu.Unlock()
	for _, n := range nodes {
		l.endpoint.Drop(n, "revoked")
	}
}

// ask has followRevocations ask.
func (l *links) ask() {
	select {
	case l.asked <- struct{}{}:
	default: // it will
	}
}

// revokedRetry is after what the cloud is asked again.
const revokedRetry = 5 * time.Second

// followRevocations asks which nodes are revoked, when this bridge is connected and when the cloud says that there are more,
// until ctx ends.
func (b *bridge) followRevocations(ctx context.Context) error {
	c := b.fabric
	_, err := fabric.Subscribe(c, fabric.SubjectRevoke(c.Org()), func(fabric.Subject, fabric.Revocations) { b.links.ask() })
	if err != nil {
		return err
	}
	var again <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-again:
		case <-b.links.asked:
		}
		again = nil
		r, err := fabric.Request[fabric.RevokedRequest, fabric.RevokedReply](ctx, c, fabric.SubjectRevoked(c.Org(), c.Node()), fabric.RevokedRequest{})
		if err == nil {
			b.links.revokedNodes(r.Nodes)
			continue
		}
		again = time.After(revokedRetry)
		if ctx.Err() == nil {
			b.log.Warn("the cloud was not asked which nodes are revoked; asked again", "error", err)
		}
	}
}
