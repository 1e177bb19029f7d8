package relay

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/logging"
	"github.com/pion/stun/v4"
	"github.com/pion/turn/v5"
	"go.uber.org/goleak"

	"strowger/pkg/designation"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 30 * time.Second

// world is a relay on loopback, and the time that it goes by.
type world struct {
	*Relay
	t     *testing.T
	later atomic.Int64 // than now, in ns
}

func (w *world) now() time.Time { return time.Now().Add(time.Duration(w.later.Load())) }

func newWorld(t *testing.T, change func(*Config)) *world {
	t.Helper()
	w := &world{t: t}
	cfg := Config{
		Listen: "127.0.0.1:0", Public: netip.MustParseAddr("127.0.0.1"), Ports: [2]uint16{20000, 65000}, Rate: 4 << 20, Most: 100, Realm: "test",
		Private: true, Now: w.now, Logger: slog.New(slog.DiscardHandler),
	}
	change(&cfg)
	var err error
	if w.Relay, err = Open(cfg); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return w
}

func unchanged(*Config) {}

func (w *world) credential(leg string) *designation.Relay {
	return designation.NewRelay(nil, w.Secret(), leg, w.now().Add(time.Minute))
}

// client is a client of the relay over UDP, or over TCP.
func (w *world) client(network string, as *designation.Relay) *turn.Client {
	w.t.Helper()
	var c net.PacketConn
	var err error
	if network == "tcp" {
		var s net.Conn
		if s, err = net.Dial("tcp", w.Addr().String()); err == nil {
			c = turn.NewSTUNConn(s)
		}
	} else {
		c, err = net.ListenPacket("udp", "127.0.0.1:0")
	}
	if err != nil {
		w.t.Fatal(err)
	}
	client, err := turn.NewClient(&turn.ClientConfig{
		STUNServerAddr: w.Addr().String(), TURNServerAddr: w.Addr().String(), Username: as.Username, Password: as.Credential, Realm: "test", Conn: c,
		LoggerFactory: &logging.DefaultLoggerFactory{Writer: io.Discard},
	})
	if err == nil {
		err = client.Listen()
	}
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		client.Close()
		_ = c.Close()
	})
	return client
}

func (w *world) allocate(network string, as *designation.Relay) net.PacketConn {
	w.t.Helper()
	c, err := w.client(network, as).Allocate()
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = c.Close() })
	return c
}

// peer is the other end of the media.
func (w *world) peer() net.PacketConn {
	w.t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		w.t.Fatal(err)
	}
	return c
}

// Media pass in both directions, whatever the way of the client to the relay.
func TestRelays(t *testing.T) {
	for _, network := range []string{"udp", "tcp"} {
		w := newWorld(t, unchanged)
		relayed, peer := w.allocate(network, w.credential("lg_1")), w.peer()
		b := make([]byte, 100)
		if _, err := relayed.WriteTo([]byte("there"), peer.LocalAddr()); err != nil {
			t.Fatal(err)
		}
		n, from, err := peer.ReadFrom(b)
		if err != nil || string(b[:n]) != "there" || from.String() != relayed.LocalAddr().String() {
			t.Fatalf("over %s the peer read %q of %v, %v", network, b[:n], from, err)
		}
		// While the client binds a channel it drops what comes on it, as media may be dropped on any way.
		for late := time.Now().Add(patience); ; {
			if _, err := peer.WriteTo([]byte("back"), from); err != nil {
				t.Fatal(err)
			}
			if err := relayed.SetReadDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
				t.Fatal(err)
			}
			n, _, err = relayed.ReadFrom(b)
			if err == nil && string(b[:n]) == "back" {
				break
			}
			if time.Now().After(late) {
				t.Fatalf("over %s the client read %q, %v", network, b[:n], err)
			}
		}
		if c := w.Counters(); c.Allocations != 1 || c.Bytes < 9 || len(c.Refused) != 0 {
			t.Errorf("counted %+v", c)
		}
	}
}

// What is not a credential of this run for a leg of now gets nothing, and is counted by its reason.
func TestRefusals(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Most = maxPerLeg + 1 })
	late := designation.NewRelay(nil, w.Secret(), "lg_1", w.now().Add(-time.Second))
	forged := designation.NewRelay(nil, []byte("the secret of another run"), "lg_1", w.now().Add(time.Minute))
	moved := w.credential("lg_1")
	moved.Username = strings.Replace(moved.Username, "lg_1", "lg_2", 1) // a credential of another call
	for name, c := range map[string]struct {
		as   *designation.Relay
		want string
	}{
		"expired":        {late, refusedExpired},
		"of another run": {forged, refusedWrong},
		"of another leg": {moved, refusedWrong},
		"no credential":  {&designation.Relay{Username: "anna", Credential: "secret"}, refusedMalformed},
	} {
		before := w.Counters().Refused[c.want]
		if _, err := w.client("udp", c.as).Allocate(); err == nil {
			t.Errorf("%s: an allocation", name)
		}
		if got := w.Counters().Refused[c.want]; got == before {
			t.Errorf("%s: not counted as %q: %v", name, c.want, w.Counters().Refused)
		}
	}
	for range maxPerLeg {
		w.allocate("udp", w.credential("lg_1"))
	}
	if _, err := w.client("udp", w.credential("lg_1")).Allocate(); err == nil || w.Counters().Refused[refusedLeg] == 0 { // more than one: a client asks again
		t.Errorf("one leg has more than its share: %v", w.Counters())
	}
	w.allocate("udp", w.credential("lg_3"))
	if _, err := w.client("udp", w.credential("lg_4")).Allocate(); err == nil || w.Counters().Refused[refusedAll] == 0 {
		t.Errorf("more than all may have: %v", w.Counters())
	}
	// Who has an allocation may have another one after its credential expired: its network changed.
	w.later.Store(int64(time.Hour))
	if _, err := w.client("udp", designation.NewRelay(nil, w.Secret(), "lg_5", w.now().Add(-time.Minute))).Allocate(); err == nil {
		t.Error("an expired credential of a new leg gets an allocation")
	}
	if _, _, ok := w.authenticate(&turn.RequestAttributes{Username: w.username("lg_3")}); !ok {
		t.Error("the credential of a leg with an allocation is refused once it expired")
	}
}

func (w *world) username(leg string) string {
	return designation.NewRelay(nil, w.Secret(), leg, w.now().Add(-time.Minute)).Username
}

// Nobody reaches through the relay what is behind it.
func TestPeersThatAreRefused(t *testing.T) {
	for private, peers := range map[bool]map[string]bool{
		false: {
			"127.0.0.1": false, "10.0.0.1": false, "192.168.1.1": false, "169.254.169.254": false, "100.64.0.1": false, "224.0.0.1": false, "0.0.0.0": false,
			"::1": false, "fe80::1": false, "fd00::1": false, "::ffff:127.0.0.1": false, "8.8.8.8": true, "2606:4700::1": true,
		},
		true: {"10.0.0.1": true, "127.0.0.1": true, "169.254.169.254": false, "fe80::1": false, "224.0.0.1": false, "0.0.0.0": false, "8.8.8.8": true},
	} {
		w := newWorld(t, func(c *Config) { c.Private = private })
		for peer, want := range peers {
			if got := w.permit(nil, net.ParseIP(peer)); got != want {
				t.Errorf("peer %s, private %v: %v", peer, private, got)
			}
		}
	}
	w := newWorld(t, func(c *Config) { c.Private = false })
	if _, err := w.allocate("udp", w.credential("lg_1")).WriteTo([]byte("x"), w.peer().LocalAddr()); err == nil || w.Counters().Refused[refusedPeer] == 0 {
		t.Errorf("a peer on loopback is reached: %v, %v", err, w.Counters())
	}
}

// A leg that sends too much loses packets, and takes nothing from others.
func TestRate(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Rate = 8000 }) // 1,000 bytes a second
	one, err := w.enter("lg_1")
	other, err2 := w.enter("lg_2")
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	if !w.pass(one, 900, now) || w.pass(one, 900, now.Add(700*time.Millisecond)) || !w.pass(other, 900, now) || !w.pass(one, 900, now.Add(800*time.Millisecond)) {
		t.Errorf("counted %+v", w.Counters())
	}
	if c := w.Counters(); c.OverRate != 1 || c.Bytes != 2700 {
		t.Errorf("counted %+v", c)
	}
	w.leave("lg_1")
	w.leave("lg_2")
	if c := w.Counters(); c.Allocations != 0 || len(w.legs) != 0 {
		t.Errorf("left behind: %+v, %d legs", c, len(w.legs))
	}
}

// onlySTUN makes a relay one that relays nothing.
func onlySTUN(c *Config) { c.Ports = [2]uint16{} }

// Clients are told where they are seen, with a relay and without; without, nothing else is answered.
func TestSTUN(t *testing.T) {
	for name, change := range map[string]func(*Config){"beside a relay": unchanged, "alone": onlySTUN} {
		w := newWorld(t, change)
		at, err := w.client("udp", w.credential("lg_1")).SendBindingRequest()
		if err != nil || at.(*net.UDPAddr).IP.String() != "127.0.0.1" || w.Counters().Seen != 1 {
			t.Errorf("%s: seen at %v, %v; counted %+v", name, at, err, w.Counters())
		}
	}
	w := newWorld(t, onlySTUN)
	c := w.peer()
	before := len(w.tcp)
	for _, request := range []string{allocateRequest, bindingResponse, bindingRequest[:8], "", "media", bindingRequest} {
		if _, err := c.WriteTo([]byte(request), w.udp.LocalAddr()); err != nil {
			t.Fatal(err)
		}
	}
	// What is answered first is the last of them, as all that comes from one socket to another keeps its order on loopback.
	b := make([]byte, 100)
	n, _, err := c.ReadFrom(b)
	if err != nil || string(b[:2]) != "\x01\x01" || n > 2*headerLength || before != 0 {
		t.Errorf("answered % x, %v, over %d ways of TCP; want a Binding response of at most %d bytes, and none", b[:n], err, before, 2*headerLength)
	}
}

// Messages as clients send them (RFC 8489, 5; RFC 8656, 7.1).
const (
	bindingRequest  = "\x00\x01\x00\x00\x21\x12\xa4\x42abcdefghijkl"
	bindingResponse = "\x01\x01\x00\x00\x21\x12\xa4\x42abcdefghijkl"
	allocateRequest = "\x00\x03\x00\x08\x21\x12\xa4\x42abcdefghijkl\x00\x19\x00\x04\x11\x00\x00\x00"
	channelData     = "\x40\x01\x00\x14abcdefghijklmnopqrst"
)

// One source asks as often as it may, others meanwhile too, and media are not counted.
func TestSourcesAreLimited(t *testing.T) {
	now := time.Now()
	w := newWorld(t, func(c *Config) { c.Now = func() time.Time { return now } })
	one, other := &net.UDPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1}, &net.UDPAddr{IP: net.IPv4(192, 0, 2, 2), Port: 1}
	asks := func(message string, n int, from net.Addr) (passed int) {
		for range n {
			if w.admits(kindOf([]byte(message)), from) {
				passed++
			}
		}
		return passed
	}
	if n := asks(bindingRequest, sourceBurst-1, one) + asks(allocateRequest, 9, one); n != sourceBurst {
		t.Errorf("%d requests of one source pass, want %d", n, sourceBurst)
	}
	if n := asks(channelData, 9, one) + asks(bindingResponse, 9, one) + asks(bindingRequest, 9, other); n != 27 {
		t.Errorf("of media, responses and others %d pass, want all", n)
	}
	if c := w.Counters(); c.Refused[refusedSource] != 8 || c.Seen != sourceBurst-1+9 {
		t.Errorf("counted %+v", c)
	}
}

// Whatever comes, an answer goes only to what asks for it.
func FuzzKindOf(f *testing.F) {
	for _, seed := range []string{bindingRequest, bindingResponse, allocateRequest, channelData, "\x80" + bindingRequest[1:], "\x40" + bindingRequest[1:], ""} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m := stun.Message{Raw: b}
		k := kindOf(b)
		switch err := m.Decode(); {
		case err != nil && !stun.IsMessage(b):
			if k != other {
				t.Errorf("% x is %d, and no message", b, k)
			}
		case err != nil: // what follows the header is wrong, as pion finds too
		case (k == other) != (m.Type.Class != stun.ClassRequest), (k == binding) != (m.Type == stun.BindingRequest):
			t.Errorf("% x is %d, want what pion reads: %v", b, k, m.Type)
		}
	})
}

// Who comes over TCP and shows no credential has to leave, also one whose TLS handshake fails.
func TestSilentClients(t *testing.T) {
	server := httptest.NewUnstartedServer(nil)
	server.StartTLS() // for its certificate
	server.Close()
	brief := newWorld(t, func(c *Config) { c.FirstWord, c.TLS, c.Cert = time.Millisecond, "127.0.0.1:0", server.TLS })
	for _, at := range []netip.AddrPort{brief.Addr(), brief.SecureAddr()} {
		c, err := net.Dial("tcp", at.String())
		if err != nil {
			t.Fatal(err)
		}
		if err := c.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
			t.Fatal(err)
		}
		_, _ = c.Write([]byte("GET / HTTP/1.1\r\n\r\n")) // it may be closed already
		if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error(err)
		}
		_ = c.Close() // it is closed either way
	}
	w := newWorld(t, unchanged)
	w.allocate("tcp", w.credential("lg_1"))
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.clients) != 1 {
		t.Errorf("%d clients, want 1", len(w.clients))
	}
	for _, c := range w.clients {
		if c.late.Stop() {
			t.Error("a client with a credential would have to leave")
		}
	}
}

// The test of itself says what it shows, and what is wrong.
func TestItself(t *testing.T) {
	for _, change := range []func(*Config){onlySTUN, unchanged} {
		if words, err := newWorld(t, change).Test(t.Context()); err != nil || !strings.Contains(words, "not an address of the public internet") {
			t.Errorf("%q, %v", words, err)
		}
	}
	w := newWorld(t, func(c *Config) { c.Public = netip.MustParseAddr("127.0.0.2") }) // where nobody answers
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if words, err := w.Test(ctx); err == nil || !strings.Contains(err.Error(), "--public") {
		t.Errorf("%q, %v", words, err)
	}
}
