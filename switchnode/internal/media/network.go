package media

import (
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
)

// network opens the sockets of a relay and hands what comes in to their ports.
type network interface {
	// listen opens a socket, on a port that the system chooses if at has none.
	listen(at netip.AddrPort, p *Port, k kind) (socket, error)
	// close ends what is shared by the sockets, which are closed already.
	close()
}

// socket is a UDP socket of a port.
type socket interface {
	local() uint16 // its port
	send(packet []byte, to netip.AddrPort) error
	// close returns when no packet is in work any more.
	close()
}

// plainNetwork is the network of every system: a goroutine for each socket.
type plainNetwork struct{ log *slog.Logger }

func (n plainNetwork) listen(at netip.AddrPort, p *Port, k kind) (socket, error) {
	family := "udp" // with :: both families
	if at.Addr().Is4() {
		family = "udp4"
	}
	conn, err := net.ListenUDP(family, net.UDPAddrFromAddrPort(at))
	if err != nil {
		return nil, err
	}
	s := &plainSocket{conn: conn}
	s.reader.Go(func() { s.read(n.log, p, k) })
	return s, nil
}

func (plainNetwork) close() {}

type plainSocket struct {
	conn   *net.UDPConn
	reader sync.WaitGroup
}

// read hands packets to the port until the socket is closed. Another error ends it too: the silence that follows is
// noticed by who watches the call.
func (s *plainSocket) read(log *slog.Logger, p *Port, k kind) {
	buffer := make([]byte, maxPacket+1)
	for {
		n, from, err := s.conn.ReadFromUDPAddrPort(buffer)
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				log.Warn("media socket cannot be read", "local", addrOf(s.conn), "error", err)
			}
			return
		}
		p.receive(k, buffer[:n], netip.AddrPortFrom(from.Addr().Unmap(), from.Port()))
	}
}

func (s *plainSocket) send(packet []byte, to netip.AddrPort) error {
	_, err := s.conn.WriteToUDPAddrPort(packet, to)
	return err
}

func (s *plainSocket) local() uint16 { return addrOf(s.conn).Port() }

func (s *plainSocket) close() {
	s.conn.Close()
	s.reader.Wait()
}

func addrOf(c *net.UDPConn) netip.AddrPort { return c.LocalAddr().(*net.UDPAddr).AddrPort() }
