package sip

import (
	"encoding/binary"
	"net"
	"net/netip"
	"syscall"
)

// From linux/errqueue.h: where an error comes from, and what precedes the address of who sent it.
const (
	originICMP  = 2
	originICMP6 = 3

	extendedErr = 16 // bytes of struct sock_extended_err
)

// "Destination unreachable" of RFC 792 and RFC 4443, 3.1. The other errors that RFC 3261, 18.4 has a server ignore.
const (
	unreachable4 = 3
	unreachable6 = 1

	tooLarge4 = 4 // a code of "destination unreachable": the path takes no packet of that size (RFC 1191, 4)
)

// watchErrors asks for the ICMP errors of a socket, which one that is not connected is not told of otherwise (ip(7)).
func watchErrors(c *net.UDPConn) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var failed4, failed6 error
	err = raw.Control(func(fd uintptr) {
		failed4 = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IP, syscall.IP_RECVERR, 1)
		failed6 = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IPV6, syscall.IPV6_RECVERR, 1)
	})
	if err == nil && failed4 != nil && failed6 != nil { // a socket of both families takes both
		err = failed4
	}
	return err
}

// returned takes one error off the queue of a socket: whom the datagram was for, and what became of it, nil if that is
// nothing to act upon. ok is false when the queue is empty.
func returned(c *net.UDPConn) (to netip.AddrPort, failure error, ok bool) {
	raw, err := c.SyscallConn()
	if err != nil {
		return to, nil, false
	}
	var payload [1]byte // what was sent comes back too; it is not needed
	var control [256]byte
	var n int
	var from syscall.Sockaddr
	errControl := raw.Control(func(fd uintptr) {
		_, n, _, from, err = syscall.Recvmsg(int(fd), payload[:], control[:], syscall.MSG_ERRQUEUE|syscall.MSG_DONTWAIT)
	})
	if errControl != nil || err != nil {
		return to, nil, false
	}
	switch a := from.(type) {
	case *syscall.SockaddrInet4:
		to = netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port))
	case *syscall.SockaddrInet6:
		to = netip.AddrPortFrom(netip.AddrFrom16(a.Addr).Unmap(), uint16(a.Port))
	}
	return to, failureOf(control[:n]), true
}

// failureOf reads the control messages of an entry of the error queue.
func failureOf(control []byte) error {
	all, err := syscall.ParseSocketControlMessage(control)
	if err != nil {
		return nil
	}
	for _, m := range all {
		known := m.Header.Level == syscall.IPPROTO_IP && m.Header.Type == syscall.IP_RECVERR ||
			m.Header.Level == syscall.IPPROTO_IPV6 && m.Header.Type == syscall.IPV6_RECVERR
		if !known || len(m.Data) < extendedErr {
			continue
		}
		switch origin, kind := m.Data[4], m.Data[5]; {
		case origin == originICMP && kind == unreachable4 && m.Data[6] == tooLarge4: // the next copy is sent in fragments
		case origin == originICMP && kind == unreachable4, origin == originICMP6 && kind == unreachable6:
			return syscall.Errno(binary.NativeEndian.Uint32(m.Data))
		}
	}
	return nil
}
