package sip

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	maxStreams = 20_000           // connections of one endpoint
	maxWrites  = 128              // messages that wait for a slow peer
	patience   = 32 * time.Second // for the first message of a connection, and for the rest of one that has begun
)

var errSlow = errors.New("the peer does not read what it is sent")

// Stream is one connection that carries SIP: accepted, dialled, or served by hand. Its writes never block.
type Stream struct {
	conn    net.Conn
	peer    Peer
	tally   *tally
	closed  chan struct{}
	left    chan struct{} // closed when the endpoint has forgotten it
	writes  chan []byte
	end     sync.Once
	err     error // why it closed; set before closed
	buf     []byte
	late    time.Time // when the message that is being read must be complete
	greeted bool      // a first message came
	trial   trial

	accepted  bool       // the peer opened it
	strangers *strangers // whether a message of one may cost work; set if accepted
}

func newStream(conn net.Conn, transport string, t *tally) (*Stream, error) {
	addr, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err != nil {
		return nil, fmt.Errorf("remote address %q of a SIP stream: %w", conn.RemoteAddr(), err)
	}
	return &Stream{
		conn: conn, peer: Peer{Transport: transport, Addr: netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())}, tally: t,
		closed: make(chan struct{}), left: make(chan struct{}), writes: make(chan []byte, maxWrites),
	}, nil
}

// Peer returns what the stream leads to.
func (s *Stream) Peer() Peer { return s.peer }

// TLS is what was agreed on with the peer of a stream that was dialled over TLS; false for any other.
func (s *Stream) TLS() (tls.ConnectionState, bool) {
	c, ok := s.conn.(*tls.Conn)
	if !ok {
		return tls.ConnectionState{}, false
	}
	return c.ConnectionState(), true
}

// Done is closed when the stream has ended.
func (s *Stream) Done() <-chan struct{} { return s.closed }

// Left is closed when the endpoint has forgotten the stream: another to the same peer can be opened.
func (s *Stream) Left() <-chan struct{} { return s.left }

// Err returns why the stream ended, after Done.
func (s *Stream) Err() error { return s.err }

// Close ends the stream behind what is queued. A peer that does not read that soon misses it.
func (s *Stream) Close() error {
	var err error
	s.end.Do(func() {
		s.err = net.ErrClosed
		err = s.conn.SetWriteDeadline(time.Now().Add(lingerTime))
		close(s.closed) // and write closes the connection
	})
	return err
}

func (s *Stream) fail(err error) error {
	var closing error
	s.end.Do(func() {
		s.err = err
		close(s.closed)
		closing = s.conn.Close()
	})
	return closing
}

// send queues a message.
func (s *Stream) send(b []byte) error {
	select {
	case <-s.closed:
		return net.ErrClosed
	default:
	}
	select {
	case s.writes <- b:
		return nil
	default:
		s.tally.add(dropSlow)
		_ = s.fail(errSlow)
		return errSlow
	}
}

// write sends what is queued until the stream ends, and what is queued then.
func (s *Stream) write() {
	defer func() { _ = s.conn.Close() }() // what fails has closed it
	for {
		select {
		case <-s.closed:
			s.flush()
			return
		case p := <-s.writes:
			if _, err := s.conn.Write(p); err != nil {
				_ = s.fail(err)
				return
			}
		}
	}
}

// flush sends what is queued.
func (s *Stream) flush() {
	for {
		select {
		case p := <-s.writes:
			if _, err := s.conn.Write(p); err != nil {
				return
			}
		default:
			return
		}
	}
}

// readSize is how much is read at a time, and what an idle connection holds.
const readSize = 4 << 10

// read gives every message to take until the stream ends, and the last one if it ends by a length at fault. Keep-alives between messages are answered here.
func (s *Stream) read(take func(b []byte, framing fault)) {
	for {
		n, err := s.next()
		switch {
		case err != nil:
			if errors.Is(err, refusal{dropLength}) {
				take(s.buf, badLength)
			}
			s.linger()
			_ = s.fail(err)
			return
		case n > 0:
			take(s.buf[:n], "")
			s.buf, s.late = s.buf[n:], time.Time{}
			continue
		}
		if err := s.fill(); err != nil {
			_ = s.fail(err)
			return
		}
	}
}

// lingerTime is how long a peer has to read why its connection is closed: a long round trip.
const lingerTime = 250 * time.Millisecond

// linger reads on for a while: to close a connection with input unread would take the last answers from the peer.
func (s *Stream) linger() {
	if s.conn.SetReadDeadline(time.Now().Add(lingerTime)) == nil {
		_, _ = io.Copy(io.Discard, s.conn)
	}
}

// fill reads more of the message that the buffer begins with.
func (s *Stream) fill() error {
	deadline := s.trial.deadline()
	switch {
	case s.greeted && len(s.buf) == 0:
		s.late = time.Time{}
	case s.late.IsZero():
		s.late = time.Now().Add(patience)
	}
	if !s.late.IsZero() {
		deadline = s.late
	}
	if err := s.conn.SetReadDeadline(deadline); err != nil {
		return err
	}
	if cap(s.buf)-len(s.buf) < readSize/2 { // messages taken leave no room before them
		s.buf = append(make([]byte, 0, max(readSize, 2*len(s.buf))), s.buf...)
	}
	n, err := s.conn.Read(s.buf[len(s.buf):cap(s.buf)])
	s.buf = s.buf[:len(s.buf)+n]
	if n == 0 && err != nil && !s.passed(err) {
		return err
	}
	return nil
}

// next takes keep-alives off the buffer and returns the length of the message behind them, 0 if it is not complete.
func (s *Stream) next() (int, error) {
	for bytes.HasPrefix(s.buf, []byte("\r\n")) {
		if bytes.HasPrefix(s.buf, []byte("\r\n\r\n")) { // RFC 5626, 4.4.1: a ping wants its pong
			s.buf = s.buf[4:]
			if err := s.send([]byte("\r\n")); err != nil {
				return 0, err
			}
			continue
		}
		if len(s.buf) == 2 || s.buf[2] == '\r' && len(s.buf) == 3 {
			break // perhaps the first half of a ping
		}
		s.buf = s.buf[2:] // RFC 3261, 7.5: CRLF before a start line is nothing
	}
	if len(s.buf) < 4 {
		return 0, nil
	}
	n, err := frame(s.buf, true)
	switch r := (refusal{}); {
	case errors.Is(err, errPartial):
		return 0, nil
	case errors.As(err, &r):
		s.tally.add(r.drop)
		if s.accepted {
			s.strangers.offends(s.peer, NoSIP)
		}
		return 0, err
	}
	if s.accepted && !s.trial.over() {
		if err, r := s.strangers.let(s.peer, s.buf[:n]), (refusal{}); errors.As(err, &r) {
			s.tally.add(r.drop)
			return 0, err
		}
	}
	s.greeted = true
	return n, nil
}
