package sip

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"testing"
	"time"
)

// gate answers REGISTER with 200 for a password shown, and with 401 for none.
type gate struct{ endpoint *Endpoint }

func (g *gate) Invite(d *Dialog) { d.Refuse(480, "Temporarily Unavailable", Cause{}) }

func (g *gate) Register(req *Request, from Peer, respond Respond) {
	if req.GetHeader("Authorization") == nil {
		respond(401, "Unauthorized")
		return
	}
	g.endpoint.Trust(from)
	respond(200, "OK")
}

// guarded runs an endpoint with limits on one TCP port.
func guarded(t *testing.T, perSource int, trial time.Duration) string {
	t.Helper()
	g := &gate{}
	g.endpoint = NewEndpoint(Config{Name: "test", AdvertiseHost: "127.0.0.1", Handler: g, Logger: slog.New(slog.DiscardHandler), MaxPerSource: perSource, Trial: trial})
	at, err := g.endpoint.ListenTCP("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- g.endpoint.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	<-g.endpoint.Running()
	return at.String()
}

const register = "REGISTER sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:9;branch=z9hG4bK%s\r\nFrom: <sip:a@127.0.0.1>;tag=1\r\n" +
	"To: <sip:a@127.0.0.1>\r\nCall-ID: 1\r\nCSeq: 1 REGISTER\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n"

func knock(t *testing.T, at, extra string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if _, err := c.Write([]byte(fmt.Sprintf(register, c.LocalAddr().String()[10:]) + extra + "\r\n")); err != nil {
		t.Fatal(err)
	}
	if err := c.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 2048)); err != nil {
		t.Fatalf("no answer: %v", err)
	}
	return c
}

// closes says whether the other side ends the connection within a time.
func closes(t *testing.T, c net.Conn, within time.Duration) bool {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(within)); err != nil {
		t.Fatal(err)
	}
	_, err := c.Read(make([]byte, 1))
	timeout, ok := err.(net.Error)
	return !ok || !timeout.Timeout()
}

func TestConnectionsThatShowNoPasswordMustGo(t *testing.T) {
	t.Parallel()
	at := guarded(t, 0, 2*time.Second)
	phone, stranger := knock(t, at, "Authorization: Digest x\r\n"), knock(t, at, "")
	if !closes(t, stranger, time.Minute) {
		t.Error("a stranger's connection stays")
	}
	if closes(t, phone, 100*time.Millisecond) { // its trial would have ended before
		t.Error("a phone's connection was closed at the end of the trial")
	}
}

func TestConnectionsOfOneSourceAreLimited(t *testing.T) {
	at := guarded(t, 2, 0)
	first := knock(t, at, "")
	knock(t, at, "")
	third, err := net.Dial("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	defer third.Close()
	if !closes(t, third, time.Minute) {
		t.Fatal("a third connection was taken")
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); ; {
		again, err := net.Dial("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		taken := !closes(t, again, 50*time.Millisecond)
		_ = again.Close()
		if taken {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the place of a closed connection is not given again")
		}
	}
}
