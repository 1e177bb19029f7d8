package splice

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/coder/websocket"

	"strowger/pkg/sip"
)

// pingEvery keeps the mappings of NATs and proxies on the way, and finds apps that are gone.
const pingEvery = 25 * time.Second

// pump carries messages in both directions until one side ends, and closes both.
func (s *Splice) pump(ws *websocket.Conn, stream net.Conn) {
	defer context.AfterFunc(s.ctx, func() { _ = stream.Close() })() // which ends all
	ctx, cancel := context.WithCancel(context.WithoutCancel(s.ctx)) // the app is to read why
	var work sync.WaitGroup
	work.Go(func() { // each close below waits a little for the app's, which up reads
		switch err := down(ctx, ws, stream); {
		case s.ctx.Err() != nil:
			_ = ws.Close(websocket.StatusGoingAway, "this bridge stops")
		case errors.Is(err, io.EOF):
			_ = ws.Close(websocket.StatusNormalClosure, "")
		default:
			_ = ws.Close(websocket.StatusBadGateway, "the connection to the switch was lost")
		}
	})
	work.Go(func() {
		if ping(ctx, ws) != nil {
			_ = stream.Close()
		}
	})
	up(ctx, ws, stream)
	_ = stream.Close() // what was written still arrives
	cancel()
	work.Wait()
	_ = ws.CloseNow() // it is closed either way
}

// up carries the app's messages to the switch.
func up(ctx context.Context, ws *websocket.Conn, stream net.Conn) {
	for {
		_, b, err := ws.Read(ctx)
		switch {
		case err != nil:
			return
		case len(bytes.Trim(b, "\r\n")) == 0: // RFC 5626, 3.5.1: a ping wants its pong
			if write(ctx, ws, []byte("\r\n")) != nil {
				return
			}
			continue
		}
		whole, err := sip.Whole(b)
		if err != nil {
			_ = ws.Close(websocket.StatusInvalidFramePayloadData, "each frame is one SIP message")
			return
		}
		if stream.SetWriteDeadline(time.Now().Add(writeTime)) != nil {
			return
		}
		if _, err := stream.Write(whole); err != nil {
			return
		}
	}
}

const readSize = 4 << 10

// down carries the switch's messages to the app, and returns why it ended.
func down(ctx context.Context, ws *websocket.Conn, stream net.Conn) error {
	buf := make([]byte, 0, readSize)
	for {
		n, err := sip.First(buf)
		if err != nil {
			return err
		}
		if n > 0 {
			if m := buf[:n]; m[0] > ' ' { // else keep-alives: the WebSocket has its own
				if err := write(ctx, ws, m); err != nil {
					return err
				}
			}
			buf = buf[n:]
			continue
		}
		if cap(buf)-len(buf) < readSize/2 { // messages taken leave no room before them
			buf = append(make([]byte, 0, max(readSize, 2*len(buf))), buf...)
		}
		n, err = stream.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if n == 0 && err != nil {
			return err
		}
	}
}

// ping returns when ctx ends, or why the app is gone.
func ping(ctx context.Context, ws *websocket.Conn) error {
	tick := time.NewTicker(pingEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		pong, cancel := context.WithTimeout(ctx, writeTime)
		err := ws.Ping(pong)
		cancel()
		if err != nil && ctx.Err() == nil {
			return err
		}
	}
}
