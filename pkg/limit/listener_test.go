package limit

import (
	"errors"
	"io"
	"net"
	"testing"
)

// TestConnections: who has all that a source may have gets no more, until it closes one.
func TestConnections(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := Connections(inner, 10, 2)
	accepted := make(chan net.Conn, 8)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			accepted <- c
		}
	}()
	dial := func() net.Conn {
		t.Helper()
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	dial()
	dial()
	first := <-accepted
	<-accepted
	if _, err := dial().Read(make([]byte, 1)); !errors.Is(err, io.EOF) && err == nil || l.Refused() != 1 {
		t.Errorf("a third connection: %v, refused %d", err, l.Refused())
	}
	if err := errors.Join(first.Close(), first.Close()); err == nil {
		t.Error("closed twice, and nobody said so")
	}
	dial()
	<-accepted // and no more than one place was given back
	if _, err := dial().Read(make([]byte, 1)); err == nil || l.Refused() != 2 {
		t.Errorf("one too many: %v, refused %d", err, l.Refused())
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	<-done
}
