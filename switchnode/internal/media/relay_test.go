package media

import (
	"log/slog"
	"math"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/rtp"
	"strowger/pkg/sdp"
)

func TestBothWays(t *testing.T) {
	c := newCall(t)
	c.a.say(0, "hello")
	sent := c.a.h
	got := c.b.hears(0, "hello")
	if got.SSRC != sent.SSRC || got.Sequence != sent.Sequence-1 || got.Timestamp != sent.Timestamp-160 || got.Marker {
		t.Errorf("the header changed to %+v", got)
	}
	c.b.say(0, "hello yourself")
	c.a.hears(0, "hello yourself")
	wantDrops(t, c.pa, nil)
	wantDrops(t, c.pb, nil)
	eventually(t, func() bool { return c.relay.Counters().Sent == 2 }, "not both packets were counted as sent")
	if n := c.relay.Counters(); n.Ports != 2 || n.Received != 2 {
		t.Errorf("counted %+v", n)
	}
}

func TestPayloadTypesAreRewritten(t *testing.T) {
	c := newCall(t)
	c.a.h.Marker = true
	c.a.say(96, "wideband")
	if h := c.b.hears(111, "wideband"); !h.Marker {
		t.Error("the marker is gone")
	}
	c.a.say(101, "digit")
	c.b.hears(102, "digit")
	c.b.say(111, "wideband too")
	c.a.hears(96, "wideband too")
}

// A key has the clock of the leg's speech: where that of the other leg differs, so does its duration, and nothing else.
func TestKeysAreRewrittenToTheClockOfTheLeg(t *testing.T) {
	c := newCall(t)
	keys48 := as(sdp.Format{Codec: sdp.Codec{Name: sdp.TelephoneEvent, Clock: 48000, Channels: 1}}, 110)
	keys8 := as(sdp.Format{Codec: sdp.Codec{Name: sdp.TelephoneEvent, Clock: 8000, Channels: 1}}, 101)
	c.pa.SetLocal([]sdp.Format{pcmu, keys48})
	c.pa.SetRemote(c.a.session("", pcmu, keys48), loopback)
	c.pb.SetLocal([]sdp.Format{pcmu, keys8})
	c.pb.SetRemote(c.b.session("", pcmu, keys8), loopback)
	wide, narrow := string(rtp.Event{Code: 5, Duration: 960}.Append(nil)), string(rtp.Event{Code: 5, Duration: 160}.Append(nil))
	c.a.say(110, wide)
	c.b.hears(101, narrow)
	c.b.say(101, narrow)
	c.a.hears(110, wide)
}

func TestCodecThatTheOtherSideLacks(t *testing.T) {
	c := newCall(t)
	c.pb.SetRemote(c.b.session("", pcmu), loopback)
	c.a.say(96, "wideband")
	c.a.say(0, "narrow")
	c.b.hears(0, "narrow")
	wantDrops(t, c.pa, map[Reason]uint64{NoCodec: 1})
}

func TestHold(t *testing.T) {
	c := newCall(t)
	c.a.say(0, "before")
	c.b.hears(0, "before")
	for i, line := range []string{"a=sendonly\r\n", "a=inactive\r\n", "c=IN IP4 0.0.0.0\r\n"} {
		c.pb.SetRemote(c.b.session(line, pcmu), loopback)
		c.a.say(0, "into the void")
		pollDrops(t, c.pa, OnHold, uint64(i)+1)
		c.b.say(0, "music")
		c.a.hears(0, "music")
		c.pb.SetRemote(c.b.session("", pcmu), loopback)
		c.a.say(0, "after")
		c.b.hears(0, "after")
	}
}

func TestBeforeTheOtherSideIsKnown(t *testing.T) {
	r, _ := newRelay(t)
	pa, pb := open(t, r), open(t, r)
	a := newPhone(t, loopback).to(pa)
	b := newPhone(t, loopback).to(pb)
	a.say(0, "too early for anything")
	pollDrops(t, pa, NotNegotiated, 1)
	pa.SetLocal([]sdp.Format{pcmu})
	a.say(0, "too early for an address")
	pollDrops(t, pa, Stranger, 1)
	pa.SetRemote(a.session("", pcmu), netip.Addr{})
	a.say(0, "nobody there")
	pollDrops(t, pa, NotBridged, 1)
	Bridge(pa, pb)
	a.say(0, "nobody agreed to a codec")
	pollDrops(t, pa, NoCodec, 1)
	pb.SetLocal([]sdp.Format{pcmu})
	pb.SetRemote(b.session("", pcmu), netip.Addr{})
	a.say(0, "at last")
	b.hears(0, "at last")
	pa.Unbridge()
	a.say(0, "gone")
	pollDrops(t, pa, NotBridged, 2)
}

// pollDrops waits until n packets were dropped for a reason.
func pollDrops(t *testing.T, p *Port, r Reason, n uint64) {
	t.Helper()
	eventually(t, func() bool { return p.dropped[r].Load() == n }, "not %d packets were dropped as %s", n, r)
}

func TestMalformed(t *testing.T) {
	c := newCall(t)
	for _, b := range [][]byte{{}, {0x80}, make([]byte, 11), make([]byte, 100), append([]byte{0x8f, 0}, make([]byte, 20)...),
		append([]byte{0x80, 0}, make([]byte, maxPacket)...)} {
		c.a.write(media, b)
	}
	c.a.say(0, "well formed")
	c.b.hears(0, "well formed")
	wantDrops(t, c.pa, map[Reason]uint64{Malformed: 6})
	c.a.write(control, []byte{0x80, 200, 0, 9})
	pollDrops(t, c.pa, Malformed, 7)
	if got := c.pa.Stats().PacketsDropped; got != 7 {
		t.Errorf("the record says %d dropped", got)
	}
}

func TestRebridge(t *testing.T) {
	c := newCall(t)
	pc := open(t, c.relay)
	third := newPhone(t, loopback).to(pc)
	pc.SetLocal([]sdp.Format{as(opus, 120)})
	pc.SetRemote(third.session("", as(opus, 120)), loopback)
	Bridge(c.pa, pc)
	c.a.say(96, "transferred")
	third.hears(120, "transferred")
	c.b.say(0, "alone")
	pollDrops(t, c.pb, NotBridged, 1)
}

func TestControlAndFigures(t *testing.T) {
	c := newCall(t)
	for i := range 10 { // 20 ms each but the last, which is 16 ms late: 1 ms of jitter (RFC 3550, A.8)
		c.clock.pass(20 * time.Millisecond)
		if i == 9 {
			c.clock.pass(16 * time.Millisecond)
			c.a.h.Sequence += 2 // two are lost
			c.a.h.Timestamp += 320
			c.clock.pass(40 * time.Millisecond)
		}
		c.a.say(0, "speech")
		c.b.hears(0, "speech")
	}
	report := rtp.SenderReport{NTP: rtp.NTP(c.clock.now()), Packets: 10}
	sendControl(t, c.a, rtp.Control{Sender: 0x1000, Report: &report})
	if got, err := rtp.ParseControl(c.b.read(control)); err != nil || got.Report == nil || *got.Report != report {
		t.Fatalf("the sender report came as %+v, %v", got, err)
	}
	c.clock.pass(550 * time.Millisecond)
	sendControl(t, c.b, rtp.Control{Sender: 0x2000, Blocks: []rtp.Block{
		{SSRC: 0x9999, Lost: 100, Jitter: 100},
		{SSRC: 0x1000, Lost: 3, Jitter: 80, LastSR: report.Middle(), DelaySinceLastSR: 65536 / 2},
	}})
	c.a.read(control)
	if got := c.pa.Stats(); got.PacketsReceived != 10 || got.LostReceived != 2 || got.JitterReceived != 1 || got.PacketsSent != 0 {
		t.Errorf("of the talker: %+v", got)
	}
	eventually(t, func() bool { return c.pb.Stats().PacketsSent == 10 }, "not all packets were counted as sent")
	got := c.pb.Stats()
	if got.LostSent != 3 || got.JitterSent != 10 || math.Abs(got.RoundTrip-50) > 0.1 {
		t.Errorf("of the listener: %+v", got)
	}
	// The leg hears a later source as the earlier one, and reports on both in one.
	c.a.h = rtp.Header{SSRC: 0x3000}
	c.a.say(0, "speech")
	c.b.hears(0, "speech")
	sendControl(t, c.b, rtp.Control{Sender: 0x2000, Blocks: []rtp.Block{{SSRC: 0x1000, Lost: 7}}})
	if got, err := rtp.ParseControl(c.a.read(control)); err != nil || len(got.Blocks) != 1 || got.Blocks[0].SSRC != 0x3000 {
		t.Errorf("the later source is told %+v, %v", got, err)
	}
	if got := c.pb.Stats(); got.LostSent != 7 {
		t.Errorf("lost %d of both sources, want 7", got.LostSent)
	}
	if got := c.pb.LastReceived(); !got.Equal(c.clock.now()) {
		t.Errorf("last received at %v", got)
	}
}

// TestReturned has two phones speak to each other for a while, and then through the relay again: what it did not see is not lost, and each hears a
// source as it is, for its numbers went on elsewhere.
func TestReturned(t *testing.T) {
	c := newCall(t)
	say := func(ssrc uint32, sequence uint16) rtp.Header {
		c.a.h = rtp.Header{SSRC: ssrc, Sequence: sequence}
		c.a.say(0, "speech")
		return c.b.hears(0, "speech")
	}
	for i := range uint16(3) {
		say(0x1000, i)
	}
	if h := say(0x3000, 70); h.SSRC != 0x1000 || h.Sequence != 3 {
		t.Fatalf("a second source is %+v", h)
	}
	c.pa.Returned()
	for i := range uint16(3) {
		if h := say(0x3000, 5000+i); h.SSRC != 0x3000 || h.Sequence != 5000+i {
			t.Errorf("packet %d is %+v", i, h)
		}
	}
	if got := c.pa.Stats(); got.LostReceived != 0 || got.PacketsReceived != 7 {
		t.Errorf("counted %+v", got)
	}
}

func sendControl(t *testing.T, p *phone, c rtp.Control) {
	t.Helper()
	b, err := c.Marshal("test")
	if err != nil {
		t.Fatal(err)
	}
	p.write(control, b)
}

// A relay that listens on :: hears phones of both families, and passes from one to the other.
func TestBothFamilies(t *testing.T) {
	six := netip.IPv6Loopback()
	probe, err := net.ListenUDP("udp6", net.UDPAddrFromAddrPort(netip.AddrPortFrom(six, 0)))
	if err != nil {
		t.Skip("this machine has no IPv6:", err)
	}
	probe.Close()
	r, err := NewRelay(Config{Bind: netip.IPv6Unspecified(), Advertise: six, Logger: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	pa, pb := open(t, r), open(t, r)
	a, b := newPhone(t, six).to(pa), newPhone(t, loopback).to(pb)
	for k, to := range b.towards {
		b.towards[k] = netip.AddrPortFrom(loopback, to.Port())
	}
	for p, phone := range map[*Port]*phone{pa: a, pb: b} {
		p.SetLocal([]sdp.Format{pcmu})
		p.SetRemote(phone.session("", pcmu), netip.Addr{})
	}
	Bridge(pa, pb)
	a.say(0, "from six")
	b.hears(0, "from six")
	b.say(0, "from four")
	a.hears(0, "from four")
}

func TestAddresses(t *testing.T) {
	c := newCall(t)
	local, remote := c.pa.Addresses()
	if local != c.pa.Local().Addr.String() || remote != c.a.addr(media).String() {
		t.Errorf("got %s and %s", local, remote)
	}
	if _, remote := open(t, c.relay).Addresses(); remote != "" {
		t.Errorf("a port without a remote sends to %s", remote)
	}
}

func TestPortsArePairs(t *testing.T) {
	r, _ := newRelay(t)
	for range 20 {
		if port := open(t, r).Local().Addr.Port(); port%2 != 0 {
			t.Errorf("RTP on the odd port %d", port)
		}
	}
}

func TestPortsOfARange(t *testing.T) {
	r, low := rangeOf(t, 2)
	first, second := open(t, r), open(t, r)
	if _, err := r.Open(); errs.CodeOf(err) != errs.Congested {
		t.Errorf("a third pair in a range of two: %v", err)
	}
	got := []uint16{first.Local().Addr.Port(), second.Local().Addr.Port()}
	if got[0] != low || got[1] != low+2 {
		t.Errorf("ports %v, want %d and %d", got, low, low+2)
	}
	second.Close()
	second.Close()
	again := open(t, r)
	if got := again.Local().Addr.Port(); got != low+2 {
		t.Errorf("port %d, want the freed %d", got, low+2)
	}
	first.Close()
	taken, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: int(low) + 1})
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	if _, err := r.Open(); errs.CodeOf(err) != errs.Congested {
		t.Errorf("a pair whose second port is somebody else's: %v", err)
	}
	if got := r.Counters().Refused; got["ports"] != 2 || len(got) != 1 {
		t.Errorf("refused %v, want 2 for lack of ports", got)
	}
}

// Without a socket for one more leg, by the bound that is set or by the system's, a leg is refused and counted; the others go
// on, and when one ends there is room again.
func TestNoSocketIsLeft(t *testing.T) {
	r, _ := newRelay(t)
	r.cfg.MaxSockets = 5
	c := newCallOn(t, r)
	for range 2 {
		if _, err := r.Open(); errs.CodeOf(err) != errs.Congested || !strings.Contains(err.Error(), "limit of open files") {
			t.Errorf("a third leg: %v", err)
		}
	}
	c.a.say(0, "hello")
	c.b.hears(0, "hello")
	c.pa.Close()
	open(t, r).Close()
	open(t, r)
	r.cfg.MaxSockets = 0
	r.network = exhausted{r.network}
	if _, err := r.Open(); errs.CodeOf(err) != errs.Congested || !strings.Contains(err.Error(), "limit of open files") {
		t.Errorf("without a file: %v", err)
	}
	if got := r.Counters().Refused; got["files"] != 3 || len(got) != 1 {
		t.Errorf("refused %v, want 3 for lack of files", got)
	}
	if r.sockets != 4 {
		t.Errorf("%d sockets of two legs", r.sockets)
	}
}

// Of the ports and the sockets for ten legs one leg's are kept for emergency calls.
func TestRoomForHelp(t *testing.T) {
	ports, _ := rangeOf(t, 10)
	sockets, _ := newRelay(t)
	sockets.cfg.MaxSockets = 10 * perLeg
	for name, r := range map[string]*Relay{"ports": ports, "sockets": sockets} {
		for range 9 {
			open(t, r)
		}
		if _, err := r.Open(); errs.CodeOf(err) != errs.Congested {
			t.Errorf("%s: one too many: %v", name, err)
		}
		if _, err := r.OpenForHelp(); err != nil {
			t.Errorf("%s: who calls for help: %v", name, err)
		}
		if _, err := r.OpenForHelp(); errs.CodeOf(err) != errs.Congested {
			t.Errorf("%s: more than there are: %v", name, err)
		}
	}
}

// exhausted is a network of a process that has no file left.
type exhausted struct{ network }

func (exhausted) listen(netip.AddrPort, *Port, kind) (socket, error) {
	return nil, os.NewSyscallError("socket", syscall.EMFILE)
}

// rangeOf finds n free pairs of ports for a relay of its own.
func rangeOf(t *testing.T, n uint16) (*Relay, uint16) {
	t.Helper()
	for range 50 {
		probe := newPhone(t, loopback)
		low := probe.addr(media).Port()&^1 + 2
		if low > 65000 {
			continue
		}
		r, err := NewRelay(Config{Bind: loopback, MinPort: low - 1, MaxPort: low + 2*n - 1,
			Logger: slog.New(slog.DiscardHandler), Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		var open []*Port
		for range n {
			if p, err := r.OpenForHelp(); err == nil {
				open = append(open, p)
			}
		}
		for _, p := range open {
			p.Close()
		}
		if len(open) == int(n) {
			r.next = 0
			t.Cleanup(r.Close)
			return r, low
		}
		r.Close()
	}
	t.Fatal("no free range of ports")
	return nil, 0
}

func TestConfig(t *testing.T) {
	for name, cfg := range map[string]Config{
		"no address":             {},
		"nothing to advertise":   {Bind: netip.IPv4Unspecified()},
		"one odd port":           {Bind: loopback, MinPort: 20001, MaxPort: 20002},
		"upside down":            {Bind: loopback, MinPort: 30000, MaxPort: 20000},
		"no beginning":           {Bind: loopback, MaxPort: 20000},
		"advertise unspecified":  {Bind: loopback, Advertise: netip.IPv6Unspecified()},
		"the end of the numbers": {Bind: loopback, MinPort: 65535, MaxPort: 65535},
	} {
		if _, err := NewRelay(cfg); errs.CodeOf(err) != errs.Invalid {
			t.Errorf("%s: got %v", name, err)
		}
	}
	r, err := NewRelay(Config{Bind: netip.IPv4Unspecified(), Advertise: netip.MustParseAddr("192.0.2.1"), Now: time.Now,
		Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if p := open(t, r); p.Local().Addr.Addr().String() != "192.0.2.1" {
		t.Errorf("advertises %v", p.Local())
	}
}
