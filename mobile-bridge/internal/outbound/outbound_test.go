package outbound

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server is an HTTP/2 server over TLS that says which connection a request came on.
type server struct {
	*httptest.Server
	mu    sync.Mutex
	stall bool // the next request gets no answer
	began chan struct{}
}

func newServer(t *testing.T) *server {
	s := &server{began: make(chan struct{}, 1)}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		stall := s.stall
		s.stall = false
		s.mu.Unlock()
		if stall {
			w.WriteHeader(http.StatusOK) // the head comes, the rest does not
			w.(http.Flusher).Flush()
			s.began <- struct{}{}
			<-r.Context().Done()
			return
		}
		_, _ = io.WriteString(w, r.RemoteAddr+" "+r.Proto)
	}))
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func (s *server) tls() *tls.Config {
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	return &tls.Config{RootCAs: roots}
}

// get returns the connection that a request went over.
func get(ctx context.Context, t *Transport, url string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	resp, err := t.RoundTrip(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	return string(b), err
}

// expiring is a context whose deadline passes when the one inside is cancelled.
type expiring struct{ context.Context }

func (e expiring) Err() error {
	if e.Context.Err() != nil {
		return context.DeadlineExceeded
	}
	return nil
}

// TestStalledConnectionIsReplaced: the request that stalls in the middle of its answer fails at its deadline, and the next one
// goes over another connection, though the first still answers pings.
func TestStalledConnectionIsReplaced(t *testing.T) {
	s := newServer(t)
	tr := New(Config{TLS: s.tls()})
	defer tr.Close()
	first, err := get(t.Context(), tr, s.URL)
	if err != nil || !strings.HasSuffix(first, "HTTP/2.0") {
		t.Fatalf("%q, %v: want an answer over HTTP/2", first, err)
	}
	if again, err := get(t.Context(), tr, s.URL); err != nil || again != first {
		t.Errorf("the second request went over %q, %v: want %q", again, err, first)
	}
	s.mu.Lock()
	s.stall = true
	s.mu.Unlock()
	ctx, expire := context.WithCancel(t.Context())
	go func() {
		<-s.began
		expire()
	}()
	if _, err := get(expiring{ctx}, tr, s.URL); err == nil {
		t.Error("a request that stalls was answered")
	}
	if next, err := get(t.Context(), tr, s.URL); err != nil || next == first {
		t.Errorf("after a stall: %q, %v: want another connection than %q", next, err, first)
	}
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if len(tr.routes) != 1 {
		t.Errorf("%d routes, want the one in use", len(tr.routes))
	}
}

// TestCancelledRequestReplacesNothing: it says nothing of the connection.
func TestCancelledRequestReplacesNothing(t *testing.T) {
	s := newServer(t)
	tr := New(Config{TLS: s.tls()})
	defer tr.Close()
	first, err := get(t.Context(), tr, s.URL)
	if err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	s.stall = true
	s.mu.Unlock()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-s.began
		cancel()
	}()
	if _, err := get(ctx, tr, s.URL); !errors.Is(err, context.Canceled) {
		t.Errorf("a request that its owner ends: %v", err)
	}
	if next, err := get(t.Context(), tr, s.URL); err != nil || next != first {
		t.Errorf("afterwards %q, %v: want the same connection %q", next, err, first)
	}
}

func TestClosed(t *testing.T) {
	s := newServer(t)
	tr := New(Config{TLS: s.tls()})
	if _, err := get(t.Context(), tr, s.URL); err != nil {
		t.Fatal(err)
	}
	tr.Close()
	if _, err := get(t.Context(), tr, s.URL); err == nil {
		t.Error("a closed transport sends")
	}
}

// TestPrivateAddressesAreRefused also by a name that leads to one.
func TestPrivateAddressesAreRefused(t *testing.T) {
	s := newServer(t)
	tr := New(Config{TLS: s.tls(), Public: true})
	defer tr.Close()
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"127.0.0.1", "localhost"} {
		if _, err := get(t.Context(), tr, "https://"+net.JoinHostPort(host, port)); !errors.Is(err, ErrNotPublic) {
			t.Errorf("%s: %v, want %v", host, err, ErrNotPublic)
		}
	}
}

func TestPublic(t *testing.T) {
	for address, want := range map[string]bool{
		"17.188.143.1": true, "2a00:1450:4001:80b::200a": true, "::ffff:17.188.143.1": true,
		"127.0.0.1": false, "::1": false, "::ffff:127.0.0.1": false, "10.1.2.3": false, "192.168.1.1": false, "172.16.0.1": false, "fd00::1": false,
		"169.254.169.254": false, "fe80::1": false, "fe80::1%eth0": false, "0.0.0.0": false, "::": false, "224.0.0.1": false, "255.255.255.255": false,
		"100.64.0.1": false, "64:ff9b::7f00:1": false, "2002:7f00:1::": false, "fec0::1": false,
	} {
		if got := Public(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: %v, want %v", address, got, want)
		}
	}
}
