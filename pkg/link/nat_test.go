package link

import (
	"fmt"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go/testutils/simnet"
)

// nat is an in-memory network in a synctest bubble, with a router in front of X: Y sees each of X's sockets under a port of
// the router's.
type nat struct {
	simnet.PerfectRouter
	mu      sync.Mutex
	ports   int
	outside map[string]net.Addr // by address of X's socket
	inside  map[string]net.Addr // by address at the router
	blocked map[string]bool     // sockets of X for which nothing passes
}

func (n *nat) SendPacket(p simnet.Packet) error {
	if p, ok := n.translate(p); ok {
		return n.PerfectRouter.SendPacket(p)
	}
	return nil // what is lost is lost
}

func (n *nat) translate(p simnet.Packet) (_ simnet.Packet, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if p.From.(*net.UDPAddr).IP.Equal(address(1).IP) {
		from := p.From.String()
		if n.outside[from] == nil {
			n.ports++
			seen := &net.UDPAddr{IP: net.IPv4(192, 0, 2, 254).To4(), Port: n.ports}
			n.outside[from], n.inside[seen.String()] = seen, p.From
		}
		p.From = n.outside[from]
		return p, !n.blocked[from]
	}
	p.To = n.inside[p.To.String()]
	return p, p.To != nil && !n.blocked[p.To.String()]
}

// rebind forgets all mappings, as a router does that restarts: what comes next is seen under other ports.
func (n *nat) rebind() {
	n.mu.Lock()
	defer n.mu.Unlock()
	clear(n.outside)
	clear(n.inside)
}

// block lets nothing pass for the sockets that are in use now.
func (n *nat) block() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for from := range n.outside {
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

// behindNAT links X, behind a router, with Y, and has them talk. X has as many sockets more as it may move to.
func behindNAT(t *testing.T, calls int) (n *nat, x, y *Conn, k *talk) {
	t.Helper()
	n = &nat{outside: map[string]net.Addr{}, inside: map[string]net.Addr{}, blocked: map[string]bool{}}
	spare := make(chan net.PacketConn, maxMoves)
	for i := range maxMoves {
		at := address(1)
		at.Port += 1 + i
		spare <- plug(t, n, at)
	}
	a, b := nodesOn(t, n, func() (net.PacketConn, error) {
		select {
		case socket := <-spare:
			return socket, nil
		default:
			return nil, errNoOther
		}
	})
	x = a.connect(t, b)
	y = b.linked(t, a)
	t.Cleanup(x.Hold())
	t.Cleanup(y.Hold())
	return n, x, y, newTalk(t, calls, x, y)
}

// A router that forgets its mappings changes the address under which Y sees X (RFC 9000, 9.3): the link goes on without
// X's knowing.
func TestRebindingNAT(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
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
	})
}

// When the path of X's socket is dead, X moves the link to another one, with the calls that it carries.
func TestLinkMovesToAnotherSocket(t *testing.T) {
	for _, calls := range []int{1, 20} {
		t.Run(fmt.Sprint(calls, " calls"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
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
		})
	}
}
