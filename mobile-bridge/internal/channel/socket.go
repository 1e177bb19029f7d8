package channel

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"time"
	"unicode/utf8"

	"github.com/gobwas/ws"

	"strowger/mobile-bridge/internal/face"
	"strowger/pkg/channel"
	"strowger/pkg/errs"
)

// sizeIn is the size of the buffer of what came, in bytes: the heads of frames pass through it, and TLS has one of its own.
const sizeIn = 64

var errTooLarge = errors.New("the frame is too large")

// socket is the server's end of a WebSocket (RFC 6455) as a conn. It keeps no more than it must: most that there are wait.
type socket struct {
	net  net.Conn
	in   *bufio.Reader
	calm *face.Patient // has the reader wait on a small stack; nil where none can
	more bool          // than was read may have come, so that it would wait in vain
}

// newSocket answers a request that asks for a WebSocket, and says which subprotocol it is for, empty for none of ours.
func newSocket(w http.ResponseWriter, r *http.Request) (s *socket, subprotocol string, err error) {
	// Nothing that a browser adds by itself lets anybody in, so pages of all origins may ask.
	conn, rw, hs, err := ws.HTTPUpgrader{
		Timeout: writeWithin, Protocol: func(name string) bool { return name == channel.Subprotocol },
	}.Upgrade(r, w)
	if err != nil {
		if conn != nil {
			_ = conn.Close() // it is closed either way
		}
		return nil, "", errs.New(errs.Invalid, "no WebSocket: %w", err)
	}
	var from io.Reader = conn
	if early, err := rw.Reader.Peek(rw.Reader.Buffered()); err == nil && len(early) > 0 { // of who did not wait for the answer
		from = io.MultiReader(bytes.NewReader(early), conn)
	}
	return &socket{net: conn, in: bufio.NewReaderSize(from, sizeIn), calm: face.Beneath(conn), more: true}, hs.Protocol, nil
}

// Read waits where that takes little stack, which is what most channels do at any time.
func (s *socket) Read(ctx context.Context) (frame []byte, err error) {
	until, _ := ctx.Deadline() // without one it has all time
	if err := s.net.SetReadDeadline(until); err != nil {
		return nil, err
	}
	if s.calm != nil && !s.more {
		if err := s.calm.Wait(); err != nil {
			return nil, err
		}
	}
	apart(func() {
		if frame, err = s.next(); s.calm != nil {
			s.more = s.pending()
		}
	})
	return frame, err
}

// pending says whether more has come than was read. It does not wait for it.
func (s *socket) pending() bool {
	if s.in.Buffered() > 0 {
		return true
	}
	if err := s.net.SetReadDeadline(time.Unix(1, 0)); err != nil { // long ago: what TLS has is read, and no more
		return true // the reader sees it
	}
	_, err := s.in.Peek(1)
	return !errors.Is(err, os.ErrDeadlineExceeded)
}

// next reads the next message, of however many fragments, and answers what is said between WebSockets.
func (s *socket) next() ([]byte, error) {
	var message []byte
	kind, state := ws.OpText, ws.StateServerSide
	for {
		h, err := ws.ReadHeader(s.in)
		if err != nil {
			return nil, err
		}
		if err := ws.CheckHeader(h, state); err != nil { // RFC 6455, 5.1 to 5.5
			return nil, s.fail(ws.StatusProtocolError, err)
		}
		if h.Length > int64(channel.MaxFrame-len(message)) {
			return nil, s.fail(ws.StatusMessageTooBig, errTooLarge)
		}
		// What is announced is not yet there: memory is taken as it comes.
		part, err := io.ReadAll(io.LimitReader(s.in, h.Length))
		if err != nil {
			return nil, err
		}
		if int64(len(part)) < h.Length {
			return nil, io.ErrUnexpectedEOF
		}
		ws.Cipher(part, h.Mask, 0)
		if h.OpCode.IsControl() {
			if err := s.control(h.OpCode, part); err != nil {
				return nil, err
			}
			continue
		}
		if h.OpCode != ws.OpContinuation {
			kind = h.OpCode
		}
		if message = append(message, part...); !h.Fin {
			state = state.Set(ws.StateFragmented)
			continue
		}
		if kind != ws.OpText || !utf8.Valid(message) { // RFC 6455, 5.6
			return nil, errs.New(errs.Invalid, "a frame is no text")
		}
		return message, nil
	}
}

// control answers a control frame (RFC 6455, 5.5). After a close nothing follows.
func (s *socket) control(kind ws.OpCode, payload []byte) error {
	switch kind {
	case ws.OpPing:
		return s.write(ws.NewPongFrame(payload), time.Now().Add(writeWithin))
	case ws.OpClose:
		if len(payload) < 2 { // without a code
			payload = nil
		}
		_ = s.write(ws.NewCloseFrame(payload[:min(2, len(payload))]), time.Now().Add(lastWords)) // whether the other side hears it or not
		s.Close()
		return io.EOF
	}
	return nil
}

// fail ends a connection on which nothing more can be understood (RFC 6455, 7.1.7).
func (s *socket) fail(code ws.StatusCode, why error) error {
	_ = s.write(ws.NewCloseFrame(ws.NewCloseFrameBody(code, why.Error())), time.Now().Add(lastWords)) // whether the other side hears it or not
	s.Close()
	return why
}

func (s *socket) Write(ctx context.Context, frame []byte) error {
	until, _ := ctx.Deadline()
	return s.write(ws.NewTextFrame(frame), until)
}

// write writes a frame as one, so that who reads may write as well.
func (s *socket) write(f ws.Frame, until time.Time) error {
	b, err := ws.CompileFrame(f)
	if err == nil {
		err = s.net.SetWriteDeadline(until)
	}
	if err != nil {
		return err
	}
	_, err = s.net.Write(b)
	return err
}

func (s *socket) Close() { _ = s.net.Close() } // it is closed either way

// TakeSocket opens a channel by WebSocket, of a source.
func (c *Channels) TakeSocket(w http.ResponseWriter, r *http.Request, source netip.Prefix) {
	if err := c.enter(source); err != nil {
		c.count(err)
		face.Refuse(w, http.StatusServiceUnavailable, errs.From(err))
		return
	}
	conn, subprotocol, err := newSocket(w, r)
	if err != nil { // it is answered
		c.count(err)
		c.leave(source)
		return
	}
	c.opened(conn)
	s, l, err := c.greetSocket(conn, subprotocol)
	if err != nil {
		c.refuse(conn, source, err)
		c.closed(conn)
		c.leave(source)
		return
	}
	// The goroutine of the request has a large stack, and much that this one needs no more.
	go func() {
		defer c.leave(source)
		defer c.closed(conn)
		c.read(s, l)
	}()
}

func (c *Channels) greetSocket(s *socket, subprotocol string) (*session, *link, error) {
	if subprotocol != channel.Subprotocol {
		return nil, nil, errs.New(errs.Upgrade, "this bridge speaks the subprotocol %s", channel.Subprotocol)
	}
	return c.greet(s)
}
