package sipside

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"strowger/pkg/sip"
	"strowger/pkg/sitecopy"
	"strowger/switchnode/internal/barring"
	"strowger/switchnode/internal/call"
)

// guarded is an office that shuts scanners out who are not at 127.0.0.1.
func guarded(t *testing.T) *office {
	return newOfficeWith(t, Strangers{Rate: 200, Points: 100, First: time.Minute, Spared: []netip.Prefix{netip.PrefixFrom(loopback, 32)}})
}

// dialFrom opens a socket at an address.
func (o *office) dialFrom(network, host string) net.Conn {
	o.t.Helper()
	at := netip.AddrPortFrom(netip.MustParseAddr(host), 0)
	d := net.Dialer{LocalAddr: net.UDPAddrFromAddrPort(at)}
	if network == "tcp" {
		d.LocalAddr = net.TCPAddrFromAddrPort(at)
	}
	c, err := d.Dial(network, o.udp.String())
	if err != nil {
		o.t.Fatal(err)
	}
	o.t.Cleanup(func() { _ = c.Close() })
	return c
}

// request is one to a user that nothing vouches for.
func request(c net.Conn, method, uri string, n int) string {
	transport := map[string]string{"udp": "UDP", "tcp": "TCP"}[c.LocalAddr().Network()]
	return fmt.Sprintf("%[1]s %[2]s SIP/2.0\r\nVia: SIP/2.0/%[3]s %[4]s;branch=z9hG4bKscan%[5]d;rport\r\nMax-Forwards: 70\r\nFrom: <sip:a@b>;tag=%[5]d\r\n"+
		"To: <%[2]s>\r\nCall-ID: scan%[5]d%[4]s\r\nCSeq: 1 %[1]s\r\nContact: <sip:a@%[4]s>\r\nContent-Length: 0\r\n\r\n", method, uri, transport, c.LocalAddr(), n)
}

// write sends something, answered or not.
func write(t *testing.T, c net.Conn, message string) {
	t.Helper()
	if _, err := c.Write([]byte(message)); err != nil {
		t.Fatal(err)
	}
}

// answered sends something and reads the first line of the answer.
func answered(t *testing.T, c net.Conn, message string) string {
	t.Helper()
	write(t, c, message)
	if err := c.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	return line
}

// until waits for something.
func (o *office) until(what string, is func() bool) {
	o.t.Helper()
	for patient := time.Now().Add(time.Minute); !is(); {
		if time.Now().After(patient) {
			o.t.Fatalf("%s: shut out are %+v, dropped %v", what, o.phones.Barred(), o.phones.Drops())
		}
		select {
		case <-time.After(time.Millisecond):
		case <-o.t.Context().Done():
		}
	}
}

// dropped waits until so many messages and connections were dropped of who is shut out.
func (o *office) dropped(n uint64) {
	o.t.Helper()
	o.until(fmt.Sprintf("%d are dropped", n), func() bool { return o.phones.Drops()["shut"] >= n })
}

// A scanner looks for users; then nobody answers it, at whatever it tries. Calls for help are answered even then, and a phone at the
// same address that knows its password gets in by one, for all.
func TestScannerIsShutOut(t *testing.T) {
	o := guarded(t)
	o.begins(func(call.Incoming) error { return errors.New("not here") })
	scanner := o.phoneAt("127.0.0.9", "", sip.UDP)
	for i := range 10 {
		scanner.user = fmt.Sprintf("nobody%d", i)
		if code := scanner.signIn("guess"); code != 404 {
			t.Fatalf("guess %d is answered %d", i, code)
		}
	}
	all := o.phones.Barred()
	if len(all) != 1 || all[0].Source.String() != "127.0.0.9/32" || all[0].Why != barring.UnknownUser || !all[0].UDPOnly {
		t.Fatalf("shut out: %+v", all)
	}
	if refused := o.phones.Refused(); len(refused) != 10 || refused[0].User != "nobody9" || refused[0].Source.Addr() != all[0].Source.Addr() {
		t.Errorf("refused of late: %+v", refused)
	}
	udp := o.dialFrom("udp", "127.0.0.9")
	write(t, udp, request(udp, "OPTIONS", "sip:127.0.0.1", 1))
	write(t, udp, request(udp, "INVITE", "sip:00900123@127.0.0.1", 2))
	write(t, udp, "no SIP at all")
	o.dropped(3)
	if line := answered(t, udp, request(udp, "INVITE", "sip:112@127.0.0.1", 3)); line != "SIP/2.0 401 Unauthorized\r\n" {
		t.Errorf("a call for help is answered %q", line)
	}
	ann := o.phoneAt("127.0.0.9", "ann", sip.UDP)
	if r := expect[sip.Refused](ann.dial("112", speech)); r.Code == 401 {
		t.Errorf("help for a phone that knows its password: %+v", r)
	}
	if all := o.phones.Barred(); len(all) != 0 {
		t.Errorf("shut out where a password was shown: %+v", all)
	}
	if code := o.phoneAt("127.0.0.9", "bob", sip.UDP).signIn("bob's"); code != 200 {
		t.Errorf("a neighbour gets %d", code)
	}
}

// Who comes by connections shows where from, and is shut out of all.
func TestScannerOverTCPIsShutOut(t *testing.T) {
	o := guarded(t)
	for range 10 {
		c := o.dialFrom("tcp", "127.0.0.9")
		write(t, c, "GET / HTTP/1.1\r\n\r\n")
		_, _ = io.ReadAll(c) // until it is closed
	}
	if all := o.phones.Barred(); len(all) != 1 || all[0].UDPOnly || all[0].Why != barring.Unreadable {
		t.Fatalf("shut out: %+v", all)
	}
	for i := range 2 * knockBurst { // the first ones might bring a call for help, and are closed when they do not
		c := o.dialFrom("tcp", "127.0.0.9")
		write(t, c, request(c, "OPTIONS", "sip:127.0.0.1", i))
		if b, _ := io.ReadAll(c); len(b) != 0 { // it is closed, or reset
			t.Errorf("a connection is answered %q", b)
		}
	}
	udp := o.dialFrom("udp", "127.0.0.9")
	write(t, udp, request(udp, "OPTIONS", "sip:127.0.0.1", 9))
	o.dropped(2*knockBurst + 1)
	o.late.Store(int64(knockRefill))
	c := o.dialFrom("tcp", "127.0.0.9")
	if line := answered(t, c, request(c, "INVITE", "sip:112@127.0.0.1", 10)); line != "SIP/2.0 401 Unauthorized\r\n" {
		t.Errorf("a call for help is answered %q", line)
	}
	o.late.Store(int64(time.Minute))
	if line := answered(t, udp, request(udp, "OPTIONS", "sip:127.0.0.1", 11)); line != "SIP/2.0 200 OK\r\n" {
		t.Errorf("when the time is over OPTIONS is answered %q", line)
	}
}

// What comes over UDP may be forged: it bars UDP only; an administrator may let it in before, and so does a password.
func TestForgedScanner(t *testing.T) {
	o := guarded(t)
	forged := o.dialFrom("udp", "127.0.0.8")
	noise := func() {
		for range 10 {
			write(t, forged, "no SIP at all")
		}
	}
	noise()
	o.until("noise shuts out", func() bool { return len(o.phones.Barred()) == 1 })
	write(t, forged, "no SIP at all")
	o.dropped(1)
	tcp := o.dialFrom("tcp", "127.0.0.8")
	if line := answered(t, tcp, request(tcp, "OPTIONS", "sip:127.0.0.1", 1)); line != "SIP/2.0 200 OK\r\n" {
		t.Errorf("by TCP OPTIONS is answered %q", line)
	}
	if at := netip.MustParseAddr("127.0.0.8"); !o.phones.Unbar(at) || o.phones.Unbar(at) {
		t.Error("it was not shut out, or is still")
	}
	if code := o.phoneAt("127.0.0.8", "ann", sip.UDP).signIn("ann's"); code != 200 {
		t.Errorf("the phone that is there gets %d", code)
	}
	noise()
	noise()
	if line := answered(t, forged, request(forged, "OPTIONS", "sip:127.0.0.1", 2)); line != "SIP/2.0 200 OK\r\n" {
		t.Errorf("where a phone is registered OPTIONS is answered %q", line)
	}
}

// Nobody is shut out where a phone is registered, since it may have neighbours, nor at a phone company.
func TestNeighboursAreNotShutOut(t *testing.T) {
	o := guarded(t)
	o.phoneAt("127.0.0.7", "ann", sip.UDP).registered()
	o.trunks.Store(&[]sitecopy.Trunk{{ID: "tk_1", Servers: []string{"127.0.0.6:5060"}, Transport: "udp"}})
	for _, host := range []string{"127.0.0.7", "127.0.0.6", "127.0.0.1"} {
		bad := o.phoneAt(host, "mallory", sip.UDP)
		for range 60 {
			if code := bad.signIn("guess"); code != 404 {
				t.Fatalf("at %s somebody is answered %d", host, code)
			}
		}
		if code := o.phoneAt(host, "bob", sip.UDP).signIn("bob's"); code != 200 {
			t.Errorf("a neighbour at %s gets %d", host, code)
		}
	}
	if all := o.phones.Barred(); len(all) != 0 {
		t.Errorf("shut out: %+v", all)
	}
}
