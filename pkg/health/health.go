// Package health serves what those who run a node look at: /healthz (the process lives), /readyz (it takes work), /metrics
// (Prometheus) and, when asked to, /debug/pprof/ (profiles of the running process). Liveness never looks at anything else: a database that is away must not get the process killed.
package health

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Server serves the health of one node. Without an address it serves nothing, and all methods work.
type Server struct {
	listener net.Listener // nil: nowhere
	registry *prometheus.Registry
	ready    atomic.Bool
	checks   []func() error
	profiles bool
	log      *slog.Logger
}

// Listen binds the address, "host:port"; empty is nowhere. With profiles it serves those too.
func Listen(addr string, profiles bool, log *slog.Logger) (*Server, error) {
	s := &Server{registry: prometheus.NewRegistry(), profiles: profiles, log: log}
	if profiles && addr == "" {
		return nil, errors.New("profiles are served with the metrics: give --metrics an address, or leave out --pprof")
	}
	s.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if addr == "" {
		return s, nil
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("serve metrics: %w; choose another address with --metrics", err)
	}
	s.listener = l
	return s, nil
}

// Addr is the bound address, "" for nowhere.
func (s *Server) Addr() string {
	if s.listener == nil {
		return ""
	}
	return s.listener.Addr().String()
}

// Gauge publishes a value that is read when it is asked for.
func (s *Server) Gauge(name, help string, value func() float64) {
	s.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "strowger_" + name, Help: help}, value))
}

// Counts publishes counters by reason that are read when they are asked for. Their names need not be known before.
func (s *Server) Counts(name, help, label string, values func() map[string]uint64) {
	s.Table(name, help, []string{label}, func(row func(n uint64, labels ...string)) {
		for reason, n := range values() {
			row(n, reason)
		}
	})
}

// Table publishes counters by several labels that are read when they are asked for: rows calls row for each.
func (s *Server) Table(name, help string, labels []string, rows func(row func(n uint64, labels ...string))) {
	s.registry.MustRegister(&table{prometheus.NewDesc("strowger_"+name, help, labels, nil), rows})
}

// Check has /readyz ask for what keeps the node from taking work at present, nil for nothing. It is called before Run.
func (s *Server) Check(trouble func() error) { s.checks = append(s.checks, trouble) }

// fit is nil when the node takes work.
func (s *Server) fit() error {
	if !s.ready.Load() {
		return errors.New("not ready")
	}
	for _, trouble := range s.checks {
		if err := trouble(); err != nil {
			return err
		}
	}
	return nil
}

// Ready says that the node takes work.
func (s *Server) Ready() { s.ready.Store(true) }

// NotReady says that it no longer does.
func (s *Server) NotReady() { s.ready.Store(false) }

// Run serves until ctx ends.
func (s *Server) Run(ctx context.Context) error {
	if s.listener == nil {
		<-ctx.Done()
		return nil
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := s.fit(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
		}
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{}))
	if s.profiles {
		// Not pprof.Cmdline: the command line may hold an enrolment code.
		mux.HandleFunc("GET /debug/pprof/{$}", pprof.Index)
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
		for _, kind := range []string{"allocs", "goroutine", "heap"} {
			mux.Handle("GET /debug/pprof/"+kind, pprof.Handler(kind))
		}
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug)}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() }) // nothing to save
	defer stop()
	if err := server.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Close releases the address of a server that was never run.
func (s *Server) Close() error {
	if s.listener == nil {
		return nil
	}
	return s.listener.Close()
}

// table is a counter vector that is computed when it is read.
type table struct {
	desc *prometheus.Desc
	rows func(row func(n uint64, labels ...string))
}

func (t *table) Describe(ch chan<- *prometheus.Desc) { ch <- t.desc }

func (t *table) Collect(ch chan<- prometheus.Metric) {
	t.rows(func(n uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(t.desc, prometheus.CounterValue, float64(n), labels...)
	})
}
