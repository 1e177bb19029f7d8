package media

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"strowger/pkg/sdp"
)

// A phone behind a NAT signals an address of its own network; its packets come from the address that its SIP has.
func TestPhoneBehindNAT(t *testing.T) {
	c := newCall(t)
	private := session(t, netip.MustParseAddrPort("10.1.2.3:4000"), 4001, "", c.a.session("", pcmu).Formats)
	c.pa.SetRemote(private, loopback)
	if _, remote := c.pa.Addresses(); remote != "10.1.2.3:4000" {
		t.Fatalf("sends to %s before anything came", remote)
	}
	c.a.say(0, "here I am")
	c.b.hears(0, "here I am")
	c.b.say(0, "there you are")
	c.a.hears(0, "there you are")
}

func TestStrangers(t *testing.T) {
	c := newCall(t)
	thief := newPhone(t, netip.MustParseAddr("127.0.0.2")).to(c.pa)
	thief.h.SSRC = 0x666
	thief.say(0, "first, from another IP")
	c.a.say(7, "payload type that was not negotiated")
	c.a.say(0, "hello")
	c.b.hears(0, "hello")
	thief.say(0, "later, from another IP")
	c.a.say(0, "still me")
	c.b.hears(0, "still me")
	c.b.say(0, "secret")
	c.a.hears(0, "secret")
	wantDrops(t, c.pa, map[Reason]uint64{Stranger: 2, NotNegotiated: 1})
	if got := c.pa.Stats(); got.PacketsReceived != 2 || got.PacketsDropped != 3 || got.LostReceived != 0 {
		t.Errorf("figures %+v", got)
	}
	// A re-INVITE makes the other IP the leg's.
	c.pa.SetRemote(thief.session("", pcmu), loopback)
	thief.say(0, "now by rights")
	c.b.hears(0, "now by rights")
	c.b.say(0, "to the new place")
	thief.hears(0, "to the new place")
}

func TestStrangersInControl(t *testing.T) {
	c := newCall(t)
	thief := newPhone(t, netip.MustParseAddr("127.0.0.2")).to(c.pa)
	bye := []byte{0x81, 203, 0, 1, 0, 0, 0x10, 0}
	thief.write(control, bye)
	c.a.write(control, bye)
	c.b.read(control)
	wantDrops(t, c.pa, map[Reason]uint64{Stranger: 1})
}

// A leg that names another host's address in its SDP gets little there until something comes back, in all its life.
func TestClaimedAddress(t *testing.T) {
	c := newCall(t)
	victim := newPhone(t, netip.MustParseAddr("127.0.0.2")).to(c.pa)
	victims := []sdp.Session{newPhone(t, netip.MustParseAddr("127.0.0.3")).session("", pcmu), victim.session("", pcmu)}
	sent := func() uint64 { return c.pa.Stats().PacketsSent }
	for i := range 4 * maxClaims {
		if i%10 == 0 { // offers without end do not help
			c.pa.SetRemote(victims[i/10%2], loopback)
		}
		c.clock.pass(20 * time.Millisecond)
		c.b.say(0, "anybody")
		eventually(t, func() bool { return sent()+c.pb.dropped[Claimed].Load() == uint64(i+1) }, "packet %d is nowhere", i)
	}
	if n := sent(); n != maxClaims {
		t.Errorf("%d packets went to somebody else, want %d", n, maxClaims)
	}
	victim.write(control, []byte{0x81, 203, 0, 1, 0, 0, 0x10, 0}) // any packet shows that it is the leg's
	c.b.read(control)
	c.b.say(0, "so it is yours")
	eventually(t, func() bool { return sent() == maxClaims+1 }, "a phone that sends hears nothing")
}

// Phones whose SIP and audio have different addresses send audio themselves, and get all of theirs; so does a phone behind
// the IP of its SIP that sends nothing.
func TestSeparateMediaAddress(t *testing.T) {
	for name, ip := range map[string]string{"separate": "127.0.0.2", "same": "127.0.0.1"} {
		t.Run(name, func(t *testing.T) {
			c := newCall(t)
			gateway := newPhone(t, netip.MustParseAddr(ip)).to(c.pa)
			c.pa.SetRemote(gateway.session("", pcmu), loopback)
			if name == "separate" {
				gateway.say(0, "hello")
				c.b.hears(0, "hello")
			}
			for i := range 2 * maxClaims {
				c.clock.pass(20 * time.Millisecond)
				c.b.say(0, "go on")
				eventually(t, func() bool { return c.pa.Stats().PacketsSent == uint64(i+1) }, "packet %d does not arrive", i)
			}
		})
	}
}

var (
	signalled = netip.MustParseAddrPort("10.0.0.5:4000")
	nat       = netip.MustParseAddr("203.0.113.7")
	natted    = netip.AddrPortFrom(nat, 6000)
	rebound   = netip.AddrPortFrom(nat, 7000)
	elsewhere = netip.MustParseAddrPort("198.51.100.66:6000")
)

func TestLatch(t *testing.T) {
	type packet struct {
		after time.Duration
		from  netip.AddrPort
		want  verdict
	}
	const ms = time.Millisecond
	tests := []struct {
		name    string
		packets []packet
	}{
		{"the signalled address", []packet{{0, signalled, moved}, {0, signalled, taken}}},
		{"behind a NAT", []packet{{0, natted, moved}, {0, natted, taken}}},
		{"a stranger first", []packet{{0, elsewhere, stranger}, {0, natted, moved}, {0, elsewhere, stranger}}},
		{"another port while the first lives", []packet{
			{0, natted, moved},
			{100 * ms, rebound, rival}, {100 * ms, rebound, rival}, {100 * ms, rebound, rival}, {100 * ms, rebound, rival},
			{50 * ms, natted, taken},
			{100 * ms, rebound, rival}, {100 * ms, rebound, rival}, {100 * ms, rebound, rival}, {100 * ms, rebound, rival},
		}},
		{"the NAT forgot the phone", []packet{
			{0, natted, moved},
			{490 * ms, rebound, rival}, {2 * ms, rebound, rival}, {2 * ms, rebound, rival}, {2 * ms, rebound, rival},
			{2 * ms, rebound, rival}, {2 * ms, rebound, moved}, {0, rebound, taken}, {0, natted, rival},
		}},
		{"two ports take turns", []packet{
			{0, natted, moved},
			{time.Second, rebound, rival}, {0, netip.AddrPortFrom(nat, 8000), rival}, {0, rebound, rival},
			{0, netip.AddrPortFrom(nat, 8000), rival}, {0, rebound, rival}, {0, netip.AddrPortFrom(nat, 8000), rival},
		}},
		{"the signalled address takes over at once", []packet{
			{0, natted, moved}, {0, signalled, moved}, {0, natted, rival},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var l latch
			l.allow(signalled, nat)
			at := start
			for i, p := range tt.packets {
				at = at.Add(p.after)
				if got := l.judge(p.from, at); got != p.want {
					t.Fatalf("packet %d from %s: verdict %d, want %d", i, p.from, got, p.want)
				}
			}
		})
	}
}

func TestLatchAllow(t *testing.T) {
	var l latch
	if got := l.judge(natted, start); got != stranger {
		t.Errorf("nothing is signalled: verdict %d", got)
	}
	if _, ok := l.target(); ok {
		t.Error("sends somewhere before anything is signalled")
	}
	l.allow(signalled, nat)
	l.judge(natted, start)
	l.allow(signalled, nat)
	if to, _ := l.target(); to != natted {
		t.Errorf("a description that changes nothing moved the target to %s", to)
	}
	l.allow(elsewhere, nat)
	if to, _ := l.target(); to != elsewhere {
		t.Errorf("the target is %s, want the new address", to)
	}
	l.allow(signalled, netip.Addr{})
	if got := l.judge(natted, start); got != stranger {
		t.Errorf("without the address of its SIP: verdict %d", got)
	}
}

// Whatever comes, only allowed sources are taken, and the target is signalled or was taken.
func FuzzLatch(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 0, 20, 2, 0, 20, 3, 2, 0, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1})
	sources := []netip.AddrPort{signalled, natted, rebound, elsewhere, netip.AddrPortFrom(signalled.Addr(), 9)}
	f.Fuzz(func(t *testing.T, b []byte) {
		var l latch
		l.allow(signalled, nat)
		at := start
		for ; len(b) >= 3; b = b[3:] {
			at = at.Add(time.Duration(binary.BigEndian.Uint16(b[1:])) * time.Millisecond)
			from := sources[int(b[0])%len(sources)]
			before := l.source
			v := l.judge(from, at)
			allowed := from == signalled || from.Addr() == nat
			if allowed == (v == stranger) {
				t.Fatalf("%s: verdict %d", from, v)
			}
			if to, ok := l.target(); !ok || to != signalled && to.Addr() != nat {
				t.Fatalf("target %s", to)
			}
			if changed := l.source != before; changed != (v == moved) {
				t.Fatalf("source went from %s to %s by verdict %d", before, l.source, v)
			}
		}
	})
}
