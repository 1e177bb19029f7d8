package link

import (
	"encoding/binary"
	"net"
	"sync"

	"github.com/quic-go/quic-go"
)

// stream is a SIP stream as a net.Conn.
type stream struct {
	*quic.Stream
	local, remote *net.TCPAddr
	writing       sync.Mutex // Close must not meet a Write
}

func (e *Endpoint) sipStream(s *quic.Stream) *stream {
	n := 2 * e.streams.Add(1)
	return &stream{Stream: s, local: streamAddr(n), remote: streamAddr(n + 1)}
}

// streamAddr is the n-th address of 100::/64, which leads nowhere (RFC 6666), with the SIP port.
func streamAddr(n uint64) *net.TCPAddr {
	ip := make(net.IP, net.IPv6len)
	ip[0] = 1
	binary.BigEndian.PutUint64(ip[8:], n)
	return &net.TCPAddr{IP: ip, Port: 5060}
}

func (s *stream) LocalAddr() net.Addr  { return s.local }
func (s *stream) RemoteAddr() net.Addr { return s.remote }

func (s *stream) Write(b []byte) (int, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	return s.Stream.Write(b)
}

// Close ends both directions: what was written still arrives, unless a Write waits for the peer at this moment.
func (s *stream) Close() error {
	s.CancelRead(0)
	if !s.writing.TryLock() {
		s.CancelWrite(0)
		return nil
	}
	defer s.writing.Unlock()
	return s.Stream.Close()
}
