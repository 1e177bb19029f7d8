package health

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func listen(t *testing.T, addr string) *Server {
	t.Helper()
	return listenWith(t, addr, false)
}

func listenWith(t *testing.T, addr string, profiles bool) *Server {
	t.Helper()
	s, err := Listen(addr, profiles, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// run serves until the test ends.
func run(t *testing.T, s *Server) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func get(t *testing.T, s *Server, path string) (code int, body string) {
	t.Helper()
	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Get("http://" + s.Addr() + path)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

func TestHealth(t *testing.T) {
	s := listen(t, "127.0.0.1:0")
	calls := 3.0
	var full atomic.Bool
	s.Check(func() error {
		if full.Load() {
			return errors.New("the disk is full")
		}
		return nil
	})
	s.Gauge("calls", "Calls under way.", func() float64 { return calls })
	s.Counts("drops_total", "Drops, by reason.", "reason", func() map[string]uint64 { return map[string]uint64{"size": 2, "late": 5} })
	run(t, s)
	want := func(path string, code int) {
		t.Helper()
		if got, _ := get(t, s, path); got != code {
			t.Errorf("%s answers %d, want %d", path, got, code)
		}
	}
	want("/healthz", 200) // lives before it is ready
	want("/readyz", 503)
	s.Ready()
	want("/readyz", 200)
	full.Store(true)
	if code, words := get(t, s, "/readyz"); code != 503 || !strings.Contains(words, "the disk is full") {
		t.Errorf("in trouble it answers %d %q", code, words)
	}
	full.Store(false)
	want("/readyz", 200)
	s.NotReady()
	want("/readyz", 503)
	want("/healthz", 200)
	want("/", 404)
	_, metrics := get(t, s, "/metrics")
	for _, line := range []string{
		"# TYPE strowger_calls gauge", "strowger_calls 3", "# TYPE strowger_drops_total counter",
		`strowger_drops_total{reason="late"} 5`, `strowger_drops_total{reason="size"} 2`, "go_goroutines",
	} {
		if !strings.Contains(metrics, line) {
			t.Errorf("no %q in the metrics", line)
		}
	}
}

func TestNowhere(t *testing.T) {
	s := listen(t, "")
	s.Gauge("calls", "Calls under way.", func() float64 { return 0 })
	s.Ready()
	if s.Addr() != "" {
		t.Errorf("serves at %s", s.Addr())
	}
	run(t, s)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestAddressIsTaken(t *testing.T) {
	s := listen(t, "127.0.0.1:0")
	if _, err := Listen(s.Addr(), false, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "--metrics") {
		t.Errorf("error %v does not say what to do", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := s.Run(t.Context()); err == nil {
		t.Error("a closed server served")
	}
}

// Profiles are there when asked for only, and the command line, which may hold a secret, never is.
func TestProfiles(t *testing.T) {
	s, without := listenWith(t, "127.0.0.1:0", true), listen(t, "127.0.0.1:0")
	run(t, s)
	run(t, without)
	for path, want := range map[string]int{"": 200, "heap": 200, "goroutine": 200, "profile?seconds=1": 200, "cmdline": 404} {
		if got, _ := get(t, s, "/debug/pprof/"+path); got != want {
			t.Errorf("%q answers %d, want %d", path, got, want)
		}
		if got, _ := get(t, without, "/debug/pprof/"+path); got != 404 {
			t.Errorf("%q answers %d without --pprof, want 404", path, got)
		}
	}
	if _, err := Listen("", true, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "--metrics") {
		t.Errorf("profiles without an address: error %v does not say what to do", err)
	}
}
