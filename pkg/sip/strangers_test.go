package sip

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// bounded runs an endpoint on UDP and TCP that lets a stranger send 5 messages a second.
func bounded(t *testing.T, log *slog.Logger) (at string, e *Endpoint) {
	t.Helper()
	g := &gate{}
	g.endpoint = NewEndpoint(Config{Name: "test", AdvertiseHost: "127.0.0.1", Handler: g, Logger: log, PerSource: 5})
	bound, err := g.endpoint.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := g.endpoint.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	<-g.endpoint.Running()
	return bound.String(), g.endpoint
}

// log keeps what is logged.
type log struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.Write(b)
}

func (l *log) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.String()
}

// source is a UDP socket at an address of its own.
type source struct {
	t *testing.T
	net.Conn
	of   *Endpoint // that it asks
	sent int
}

func sourceAt(t *testing.T, host, to string, of *Endpoint) *source {
	t.Helper()
	c, err := (&net.Dialer{LocalAddr: net.UDPAddrFromAddrPort(netip.MustParseAddrPort(host + ":0"))}).Dial("udp", to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return &source{t: t, Conn: c, of: of}
}

// asks sends a request n times, one after another, and returns how many were answered; the others were dropped.
func (s *source) asks(n int, extra string) (answers int) {
	s.t.Helper()
	begin, patient := s.of.Drops()["rate"], time.Now().Add(time.Minute)
	dropped := func() int { return int(s.of.Drops()["rate"] - begin) }
	for i := range n {
		s.sent++
		m := strings.Replace(fmt.Sprintf(register, strconv.Itoa(s.sent)), "SIP/2.0/TCP 127.0.0.1:9", "SIP/2.0/UDP "+s.LocalAddr().String()+";rport", 1)
		if _, err := s.Write([]byte(m + extra + "\r\n")); err != nil {
			s.t.Fatal(err)
		}
		for answers+dropped() <= i {
			if err := s.SetReadDeadline(time.Now().Add(time.Millisecond)); err != nil {
				s.t.Fatal(err)
			}
			if _, err := s.Read(make([]byte, 2048)); err == nil {
				answers++
			} else if time.Now().After(patient) {
				s.t.Fatalf("of %d requests %d were answered and %d dropped", i+1, answers, dropped())
			}
		}
	}
	return answers
}

const password = "Authorization: yes\r\n"

// Strangers are served at their rate; whoever showed a password is not held up by others at his address.
func TestStrangersAreLimited(t *testing.T) {
	var out log
	at, e := bounded(t, slog.New(slog.NewTextHandler(&out, nil)))
	begin := time.Now()
	good := sourceAt(t, "127.0.0.1", at, e)
	if n := good.asks(1, password); n != 1 {
		t.Fatal("no answer to a good one")
	}
	flood := sourceAt(t, "127.0.0.1", at, e)
	if n, most := flood.asks(200, ""), 50+5*time.Since(begin).Seconds(); n < 49 || float64(n) > most {
		t.Errorf("%d answers to a flood, want the burst of 50 and 5 a second, %.1f in all", n, most)
	}
	if n := good.asks(100, password); n != 100 {
		t.Errorf("%d answers of 100 to whoever showed a password", n)
	}
	if n := sourceAt(t, "127.0.0.2", at, e).asks(20, ""); n != 20 {
		t.Errorf("%d answers of 20 at another address", n)
	}
	if e.Drops()["rate"] == 0 {
		t.Errorf("not counted: %v", e.Drops())
	}
	if n := strings.Count(out.text(), "source=127.0.0.1/32"); n != 1 {
		t.Errorf("told %d times:\n%s", n, out.text())
	}
}

// Connections count as messages, and one that sends too much is ended.
func TestStrangersOverTCPAreLimited(t *testing.T) {
	begin := time.Now()
	at, e := bounded(t, slog.New(slog.DiscardHandler))
	good := knock(t, at, password)
	var served, closed int
	for range 100 {
		c, err := net.Dial("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write([]byte(fmt.Sprintf(register, "one") + "\r\n")); err != nil {
			closed++ // already
		} else if err := c.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		} else if _, err := c.Read(make([]byte, 2048)); err == nil {
			served++
		} else {
			closed++
		}
		c.Close()
	}
	if most := (50 + 5*time.Since(begin).Seconds()) / 2; served < 20 || float64(served) > most || closed == 0 || e.Drops()["rate"] == 0 {
		t.Errorf("%d served, %d closed, counted %v; want the burst of 50 and 5 a second to be two for each, %.1f in all", served, closed, e.Drops(), most)
	}
	for range 100 {
		if _, err := good.Write([]byte(fmt.Sprintf(register, "again") + password + "\r\n")); err != nil {
			t.Fatal(err)
		}
		if err := good.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		if _, err := good.Read(make([]byte, 2048)); err != nil {
			t.Fatalf("no answer on the good connection: %v", err)
		}
	}
}
