package link

import (
	"log/slog"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/limit"
)

// lines counts what a log is written.
type lines struct{ atomic.Int64 }

func (l *lines) Write(b []byte) (int, error) {
	l.Add(1)
	return len(b), nil
}

// TestLogOfStrangersIsBounded refuses many from one address: they are counted, and the log tells of a few.
func TestLogOfStrangersIsBounded(t *testing.T) {
	written := &lines{}
	e := &Endpoint{log: slog.New(slog.NewTextHandler(written, nil)), told: limit.NewTold[string](time.Now)}
	const knocks = 40
	for port := range knocks {
		e.refused(&net.UDPAddr{IP: net.IPv4(192, 0, 2, 9), Port: 1024 + port}, errs.New(errs.Unauthenticated, "no certificate"))
	}
	if n := e.counters.refused.Load(); n != knocks {
		t.Errorf("%d are counted, want %d", n, knocks)
	}
	if n := written.Load(); n == 0 || n >= knocks/2 {
		t.Errorf("%d lines of %d", n, knocks)
	}
}
