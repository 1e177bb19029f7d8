package channel

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/coder/websocket"

	"strowger/mobile-bridge/internal/face"
	"strowger/pkg/channel"
	"strowger/pkg/errs"
)

// socket is a WebSocket as a conn.
type socket struct{ ws *websocket.Conn }

func (s socket) Read(ctx context.Context) ([]byte, error) {
	kind, frame, err := s.ws.Read(ctx)
	if err == nil && kind != websocket.MessageText {
		err = errs.New(errs.Invalid, "a frame is binary, want text")
	}
	return frame, err
}

func (s socket) Write(ctx context.Context, frame []byte) error {
	return s.ws.Write(ctx, websocket.MessageText, frame)
}

func (s socket) Close() { _ = s.ws.CloseNow() } // it is closed either way

// TakeSocket opens a channel by WebSocket, of a source.
func (c *Channels) TakeSocket(w http.ResponseWriter, r *http.Request, source netip.Prefix) {
	if err := c.enter(source); err != nil {
		c.count(err)
		face.Refuse(w, http.StatusServiceUnavailable, errs.From(err))
		return
	}
	// Nothing that a browser adds by itself lets anybody in, so pages of all origins may ask.
	ws, err := websocket.Accept(slim{w}, r, &websocket.AcceptOptions{Subprotocols: []string{channel.Subprotocol}, InsecureSkipVerify: true})
	if err != nil { // it is answered
		c.count(errs.New(errs.Invalid, "%w", err))
		c.leave(source)
		return
	}
	ws.SetReadLimit(channel.MaxFrame)
	conn := socket{ws}
	c.opened(conn)
	s, l, err := c.greetSocket(conn)
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

func (c *Channels) greetSocket(s socket) (*session, *link, error) {
	if s.ws.Subprotocol() != channel.Subprotocol {
		return nil, nil, errs.New(errs.Upgrade, "this bridge speaks the subprotocol %s", channel.Subprotocol)
	}
	return c.greet(s)
}

// slim gives a WebSocket small buffers: frames are short, and larger ones pass by the buffers.
type slim struct{ http.ResponseWriter }

const bufferSize = 256

// Hijack takes over the connection.
func (s slim) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(s.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	if err := conn.SetDeadline(time.Time{}); err != nil { // those of the server were for a request
		return nil, nil, err
	}
	if rw.Reader.Buffered() > 0 || rw.Writer.Buffered() > 0 { // a client that speaks before it is answered, or the answer
		return conn, rw, nil
	}
	return conn, bufio.NewReadWriter(bufio.NewReaderSize(conn, bufferSize), bufio.NewWriterSize(conn, bufferSize)), nil
}
