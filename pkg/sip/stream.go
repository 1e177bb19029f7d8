package sip

import (
	"bytes"
	"errors"
	"fmt"
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

// Stream is one connection that carries SIP: accepted, dialled, or served by hand. It gives sipgo whole, checked messages
// only, and its writes never block.
type Stream struct {
	conn    net.Conn
	peer    Peer
	tally   *tally
	begun   chan struct{} // sipgo reads: the connection can be sent to
	closed  chan struct{}
	writes  chan []byte
	begin   sync.Once
	end     sync.Once
	err     error // why it closed; set before closed
	buf     []byte
	framed  int  // length of the message at the start of buf that Read is handing out
	greeted bool // a first message came
	trial   trial

	accepted bool                      // the peer opened it
	let      func(netip.AddrPort) bool // whether a message of a stranger may cost work; set if accepted
}

func newStream(conn net.Conn, transport string, t *tally) (*Stream, error) {
	addr, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err != nil {
		return nil, fmt.Errorf("remote address %q of a SIP stream: %w", conn.RemoteAddr(), err)
	}
	return &Stream{
		conn: conn, peer: Peer{Transport: transport, Addr: netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())}, tally: t,
		begun: make(chan struct{}), closed: make(chan struct{}), writes: make(chan []byte, maxWrites),
	}, nil
}

// Peer returns what the stream leads to.
func (s *Stream) Peer() Peer { return s.peer }

// Done is closed when the stream has ended.
func (s *Stream) Done() <-chan struct{} { return s.closed }

// Err returns why the stream ended, after Done.
func (s *Stream) Err() error { return s.err }

// Close ends the stream.
func (s *Stream) Close() error { return s.fail(net.ErrClosed) }

func (s *Stream) fail(err error) error {
	var closing error
	s.end.Do(func() {
		s.err = err
		close(s.closed)
		closing = s.conn.Close()
	})
	return closing
}

// wire is a Stream as sipgo sees it.
type wire struct{ *Stream }

func (w wire) LocalAddr() net.Addr              { return w.conn.LocalAddr() }
func (w wire) RemoteAddr() net.Addr             { return net.TCPAddrFromAddrPort(w.peer.Addr) }
func (w wire) SetDeadline(time.Time) error      { return nil }
func (w wire) SetReadDeadline(time.Time) error  { return nil }
func (w wire) SetWriteDeadline(time.Time) error { return nil }

// Write queues a message.
func (w wire) Write(p []byte) (int, error) {
	select {
	case <-w.closed:
		return 0, net.ErrClosed
	case w.writes <- bytes.Clone(p):
		return len(p), nil
	default:
		w.tally.add(dropSlow)
		_ = w.fail(errSlow)
		return 0, errSlow
	}
}

// write sends what is queued until the stream ends.
func (s *Stream) write() {
	for {
		select {
		case <-s.closed:
			return
		case p := <-s.writes:
			if _, err := s.conn.Write(p); err != nil {
				_ = s.fail(err)
				return
			}
		}
	}
}

// Read hands out the next message. Keep-alives between messages are answered here.
func (w wire) Read(p []byte) (int, error) {
	w.begin.Do(func() { close(w.begun) })
	for w.framed == 0 {
		if err := w.fill(); err != nil {
			_ = w.fail(err)
			return 0, net.ErrClosed
		}
	}
	n := copy(p, w.buf[:w.framed])
	w.framed -= n
	w.buf = w.buf[n:]
	return n, nil
}

// fill frames the next message, reading as much as that takes.
func (w wire) fill() error {
	s := w.Stream
	for {
		if done, err := s.next(); done || err != nil {
			return err
		}
		deadline := s.trial.deadline()
		if !s.greeted || len(s.buf) > 0 {
			deadline = time.Now().Add(patience)
		}
		if err := s.conn.SetReadDeadline(deadline); err != nil {
			return err
		}
		chunk := make([]byte, 4<<10)
		n, err := s.conn.Read(chunk)
		s.buf = append(s.buf, chunk[:n]...)
		if n == 0 && err != nil && !s.passed(err) {
			return err
		}
	}
}

// next takes keep-alives off the buffer and frames the message behind them, if it is complete.
func (s *Stream) next() (bool, error) {
	for bytes.HasPrefix(s.buf, []byte("\r\n")) {
		if bytes.HasPrefix(s.buf, []byte("\r\n\r\n")) { // RFC 5626, 4.4.1: a ping wants its pong
			s.buf = s.buf[4:]
			if _, err := (wire{s}).Write([]byte("\r\n")); err != nil {
				return false, err
			}
			continue
		}
		if len(s.buf) == 2 || s.buf[2] == '\r' && len(s.buf) == 3 {
			break // perhaps the first half of a ping
		}
		s.buf = s.buf[2:] // RFC 3261, 7.5: CRLF before a start line is nothing
	}
	if len(s.buf) < 4 {
		return false, nil
	}
	n, err := frame(s.buf, true)
	switch r := (refusal{}); {
	case errors.Is(err, errPartial):
		return false, nil
	case errors.As(err, &r):
		s.tally.add(r.drop)
		return false, err
	}
	if s.accepted && !s.trial.over() && !s.let(s.peer.Addr) {
		s.tally.add(dropRate)
		return false, errFast
	}
	s.framed, s.greeted = n, true
	return true, nil
}
