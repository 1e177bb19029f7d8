//go:build unix

package sip

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"
)

// benched runs an endpoint on UDP and returns a socket to it.
func benched(b *testing.B, h Handler) *net.UDPConn {
	b.Helper()
	e := NewEndpoint(Config{Name: "bench", Handler: h, Logger: slog.New(slog.DiscardHandler)})
	at, err := e.ListenUDP("127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = e.Run(ctx) })
	b.Cleanup(func() { cancel(); wg.Wait() })
	<-e.Running()
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(at))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { c.Close() })
	return c
}

// cpu reports what the process spent, the socket of the phone included: on a machine that others use, time says little.
func cpu(b *testing.B) (report func()) {
	b.Helper()
	spent := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	before := spent()
	return func() { b.ReportMetric(float64(spent()-before)/float64(b.N), "cpu-ns/op") }
}

// phoneHeaders is what a desk phone puts into every request besides what the format below has.
const phoneHeaders = "Max-Forwards: 70\r\nContact: <sip:1001@127.0.0.1:5062;transport=udp>\r\nUser-Agent: Yealink SIP-T46U 108.86.0.20\r\n" +
	"Allow: INVITE, INFO, PRACK, ACK, BYE, CANCEL, OPTIONS, NOTIFY, REGISTER, SUBSCRIBE, REFER, PUBLISH, UPDATE, MESSAGE\r\n"

const benchHead = "%s sip:1002@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5062;rport;branch=z9hG4bK%s%d\r\nFrom: \"Ann\" <sip:1001@127.0.0.1>;tag=t%d\r\n" +
	"To: <sip:1002@127.0.0.1>%s\r\nCall-ID: call-%d@127.0.0.1\r\nCSeq: %d %s\r\n" + phoneHeaders

// BenchmarkRegister is a REGISTER with credentials and its 200 over loopback, the socket of the phone included.
func BenchmarkRegister(b *testing.B) {
	contact := NewHeader("Contact", "<sip:1001@127.0.0.1:5062;transport=udp>;expires=3600")
	c := benched(b, handler{register: func(_ *Request, _ Peer, r Respond) { r(200, "OK", contact) }})
	const digest = `Authorization: Digest username="1001", realm="strowger", nonce="1770000000.abcdefghijklmnop", uri="sip:127.0.0.1", ` +
		`response="0123456789abcdef0123456789abcdef", algorithm=MD5, cnonce="0a4f113b", qop=auth, nc=00000001` + "\r\n"
	buf := make([]byte, 4096)
	b.ReportAllocs()
	report := cpu(b)
	defer report()
	for i := 0; b.Loop(); i++ {
		msg := fmt.Sprintf(benchHead, "REGISTER", "r", i, i, "", i, 1, "REGISTER") + digest + "Expires: 3600\r\nContent-Length: 0\r\n\r\n"
		if _, err := c.Write([]byte(msg)); err != nil {
			b.Fatal(err)
		}
		if n, err := c.Read(buf); err != nil || !bytes.HasPrefix(buf[:n], []byte("SIP/2.0 200")) {
			b.Fatalf("%q, %v", buf[:n], err)
		}
	}
}

// callee answers every call at once.
type callee struct {
	inputs chan func()
}

func (c callee) own(d *Dialog, in Input) bool {
	c.inputs <- func() { d.Handle(in) }
	return true
}

func (c callee) Invite(d *Dialog) {
	d.SetOwner(c.own)
	c.inputs <- func() {
		d.Progress(180, "Ringing")
		d.Answer([]byte(benchSDP))
	}
}

func (callee) Register(*Request, Peer, Respond) {}

const benchSDP = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 11780 RTP/AVP 8 0 101\r\n" +
	"a=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\na=sendrecv\r\n"

// BenchmarkCall is INVITE, 100, 180, 200, ACK, BYE, 200 over loopback, the socket of the phone included.
func BenchmarkCall(b *testing.B) {
	h := callee{inputs: make(chan func(), 64)}
	c := benched(b, h)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case f := <-h.inputs:
				f()
			case <-stop:
				return
			}
		}
	})
	b.Cleanup(func() { close(stop); wg.Wait() })
	buf := make([]byte, 4096)
	until := func(code string) []byte {
		for {
			n, err := c.Read(buf)
			if err != nil {
				b.Fatal(err)
			}
			if bytes.HasPrefix(buf[:n], []byte("SIP/2.0 "+code)) {
				return buf[:n]
			}
		}
	}
	send := func(i int, method, to string, seq int, body string) {
		msg := fmt.Sprintf(benchHead, method, method, i, i, to, i, seq, method)
		if body != "" {
			msg += "Content-Type: application/sdp\r\n"
		}
		if _, err := fmt.Fprintf(c, "%sContent-Length: %d\r\n\r\n%s", msg, len(body), body); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	report := cpu(b)
	defer report()
	for i := 0; b.Loop(); i++ {
		send(i, "INVITE", "", 1, benchSDP)
		to := ";tag=" + toTag(string(until("200")))
		send(i, "ACK", to, 1, "")
		send(i, "BYE", to, 2, "")
		until("200")
	}
}
