package link

import (
	"io"
	"net"
	"testing"

	"strowger/pkg/errs"
)

// TestLampsStream: a switch tells another of lamps; one of an older release is not asked to listen.
func TestLampsStream(t *testing.T) {
	o := newOrg(t)
	came := make(chan net.Conn, 1)
	cfg := o.config(t)
	cfg.OnLamps = func(c *Conn, s net.Conn) { came <- s }
	y, x := start(t, cfg), start(t, o.config(t))
	c := x.connect(t, y)
	defer c.Hold()()
	s, err := c.OpenLamps(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Write([]byte("line\n")); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 5)
	if _, err := io.ReadFull(wait(t, "stream", came), line); err != nil || string(line) != "line\n" {
		t.Errorf("read %q, %v", line, err)
	}
	old := &Conn{hello: c.hello}
	old.hello.Capability = capabilityLamps - 1
	if _, err := old.OpenLamps(t.Context()); errs.CodeOf(err) != errs.Upgrade {
		t.Errorf("a switch of an older release: %v", err)
	}
}
