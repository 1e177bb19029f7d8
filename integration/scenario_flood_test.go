package integration

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"strowger/integration/phone"
	"strowger/pkg/rtp"
	"strowger/pkg/sip"
)

// floodRate is how many messages a second a flood sends: more than strangers may, and so that two cores can serve others.
const floodRate = 10_000

// maxGrowth bounds the memory that a flood may leave behind in this process, which is both sides of it.
const maxGrowth = 64 << 20

// request is one of a flood; every one is new to the switch.
func request(method, host string, n int) []byte {
	return fmt.Appendf(nil, "%[1]s sip:1001@office SIP/2.0\r\nVia: SIP/2.0/UDP %[2]s:5060;branch=z9hG4bK%[3]d;rport\r\nMax-Forwards: 70\r\n"+
		"From: <sip:flood@%[2]s>;tag=%[3]d\r\nTo: <sip:1001@office>\r\nCall-ID: %[3]d@%[2]s\r\nCSeq: 1 %[1]s\r\n"+
		"Contact: <sip:flood@%[2]s>\r\nContent-Length: 0\r\n\r\n", method, host, n)
}

// flood sends requests to a switch from some addresses of this machine until it is stopped, and returns how many went.
func flood(t *testing.T, to netip.AddrPort, method string, sources int) (stop func() int) {
	t.Helper()
	var conns []net.Conn
	for i := range sources {
		local := &net.UDPAddr{IP: net.IPv4(127, 9, byte(i>>8), byte(1+i%250))}
		c, err := (&net.Dialer{LocalAddr: local}).Dial("udp", to.String())
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, c)
	}
	ctx, cancel := context.WithCancel(context.Background())
	sent := make(chan int, 1)
	go func() {
		n := 0
		defer func() { sent <- n }()
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			for range floodRate / 1000 {
				n++
				c := conns[n%len(conns)]
				_, _ = c.Write(request(method, c.LocalAddr().(*net.UDPAddr).IP.String(), n)) // what the kernel does not take is not sent
			}
		}
	}()
	return sync.OnceValue(func() int {
		cancel()
		n := <-sent
		for _, c := range conns {
			_ = c.Close() // it is a flood
		}
		return n
	})
}

// memory is what this process uses when all garbage is collected.
func memory() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// goodCalls has a phone call another for a while, once at least and as often as it can, but not so often that what calls
// leave behind for half a minute (RFC 3261, 17: Timers H, J and K) is more than what a flood does. It returns how long each
// time took until it rang.
func goodCalls(t *testing.T, during time.Duration, from *phone.Phone, number string, to *phone.Phone) (delays []time.Duration) {
	t.Helper()
	pace := time.NewTicker(20 * time.Millisecond)
	defer pace.Stop()
	for end := time.Now().Add(during); len(delays) == 0 || time.Now().Before(end); <-pace.C {
		begin := time.Now()
		out, in := ring(t, from, number, to)
		delays = append(delays, time.Since(begin))
		in.Answer()
		saw(t, out, phone.Answered)
		hangUp(t, out, in)
	}
	slices.Sort(delays)
	return delays
}

// TestFloods has good phones call each other during floods of requests without a password: every call must succeed.
func TestFloods(t *testing.T) {
	w := alone(t)
	_, from := w.person(t, 0, "Ann", nil)
	callee, to := w.person(t, 0, "Bob", nil)
	quiet := goodCalls(t, time.Second, from, callee.number.Digits, to)
	t.Logf("without a flood: %d calls, set-up %v, at most %v", len(quiet), quiet[len(quiet)/2], quiet[len(quiet)-1])
	before := memory()
	for _, method := range []string{"REGISTER", "INVITE", "OPTIONS"} {
		for _, sources := range []int{1, 300} {
			stop := flood(t, w.Offices[0].SIP, method, sources)
			begin := time.Now()
			delays := goodCalls(t, 1500*time.Millisecond, from, callee.number.Digits, to)
			if err := from.Register(soon(t)); err != nil {
				t.Errorf("%s from %d sources: the phone does not register: %v", method, sources, err)
			}
			n := stop()
			t.Logf("%s from %d sources, %.0f/s: all of %d calls, set-up %v, at most %v", method, sources,
				float64(n)/time.Since(begin).Seconds(), len(delays), delays[len(delays)/2], delays[len(delays)-1])
		}
	}
	until(t, func() string { // what is left of transactions goes after half a minute at most
		if after := memory(); after > before+maxGrowth {
			return fmt.Sprintf("the floods left %d MB behind", (after-before)>>20)
		}
		return ""
	})
}

// hold opens connections that say only a few bytes, from several addresses, and keeps them until the test ends.
func hold(t *testing.T, to string, n int, says string) {
	t.Helper()
	open := 0
	for i := range n {
		d := net.Dialer{Timeout: time.Second, LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 8, 0, byte(1+i%20))}}
		c, err := d.DialContext(t.Context(), "tcp", to)
		if err != nil {
			continue // refused: that is a defence as well
		}
		t.Cleanup(func() { _ = c.Close() })
		if _, err := c.Write([]byte(says)); err == nil {
			open++
		}
	}
	if open < n/2 {
		t.Fatalf("only %d of %d connections to %s are open", open, n, to)
	}
}

// TestHalfOpenConnections keeps every port for connections busy with such as never finish what they begin; phones,
// switches and admins are served all the same.
func TestHalfOpenConnections(t *testing.T) {
	w := alone(t)
	callee, to := w.person(t, 0, "Bob", nil)
	before := memory()
	hello := "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" // a TLS record that is not whole
	phones, secure := w.Offices[0].SIP.String(), w.Offices[0].SIPS.String()
	hold(t, phones, 500, "")
	hold(t, phones, 500, "REGISTER sip:office SIP/2.0\r\nVia: SIP/2.0/TCP ")
	hold(t, secure, 500, "")
	hold(t, secure, 500, hello)
	api, err := netip.ParseAddrPort(w.Cloud.API[len("https://"):])
	if err != nil {
		t.Fatal(err)
	}
	hold(t, api.String(), 400, "")
	hold(t, api.String(), 400, hello)
	hold(t, w.Cloud.Fabric, 400, "")
	hold(t, w.Cloud.Fabric, 400, hello)
	for _, transport := range []string{sip.TCP, sip.TLS} {
		_, from := w.person(t, 0, "Ann", w.over(t, 0, transport, 1)) // by the API, the fabric and a new connection
		begin := time.Now()
		goodCalls(t, 0, from, callee.number.Digits, to)
		t.Logf("a call over %s: %v", transport, time.Since(begin))
	}
	w.StopSwitch(1)
	if err := w.StartSwitch(1); err != nil { // it comes back to the fabric
		t.Fatal(err)
	}
	_, far := w.person(t, 1, "Carol", nil)
	goodCalls(t, 0, far, callee.number.Dial, to)
	until(t, func() string {
		if after := memory(); after > before+2*maxGrowth {
			return fmt.Sprintf("%d MB more than before", (after-before)>>20)
		}
		return ""
	})
}

// TestStrangersAtTheAudioPorts sprays the ports of a call, and those beside them, with all kinds of packets: nobody hears
// them, and to strangers nothing comes back.
func TestStrangersAtTheAudioPorts(t *testing.T) {
	t.Parallel()
	w := together(t)
	ann, from := w.person(t, 0, "Ann", says(1))
	callee, to := w.person(t, 1, "Bob", says(2))
	out, in := connect(t, from, callee.number.Dial, to)
	ports := []netip.AddrPort{out.Remote(), in.Remote()}
	good := rtp.Header{PT: 0, SSRC: 0xbad, Sequence: 7, Timestamp: 7}
	other := rtp.Header{PT: 77, SSRC: 0xbad}
	packets := [][]byte{
		good.Append(nil, make([]byte, 160)), good.Append(nil, make([]byte, 1800)), other.Append(nil, make([]byte, 160)),
		good.Append(nil, nil)[:11], {0x80}, {}, []byte("GET / HTTP/1.1\r\n\r\n"),
		{0x80, 200, 0, 6}, {0x81, 203, 0, 1, 0, 0, 0x10, 0}, {0x9f, 201, 0xff, 0xff, 1, 2, 3, 4}, // RTCP: cut off, BYE, longer than it is
	}
	for _, host := range []string{"127.0.0.9", "127.0.0.1"} { // the latter is where the phones' SIP comes from
		c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(host+":0")))
		if err != nil {
			t.Fatal(err)
		}
		for range 50 {
			for _, at := range ports {
				for port := at.Port() - 2; port <= at.Port()+3; port++ {
					for _, p := range packets {
						_, _ = c.WriteToUDPAddrPort(p, netip.AddrPortFrom(at.Addr(), port)) // some ports are closed
					}
				}
			}
		}
		if err := c.SetReadDeadline(time.Now().Add(200 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		// Whoever is at the IP of the phones' SIP may be a phone: before it sends RTCP itself, its neighbour's is taken for it.
		if n, at, err := c.ReadFrom(make([]byte, 2048)); err == nil && host != "127.0.0.1" {
			t.Errorf("%s got %d bytes back from %s", host, n, at)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	hears(t, in, 1)
	hears(t, out, 2)
	hangUp(t, out, in)
	for name, q := range map[string]phone.Quality{"caller": out.Quality(), "callee": in.Quality()} {
		// A link drops what a busy machine lets grow old.
		if q.Received == 0 || int(q.Lost) > 1+q.Received/4 && !late.busy(out.Events()[0].At) {
			t.Errorf("the %s received %d packets, %d are lost", name, q.Received, q.Lost)
		}
	}
	var dropped uint64
	for _, l := range w.record(t, ann.user, 2).Legs {
		if l.Quality != nil {
			dropped += l.Quality.PacketsDropped
		}
	}
	if dropped == 0 {
		t.Error("no stranger was counted")
	}
}

// TestSilentConnections is what the cloud's ports do with somebody who connects and says nothing: they hang up.
func TestSilentConnections(t *testing.T) {
	t.Parallel()
	w := together(t)
	for name, at := range map[string]string{"API": w.Cloud.API[len("https://"):], "fabric": w.Cloud.Fabric} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := net.Dial("tcp", at)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) { // the fabric greets first
				t.Errorf("it still waits after %v", patience)
			}
		})
	}
}

// TestCrowdAtTheAPI has one address open more connections than it may have: those are counted, and others are served.
func TestCrowdAtTheAPI(t *testing.T) {
	t.Parallel()
	w, crowd := together(t), from(200)
	refused := func() float64 { return figures(t, w.Cloud.Metrics)[`api_refused_total{what="connections"}`] }
	for late := time.Now().Add(patience); refused() == 0; {
		for range 128 { // each is closed when it has said nothing for 5 s
			c, err := crowd.Dial(t.Context(), "tcp", w.Cloud.API[len("https://"):])
			if err != nil {
				t.Skipf("this system has one address on its loopback interface: %v", err)
			}
			defer c.Close()
		}
		if time.Now().After(late) {
			t.Fatal("one address has as many connections as it likes")
		}
	}
	if _, err := w.Client.Organizations().Get(t.Context(), w.Client.Organization); err != nil {
		t.Errorf("another client of the API: %v", err)
	}
}
