package sdk

import (
	"net"
	"sync"
	"time"

	"github.com/quic-go/webtransport-go"
)

// stream is the SIP stream of a connection as a net.Conn. Its addresses lead nowhere (RFC 6666): SIP knows the stream by them.
type stream struct {
	*webtransport.Stream
	writing sync.Mutex // there may be neither two Writes at once nor Close during one
}

// numbered is a stream of a call that has had others, which may not be closed yet.
type numbered struct {
	net.Conn
	number uint16
}

func (n numbered) LocalAddr() net.Addr  { return discard(n.number, 1) }
func (n numbered) RemoteAddr() net.Addr { return discard(n.number, 2) }

func newStream(s *webtransport.Stream) *stream { return &stream{Stream: s} }

func discard(number uint16, last byte) net.Addr {
	return &net.TCPAddr{IP: net.IP{0: 1, 13: byte(number >> 8), 14: byte(number), 15: last}, Port: 5060}
}

func (s *stream) LocalAddr() net.Addr  { return discard(0, 1) }
func (s *stream) RemoteAddr() net.Addr { return discard(0, 2) }

func (s *stream) Write(b []byte) (int, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	return s.Stream.Write(b)
}

// Close ends both directions. What was written still arrives; a Write that waits for the node gives up.
func (s *stream) Close() error {
	s.CancelRead(0)
	if err := s.SetWriteDeadline(time.Now()); err != nil {
		return err
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	return s.Stream.Close()
}
