package link

import (
	"fmt"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"
)

// nat is a router in front of a node: each address that sends to it is seen by the node under a port of its own.
type nat struct {
	t     *testing.T
	front *net.UDPConn
	to    netip.AddrPort
	work  sync.WaitGroup

	mu       sync.Mutex
	closed   bool
	mappings map[netip.AddrPort]*net.UDPConn
	blocked  map[netip.AddrPort]bool // nothing passes from or to these
}

func newNAT(t *testing.T, to netip.AddrPort) *nat {
	t.Helper()
	n := &nat{t: t, front: loopback(t), to: to, mappings: map[netip.AddrPort]*net.UDPConn{}, blocked: map[netip.AddrPort]bool{}}
	n.work.Go(n.outward)
	t.Cleanup(func() {
		n.mu.Lock()
		n.closed = true
		n.mu.Unlock()
		n.rebind()
		n.front.Close()
		n.work.Wait()
	})
	return n
}

func loopback(t *testing.T) *net.UDPConn {
	t.Helper()
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// outward passes packets to the node.
func (n *nat) outward() {
	buf := make([]byte, 2048)
	for {
		size, from, err := n.front.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		if c := n.mapping(from); c != nil {
			_, _ = c.WriteToUDPAddrPort(buf[:size], n.to) // what is lost is lost
		}
	}
}

// mapping returns the socket of an address, nil for none.
func (n *nat) mapping(from netip.AddrPort) *net.UDPConn {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.blocked[from] || n.closed {
		return nil
	}
	c := n.mappings[from]
	if c == nil {
		c = loopback(n.t)
		n.mappings[from] = c
		n.work.Go(func() { n.inward(c, from) })
	}
	return c
}

// inward passes the node's packets to an address.
func (n *nat) inward(c *net.UDPConn, to netip.AddrPort) {
	buf := make([]byte, 2048)
	for {
		size, err := c.Read(buf)
		if err != nil {
			return
		}
		n.mu.Lock()
		blocked := n.blocked[to]
		n.mu.Unlock()
		if !blocked {
			_, _ = n.front.WriteToUDPAddrPort(buf[:size], to)
		}
	}
}

// rebind forgets all mappings, as a router does that restarts: what comes next is seen under other ports.
func (n *nat) rebind() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range n.mappings {
		c.Close()
	}
	clear(n.mappings)
}

// block lets nothing pass for the addresses that are in use now.
func (n *nat) block() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for from := range n.mappings {
		n.blocked[from] = true
	}
}

// talk sends 50 packets a second in both directions for each of so many calls, until the test ends, and measures the
// longest time in which a direction of the first call brought none.
type talk struct {
	mu   sync.Mutex
	last [2]time.Time
	gap  [2]time.Duration
}

func newTalk(t *testing.T, calls int, x, y *Conn) *talk {
	t.Helper()
	k := &talk{}
	stop := make(chan struct{})
	var work sync.WaitGroup
	for way, ends := range [][2]*Conn{{x, y}, {y, x}} {
		var ids []uint64
		for i := range calls {
			f, err := ends[1].NewFlow(func([]byte) {
				if i == 0 {
					k.heard(way)
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, f.ID())
		}
		work.Go(func() {
			tick := time.NewTicker(20 * time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case <-tick.C:
					for _, id := range ids {
						if ends[0].Send(id, make([]byte, 172)) != nil {
							return
						}
					}
				case <-stop:
					return
				}
			}
		})
	}
	t.Cleanup(func() { close(stop); work.Wait() })
	eventually(t, "media", func() bool { a, b := k.since(); return a < time.Second && b < time.Second })
	return k
}

func (k *talk) heard(way int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := time.Now()
	if !k.last[way].IsZero() {
		k.gap[way] = max(k.gap[way], now.Sub(k.last[way]))
	}
	k.last[way] = now
}

// since is how long ago each direction brought a packet.
func (k *talk) since() (there, back time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return time.Since(k.last[0]), time.Since(k.last[1])
}

// resumes waits until both directions bring packets again that were sent after now, and returns the gaps.
func (k *talk) resumes(t *testing.T) (there, back time.Duration) {
	t.Helper()
	from := time.Now()
	eventually(t, "media after the change", func() bool {
		k.mu.Lock()
		defer k.mu.Unlock()
		return k.last[0].Sub(from) > 200*time.Millisecond && k.last[1].Sub(from) > 200*time.Millisecond
	})
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.gap[0], k.gap[1]
}

// behindNAT links X, behind a router, with Y, and has them talk.
func behindNAT(t *testing.T, calls int) (n *nat, x, y *Conn, k *talk) {
	t.Helper()
	o := newOrg(t)
	a, b := start(t, o.config(t)), start(t, o.config(t))
	n = newNAT(t, b.Addr())
	to := b.designated()
	to.Addresses = []string{n.front.LocalAddr().String()}
	x, err := a.Connect(t.Context(), to)
	if err != nil {
		t.Fatal(err)
	}
	y = b.linked(t, a)
	t.Cleanup(x.Hold())
	t.Cleanup(y.Hold())
	return n, x, y, newTalk(t, calls, x, y)
}

// A router that forgets its mappings changes the address under which Y sees X (RFC 9000, 9.3): the link goes on without
// X's knowing.
func TestRebindingNAT(t *testing.T) {
	n, x, y, k := behindNAT(t, 20)
	for range maxMoves {
		before := y.RemoteAddr().String()
		n.rebind()
		there, back := k.resumes(t)
		t.Logf("longest gap so far: %v there, %v back", there.Round(time.Millisecond), back.Round(time.Millisecond))
		if y.RemoteAddr().String() == before {
			t.Error("Y did not notice")
		}
	}
	if x.Err() != nil || y.Err() != nil {
		t.Errorf("the link ended: %v, %v", x.Err(), y.Err())
	}
}

// When the path of X's socket is dead, X moves the link to another one, with the calls that it carries. When it cannot move
// any more, the link is lost like any other, and X dials anew.
func TestLinkMovesToAnotherSocket(t *testing.T) {
	for _, calls := range []int{1, 20} {
		t.Run(fmt.Sprint(calls, " calls"), func(t *testing.T) {
			t.Parallel()
			n, x, y, k := behindNAT(t, calls)
			for i := range uint64(maxMoves) {
				before := y.RemoteAddr().String()
				n.block()
				there, back := k.resumes(t)
				t.Logf("move %d, longest gap so far: %v there, %v back", i+1, there.Round(time.Millisecond), back.Round(time.Millisecond))
				if moved := x.endpoint.Counters().Migrated; moved != i+1 || y.RemoteAddr().String() == before {
					t.Fatalf("moved %d times; Y sends to %v", moved, y.RemoteAddr())
				}
			}
			if x.Err() != nil || y.Err() != nil {
				t.Errorf("the link ended: %v, %v", x.Err(), y.Err())
			}
		})
	}
}
