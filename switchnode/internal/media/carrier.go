package media

import (
	"net/netip"

	"strowger/pkg/rtp"
)

// maxPacket is the largest packet taken, in bytes: an Ethernet frame. Audio packets have a few hundred.
const maxPacket = 1500

// kind tells the two halves of a port apart.
type kind uint8

const (
	media kind = iota
	control
	kinds
)

// target is where the packets for a leg go: an address, or a flow of its link.
type target struct {
	addr netip.AddrPort
	flow uint64
	// claimed: the SDP names the address, and nothing shows that it is the leg's (package doc, rule 6).
	claimed bool
}

// carrier is what a port sends with.
type carrier interface {
	// send sends a packet; late says that it is of use however long it waits.
	send(k kind, to target, packet []byte, late bool) error
	close()
}

// sockets is the carrier of a leg that is reached by UDP: RTP on an even port, RTCP on the next (RFC 3550, 11).
type sockets [kinds]socket

func (s *sockets) send(k kind, to target, packet []byte, _ bool) error {
	return s[k].send(packet, to.addr)
}

func (s *sockets) close() {
	for _, socket := range s {
		socket.close()
	}
}

// Link is a connection to another switch, as linkside adapts it.
type Link interface {
	// NewFlow begins to receive. receive gets each packet for the time of the call and may change it.
	NewFlow(receive func(packet []byte)) (Flow, error)
	// Send sends a packet on a flow of the other side without blocking, and does not keep it. One that waited for the network is
	// dropped, unless it may be late.
	Send(flow uint64, packet []byte, late bool) error
}

// Flow is what a link receives under one number.
type Flow interface {
	ID() uint64 // from 1
	Close()
}

// linkFlow is the carrier of a leg that is reached over a link.
type linkFlow struct {
	link Link
	flow Flow
}

func (l linkFlow) send(_ kind, to target, packet []byte, late bool) error {
	return l.link.Send(to.flow, packet, late)
}

func (l linkFlow) close() { l.flow.Close() }

// receiveFlow tells RTP and RTCP apart, which share a flow (RFC 5761, 4).
func (p *Port) receiveFlow(packet []byte) {
	k := media
	if rtp.IsControl(packet) {
		k = control
	}
	p.receive(k, packet, netip.AddrPort{})
}
