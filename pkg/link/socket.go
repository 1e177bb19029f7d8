package link

import (
	"errors"
	"net"
	"runtime"
	"syscall"

	"golang.org/x/net/ipv4"
)

// lossy is a UDP socket on which a packet that the system does not let out is lost, as it may be anywhere on the way: a
// firewall rule, a full queue or a route that comes back in a second must not end the links, which their pings judge. Nor
// must an address that the machine lost: the links move to another socket.
type lossy struct {
	*net.UDPConn
	batches *ipv4.PacketConn // the same socket, of either family
}

func newLossy(c *net.UDPConn) lossy { return lossy{c, ipv4.NewPacketConn(c)} }

// ReadBatch reads packets for quic-go, which drops those that are 256 ahead of their connection, or 128 ahead of who takes what
// is in them. When there are more than it asks for, the others go first: the system's buffer holds thousands.
func (s lossy) ReadBatch(packets []ipv4.Message, flags int) (int, error) {
	n, err := s.batches.ReadBatch(packets, flags)
	if n == len(packets) {
		runtime.Gosched()
	}
	return n, err
}

// WriteTo sends a packet.
func (s lossy) WriteTo(b []byte, to net.Addr) (int, error) {
	n, err := s.UDPConn.WriteTo(b, to)
	if passes(err) {
		return len(b), nil
	}
	return n, err
}

// WriteMsgUDP sends a packet with control data.
func (s lossy) WriteMsgUDP(b, oob []byte, to *net.UDPAddr) (n, oobn int, err error) {
	n, oobn, err = s.UDPConn.WriteMsgUDP(b, oob, to)
	if passes(err) {
		return len(b), len(oob), nil
	}
	return n, oobn, err
}

// passes says whether an error of sending is of this moment only. EMSGSIZE and EIO are for quic-go, which learns the
// path's limits from them.
func passes(err error) bool {
	for _, e := range []error{
		syscall.EPERM, syscall.EACCES, syscall.ENOBUFS, syscall.EAGAIN, syscall.ENETUNREACH, syscall.EHOSTUNREACH, syscall.ENETDOWN,
		syscall.ECONNREFUSED, syscall.EADDRNOTAVAIL,
		syscall.EINVAL, // Linux: the address that the socket is bound to is gone
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
