package link

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"strowger/pkg/errs"
)

func TestConnectIsReused(t *testing.T) {
	o := newOrg(t)
	x, y := start(t, o.config(t)), start(t, o.config(t))
	c := x.connect(t, y)
	if c.Peer() != y.cfg.Name || c.PeerBoot() != y.cfg.Boot || c.PeerKeyHash() != y.designated().KeyHash {
		t.Errorf("peer is %v boot %s key %s", c.Peer(), c.PeerBoot(), c.PeerKeyHash())
	}
	if again := x.connect(t, y); again != c {
		t.Error("a second Connect made a second link")
	}
	if back := y.linked(t, x); y.connect(t, x) != back || back.Peer() != x.cfg.Name {
		t.Error("the peer does not use the link that was dialled to it")
	}
	cs := c.qc.ConnectionState()
	if cs.TLS.CurveID != tls.X25519MLKEM768 || cs.TLS.Version != tls.VersionTLS13 || cs.Used0RTT || cs.TLS.DidResume {
		t.Errorf("handshake: curve %v, version %x", cs.TLS.CurveID, cs.TLS.Version)
	}
	eventually(t, "round trip", func() bool { return c.RTT() > 0 })
	if got := x.Counters(); got.Links != 1 || got.Dialled != 1 || got.Refused != 0 {
		t.Errorf("counters of the dialler: %+v", got)
	}
}

// RFC 3261, 18.3 needs a stream for any size; 2,500 bytes is more than any datagram.
func TestSIPStreamBothWays(t *testing.T) {
	o := newOrg(t)
	x, y := start(t, o.config(t)), start(t, o.config(t))
	c := x.connect(t, y)
	out, err := c.OpenSIP(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	in := wait(t, "SIP stream", y.sip)
	back, err := y.linked(t, x).OpenSIP(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	wait(t, "SIP stream", x.sip)

	message := bytes.Repeat([]byte("INVITE sip:1001@30"), 139)
	for _, way := range [][2]net.Conn{{out, in}, {in, out}} {
		go func() { _, _ = way[0].Write(message) }()
		if !bytes.Equal(readFull(t, way[1], len(message)), message) {
			t.Error("message changed on its way")
		}
	}
	seen := map[string]bool{}
	for _, s := range []net.Conn{out, back} {
		for _, a := range []net.Addr{s.LocalAddr(), s.RemoteAddr()} {
			tcp, ok := a.(*net.TCPAddr)
			if !ok || !bytes.HasPrefix(tcp.IP, []byte{1, 0, 0, 0, 0, 0, 0, 0}) || seen[a.String()] {
				t.Errorf("address %v is not one of its own in 100::/64", a)
			}
			seen[a.String()] = true
		}
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := in.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("read after the peer closed: %v", err)
	}
}

// comes sends, and sends again what is lost because it got old on a busy machine, until it has come.
func comes(t *testing.T, what string, send func(), came func() bool) {
	t.Helper()
	const again = 100 // looks
	looks := 0
	eventually(t, what, func() bool {
		if looks%again == 0 {
			send()
		}
		looks++
		return came()
	})
}

func TestMediaBothWays(t *testing.T) {
	sent := 0
	o := newOrg(t)
	x, y := start(t, o.config(t)), start(t, o.config(t))
	xc := x.connect(t, y)
	yc := y.linked(t, x)
	for _, way := range []struct {
		name     string
		from, to *Conn
		size     int
	}{{"datagram", xc, yc, 172}, {"datagram back", yc, xc, 172}, {"stream", xc, yc, 9000}, {"largest", yc, xc, MaxPacket}} {
		got := make(chan []byte, 16)
		flow, err := way.to.NewFlow(func(p []byte) { got <- p })
		if err != nil {
			t.Fatal(err)
		}
		packet := bytes.Repeat([]byte{0x80}, way.size)
		comes(t, way.name, func() {
			if err := way.from.Send(flow.ID(), packet); err != nil {
				t.Fatal(err)
			}
			sent++
		}, func() bool {
			select {
			case p := <-got:
				if !bytes.Equal(p, packet) {
					t.Errorf("%s: packet changed on its way", way.name)
				}
				return true
			default:
				return false
			}
		})
		flow.Close()
		before := way.to.endpoint.Counters().DroppedUnknown
		comes(t, "packet without a flow", func() {
			if err := way.from.Send(flow.ID(), packet[:1]); err != nil {
				t.Fatal(err)
			}
		}, func() bool { return way.to.endpoint.Counters().DroppedUnknown > before })
	}
	if n := x.Counters(); n.LargeSent < 1 || n.LargeSent > uint64(sent-3) || n.PacketsReceived < 2 || n.PacketsReceived > uint64(sent-2) {
		t.Errorf("of %d packets: %+v", sent, n)
	}
	wantCode(t, xc.Send(1, make([]byte, MaxPacket+1)), errs.Invalid)
	wantCode(t, xc.Send(1, nil), errs.Invalid)
	wantCode(t, xc.Send(1<<62, packetOpener()), errs.Invalid)
	wantCode(t, xc.Send(several, packetOpener()), errs.Invalid)
}

// When the peer lets large packets lie, they are dropped, not queued.
func TestLargePacketsWaitForNoStream(t *testing.T) {
	o := newOrg(t)
	x, y := start(t, o.config(t)), start(t, o.config(t))
	c := x.connect(t, y)
	for range maxPacketStreams {
		if _, err := c.qc.OpenUniStream(); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Send(1, make([]byte, 3000)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "drop", func() bool { n := x.Counters(); return n.DroppedLarge+n.DroppedStale == 1 })
}

func TestMalformedDatagramIsCounted(t *testing.T) {
	o := newOrg(t)
	x, y := start(t, o.config(t)), start(t, o.config(t))
	c := x.connect(t, y)
	for _, b := range [][]byte{{}, {0x40}, {0x07}, {several}, {several, 9, 0x07}} {
		if err := c.qc.SendDatagram(b); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "count", func() bool { return y.Counters().DroppedMalformed == 5 })
}

func TestStreamsOfUnknownKindAreRefused(t *testing.T) {
	synctest.Test(t, streamsOfUnknownKind)
}

func streamsOfUnknownKind(t *testing.T) {
	_, x, y := newNetwork(t)
	c := x.connect(t, y)
	defer c.Hold()()
	lines := []string{"{\"stream\":\"telex\",\"v\":1}\n", "{\"stream\":\"sip\",\"v\":2}\n", "INVITE sip:x SIP/2.0\n", "{", string(bytes.Repeat([]byte("x"), maxLine+1))}
	for _, line := range lines {
		s, err := c.qc.OpenStreamSync(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Write([]byte(line)); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Read(make([]byte, 1)); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("stream that begins with %.20q: %v", line, err)
		}
		s.CancelWrite(0)
	}
	u, err := c.qc.OpenUniStreamSync(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := u.Write([]byte("{\"stream\":\"sip\",\"v\":1}\n\x01")); err != nil {
		t.Fatal(err)
	}
	if err := u.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "count", func() bool { return y.Counters().StreamsRefused == uint64(len(lines)+1) })
	if c.Err() != nil {
		t.Errorf("a refused stream ended the link: %v", c.Err())
	}
}

func TestStreamFloodIsLimited(t *testing.T) {
	o := newOrg(t)
	x, y := start(t, o.config(t)), start(t, o.config(t))
	c := x.connect(t, y)
	var open []net.Conn
	for range maxSIPStreams {
		s, err := c.OpenSIP(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, s)
	}
	over, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := c.OpenSIP(over)
	wantCode(t, err, errs.Congested)
	if err := open[0].Close(); err != nil {
		t.Fatal(err)
	}
	for range maxSIPStreams {
		_ = wait(t, "SIP stream", y.sip).Close()
	}
	if _, err := c.OpenSIP(t.Context()); err != nil {
		t.Errorf("a stream after others were closed: %v", err)
	}
}

func TestSimultaneousDialsSettleOnOne(t *testing.T) {
	o := newOrg(t)
	cfg := func() Config {
		c := o.config(t)
		c.Times.Ping = 20 * time.Millisecond
		return c
	}
	x, y := start(t, cfg()), start(t, cfg())
	if x.cfg.Name.ID > y.cfg.Name.ID {
		x, y = y, x
	}
	go func() { _, _ = y.Connect(t.Context(), x.designated()) }()
	var held *Conn
	var release func()
	eventually(t, "link to hold", func() bool { // one that nobody held yet may be gone
		held = x.connect(t, y)
		release = held.Hold()
		_, err := held.OpenSIP(t.Context())
		if err != nil {
			release()
		}
		return err == nil
	})
	eventually(t, "settling", func() bool {
		one, other := x.preferred(y.cfg.Name.ID, nil), y.preferred(x.cfg.Name.ID, nil)
		return one != nil && other != nil && one.dialled != other.dialled && count(x, y) == count(y, x) &&
			(count(x, y) == 1 || held.draining())
	})
	if _, err := held.OpenSIP(t.Context()); err != nil {
		t.Errorf("a link that is held, draining or not, opens no stream: %v", err)
	}
	release()
	eventually(t, "drained link", func() bool { return count(x, y) == 1 && count(y, x) == 1 })
	if x.connect(t, y).Err() != nil {
		t.Error("the link that stayed is down")
	}
}

func count(n, peer *node) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.links[peer.cfg.Name.ID])
}

// The order in which two crossing connections come up differs between the sides; the outcome must not.
func TestOutlives(t *testing.T) {
	low, high := &Endpoint{}, &Endpoint{}
	low.cfg.Name.ID, high.cfg.Name.ID = "a", "b"
	low.cfg.Times, high.cfg.Times = Times{}.withDefaults(), Times{}.withDefaults()
	now := time.Now()
	conn := func(peer string, dialled bool, at time.Time, boot string) *Conn {
		c := &Conn{dialled: dialled, opened: at, hello: hello{Boot: boot}}
		c.peer.ID = peer
		return c
	}
	later := now.Add(time.Minute)
	for _, c := range []struct {
		name       string
		e          *Endpoint
		old, fresh *Conn
		want       bool
	}{
		{"low: own first", low, conn("b", true, now, "1"), conn("b", false, now, "1"), true},
		{"low: peer's first", low, conn("b", false, now, "1"), conn("b", true, now, "1"), false},
		{"high: own first", high, conn("a", true, now, "1"), conn("a", false, now, "1"), false},
		{"high: peer's first", high, conn("a", false, now, "1"), conn("a", true, now, "1"), true},
		{"the peer lost it", low, conn("b", true, now, "1"), conn("b", false, later, "1"), false},
		{"the peer restarted", low, conn("b", true, now, "1"), conn("b", false, now, "2"), false},
		{"dialled again", low, conn("b", true, now, "1"), conn("b", true, now, "1"), false},
	} {
		if got := c.e.outlives(c.old, c.fresh); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestConnectTriesAllAddresses(t *testing.T) {
	o := newOrg(t)
	x, y, z := start(t, o.config(t)), start(t, o.config(t)), start(t, o.config(t))
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	to := y.designated()
	to.Addresses = slices.Concat([]string{"no address", silent.LocalAddr().String(), z.Addr().String()}, to.Addresses)
	c, err := x.Connect(t.Context(), to)
	if err != nil {
		t.Fatal(err)
	}
	if c.Peer() != y.cfg.Name {
		t.Errorf("connected to %v", c.Peer())
	}
	eventually(t, "end of the connection to the wrong node", func() bool { return z.Counters().Links == 0 })
}

func TestConnectByName(t *testing.T) {
	o := newOrg(t)
	x, y := start(t, o.config(t)), start(t, o.config(t))
	to := y.designated()
	for _, address := range []string{"localhost", "localhost:sip", "localhost:70000"} {
		to.Addresses = []string{address}
		_, err := x.Connect(t.Context(), to)
		wantCode(t, err, errs.Unreachable)
	}
	to.Addresses = []string{fmt.Sprintf("localhost:%d", y.Addr().Port())}
	if _, err := x.Connect(t.Context(), to); err != nil {
		t.Fatal(err)
	}
}

func TestConnectGivesUp(t *testing.T) {
	o := newOrg(t)
	cfg := o.config(t)
	cfg.Times.Opener, cfg.Times.Dial = 50*time.Millisecond, 100*time.Millisecond
	x, y := start(t, cfg), start(t, o.config(t))
	to := y.designated()
	y.stop()
	_, err := x.Connect(t.Context(), to)
	wantCode(t, err, errs.Unreachable)
	to.Addresses = nil
	_, err = x.Connect(t.Context(), to)
	wantCode(t, err, errs.Unreachable)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	to.Addresses = []string{y.Addr().String()}
	_, err = x.Connect(ctx, to)
	wantCode(t, err, errs.Unreachable)
	x.stop()
	_, err = x.Connect(t.Context(), to)
	wantCode(t, err, errs.NodeStopped)
}

func TestConnectBeforeRunWaits(t *testing.T) {
	o := newOrg(t)
	e, err := Listen(o.config(t))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = e.Connect(ctx, start(t, o.config(t)).designated())
	wantCode(t, err, errs.Unreachable)
	if err := e.Run(ctx); err != nil { // releases the socket
		t.Fatal(err)
	}
}
