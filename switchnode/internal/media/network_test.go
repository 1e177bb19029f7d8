package media

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"testing"
	"time"

	"strowger/pkg/sdp"
)

// newPlainRelay is a relay as on systems without a network of their own.
func newPlainRelay(t testing.TB) (*Relay, *clock) {
	t.Helper()
	r, c := newRelay(t)
	r.network.close()
	r.network = plainNetwork{slog.New(slog.DiscardHandler)}
	return r, c
}

var networks = map[string]func(testing.TB) (*Relay, *clock){"plain": newPlainRelay, "own": newRelay}

// The first packet of each of many relays, and each packet after a silence, finds its way at once.
func TestPacketAfterSilence(t *testing.T) {
	for name, relay := range networks {
		t.Run(name, func(t *testing.T) {
			for range 50 {
				c := newCallOf(t, relay)
				for i := range 3 {
					c.a.say(0, "anybody there?")
					c.b.hears(0, "anybody there?")
					c.b.say(0, fmt.Sprint("yes ", i))
					c.a.hears(0, fmt.Sprint("yes ", i))
				}
				c.relay.Close()
			}
		})
	}
}

// What comes at once passes in order and complete, on several legs at a time.
func TestBurst(t *testing.T) {
	const packets = 40 // as many as a phone's socket holds on any system
	for name, relay := range networks {
		t.Run(name, func(t *testing.T) {
			r, _ := relay(t)
			var calls []*call
			for range 3 {
				calls = append(calls, newCallOn(t, r))
			}
			for i := range packets {
				for _, c := range calls {
					c.a.say(0, fmt.Sprint(i))
				}
			}
			for _, c := range calls {
				for i := range packets {
					c.b.hears(0, fmt.Sprint(i))
				}
			}
		})
	}
}

// A port may be closed while it is spoken to and spoken through.
func TestCloseDuringSpeech(t *testing.T) {
	for name, relay := range networks {
		t.Run(name, func(t *testing.T) {
			r, _ := relay(t)
			for range 20 {
				c := newCallOn(t, r)
				for range 10 {
					c.a.say(0, "blah")
					c.b.say(0, "blah")
				}
				c.pa.Close()
				c.pb.Close()
			}
			if n := r.Counters().Ports; n != 0 {
				t.Errorf("%d ports are open", n)
			}
		})
	}
}

func TestClosedRelay(t *testing.T) {
	r, _ := newRelay(t)
	open(t, r)
	r.Close()
	if n := r.Counters().Ports; n != 0 {
		t.Errorf("%d ports are open", n)
	}
	r.Close()
}

// A phone on an IPv6 link without a router is told apart by its interface, too.
func TestLinkLocalPhone(t *testing.T) {
	at, ok := linkLocal()
	if !ok {
		t.Skip("this machine has no IPv6 address of a link")
	}
	r, err := NewRelay(Config{Bind: netip.IPv6Unspecified(), Advertise: at.WithZone(""), Logger: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	c := newCallOn(t, r)
	var phones []*phone
	for _, port := range []*Port{c.pa, c.pb} {
		p := newPhone(t, at)
		for k := range kinds {
			p.towards[k] = netip.AddrPortFrom(at, port.Local().Addr.Port()+uint16(k))
		}
		signalled := netip.AddrPortFrom(at.WithZone(""), p.addr(media).Port()) // SDP has no zones
		port.SetRemote(session(t, signalled, signalled.Port()+1, "", []sdp.Format{pcmu}), at)
		phones = append(phones, p)
	}
	phones[1].say(0, "here I am")
	eventually(t, func() bool { return c.pb.Stats().PacketsReceived == 1 }, "the first phone was not heard")
	phones[0].say(0, "hello")
	phones[1].hears(0, "hello")
}

func linkLocal() (netip.Addr, bool) {
	all, err := net.Interfaces()
	if err != nil {
		return netip.Addr{}, false
	}
	for _, i := range all {
		addrs, err := i.Addrs()
		if err != nil {
			continue
		}
		for _, a := range addrs {
			if n, ok := a.(*net.IPNet); ok && n.IP.IsLinkLocalUnicast() && n.IP.To4() == nil {
				ip, _ := netip.AddrFromSlice(n.IP)
				return ip.WithZone(i.Name), true
			}
		}
	}
	return netip.Addr{}, false
}
