package link

import (
	"errors"
	"net"
	"syscall"
)

// lossy is a UDP socket on which a packet that the system does not let out is lost, as it may be anywhere on the way: a
// firewall rule, a full queue or a route that comes back in a second must not end the links, which their pings judge. Nor
// must an address that the machine lost: the links move to another socket.
type lossy struct{ *net.UDPConn }

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
