package link

import (
	"context"
	"errors"
	"time"

	"github.com/quic-go/quic-go"
)

// maxMoves is how often a link can move: quic-go's server spends a connection ID of the client's on each move and never
// retires it, so that a third path is not answered (quic-go issue 5814).
const maxMoves = 2

// look finds out that the path of a call has failed, long before the link counts as dead. Media that was flowing and stops
// makes it ping. Until that is answered nothing more is sent into a path that may be dead: quic-go probes no other while the
// congestion window is full of what was. When it stays unanswered, wander tries another path.
func (c *Conn) look(p *pulse) {
	arrived := c.arrived.Load()
	stopped := p.flowing && arrived == p.arrived
	p.flowing, p.arrived = arrived != p.arrived, arrived
	if p.sent == p.answered {
		if stopped {
			c.ping(p)
			c.doubted.Store(true)
		}
		return
	}
	if time.Since(p.at) >= c.endpoint.cfg.Times.Stall {
		select {
		case c.stuck <- struct{}{}:
		default: // it tries already
		}
	}
}

// trust lets media go on.
func (c *Conn) trust() {
	if c.doubted.CompareAndSwap(true, false) {
		c.queue.wake()
	}
}

// wander moves the link to another socket when its path is stuck: the address of the one it uses may be gone, or a NAT may
// have forgotten it.
func (c *Conn) wander(ctx context.Context) {
	var path *quic.Path // in use, nil for that of the handshake
	for moves := 0; moves < maxMoves; {
		select {
		case <-c.stuck:
		case <-ctx.Done():
			return
		}
		next, err := c.try(ctx, moves+1)
		if err != nil {
			c.endpoint.log.Debug("no other path", "peer", c.peer.ID, "error", err)
			continue
		}
		if path != nil {
			_ = path.Close() // not in use any more, which is all that could be wrong
		}
		path = next
		moves++
		c.endpoint.counters.migrated.Add(1)
		c.endpoint.log.Info("link moved to another socket", "peer", c.peer.ID, "move", moves)
		c.trust()
		c.poke() // the peer follows the first packet that is more than a probe (RFC 9000, 9.2)
		select {
		case <-time.After(c.endpoint.cfg.Times.Stall): // for its answer
		case <-ctx.Done():
			return
		}
	}
}

var errPathIsBack = errors.New("the path in use answers again")

// try probes the path over the n-th socket and moves to it (RFC 9000, 9.1).
func (c *Conn) try(ctx context.Context, n int) (*quic.Path, error) {
	transport, err := c.endpoint.path(n)
	if err != nil {
		return nil, err
	}
	path, err := c.qc.AddPath(transport)
	if err != nil {
		return nil, err
	}
	answers := c.pongs.Load()
	ctx, cancel := context.WithTimeout(ctx, 4*c.endpoint.cfg.Times.Stall)
	defer cancel()
	if err = path.Probe(ctx); err == nil {
		select {
		case <-time.After(c.endpoint.cfg.Times.Stall / 10): // an answer over the path in use may be on its way through here
		case <-ctx.Done():
		}
		if c.pongs.Load() != answers {
			err = errPathIsBack
		} else {
			err = path.Switch()
		}
	}
	if err != nil {
		return nil, errors.Join(err, path.Close())
	}
	return path, nil
}

// path returns the n-th of the sockets, counted from 0, opened if it is not. It may be of another address than the one that
// the endpoint listens on, which may be the reason why a link looks for another.
func (e *Endpoint) path(n int) (*quic.Transport, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.stopped:
		return nil, quic.ErrTransportClosed
	case n < len(e.paths):
		return e.paths[n], nil
	}
	socket, err := e.open()
	if err != nil {
		return nil, err
	}
	t := &quic.Transport{Conn: socket}
	e.paths = append(e.paths, t)
	return t, nil
}

// closePaths releases all sockets. The endpoint is stopped: there will be no more.
func (e *Endpoint) closePaths() (err error) {
	for _, t := range e.paths {
		err = errors.Join(err, t.Close(), t.Conn.Close())
	}
	return err
}
