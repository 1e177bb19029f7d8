package integration

import (
	"net"
	"net/netip"
	"testing"

	"strowger/integration/phone"
	"strowger/integration/stack"
	"strowger/pkg/sip"
)

// Offices of TestFamilies, after those that every world has.
const (
	bothFamilies = iota + 2
	onlyIPv6
)

// TestFamilies has phones of IPv4 and of IPv6 talk to each other and be put on hold, at one switch that serves both and at one that serves IPv6 only: each
// is told of addresses of its own family.
func TestFamilies(t *testing.T) {
	t.Parallel()
	if l, err := net.ListenPacket("udp6", "[::1]:0"); err != nil {
		t.Skipf("this machine has no IPv6: %v", err)
	} else if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	w := alone(t, stack.Site{Name: "Office 40", Code: "40", Host6: "::1"}, stack.Site{Name: "Office 41", Code: "41", Host: "::1"})
	four, a := w.person(t, bothFamilies, "Four", says(1))
	six, b := w.person(t, bothFamilies, "Six", w.ofIPv6(bothFamilies, 2, sip.UDP))
	wire, c := w.person(t, bothFamilies, "Wire", w.ofIPv6(bothFamilies, 3, sip.TCP))
	only, d := w.person(t, onlyIPv6, "Only", w.ofIPv6(onlyIPv6, 4, sip.UDP))
	old, e := w.person(t, 0, "Old", says(5))
	w.settle(t)
	for name, pair := range map[string]struct {
		from   *phone.Phone
		dials  subscriber
		to     *phone.Phone
		in, on uint64
	}{
		"IPv4 to IPv6":                        {a, six, b, 1, 2},
		"IPv6 to IPv4":                        {b, four, a, 2, 1},
		"IPv6 to IPv6 over TCP":               {b, wire, c, 2, 3},
		"IPv6 over TCP to another office":     {c, only, d, 3, 4},
		"office of IPv6 to an office of IPv4": {d, old, e, 4, 5},
		"office of IPv4 to an office of IPv6": {e, only, d, 5, 4},
	} {
		t.Run(name, func(t *testing.T) {
			out, in := connect(t, pair.from, pair.dials.number.Dial, pair.to)
			hears(t, in, pair.in)
			hears(t, out, pair.on)
			for _, c := range []*phone.Call{out, in} {
				if c.Remote().Addr().Is6() != c.Local().Addr().Is6() {
					t.Errorf("a phone at %s is to send its audio to %s", c.Local(), c.Remote())
				}
			}
			before := len(in.Heard())
			out.Hold()
			hearsMusic(t, in, before)
			out.Resume()
			hears(t, in, pair.in)
			hangUp(t, in, out)
		})
	}
}

// ofIPv6 is a phone at ::1.
func (w *world) ofIPv6(office int, seed uint64, transport string) func(*phone.Config) {
	return func(c *phone.Config) {
		says(seed)(c)
		at := w.Offices[office].SIP6
		if !at.IsValid() {
			at = w.Offices[office].SIP
		}
		c.Local, c.Server, c.Transport = "::1", netip.AddrPortFrom(netip.IPv6Loopback(), at.Port()).String(), transport
	}
}
