package channel

import (
	"log/slog"
	"sync/atomic"
	"testing"

	"strowger/pkg/channel"
	"strowger/pkg/errs"
)

// lines counts what a log is written.
type lines struct{ atomic.Int64 }

func (l *lines) Write(b []byte) (int, error) {
	l.Add(1)
	return len(b), nil
}

// TestLogOfStrangersIsBounded has a source come with nothing, and a device come and go, many times: all are counted, and the log
// tells of a few.
func TestLogOfStrangersIsBounded(t *testing.T) {
	written := &lines{}
	inBubble(t, func(c *Config) { c.Logger = slog.New(slog.NewTextHandler(written, nil)) }, func(t *testing.T, h *hub) {
		written.Store(0)
		const knocks = 20
		d := h.device("dv_1")
		for range knocks {
			w := h.dial()
			w.write(channel.Head{Type: channel.TypePing}, nil)
			w.gone()
			in := d.enter("", 0)
			in.write(channel.Head{Type: channel.TypeBye}, errs.New(errs.Offline, "sleeps"))
			in.gone()
		}
		settle()
		if c := h.Counters().Refused; c[errs.Unauthenticated] != knocks || c[errs.Offline] != knocks {
			t.Errorf("counted are %v", c)
		}
		if n := written.Load(); n == 0 || n >= knocks {
			t.Errorf("%d lines of %d", n, 2*knocks)
		}
	})
}
