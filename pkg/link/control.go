package link

import (
	"bufio"
	"context"
	"time"

	"github.com/quic-go/quic-go"

	"strowger/pkg/errs"
	"strowger/pkg/trust"
)

// clockSkew is how far two nodes' clocks may differ before it is named; session keys allow as much.
const clockSkew = 30 * time.Second

// greet exchanges hellos on the control stream and returns the connection, which is not a link before admit. On an error
// the QUIC connection is closed.
func (e *Endpoint) greet(ctx context.Context, qc *quic.Conn, dialled bool) (*Conn, error) {
	leaf := qc.ConnectionState().TLS.PeerCertificates[0]
	name, err := trust.NameOf(leaf) // verified in the handshake
	if err != nil {
		return nil, err
	}
	c := &Conn{
		endpoint: e,
		qc:       qc,
		peer:     peerID{Name: name, keyHash: trust.CertKeyHash(leaf.RawSubjectPublicKeyInfo)},
		dialled:  dialled,
		queue:    newRing(),
		stuck:    make(chan struct{}),
		changed:  make(chan struct{}, 1),
		done:     make(chan struct{}),
	}
	ctx, cancel := context.WithTimeout(ctx, e.cfg.Times.Opener)
	defer cancel()
	if err := c.exchange(ctx); err != nil {
		if ended(err) {
			return nil, closeError(name.ID, err)
		}
		c.close(closeProtocol, err.Error())
		return nil, errs.New(errs.LinkLost, "greeting with %s: %w", name.ID, err)
	}
	c.opened = time.Now()
	return c, nil
}

// exchange opens or accepts the control stream and swaps hellos.
func (c *Conn) exchange(ctx context.Context) (err error) {
	if c.dialled {
		if c.control, err = c.qc.OpenStreamSync(ctx); err != nil {
			return err
		}
		if err := c.control.TryWriteAll(append(encodeLine(opener{Stream: streamControl, V: version}), c.endpoint.hello()...)); err != nil {
			return err
		}
	} else {
		if c.control, err = c.qc.AcceptStream(ctx); err != nil {
			return err
		}
		o, err := c.readOpener(c.control)
		if err == nil && o.Stream != streamControl {
			err = errs.New(errs.Invalid, "the first stream is of kind %.40q, want %q", o.Stream, streamControl)
		}
		if err != nil {
			return err
		}
	}
	if err := c.readHello(ctx); err != nil {
		return err
	}
	if c.dialled {
		return nil
	}
	return c.control.TryWriteAll(c.endpoint.hello())
}

func (e *Endpoint) hello() []byte {
	return encodeLine(hello{V: version, Capability: capability, Node: e.cfg.Name.ID, Boot: e.cfg.Boot, Now: e.cfg.Now()})
}

func (c *Conn) readHello(ctx context.Context) error {
	deadline, _ := ctx.Deadline() // greet set one
	if err := c.control.SetReadDeadline(deadline); err != nil {
		return err
	}
	c.lines = bufio.NewReaderSize(c.control, maxLine)
	line, err := c.lines.ReadSlice('\n')
	if err != nil {
		return err
	}
	h, err := decodeHello(line)
	if err != nil {
		return err
	}
	if h.Node != c.peer.ID {
		return errs.New(errs.WrongNode, "node %s greets as %s", c.peer.ID, h.Node)
	}
	c.hello = h
	if skew := c.endpoint.cfg.Now().Sub(h.Now); skew.Abs() > clockSkew {
		c.endpoint.log.Warn("clocks differ", "peer", c.peer.ID, "ahead", skew)
	}
	return c.control.SetReadDeadline(time.Time{})
}

// readControl hands the peer's control lines to heartbeat.
func (c *Conn) readControl(ctx context.Context, out chan<- message) {
	for {
		line, err := c.lines.ReadSlice('\n')
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			c.close(closeProtocol, "control stream: "+err.Error())
			return
		}
		m, err := decodeMessage(line)
		if err != nil {
			c.close(closeProtocol, err.Error())
			return
		}
		select {
		case out <- m:
		case <-ctx.Done():
			return
		}
	}
}

// pulse is what heartbeat knows.
type pulse struct {
	sent, answered uint64 // numbers of pings
	at             time.Time
	arrived        uint64 // media packets at the last look
	flowing        bool   // some came between the last two looks
	peerHeld       bool
	idle           *time.Timer
}

// heartbeat pings, answers, and closes the link when it is dead or nobody needs it. It never waits for the peer.
func (c *Conn) heartbeat(ctx context.Context, in <-chan message) {
	times := c.endpoint.cfg.Times
	tick := time.NewTicker(times.Ping)
	defer tick.Stop()
	dead := time.NewTimer(times.Dead)
	defer dead.Stop()
	p := &pulse{idle: time.NewTimer(times.Idle)}
	defer p.idle.Stop()
	look := time.NewTicker(times.Stall / 5)
	defer look.Stop()
	c.ping(p)
	c.rearm(p)
	for {
		select {
		case <-ctx.Done():
			return
		case <-dead.C:
			c.close(closeDead, "no answer for "+times.Dead.String())
		case <-p.idle.C:
			if !c.held() {
				c.close(closeIdle, "nobody needs the link")
			}
		case <-tick.C:
			c.ping(p)
		case <-look.C:
			if c.dialled && c.held() { // only a client moves (RFC 9000, 9)
				c.look(p)
			}
		case <-c.changed:
			c.ping(p)
			c.rearm(p)
		case m := <-in:
			if c.hear(p, m) {
				dead.Reset(times.Dead)
			}
		}
	}
}

func (c *Conn) ping(p *pulse) {
	p.sent, p.at = p.sent+1, time.Now()
	c.say(message{Ping: p.sent, Held: c.held()})
}

// say writes a control line if the stream takes it at once; if it does not, the peer has long stopped reading and will be
// found dead.
func (c *Conn) say(m message) { _ = c.control.TryWriteAll(encodeLine(m)) }

// hear takes a control line and says whether it proves that the peer hears us.
func (c *Conn) hear(p *pulse, m message) (answered bool) {
	if m.Ping > 0 {
		c.say(message{Pong: m.Ping})
		if m.Held != p.peerHeld {
			p.peerHeld = m.Held
			c.rearm(p)
		}
	}
	if m.Pong <= p.answered || m.Pong > p.sent {
		return false
	}
	p.answered = m.Pong
	c.pongs.Add(1)
	if m.Pong == p.sent {
		c.trust()
		c.rtt.Store(int64(time.Since(p.at)))
	}
	return true
}

// rearm starts the idle time anew, or stops it while either side holds the link. A draining connection waits only as long
// as one who was just handed it may need to hold it.
func (c *Conn) rearm(p *pulse) {
	switch {
	case c.held() || p.peerHeld:
		p.idle.Stop()
	case c.draining():
		p.idle.Reset(c.endpoint.cfg.Times.Ping)
	default:
		p.idle.Reset(c.endpoint.cfg.Times.Idle)
	}
}
