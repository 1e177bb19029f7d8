package frontdesk

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"strowger/pkg/proof"
)

// source is whom a request says that it comes from.
func source(r *http.Request) netip.Prefix {
	a, _ := netip.ParseAddr(r.URL.Query().Get("from")) // none is a source too
	return netip.PrefixFrom(a, 32)
}

// desk is a desk in front of a cloud that says what it was asked.
func desk(t *testing.T) *httptest.Server {
	t.Helper()
	cloud := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Set-Cookie", "a=b")
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintf(w, "%s %s %s %s cookie=%s", r.Method, r.URL.EscapedPath(), body, r.Header.Get(proof.Header), r.Header.Get("Cookie"))
	}))
	t.Cleanup(cloud.Close)
	roots := x509.NewCertPool()
	roots.AddCert(cloud.Certificate())
	d, err := New(Config{Cloud: cloud.URL, TLS: &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: roots}, Source: source, Now: time.Now, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	mux := http.NewServeMux()
	d.Register(mux.Handle)
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func ask(t *testing.T, s *httptest.Server, method, path, body string) (status int, answer string, header http.Header) {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set(proof.Header, "PROOF")
	q.Header.Set("Cookie", "secret")
	r, err := s.Client().Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(b), r.Header
}

func TestPassesOnThreeRequests(t *testing.T) {
	s := desk(t)
	for _, c := range []struct{ method, path, want string }{
		{"POST", "/api/v1/device-enrolments", "POST /api/v1/device-enrolments BODY PROOF cookie="},
		{"PUT", "/api/v1/device-enrolments/dv_1/push", "PUT /api/v1/device-enrolments/dv_1/push BODY PROOF cookie="},
		{"POST", "/api/v1/device-enrolments/dv_1/own", "POST /api/v1/device-enrolments/dv_1/own BODY PROOF cookie="},
		// What is in the place of the device stays in its place.
		{"PUT", "/api/v1/device-enrolments/..%2F..%2Fusers%2Fus_1/push", "PUT /api/v1/device-enrolments/..%2F..%2Fusers%2Fus_1/push BODY PROOF cookie="},
	} {
		status, answer, header := ask(t, s, c.method, c.path, "BODY")
		if status != http.StatusCreated || answer != c.want {
			t.Errorf("%s %s: %d %q, want %q", c.method, c.path, status, answer, c.want)
		}
		if header.Get("Set-Cookie") != "" || header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %s: header %v", c.method, c.path, header)
		}
	}
}

// Of what the cloud lets a bridge ask for, nobody uses up all.
func TestASourceHasItsPart(t *testing.T) {
	s := desk(t)
	for n := range enrolBurst + 1 {
		want := http.StatusCreated
		if n == enrolBurst {
			want = http.StatusTooManyRequests
		}
		if status, answer, _ := ask(t, s, "POST", "/api/v1/device-enrolments", "BODY"); status != want {
			t.Errorf("enrolment %d: %d %q, want %d", n+1, status, answer, want)
		}
	}
	if status, _, _ := ask(t, s, "POST", "/api/v1/device-enrolments?from=198.51.100.2", "BODY"); status != http.StatusCreated {
		t.Errorf("another source: %d", status)
	}
	if status, _, _ := ask(t, s, "PUT", "/api/v1/device-enrolments/dv_1/push", "BODY"); status != http.StatusCreated {
		t.Errorf("another request: %d", status)
	}
}

func TestPassesOnNothingElse(t *testing.T) {
	s := desk(t)
	for _, c := range []struct {
		method, path string
		want         int
	}{
		{"GET", "/api/v1/device-enrolments", http.StatusMethodNotAllowed},
		{"POST", "/api/v1/users", http.StatusNotFound},
		{"POST", "/api/v1/enrolments", http.StatusNotFound},
		{"PUT", "/api/v1/device-enrolments/dv_1", http.StatusNotFound},
		{"PUT", "/api/v1/device-enrolments/a/b/push", http.StatusNotFound},
		{"GET", "/api/v1/device-enrolments/dv_1/own", http.StatusMethodNotAllowed},
		{"DELETE", "/api/v1/device-enrolments/dv_1/push", http.StatusMethodNotAllowed},
	} {
		if status, answer, _ := ask(t, s, c.method, c.path, "BODY"); status != c.want {
			t.Errorf("%s %s: %d %q, want %d", c.method, c.path, status, answer, c.want)
		}
	}
	if status, answer, _ := ask(t, s, "POST", "/api/v1/device-enrolments", strings.Repeat("x", maxBody+1)); status != http.StatusRequestEntityTooLarge {
		t.Errorf("a body of more than %d bytes: %d %q", maxBody, status, answer)
	}
}

// A server that is not the cloud gets nothing: the enrolment secret is in the body.
func TestStrangerInPlaceOfTheCloud(t *testing.T) {
	asked := false
	stranger := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	stranger.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	defer stranger.Close()
	d, err := New(Config{
		Cloud: stranger.URL, TLS: &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: x509.NewCertPool()}, Source: source, Now: time.Now, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	mux := http.NewServeMux()
	d.Register(mux.Handle)
	s := httptest.NewServer(mux)
	defer s.Close()
	status, answer, _ := ask(t, s, "POST", "/api/v1/device-enrolments", "BODY")
	if status != http.StatusBadGateway || !strings.Contains(answer, `"code":"cloud-away"`) {
		t.Errorf("%d %q", status, answer)
	}
	stranger.Close() // waits for its handlers
	if asked {
		t.Error("the stranger was asked")
	}
}

func TestAddress(t *testing.T) {
	for _, bad := range []string{"", "http://cloud.example.com", "https://", "https://%"} {
		if _, err := New(Config{Cloud: bad}); err == nil {
			t.Errorf("%q is taken for the address of a cloud", bad)
		}
	}
}
