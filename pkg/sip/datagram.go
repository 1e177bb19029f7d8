package sip

import (
	"bytes"
	"errors"
	"net"
)

// maxSources is how many sources one reader of a socket may see. sipgo remembers each for as long as the reader runs, so
// the reader is replaced before a flood of forged sources fills the memory.
const maxSources = 20_000

// datagrams is a UDP socket as sipgo sees it: checked messages only.
type datagrams struct {
	*net.UDPConn
	tally   *tally
	begun   chan struct{}
	started bool
	sources map[string]struct{}
	replace func() // starts the next reader of the socket
}

func newDatagrams(c *net.UDPConn, t *tally, replace func()) *datagrams {
	return &datagrams{
		UDPConn: c, tally: t, begun: make(chan struct{}), sources: map[string]struct{}{}, replace: replace,
	}
}

// ReadFrom returns the next message that the guard lets in.
func (d *datagrams) ReadFrom(p []byte) (int, net.Addr, error) {
	if !d.started {
		d.started = true
		close(d.begun)
	}
	if len(d.sources) >= maxSources {
		d.replace()
		return 0, nil, net.ErrClosed
	}
	for {
		n, from, err := d.UDPConn.ReadFromUDPAddrPort(p)
		switch {
		case errors.Is(err, net.ErrClosed):
			return 0, nil, err
		case err != nil: // an ICMP error for something that was sent; the socket is well
			continue
		}
		if len(bytes.Trim(p[:n], "\r\n\x00")) == 0 {
			d.tally.add(dropKeepAlive)
			continue
		}
		n, err = frame(p[:n], false)
		if r := (refusal{}); errors.As(err, &r) {
			d.tally.add(r.drop)
			continue
		}
		addr := net.UDPAddrFromAddrPort(from)
		d.sources[addr.String()] = struct{}{}
		return n, addr, nil
	}
}

// Close leaves the socket open: it belongs to the endpoint.
func (d *datagrams) Close() error { return nil }
