package link

import (
	"bufio"
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"

	"strowger/pkg/errs"
	"strowger/pkg/trust"
)

// Conn is the link to one peer. Its methods may be called from any goroutine.
type Conn struct {
	endpoint *Endpoint
	qc       *quic.Conn
	control  *quic.Stream
	lines    *bufio.Reader // of control
	peer     peerID
	hello    hello // of the peer
	dialled  bool  // by this node
	opened   time.Time
	rtt      atomic.Int64
	pongs    atomic.Uint64 // answers to pings
	arrived  atomic.Uint64 // media packets
	doubted  atomic.Bool   // the path is: nothing but a ping is sent
	stuck    chan struct{} // the path is: heartbeat tells wander
	queue    *ring
	flows    flows
	changed  chan struct{} // capacity 1: holds or preference may have changed
	done     chan struct{}
	err      error // set before done is closed

	mu    sync.Mutex
	holds int
}

// Peer is who is at the other end, by its certificate.
func (c *Conn) Peer() trust.Name { return c.peer.Name }

// PeerKeyHash is the pin of the peer's key.
func (c *Conn) PeerKeyHash() string { return c.peer.keyHash }

// PeerBoot is the id of the peer's run.
func (c *Conn) PeerBoot() string { return c.hello.Boot }

// Dialled says whether this node dialled the link.
func (c *Conn) Dialled() bool { return c.dialled }

// RemoteAddr is where the peer is seen at present.
func (c *Conn) RemoteAddr() net.Addr { return c.qc.RemoteAddr() }

// RTT is the round trip of the last ping, 0 before the first answer.
func (c *Conn) RTT() time.Duration { return time.Duration(c.rtt.Load()) }

// Done is closed when the link has ended.
func (c *Conn) Done() <-chan struct{} { return c.done }

// Err says why the link ended, nil while it is up: errs.LinkLost, errs.Gone (nobody held it), errs.NodeStopped,
// errs.Restarted, errs.Revoked.
func (c *Conn) Err() error {
	select {
	case <-c.done:
		return c.err
	default:
		return nil
	}
}

// Hold keeps the link up for a call until release is called, which may be done more than once.
func (c *Conn) Hold() (release func()) {
	c.addHold(1)
	return sync.OnceFunc(func() { c.addHold(-1) })
}

func (c *Conn) addHold(n int) {
	c.mu.Lock()
	before := c.holds
	c.holds += n
	changed := (before == 0) != (c.holds == 0)
	c.mu.Unlock()
	if changed {
		c.poke()
	}
}

func (c *Conn) held() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.holds > 0
}

// draining says that another connection to the peer has taken over.
func (c *Conn) draining() bool { return c.endpoint.preferred(c.peer.ID, c) != c }

// poke has heartbeat look at holds and preference.
func (c *Conn) poke() {
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

// run works the link until it ends.
func (c *Conn) run() {
	ctx := c.qc.Context()
	messages, taken := make(chan message), make(chan []byte, maxTaken)
	var parts sync.WaitGroup
	parts.Go(func() { c.readControl(ctx, messages) })
	parts.Go(func() { c.heartbeat(ctx, messages) })
	parts.Go(func() { c.acceptStreams(ctx, &parts) })
	parts.Go(func() { c.acceptPackets(ctx, &parts) })
	parts.Go(func() { c.receivePackets(ctx, taken) })
	parts.Go(func() { c.deliverPackets(ctx, taken) })
	parts.Go(func() { c.sendPackets(ctx) })
	if c.dialled {
		parts.Go(func() { c.wander(ctx) })
	}
	<-ctx.Done()
	c.err = closeError(c.peer.ID, context.Cause(ctx))
	c.endpoint.remove(c)
	c.flows.clear()
	close(c.done)
	c.endpoint.log.Info("link down", "peer", c.peer.ID, "code", errs.CodeOf(c.err), "err", c.err)
	parts.Wait()
}

// OpenSIP opens a stream for SIP in both directions. The stream has addresses of its own, so that SIP transports, which
// know connections by address, can tell it from any other. A link that drains opens streams too: the calls that it carries
// may have lost theirs. errs.Gone: nobody held the link and it ended, connect again.
func (c *Conn) OpenSIP(ctx context.Context) (net.Conn, error) {
	return c.openStream(ctx, opener{Stream: streamSIP, V: version})
}

func (c *Conn) openStream(ctx context.Context, o opener) (net.Conn, error) {
	s, err := c.qc.OpenStreamSync(ctx)
	if err != nil {
		return nil, c.streamError(err)
	}
	if err := s.TryWriteAll(encodeLine(o)); err != nil {
		s.CancelRead(streamRefused)
		s.CancelWrite(streamRefused)
		return nil, c.streamError(err)
	}
	return c.endpoint.sipStream(s), nil
}

// streamError says why a stream could not be opened: the link's own end, if it has one.
func (c *Conn) streamError(err error) error {
	if ended(err) {
		return closeError(c.peer.ID, err)
	}
	return errs.New(errs.Congested, "stream to %s: %w", c.peer.ID, err)
}

// acceptStreams takes the peer's bidirectional streams. Each has a goroutine; MaxIncomingStreams bounds them.
func (c *Conn) acceptStreams(ctx context.Context, parts *sync.WaitGroup) {
	for {
		s, err := c.qc.AcceptStream(ctx)
		if err != nil {
			return // the link ended
		}
		parts.Go(func() { c.serveStream(s) })
	}
}

func (c *Conn) serveStream(s *quic.Stream) {
	o, err := c.readOpener(s)
	switch cfg := c.endpoint.cfg; {
	case err == nil && o.Stream == streamSIP && cfg.OnSIP != nil:
		cfg.OnSIP(c, c.endpoint.sipStream(s))
		return
	case err == nil && o.Stream == streamCall && cfg.OnCall != nil && isBridge(c.peer.ID):
		cfg.OnCall(c.endpoint.sipStream(s), o.From)
		return
	case err == nil && o.Stream == streamLamps && cfg.OnLamps != nil && !isBridge(c.peer.ID):
		cfg.OnLamps(c, c.endpoint.sipStream(s))
		return
	case err == nil:
		err = errs.New(errs.Invalid, "a stream of kind %.40q is not taken here", o.Stream)
	}
	s.CancelRead(streamRefused)
	s.CancelWrite(streamRefused)
	c.refuseStream(err)
}

func (c *Conn) refuseStream(err error) {
	if ended(err) {
		return
	}
	c.endpoint.counters.streamsRefused.Add(1)
	c.endpoint.log.Warn("stream refused", "peer", c.peer.ID, "err", err)
}

// readOpener reads the line that a stream begins with.
func (c *Conn) readOpener(s *quic.Stream) (opener, error) {
	if err := s.SetReadDeadline(time.Now().Add(c.endpoint.cfg.Times.Opener)); err != nil {
		return opener{}, err
	}
	line, err := readLine(s)
	if err != nil {
		return opener{}, err
	}
	o, err := decodeOpener(line)
	if err != nil {
		return opener{}, err
	}
	return o, s.SetReadDeadline(time.Time{})
}
