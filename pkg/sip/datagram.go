package sip

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"time"
)

// maxSources is how many sources one reader of a socket may see. sipgo remembers each for as long as the reader runs, so
// the reader is replaced before a flood of forged sources fills the memory.
const maxSources = 20_000

// A reader that reads no more stays a while: what it read is still being looked at, and to answer a source that sipgo no
// longer knows it would open a socket of its own, past the guard and for good.
const (
	lingerReplaced = 10 * time.Second       // under load
	lingerClosed   = 100 * time.Millisecond // nothing new comes
)

// datagrams is a UDP socket as sipgo sees it: checked messages only.
type datagrams struct {
	*net.UDPConn
	tally   *tally
	let     func(from netip.AddrPort) bool
	begun   chan struct{}
	started bool
	sources map[string]struct{}
	replace func() // starts the next reader of the socket
	over    <-chan struct{}
}

// newDatagrams returns the next reader of a socket, which over says is about to be closed.
func newDatagrams(c *net.UDPConn, t *tally, let func(netip.AddrPort) bool, replace func(), over <-chan struct{}) *datagrams {
	return &datagrams{
		UDPConn: c, tally: t, let: let, begun: make(chan struct{}), sources: map[string]struct{}{}, replace: replace, over: over,
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
		select {
		case <-time.After(lingerReplaced):
		case <-d.over:
		}
		return 0, nil, net.ErrClosed
	}
	for {
		n, from, err := d.UDPConn.ReadFromUDPAddrPort(p)
		switch {
		case errors.Is(err, net.ErrClosed):
			<-time.After(lingerClosed)
			return 0, nil, err
		case err != nil: // an ICMP error for something that was sent; the socket is well
			continue
		}
		if len(bytes.Trim(p[:n], "\r\n\x00")) == 0 {
			d.tally.add(dropKeepAlive)
			continue
		}
		from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
		if !d.let(from) {
			d.tally.add(dropRate)
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
