package link

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"testing"

	"github.com/quic-go/quic-go"
)

// mute is a socket that sends, and hears nothing but what its owner lets through.
type mute struct {
	net.PacketConn
	hear int // packets that are let through
}

func (m *mute) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, from, err := m.PacketConn.ReadFrom(b)
		if err != nil {
			return n, from, err
		}
		if m.hear > 0 {
			m.hear--
			return n, from, nil
		}
	}
}

func loopback(t *testing.T) *net.UDPConn {
	t.Helper()
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// flood begins handshakes at a node that it never finishes, each from a socket of its own, until the test ends. Those that
// hear one packet prove their address when they are asked to.
func flood(t *testing.T, x, y *node, dials, hear int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var work sync.WaitGroup
	t.Cleanup(func() { cancel(); work.Wait() })
	for range dials {
		tr := &quic.Transport{Conn: &mute{PacketConn: loopback(t), hear: hear}}
		work.Go(func() {
			_, _ = tr.Dial(ctx, net.UDPAddrFromAddrPort(y.Addr()), x.dialTLS(y.designated()), x.quicConfig()) // never succeeds
			_ = tr.Close()
			_ = tr.Conn.Close()
		})
	}
}

// Thousands may begin a handshake and leave it: few are kept in mind, and a good peer links.
func TestHalfOpenHandshakesAreBounded(t *testing.T) {
	for name, hear := range map[string]int{"addresses that are not proven": 0, "an address that is proven": 1} {
		t.Run(name, func(t *testing.T) {
			o := newOrg(t)
			x, y, z := start(t, o.config(t)), start(t, o.config(t)), start(t, o.config(t))
			flood(t, z, y, 4*maxUnproven, hear)
			most := 0
			look := func() int {
				y.handshakes.mu.Lock()
				defer y.handshakes.mu.Unlock()
				most = max(most, y.handshakes.all)
				return y.handshakes.all
			}
			eventually(t, "flood", func() bool { return look() >= maxUnproven })
			if hear == 0 {
				x.connect(t, y)
			}
			if look(); most > maxUnproven+maxPerSource {
				t.Errorf("%d handshakes were unfinished at once", most)
			}
		})
	}
}

func TestHandshakesOfOneSource(t *testing.T) {
	h := &handshakes{}
	begin := func(addr string, proven bool) (func(), error) {
		return h.begin(&quic.ClientInfo{RemoteAddr: net.UDPAddrFromAddrPort(netip.MustParseAddrPort(addr)), AddrVerified: proven})
	}
	var ends []func()
	for range maxPerSource {
		end, err := begin("192.0.2.1:1", true)
		if err != nil {
			t.Fatal(err)
		}
		ends = append(ends, end)
	}
	if _, err := begin("192.0.2.1:2", true); err == nil {
		t.Error("a source has more than its share")
	}
	for _, other := range []struct {
		addr   string
		proven bool
	}{{"192.0.2.2:1", true}, {"192.0.2.1:3", false}} {
		end, err := begin(other.addr, other.proven)
		if err != nil {
			t.Errorf("%v: %v", other, err)
			continue
		}
		ends = append(ends, end)
	}
	for _, end := range ends {
		end()
		end()
	}
	if h.all != 0 || len(h.bySource) != 0 {
		t.Errorf("%d are left, %v", h.all, h.bySource)
	}
	for i := range maxHandshakes {
		if _, err := begin(netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 1).String(), true); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := begin("192.0.2.1:1", true); err == nil || !h.busy(nil) {
		t.Error("there is no limit for all")
	}
}
