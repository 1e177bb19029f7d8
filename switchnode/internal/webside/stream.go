package webside

import (
	"encoding/binary"
	"net"
	"sync"
	"time"

	"github.com/quic-go/webtransport-go"
)

// stream is the stream of an app as a net.Conn.
type stream struct {
	*webtransport.Stream
	local, remote *net.TCPAddr
	writing       sync.Mutex // Close must not come during a Write
	cut           bool       // the last Write left off within a message
}

func newStream(s *webtransport.Stream, number uint64) *stream {
	return &stream{Stream: s, local: streamAddr(2 * number), remote: streamAddr(2*number + 1)}
}

// streamAddr is an address of a stream's own, so that SIP, which knows connections by address, can tell it from any other:
// those of 100::/64 lead nowhere (RFC 6666).
func streamAddr(n uint64) *net.TCPAddr {
	ip := make(net.IP, net.IPv6len)
	ip[0] = 1
	binary.BigEndian.PutUint64(ip[8:], n)
	return &net.TCPAddr{IP: ip, Port: 5060}
}

func (s *stream) LocalAddr() net.Addr  { return s.local }
func (s *stream) RemoteAddr() net.Addr { return s.remote }

// Write takes one message at a time, whole or, past the deadline, not.
func (s *stream) Write(b []byte) (int, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	n, err := s.Stream.Write(b)
	s.cut = n < len(b)
	return n, err
}

// Close ends both directions. What was written still arrives; a Write that waits for the app gives up.
func (s *stream) Close() error {
	s.CancelRead(0)
	if err := s.SetWriteDeadline(time.Now()); err != nil {
		return err
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.cut {
		s.CancelWrite(0) // its end would be taken for the end of a message
		return nil
	}
	return s.Stream.Close()
}
