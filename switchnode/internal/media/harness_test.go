package media

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"strowger/pkg/rtp"
	"strowger/pkg/sdp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	loopback = netip.MustParseAddr("127.0.0.1")
	start    = time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
)

// clock stands still until a test moves it.
type clock struct{ passed atomic.Int64 }

func (c *clock) now() time.Time { return start.Add(time.Duration(c.passed.Load())) }

func (c *clock) pass(d time.Duration) { c.passed.Add(int64(d)) }

func newRelay(t testing.TB) (*Relay, *clock) {
	t.Helper()
	c := &clock{}
	r, err := NewRelay(Config{Bind: loopback, Logger: slog.New(slog.DiscardHandler), Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r, c
}

func open(t testing.TB, r *Relay) *Port {
	t.Helper()
	p, err := r.Open()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

var (
	pcmu  = sdp.Format{Codec: sdp.Codec{Name: "PCMU", Clock: 8000, Channels: 1}, PT: 0}
	opus  = sdp.Format{Codec: sdp.Codec{Name: "opus", Clock: 48000, Channels: 2}, PT: 96}
	event = sdp.Format{Codec: sdp.Codec{Name: "telephone-event", Clock: 8000, Channels: 1}, PT: 101}
)

// as returns f with another payload type.
func as(f sdp.Format, pt uint8) sdp.Format { f.PT = pt; return f }

// phone is a party with an RTP and an RTCP socket, on any two ports.
type phone struct {
	t       testing.TB
	conns   [kinds]*net.UDPConn
	towards [kinds]netip.AddrPort
	h       rtp.Header
}

func newPhone(t testing.TB, ip netip.Addr) *phone {
	t.Helper()
	p := &phone{t: t, h: rtp.Header{SSRC: 0x1000, Sequence: 1, Timestamp: 1}}
	for k := range p.conns {
		c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(ip, 0)))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		p.conns[k] = c
	}
	return p
}

// to makes the phone send to a port.
func (p *phone) to(port *Port) *phone {
	a := port.Local().Addr
	p.towards = [kinds]netip.AddrPort{a, netip.AddrPortFrom(a.Addr(), a.Port()+1)}
	return p
}

func (p *phone) addr(k kind) netip.AddrPort { return addrOf(p.conns[k]) }

// session is what the phone's SDP says; lines are added to the audio section.
func (p *phone) session(lines string, formats ...sdp.Format) sdp.Session {
	p.t.Helper()
	return session(p.t, p.addr(media), p.addr(control).Port(), lines, formats)
}

func session(t testing.TB, at netip.AddrPort, rtcp uint16, lines string, formats []sdp.Format) sdp.Session {
	t.Helper()
	family := "IP4"
	if at.Addr().Is6() {
		family = "IP6"
	}
	body := fmt.Sprintf("v=0\r\no=- 1 1 IN %[1]s %[2]s\r\ns=-\r\nc=IN %[1]s %[2]s\r\nt=0 0\r\nm=audio %[3]d RTP/AVP",
		family, at.Addr(), at.Port())
	maps := fmt.Sprintf("\r\na=rtcp:%d\r\n", rtcp)
	for _, f := range formats {
		body += fmt.Sprintf(" %d", f.PT)
		maps += fmt.Sprintf("a=rtpmap:%d %s\r\n", f.PT, f.Codec)
	}
	s, err := sdp.Parse([]byte(body + maps + lines))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (p *phone) write(k kind, b []byte) {
	p.t.Helper()
	if _, err := p.conns[k].WriteToUDPAddrPort(b, p.towards[k]); err != nil {
		p.t.Fatal(err)
	}
}

// say sends the next RTP packet of the phone's stream.
func (p *phone) say(pt uint8, words string) {
	p.t.Helper()
	p.h.PT = pt
	p.write(media, p.h.Append(nil, []byte(words)))
	p.h.Sequence++
	p.h.Timestamp += 160
}

func (p *phone) read(k kind) []byte {
	p.t.Helper()
	b := make([]byte, 2048)
	if err := p.conns[k].SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		p.t.Fatal(err)
	}
	n, _, err := p.conns[k].ReadFromUDPAddrPort(b)
	if err != nil {
		p.t.Fatalf("nothing came: %v", err)
	}
	return b[:n]
}

// hears checks that words are the next thing that comes.
func (p *phone) hears(pt uint8, words string) rtp.Header {
	p.t.Helper()
	h, payload, err := rtp.Parse(p.read(media))
	if err != nil || h.PT != pt || string(payload) != words {
		p.t.Fatalf("heard payload type %d, %q, %v; want %d, %q", h.PT, payload, err, pt, words)
	}
	return h
}

// eventually waits for what another goroutine is about to do.
func eventually(t testing.TB, done func() bool, what string, args ...any) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !done(); runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf(what, args...)
		}
	}
}

func wantDrops(t testing.TB, p *Port, want map[Reason]uint64) {
	t.Helper()
	for r := range reasons {
		if got := p.dropped[r].Load(); got != want[r] {
			t.Errorf("dropped %d as %s, want %d", got, r, want[r])
		}
	}
}

// call is two phones and the bridged ports between them.
type call struct {
	relay *Relay
	clock *clock
	a, b  *phone
	pa    *Port
	pb    *Port
}

// newCall: a uses PCMU as 0 and Opus as 96, b PCMU as 0 and Opus as 111; both hear telephone events.
func newCall(t testing.TB) *call {
	t.Helper()
	return newCallOf(t, newRelay)
}

func newCallOf(t testing.TB, relay func(testing.TB) (*Relay, *clock)) *call {
	t.Helper()
	r, clock := relay(t)
	c := newCallOn(t, r)
	c.clock = clock
	return c
}

func newCallOn(t testing.TB, r *Relay) *call {
	t.Helper()
	c := &call{relay: r}
	c.pa, c.pb = open(t, c.relay), open(t, c.relay)
	c.a, c.b = newPhone(t, loopback).to(c.pa), newPhone(t, loopback).to(c.pb)
	c.b.h.SSRC = 0x2000
	c.pa.SetLocal([]sdp.Format{pcmu, opus, event})
	c.pa.SetRemote(c.a.session("", pcmu, opus, event), loopback)
	c.pb.SetLocal([]sdp.Format{pcmu, as(opus, 111), as(event, 102)})
	c.pb.SetRemote(c.b.session("", pcmu, as(opus, 111), as(event, 102)), loopback)
	Bridge(c.pa, c.pb)
	return c
}
