package webside

import (
	"io"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"strowger/pkg/errs"
	"strowger/pkg/fabric"
)

// lines counts what a log is written.
type lines struct{ atomic.Int64 }

func (l *lines) Write(b []byte) (int, error) {
	l.Add(1)
	return len(b), nil
}

// TestLogOfStrangersIsBounded has many come with nothing: they are counted, and the log tells of a few.
func TestLogOfStrangersIsBounded(t *testing.T) {
	const knocks = 40
	o, written := newOffice(t), &lines{}
	o.web.cfg.Logger = slog.New(slog.NewTextHandler(written, nil))
	for range knocks {
		app, sw := net.Pipe()
		var work sync.WaitGroup
		work.Go(func() { o.web.TakeSpliced(sw, "192.0.2.9:4711") })
		_, _ = app.Write([]byte("{\n"))
		_, _ = io.Copy(io.Discard, app)
		work.Wait()
		o.web.Report(fabric.Dev{Report: "a.b.c"})
	}
	if n := o.web.Counters().Refused[errs.KeyMalformed]; n != 2*knocks {
		t.Errorf("%d are counted, want %d", n, 2*knocks)
	}
	if n := written.Load(); n == 0 || n >= knocks {
		t.Errorf("%d lines of %d", n, 2*knocks)
	}
}
