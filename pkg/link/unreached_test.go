package link

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"strowger/pkg/errs"
)

// firewall lets in what comes from where something was sent to, as a router with NAT does.
type firewall struct {
	net.PacketConn
	mu    sync.Mutex
	known map[string]bool
}

func (f *firewall) WriteTo(b []byte, to net.Addr) (int, error) {
	f.mu.Lock()
	f.known[to.String()] = true
	f.mu.Unlock()
	return f.PacketConn.WriteTo(b, to)
}

func (f *firewall) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, from, err := f.PacketConn.ReadFrom(b)
		f.mu.Lock()
		known := err != nil || f.known[from.String()]
		f.mu.Unlock()
		if known {
			return n, from, err
		}
	}
}

// behindFirewall runs a node that nobody can dial.
func behindFirewall(t *testing.T, cfg Config) *node {
	t.Helper()
	n := prepare(&cfg)
	return n.run(t, newEndpoint(cfg, &firewall{PacketConn: loopback(t), known: map[string]bool{}}, anySocket))
}

// Y cannot be dialled: X has it dial X, and who wants to reach Y gets that link. Many wait for one and the same.
func TestNodeThatCannotBeDialledDials(t *testing.T) {
	o := newOrg(t)
	y := behindFirewall(t, o.config(t))
	cfg := o.config(t)
	var x *node
	var asked atomic.Int32
	cfg.Times.Unreached = 50 * time.Millisecond
	cfg.Unreached = func(ctx context.Context, node string) error {
		asked.Add(1)
		if node != y.cfg.Name.ID {
			t.Errorf("asked for %s", node)
		}
		_, err := y.Connect(ctx, x.designated())
		return err
	}
	x = start(t, cfg)
	links := make(chan *Conn, 10)
	for range cap(links) {
		go func() {
			c, err := x.Connect(t.Context(), y.designated())
			if err != nil {
				t.Error(err)
			}
			links <- c
		}()
	}
	first := wait(t, "link", links)
	for range cap(links) - 1 {
		if c := wait(t, "link", links); c != first {
			t.Error("two callers got two links")
		}
	}
	if first == nil || first.Dialled() || first.Peer() != y.cfg.Name {
		t.Fatalf("the link is %+v", first)
	}
	if n := asked.Load(); n != 1 || x.Counters().Asked != 1 {
		t.Errorf("asked %d times, counted %d", n, x.Counters().Asked)
	}
	if _, err := first.OpenSIP(t.Context()); err != nil {
		t.Error(err)
	}
	wait(t, "SIP stream", y.sip)
}

// Without anybody to ask, or when that does not help, the node is unreachable as before.
func TestAskingDoesNotHelp(t *testing.T) {
	o := newOrg(t)
	y := behindFirewall(t, o.config(t))
	for name, unreached := range map[string]func(context.Context, string) error{
		"nobody to ask":   nil,
		"nobody is told":  func(context.Context, string) error { return errs.New(errs.CloudAway, "the cloud is away") },
		"nothing happens": func(context.Context, string) error { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := o.config(t)
			cfg.Times.Opener, cfg.Times.Dial, cfg.Times.Unreached = 50*time.Millisecond, 200*time.Millisecond, 10*time.Millisecond
			cfg.Unreached = unreached
			_, err := start(t, cfg).Connect(t.Context(), y.designated())
			wantCode(t, err, errs.Unreachable)
		})
	}
}
