package face

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"strowger/pkg/errs"
	"strowger/pkg/rest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve runs a face until the test ends; it answers with the source of each request.
func serve(t *testing.T, cfg Config) *Face {
	t.Helper()
	cfg.Listen, cfg.Now, cfg.Logger = "127.0.0.1:0", time.Now, slog.New(slog.DiscardHandler)
	f, err := Listen(cfg)
	if err != nil {
		t.Fatal(err)
	}
	f.Handle("GET /{$}", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, f.Source(r).String())
	}))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return f
}

func ask(t *testing.T, f *Face, forwarded ...string) (status int, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+f.Addr().String()+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range forwarded {
		req.Header.Add("X-Forwarded-For", v)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// TestSource believes the word of our own proxies, and what they say of others no further.
func TestSource(t *testing.T) {
	direct := serve(t, Config{})
	proxied := serve(t, Config{Proxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("192.0.2.0/24")}})
	for _, tt := range []struct {
		at        *Face
		forwarded []string
		want      string
	}{
		{direct, nil, "127.0.0.1/32"},
		{direct, []string{"198.51.100.1"}, "127.0.0.1/32"},
		{proxied, nil, "127.0.0.1/32"},
		{proxied, []string{"198.51.100.1"}, "198.51.100.1/32"},
		{proxied, []string{"203.0.113.9, 198.51.100.1"}, "198.51.100.1/32"},
		{proxied, []string{"203.0.113.9, 198.51.100.1, 192.0.2.7"}, "198.51.100.1/32"},
		{proxied, []string{"203.0.113.9", "2001:db8::1"}, "2001:db8::/64"},
		{proxied, []string{"nobody"}, "127.0.0.1/32"},
	} {
		if _, got := ask(t, tt.at, tt.forwarded...); got != tt.want {
			t.Errorf("%q: %s, want %s", tt.forwarded, got, tt.want)
		}
	}
}

// TestLimits refuses what is too much of one source, and nobody else for it.
func TestLimits(t *testing.T) {
	f := serve(t, Config{Proxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}})
	refused := 0
	for range sourceBurst + 50 {
		if f.requests.Take(netip.MustParsePrefix("198.51.100.1/32")) {
			continue
		}
		refused++
	}
	if refused == 0 {
		t.Error("a source has as much as it likes")
	}
	if status, _ := ask(t, f, "198.51.100.1"); status != http.StatusTooManyRequests {
		t.Errorf("status %d", status)
	}
	if _, requests := f.Refused(); requests != 1 {
		t.Errorf("%d requests are counted as refused", requests)
	}
	if status, _ := ask(t, f, "198.51.100.2"); status != http.StatusOK {
		t.Errorf("another source: status %d", status)
	}
}

// TestRefusalIsJSON whatever its words are.
func TestRefusalIsJSON(t *testing.T) {
	rec := httptest.NewRecorder()
	Refuse(rec, http.StatusBadGateway, errs.New(errs.CloudAway, "no \a, no \u00fc"))
	var p rest.Problem
	if err := json.Unmarshal(rec.Body.Bytes(), &p); err != nil || p.Status != http.StatusBadGateway || p.Code != errs.CloudAway || p.Detail != "no \a, no \u00fc" {
		t.Errorf("%s, %v", rec.Body, err)
	}
}

// TestRunWaits for what handlers do about the end.
func TestRunWaits(t *testing.T) {
	f, err := Listen(Config{Listen: "127.0.0.1:0", Now: time.Now, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	var over atomic.Bool
	ctx, cancel := context.WithCancel(t.Context())
	f.Handle("GET /", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
		<-time.After(20 * time.Millisecond) // in which a server that does not wait is gone
		over.Store(true)
	}))
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		resp, err := http.Get("http://" + f.Addr().String() + "/")
		if err == nil { // the server ended it
			_ = resp.Body.Close()
		}
	}()
	if err := f.Run(ctx); err != nil || !over.Load() {
		t.Errorf("run ended before its handlers: %v", err)
	}
	<-asked
}

// TestConnections closes those that are one too many, and takes others when one has ended.
func TestConnections(t *testing.T) {
	f := serve(t, Config{PerSource: 2})
	open := func() net.Conn {
		c, err := net.Dial("tcp", f.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	lives := func(c net.Conn) bool {
		_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		_, err := c.Read(make([]byte, 1))
		return err == nil
	}
	a, b := open(), open()
	if !lives(a) || !lives(b) {
		t.Fatal("two connections are not taken")
	}
	c := open()
	if lives(c) {
		t.Error("a third one is taken")
	}
	if connections, _ := f.Refused(); connections != 1 {
		t.Errorf("%d connections are counted as refused", connections)
	}
	_, _ = a.Close(), c.Close()
	for deadline := time.Now().Add(time.Minute); ; {
		d := open()
		ok := lives(d)
		_ = d.Close()
		if ok {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("none is taken in place of one that ended")
		}
	}
	_ = b.Close()
}

// TestCertificateIsReadAgain replaces the files, first one and then the other.
func TestCertificateIsReadAgain(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	c1, k1 := pair(t)
	c2, k2 := pair(t)
	write := func(name string, b []byte) {
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(cert, c1)
	if _, err := OpenFiles(cert, key, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("a certificate without its key is taken")
	}
	write(key, k1)
	f, err := OpenFiles(cert, key, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	serial := func() int64 {
		f.looked = time.Time{}
		c, err := f.Get(&tls.ClientHelloInfo{})
		if err != nil {
			t.Fatal(err)
		}
		return c.Leaf.SerialNumber.Int64()
	}
	first := serial()
	write(cert, append(c2, '\n')) // another size, whatever the clock of the file system
	if serial() != first {
		t.Error("a certificate is shown without its key")
	}
	write(key, append(k2, '\n'))
	if serial() == first {
		t.Error("the new certificate is not shown")
	}
}

func pair(t *testing.T) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: "bridge"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})
}
