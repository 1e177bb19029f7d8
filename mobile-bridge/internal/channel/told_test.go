package channel

import (
	"context"
	"io"
	"log/slog"
	"net/netip"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

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

// hung is a connection of a stranger that says nothing.
type hung chan struct{}

func (h hung) Read(context.Context) ([]byte, error) { <-h; return nil, io.EOF }
func (h hung) Write(context.Context, []byte) error  { return nil }
func (h hung) Close()                               { close(h) }

// A stranger that was let in before the end, and is here only after all others were sent away, has to leave as well.
func TestStrangerThatIsLateForTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, source, conn := New(t.Context(), Config{Logger: slog.New(slog.DiscardHandler)}), netip.MustParsePrefix("192.0.2.1/32"), make(hung)
		if err := c.enter(source); err != nil {
			t.Fatal(err)
		}
		closed := make(chan struct{})
		go func() {
			defer close(closed)
			c.Close()
		}()
		<-time.After(2 * lastWords)
		c.opened(conn)
		<-conn
		c.closed(conn)
		c.leave(source)
		<-closed
	})
}
