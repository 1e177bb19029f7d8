package channel

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go"

	"strowger/pkg/channel"
	"strowger/pkg/errs"
)

// inAir runs a test with a hub whose devices come by WebTransport.
func inAir(t *testing.T, f func(*testing.T, *hub)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		h, end := newHub(t, nil)
		defer end()
		h.by = byWebTransport
		f(t, h)
	})
}

// closedBy returns the HTTP/3 error that the bridge closed a connection with.
func closedBy(t *testing.T, q *quic.Conn) quic.ApplicationErrorCode {
	t.Helper()
	<-q.Context().Done()
	var closed *quic.ApplicationError
	if err := context.Cause(q.Context()); !errors.As(err, &closed) || !closed.Remote {
		t.Fatalf("the connection ended with %v", err)
	}
	return closed.ErrorCode
}

// TestVisitors are those who connect by HTTP/3 and open no channel: each is sent away, and holds no place of its source then.
func TestVisitors(t *testing.T) {
	for name, do := range map[string]func(*testing.T, *hub, *quic.Conn){
		"who asks for nothing": func(*testing.T, *hub, *quic.Conn) {},
		"who asks for no session": func(t *testing.T, h *hub, q *quic.Conn) {
			if resp := get(t, h.air.client(q), channel.Path); resp != nil {
				t.Errorf("answered %s", resp.Status)
			}
		},
		"who asks for another path": func(t *testing.T, h *hub, q *quic.Conn) {
			if resp := get(t, h.air.client(q), "/"); resp == nil || resp.StatusCode != http.StatusNotFound {
				t.Errorf("answered %+v", resp)
			}
		},
		"who has no key": func(t *testing.T, h *hub, q *quic.Conn) {
			c, err := h.air.session(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			w := &wire{conn: c, t: t}
			w.read(channel.TypeChallenge)
			w.write(channel.Head{Type: channel.TypeHello}, nil)
			if h, frame := w.read(channel.TypeBye); h.Type != channel.TypeBye {
				t.Errorf("told %s", frame)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			inAir(t, func(t *testing.T, h *hub) {
				q, err := h.air.visit(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				begun := time.Now()
				do(t, h, q)
				if code := closedBy(t, q); code != codeNoError || time.Since(begun) > channel.HelloTime {
					t.Errorf("closed with %#x after %v", code, time.Since(begun))
				}
				settle()
				h.Channels.mu.Lock()
				defer h.Channels.mu.Unlock()
				if len(h.bySource) > 0 || len(h.web.visits) > 0 {
					t.Errorf("places are held: %v, %d visits", h.bySource, len(h.web.visits))
				}
			})
		})
	}
}

// get sends an ordinary request, and returns its answer, nil without one.
func get(t *testing.T, h3 http.RoundTripper, path string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+bridgeAt.String()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := h3.RoundTrip(r)
	if err != nil {
		return nil
	}
	if err := resp.Body.Close(); err != nil {
		t.Error(err)
	}
	return resp
}

// TestOneChannelForAConnection asks for another session on the connection of a channel: it is refused, and the channel goes on.
func TestOneChannelForAConnection(t *testing.T) {
	inAir(t, func(t *testing.T, h *hub) {
		w := h.device("dv_1").enter("", 0)
		if resp := get(t, h.air.client(w.conn.(*stream).quic), channel.Path); resp == nil || resp.StatusCode != http.StatusConflict {
			t.Errorf("another one is answered %+v", resp)
		}
		w.write(channel.Head{Type: channel.TypePing}, nil)
		w.read(channel.TypePong)
		w.Close()
	})
}

// TestBusySource asks for more channels than its source may.
func TestBusySource(t *testing.T) {
	inAir(t, func(t *testing.T, h *hub) {
		h.shut = true
		q, err := h.air.visit(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if code := closedBy(t, q); code != codeExcessiveLoad || h.Counters().Refused[errs.Congested] != 1 {
			t.Errorf("closed with %#x, counted %+v", code, h.Counters())
		}
	})
}
