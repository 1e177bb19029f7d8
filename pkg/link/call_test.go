package link

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"testing"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/ident"
	"strowger/pkg/trust"
)

// bridge is the configuration of a bridge of o.
func (o *org) bridge(t *testing.T) Config {
	t.Helper()
	c := o.config(t)
	c.Name = trust.Name{Org: o.id, Kind: trust.Bridge, ID: ident.New(ident.Bridge)}
	cert := o.issuer.Node(t, c.Name, nil)
	c.Certificate = func() tls.Certificate { return cert }
	return c
}

// call is a stream of an app, as its switch gets it.
type call struct {
	net.Conn
	from string
}

// takesCalls is the configuration of a switch of o, and the calls that come in.
func (o *org) takesCalls(t *testing.T) (Config, <-chan call) {
	t.Helper()
	c, calls := o.config(t), make(chan call, maxCallStreams)
	c.OnCall = func(s net.Conn, from string) { calls <- call{s, from} }
	return c, calls
}

// TestCallThroughABridge: a switch dials a bridge, which opens a stream for each app.
func TestCallThroughABridge(t *testing.T) {
	o := newOrg(t)
	cfg, calls := o.takesCalls(t)
	x, b := start(t, cfg), start(t, o.bridge(t))
	defer x.connect(t, b).Hold()()
	at := b.linked(t, x)
	if b.Linked(cfg.Name.ID) != at || b.Linked("sw_another") != nil {
		t.Error("the bridge does not know which switches it has")
	}
	s, err := at.OpenCall(t.Context(), "192.0.2.7:5060")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Write([]byte("entry\n")); err != nil {
		t.Fatal(err)
	}
	got := wait(t, "call", calls)
	if got.from != "192.0.2.7:5060" {
		t.Errorf("the app is seen at %q", got.from)
	}
	if _, err := got.Write([]byte("verdict\n")); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]net.Conn{"entry\n": got, "verdict\n": s} {
		b := make([]byte, len(name))
		if _, err := io.ReadFull(c, b); err != nil || string(b) != name {
			t.Errorf("read %q, %v, want %q", b, err, name)
		}
	}
}

// TestCallsAreLimited: what a bridge may have at a switch at once is bounded, and a place that was left is another's.
func TestCallsAreLimited(t *testing.T) {
	o := newOrg(t)
	cfg, calls := o.takesCalls(t)
	x, b := start(t, cfg), start(t, o.bridge(t))
	defer x.connect(t, b).Hold()()
	at := b.linked(t, x)
	var open []net.Conn
	for range maxCallStreams {
		s, err := at.OpenCall(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, s)
	}
	full, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := at.OpenCall(full, "")
	wantCode(t, err, errs.Congested)
	if err := open[0].Close(); err != nil {
		t.Fatal(err)
	}
	for range maxCallStreams {
		_ = wait(t, "call", calls).Close()
	}
	if _, err := at.OpenCall(t.Context(), ""); err != nil {
		t.Errorf("a call after others left: %v", err)
	}
}

// TestBridgesAndCallsWhereNoneBelong: only switches dial, only bridges open calls, and a bridge takes no SIP.
func TestBridgesAndCallsWhereNoneBelong(t *testing.T) {
	o := newOrg(t)
	cfg, _ := o.takesCalls(t)
	x, y, b := start(t, cfg), start(t, o.config(t)), start(t, o.bridge(t))
	if _, err := b.Connect(t.Context(), x.designated()); errs.CodeOf(err) != errs.Forbidden {
		t.Errorf("a bridge that dials a switch: %v", err)
	}
	refused := func(from *node, s net.Conn, err error, at *node) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Read(make([]byte, 1)); err == nil || err == io.EOF {
			t.Errorf("a stream to %s was taken: %v", at.cfg.Name.Kind, err)
		}
		eventually(t, "count", func() bool { return at.Counters().StreamsRefused == 1 })
	}
	c := y.connect(t, x)
	defer c.Hold()()
	s, err := c.OpenCall(t.Context(), "")
	refused(y, s, err, x)
	other := o.bridge(t)
	other.OnSIP = nil
	e, err := Listen(other)
	if err != nil {
		t.Fatal(err)
	}
	n := (&node{cfg: other}).run(t, e)
	c = x.connect(t, n)
	defer c.Hold()()
	s, err = c.OpenSIP(t.Context())
	refused(x, s, err, n)
	foreign := newOrg(t)
	foreign.root = o.root
	foreign.issuer = o.root.Intermediate(t, foreign.id)
	if _, err := start(t, foreign.config(t)).Connect(t.Context(), b.designated()); err == nil {
		t.Error("a bridge lets in a switch of another organization")
	}
}
