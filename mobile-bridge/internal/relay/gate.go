package relay

import (
	"encoding/binary"
	"net"

	"strowger/pkg/limit"
)

// gate is the socket of clients, as far as they may ask.
type gate struct {
	net.PacketConn
	relay *Relay
}

// ReadFrom reads the next packet that may come in.
func (g *gate) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, from, err := g.PacketConn.ReadFrom(b)
		if err != nil || g.relay.admits(kindOf(b[:n]), from) {
			return n, from, err
		}
	}
}

// kind is what of a packet matters here.
type kind uint8

const (
	other   kind = iota
	request      // of a client that wants an answer
	binding      // a request that asks where it comes from
)

// RFC 8489, 5: the first 20 bytes of each message.
const (
	headerLength = 20
	magicCookie  = 0x2112A442
	bindingType  = 0x0001
	typeBits     = 0x3FFF
	classBits    = 0x0110 // none is set in requests
)

// kindOf looks at the header of a packet as pion does, which takes for a message what has the cookie in its place, whatever the first
// two bits are.
func kindOf(b []byte) kind {
	if len(b) < headerLength || binary.BigEndian.Uint32(b[4:]) != magicCookie {
		return other
	}
	switch t := binary.BigEndian.Uint16(b) & typeBits; {
	case t == bindingType:
		return binding
	case t&classBits == 0:
		return request
	}
	return other
}

// admits says whether a packet may come in, and counts it. Media of a leg have their own bounds.
func (r *Relay) admits(k kind, from net.Addr) bool {
	if k != binding && !r.relays() {
		return false
	}
	if k == other {
		return true
	}
	free := r.asking.Take(limit.Source(addrPort(from).Addr()))
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case !free:
		r.refused[refusedSource]++
	case k == binding:
		r.seen++
	}
	return free
}
