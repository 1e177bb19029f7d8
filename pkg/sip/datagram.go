package sip

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
)

// readUDP reads the socket until it is closed.
func (e *Endpoint) readUDP() {
	buf := make([]byte, maxMessage+1)
	for {
		n, from, err := e.udp.ReadFromUDPAddrPort(buf)
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil: // an ICMP error for something that was sent; the socket is well
			e.unreachable()
			continue
		}
		e.datagram(buf[:n], Peer{UDP, netip.AddrPortFrom(from.Addr().Unmap(), from.Port())})
	}
}

// datagram takes what one datagram holds.
func (e *Endpoint) datagram(b []byte, from Peer) {
	if len(bytes.Trim(b, "\r\n\x00")) == 0 {
		e.tally.add(dropKeepAlive)
		return
	}
	r := refusal{}
	if errors.As(e.strangers.let(from, b), &r) {
		e.tally.add(r.drop)
		return
	}
	if isSTUN(b) {
		if answer := bound(b, from.Addr); answer != nil {
			_ = e.sendUDP(from.Addr, answer) // it asks again
		} else {
			e.tally.add(dropBytes)
		}
		return
	}
	n, err := frame(b, false)
	if errors.As(err, &r) {
		e.tally.add(r.drop)
		e.strangers.offends(from, NoSIP)
		if r.drop == dropLength {
			e.received(b, from, badLength)
		}
		return
	}
	e.received(b[:n], from, "")
}

// sendTries is how many errors of earlier datagrams a send passes over.
const sendTries = 8

// sendUDP sends a datagram. The socket tells an error that came back for an earlier one to whoever uses it next: such an
// error goes to its own transaction, and the datagram is sent again. Phones on UDP get what is due to them, fragmented if
// need be: they offer no other transport (RFC 3261, 18.1.1 would change to TCP above 1,300 bytes).
func (e *Endpoint) sendUDP(to netip.AddrPort, b []byte) error {
	if e.udp == nil {
		return errNoSocket
	}
	var err error
	for range sendTries {
		if _, err = e.udp.WriteToUDPAddrPort(b, to); err == nil || !e.unreachable() {
			break
		}
	}
	return err
}

// unreachable reads the errors that came back for what was sent, and says whether there was any.
func (e *Endpoint) unreachable() (any bool) {
	for {
		to, err, ok := returned(e.udp)
		if !ok {
			return any
		}
		if any = true; err != nil {
			e.lost(to, err)
		}
	}
}

// lost ends what waits for a peer that the network says is not there (RFC 3261, 18.4). Anyone can send ICMP: only a request
// that nothing has come back for is believed to be lost.
func (e *Endpoint) lost(to netip.AddrPort, err error) {
	err = fmt.Errorf("%w: %w", ErrUnreachable, err)
	e.transactions.lose(Peer{UDP, to}, err, func(m *machine) bool { return m.client && m.stage == trying })
}
