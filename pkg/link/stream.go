package link

import (
	"encoding/binary"
	"net"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
)

// stream is a SIP stream as a net.Conn.
type stream struct {
	*quic.Stream
	local, remote *net.TCPAddr
	writing       sync.Mutex // quic-go wants neither two Writes at once nor Close during one
	cut           bool       // the last Write left off within a message
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

// Write takes one message at a time, whole or, past the deadline, not.
func (s *stream) Write(b []byte) (int, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	n, err := s.Stream.Write(b)
	s.cut = n < len(b)
	return n, err
}

// Close ends both directions. What was written still arrives; a Write that waits for the peer gives up.
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
