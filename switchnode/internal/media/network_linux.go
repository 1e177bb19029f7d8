package media

import (
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"

	"syscall"
)

// coresPerPoller: one poller relays about 250,000 packets a second, the audio of 2,500 calls.
const coresPerPoller = 4

// pollers is the network of Linux. A goroutine for each socket costs a wake-up of the process, or more, for each packet,
// and holds a stack and a buffer; a poller reads thousands of sockets, and what comes within a millisecond at once.
type pollers struct {
	all  []*poller
	next atomic.Uint32
}

func newNetwork(log *slog.Logger) network {
	var n pollers
	for range max(1, runtime.GOMAXPROCS(0)/coresPerPoller) {
		n.all = append(n.all, &poller{log: log, sockets: map[int32]*polledSocket{}})
	}
	return &n
}

func (n *pollers) listen(at netip.AddrPort, p *Port, k kind) (socket, error) {
	fd, err := bindUDP(at)
	if err != nil {
		return nil, err
	}
	s := &polledSocket{poller: n.all[n.next.Add(1)%uint32(len(n.all))], port: p, kind: k, fd: fd, six: at.Addr().Is6()}
	if err := s.poller.add(s); err != nil {
		_ = syscall.Close(fd) // the first error is the one to tell
		return nil, err
	}
	return s, nil
}

func (n *pollers) close() {
	for _, p := range n.all {
		p.close()
	}
}

// polledSocket is a socket that a poller reads. mu keeps its number from being somebody else's while it is used.
type polledSocket struct {
	poller *poller
	port   *Port
	kind   kind
	six    bool // of the family of IPv6, which reaches IPv4 too

	mu     sync.RWMutex
	fd     int
	closed bool
}

// bindUDP opens a socket at an address; with :: it is one of both families.
func bindUDP(at netip.AddrPort) (fd int, err error) {
	family := syscall.AF_INET
	if at.Addr().Is6() {
		family = syscall.AF_INET6
	}
	fd, err = syscall.Socket(family, syscall.SOCK_DGRAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, syscall.IPPROTO_UDP)
	if err != nil {
		return 0, err
	}
	if at.Addr() == netip.IPv6Unspecified() {
		err = syscall.SetsockoptInt(fd, syscall.IPPROTO_IPV6, syscall.IPV6_V6ONLY, 0)
	}
	if err == nil {
		err = syscall.Bind(fd, sockaddr(at, at.Addr().Is6()))
	}
	if err != nil {
		_ = syscall.Close(fd) // the first error is the one to tell
		return 0, err
	}
	return fd, nil
}

// read hands one packet to the port.
func (s *polledSocket) read(buffer []byte) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return
	}
	n, from, err := syscall.Recvfrom(s.fd, buffer, syscall.MSG_DONTWAIT)
	switch {
	case err == nil:
		s.port.receive(s.kind, buffer[:n], addrPort(from))
	case !errors.Is(err, syscall.EAGAIN) && !errors.Is(err, syscall.EINTR):
		// The silence that follows is noticed by who watches the call.
		s.poller.log.Warn("media socket cannot be read", "local", s.port.Local().Addr, "error", err)
		s.poller.forget(s)
	}
}

func (s *polledSocket) send(packet []byte, to netip.AddrPort) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return net.ErrClosed
	}
	return syscall.Sendto(s.fd, packet, syscall.MSG_DONTWAIT, sockaddr(to, s.six))
}

func (s *polledSocket) local() uint16 {
	at, err := syscall.Getsockname(s.fd)
	if err != nil {
		return 0 // a bound socket has a name
	}
	return addrPort(at).Port()
}

func (s *polledSocket) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.poller.forget(s)
	_ = syscall.Close(s.fd) // a UDP socket holds nothing back
}

// sockaddr is an address as the system wants it. A zone that is no interface is left out, and the system refuses the
// packet.
func sockaddr(a netip.AddrPort, six bool) syscall.Sockaddr {
	if !six {
		return &syscall.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	to := &syscall.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
	if zone := a.Addr().Zone(); zone != "" {
		if i, err := net.InterfaceByName(zone); err == nil {
			to.ZoneId = uint32(i.Index)
		}
	}
	return to
}

// addrPort is the opposite of sockaddr, with IPv4 as such.
func addrPort(from syscall.Sockaddr) netip.AddrPort {
	switch from := from.(type) {
	case *syscall.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(from.Addr), uint16(from.Port))
	case *syscall.SockaddrInet6:
		a := netip.AddrFrom16(from.Addr).Unmap()
		if from.ZoneId != 0 {
			if i, err := net.InterfaceByIndex(int(from.ZoneId)); err == nil {
				a = a.WithZone(i.Name)
			}
		}
		return netip.AddrPortFrom(a, uint16(from.Port))
	}
	return netip.AddrPort{}
}
