package link

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/quic-go/quic-go"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
)

// attemptDelay is how long an address is tried alone (RFC 8305, 5: Connection Attempt Delay).
const attemptDelay = 250 * time.Millisecond

// dialKey names what a dial looks for: a node under a key.
type dialKey struct{ node, keyHash string }

// dial is one dial under way, shared by everyone who wants its outcome.
type dial struct {
	cancel context.CancelFunc
	once   sync.Once
	done   chan struct{}
	conn   *Conn
	err    error
}

// end sets the outcome: that of the dial, or a link that the node dialled meanwhile.
func (d *dial) end(c *Conn, err error) {
	d.once.Do(func() {
		d.conn, d.err = c, err
		close(d.done)
	})
}

// Connect returns the link to a node: the one that is up, or a new one, dialled at the addresses of its designation. The
// errors: errs.WrongNode (another node or key answers there), errs.Unreachable (nobody does), errs.Revoked, errs.Forbidden
// (the peer refuses this node), errs.WrongOrganization, errs.Unauthenticated, errs.ClockSkew. A link that
// nobody holds may be closed at any time: take Hold first, and connect again if OpenSIP finds it closed.
func (e *Endpoint) Connect(ctx context.Context, node designation.Node) (*Conn, error) {
	select {
	case <-e.started:
	case <-ctx.Done():
		return nil, errs.New(errs.Unreachable, "links are not being served: %w", context.Cause(ctx))
	}
	d, err := e.join(ctx, node)
	if err != nil {
		return nil, err
	}
	select {
	case <-d.done:
		return d.conn, d.err
	case <-ctx.Done():
		return nil, errs.New(errs.Unreachable, "node %s at %v did not answer in time: %w", node.ID, node.Addresses, context.Cause(ctx))
	}
}

// join returns the dial to a node that is under way, or begins one. A link that is up counts as a finished dial.
func (e *Endpoint) join(ctx context.Context, node designation.Node) (*dial, error) {
	key := dialKey{node.ID, node.KeyHash}
	e.mu.Lock()
	defer e.mu.Unlock()
	if conns := e.links[node.ID]; len(conns) > 0 && conns[0].peer.keyHash == node.KeyHash {
		done := make(chan struct{})
		close(done)
		return &dial{done: done, conn: conns[0]}, nil
	}
	if d := e.dials[key]; d != nil {
		return d, nil
	}
	if e.stopped {
		return nil, errs.New(errs.NodeStopped, "this node stops")
	}
	// The dial is not one caller's: it goes on when the one who began it leaves.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), e.cfg.Times.Dial)
	d := &dial{cancel: cancel, done: make(chan struct{})}
	e.dials[key] = d
	e.running.Go(func() {
		defer cancel()
		c, err := e.dialHelped(ctx, node, d.done)
		e.mu.Lock()
		if e.dials[key] == d {
			delete(e.dials, key)
		}
		e.mu.Unlock()
		d.end(c, err)
	})
	return d, nil
}

// dialHelped dials, and lets Config.Unreached ask for the node to dial this one, once: after a second, or as soon as nobody
// answers. If it was asked, who waits does so until the link that it dials is up, or ctx ends.
func (e *Endpoint) dialHelped(ctx context.Context, node designation.Node, up <-chan struct{}) (*Conn, error) {
	if e.cfg.Unreached == nil || isBridge(node.ID) { // bridges dial nobody
		return e.dial(ctx, node)
	}
	var asked error
	failed, helped := make(chan struct{}), make(chan struct{})
	e.running.Go(func() {
		defer close(helped)
		late := time.NewTimer(e.cfg.Times.Unreached)
		defer late.Stop()
		select {
		case <-late.C:
		case <-failed:
		case <-up:
			return
		case <-ctx.Done():
			return
		}
		e.counters.asked.Add(1)
		asked = e.cfg.Unreached(ctx, node.ID)
	})
	c, err := e.dial(ctx, node)
	if errs.CodeOf(err) != errs.Unreachable {
		return c, err // the helper ends when the caller has this
	}
	close(failed)
	<-helped
	if asked != nil {
		e.log.Warn("a node that cannot be reached was not asked to dial this one", "peer", node.ID, "error", asked)
		return nil, err
	}
	select {
	case <-up:
	case <-ctx.Done():
	}
	return nil, err
}

func (e *Endpoint) dial(ctx context.Context, node designation.Node) (*Conn, error) {
	qc, err := e.race(ctx, node)
	if err != nil {
		e.counters.refused.Add(1)
		return nil, err
	}
	c, err := e.greet(ctx, qc, true)
	if err == nil {
		c, err = e.admit(c)
	}
	if err != nil {
		e.refused(qc.RemoteAddr(), err)
		return nil, err
	}
	e.counters.dialled.Add(1)
	return c, nil
}

// attempt is the outcome of dialling one address.
type attempt struct {
	qc  *quic.Conn
	err error
}

// race dials the addresses of a node, each attemptDelay after the one before or as soon as that failed (RFC 8305, 5). The
// first whose handshake completes with the designated node wins; the others are given up.
func (e *Endpoint) race(ctx context.Context, node designation.Node) (*quic.Conn, error) {
	addresses := node.Addresses[:min(len(node.Addresses), designation.MaxAddresses)]
	if len(addresses) == 0 {
		return nil, errs.New(errs.Unreachable, "the designation of node %s lists no address", node.ID)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	outcomes := make(chan attempt)
	var winner *quic.Conn
	var failures []error
	started, ended := 0, 0
	next := func() {
		address := addresses[started]
		started++
		go func() { // waited for: every attempt delivers, and the loop below takes started outcomes
			qc, err := e.dialAddress(ctx, address, node)
			outcomes <- attempt{qc, err}
		}()
	}
	next()
	stagger := time.NewTicker(attemptDelay)
	defer stagger.Stop()
	for ended < started {
		select {
		case <-stagger.C:
			if winner == nil && started < len(addresses) && ctx.Err() == nil {
				next()
			}
		case a := <-outcomes:
			ended++
			switch {
			case a.err == nil && winner == nil:
				winner = a.qc
				cancel()
			case a.err == nil:
				_ = a.qc.CloseWithError(closeStopped, "another address was faster") // it has no other way to end
			default:
				failures = append(failures, a.err)
				if winner == nil && started < len(addresses) && ctx.Err() == nil {
					next()
					stagger.Reset(attemptDelay)
				}
			}
		}
	}
	if winner == nil {
		return nil, unreachable(node, failures)
	}
	return winner, nil
}

// dialAddress dials "host:port"; a name may stand for several addresses, taken in turn.
func (e *Endpoint) dialAddress(ctx context.Context, address string, node designation.Node) (*quic.Conn, error) {
	found, err := resolve(ctx, address)
	for _, to := range found {
		var qc *quic.Conn
		if qc, err = e.transport.Dial(ctx, net.UDPAddrFromAddrPort(to), e.dialTLS(node), e.quicConfigTo(node.ID)); err == nil {
			return qc, nil
		}
	}
	return nil, err
}

func resolve(ctx context.Context, address string) ([]netip.AddrPort, error) {
	if a, err := netip.ParseAddrPort(address); err == nil {
		return []netip.AddrPort{a}, nil
	}
	host, service, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("link address: %w", err)
	}
	port, err := strconv.ParseUint(service, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("link address %q has no port number: %w", address, err)
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host) // at least one, or an error
	var found []netip.AddrPort
	for _, ip := range ips {
		found = append(found, netip.AddrPortFrom(ip.Unmap(), uint16(port)))
	}
	return found, err
}

// unreachable says why no address led to a node. A refusal says more than silence at the other addresses.
func unreachable(node designation.Node, failures []error) error {
	for _, err := range failures {
		if refusal := fromAlert(err); refusal != nil {
			return refusal
		}
		var coded *errs.Error
		if errors.As(err, &coded) {
			return coded
		}
	}
	return errs.New(errs.Unreachable, "node %s cannot be reached at %v: %w", node.ID, node.Addresses, errors.Join(failures...))
}
