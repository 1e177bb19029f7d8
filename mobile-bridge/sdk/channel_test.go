package sdk

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"

	bridge "strowger/mobile-bridge/internal/channel"
	"strowger/pkg/channel"
	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
)

// hub is a bridge's end of channels, with a cloud that lets everybody in.
type hub struct {
	*bridge.Channels
	bound, unbound chan fabric.Bound

	mu     sync.Mutex
	asked  []uint64                             // numbers of requests, in the order in which they came
	refuse error                                // of the next channels
	open   []func()                             // cuts the connections that there are
	admits func(channel.Admit) channel.Admitted // in place of an answer by number, if set
}

func newHub(t testing.TB) *hub {
	t.Helper()
	h := &hub{bound: make(chan fabric.Bound, 64), unbound: make(chan fabric.Bound, 64)}
	bind := func(b fabric.Bound) error {
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.refuse == nil {
			h.bound <- b
		}
		return h.refuse
	}
	h.Channels = bridge.New(t.Context(), bridge.Config{
		Bridge: "br_1", Bind: func(_ context.Context, b fabric.Bound) error { return bind(b) },
		Rebind: func(b fabric.Bound, done func(error)) { done(bind(b)) }, Unbind: func(b fabric.Bound) { h.unbound <- b },
		Requests: map[string]bridge.Request{channel.TypeAdmit: {Answer: channel.TypeAdmitted, Do: h.admit}},
		Allow:    func(netip.Prefix) bool { return true }, Now: time.Now, Logger: slog.New(slog.DiscardHandler),
	})
	return h
}

// question is a request of the tests: it is answered by its own number.
type question struct {
	N int `json:"n"`
}

func (h *hub) setAdmits(f func(channel.Admit) channel.Admitted) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.admits = f
}

func (h *hub) admit(_ context.Context, _ string, frame []byte) (any, error) {
	head, err := channel.Decode(frame)
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.admits != nil {
		q, err := channel.Body[channel.Admit](frame)
		return h.admits(q), err
	}
	q, err := channel.Body[question](frame)
	h.asked = append(h.asked, head.Seq)
	return q, err
}

// cut cuts all connections that were opened until now.
func (h *hub) cut() {
	h.mu.Lock()
	open := h.open
	h.open = nil
	h.mu.Unlock()
	for _, end := range open {
		end()
	}
}

func (h *hub) opened(end func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.open = append(h.open, end)
}

func (h *hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.TakeSocket(w, r, netip.MustParsePrefix("192.0.2.1/32"))
}

// sockets serves channels by WebSocket.
func (h *hub) sockets(t testing.TB) (url string) {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ConnState = func(c net.Conn, state http.ConnState) {
		if state == http.StateNew {
			h.opened(func() { _ = c.Close() })
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	return s.URL
}

// web serves channels by WebTransport.
func (h *hub) web(t testing.TB) (addresses, hashes []string) {
	t.Helper()
	cert := webCertificate(t, 10*24*time.Hour)
	config := &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{cert}, NextProtos: []string{http3.NextProtoH3}}
	udp, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	port := &quic.Transport{Conn: udp}
	l, err := port.ListenEarly(config, &quic.Config{EnableDatagrams: true, EnableStreamResetPartialDelivery: true, MaxIdleTimeout: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	var served sync.WaitGroup
	served.Go(func() {
		for {
			q, err := l.Accept(context.WithoutCancel(t.Context()))
			if err != nil {
				return
			}
			h.opened(func() { _ = q.CloseWithError(1, "cut") })
			served.Go(func() { h.TakeWeb(q) })
		}
	})
	t.Cleanup(func() {
		h.cut()
		if err := errors.Join(port.Close(), udp.Close()); err != nil {
			t.Error(err)
		}
		served.Wait()
	})
	sum := sha256.Sum256(cert.Certificate[0])
	return []string{udp.LocalAddr().String()}, []string{base64.RawURLEncoding.EncodeToString(sum[:])}
}

// wideAwake is an enrolled phone whose cloud tells it of a bridge, and keeps it awake.
func wideAwake(t *testing.T, at designation.BridgeFace) *world {
	t.Helper()
	w := newWorld(t)
	w.tellOf(t, at)
	if err := w.phone.Connect(); err != nil {
		t.Fatal(err)
	}
	eventually(t, w.phone.Awake)
	return w
}

// tellOf tells the phone of a bridge.
func (w *world) tellOf(t *testing.T, at designation.BridgeFace) {
	t.Helper()
	w.cloud.mu.Lock()
	w.cloud.bridges = []designation.BridgeFace{at}
	w.cloud.mu.Unlock()
	if err := w.phone.Refresh(); err != nil {
		t.Fatal(err)
	}
}

// asks has the phone ask the bridge something, and returns what it is answered.
func asks(t *testing.T, p *Phone, n int) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var answer question
	if err := p.ask(ctx, channel.TypeAdmit, question{n}, &answer); err != nil {
		t.Errorf("question %d: %v", n, err)
	}
	return answer.N
}

// TestChannel is a phone that is awake by either way: it asks and is told, loses its connection and goes on, and says when it sleeps.
func TestChannel(t *testing.T) {
	for _, way := range []string{"WebSocket", "WebTransport"} {
		t.Run(way, func(t *testing.T) {
			h := newHub(t)
			defer h.Close()
			at := designation.BridgeFace{ID: "br_1", URL: nowhere}
			if way == "WebTransport" {
				at.Addresses, at.Web = h.web(t)
			} else {
				at.URL = h.sockets(t)
			}
			w := wideAwake(t, at)
			if got := w.phone.Carrier(); got != way || w.phone.Bridge() != "br_1" {
				t.Errorf("the channel is by %s, at %s", got, w.phone.Bridge())
			}
			if n := asks(t, w.phone, 7); n != 7 {
				t.Errorf("answered %d", n)
			}
			h.cut()
			if n := asks(t, w.phone, 8); n != 8 { // it waits for the channel
				t.Errorf("answered %d after a drop", n)
			}
			if err := h.Send(t.Context(), "dev_a", channel.TypeWake, channel.Wake{Sealed: []byte("nobody's")}); err != nil {
				t.Errorf("a wake is not taken: %v", err)
			}
			if c := h.Counters(); c.Resumed != 1 || !slices.Equal(h.asked, []uint64{1, 2}) {
				t.Errorf("%+v, asked %v", c, h.asked)
			}
			begun := len(h.unbound)
			w.phone.Close()
			if gone := <-h.unbound; begun != 0 || gone.Device != "dev_a" {
				t.Errorf("%+v went, %d before", gone, begun)
			}
			if c := h.Counters(); c.Open != 0 || c.Refused[errs.Offline] != 1 {
				t.Errorf("%+v: want the phone to have said that it sleeps", c)
			}
		})
	}
}

// nowhere is a URL at which nobody answers.
const nowhere = "http://127.0.0.1:1"

// TestCongestedBridge has a bridge refuse a WebSocket for the time being: the app does not come by WebTransport instead.
func TestCongestedBridge(t *testing.T) {
	h := newHub(t)
	defer h.Close()
	addresses, web := h.web(t)
	asked := make(chan struct{}, 1)
	busy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "later", http.StatusTooManyRequests)
		select {
		case asked <- struct{}{}:
		default:
		}
	}))
	defer busy.Close()
	p := &Phone{}
	c, err := p.reach(t.Context(), designation.BridgeFace{ID: "br_1", URL: busy.URL, Addresses: addresses, Web: web})
	if err == nil || !strings.Contains(err.Error(), "too much to do") {
		t.Errorf("reached %v, %v", c, err)
	}
	<-asked
}

// TestChannelFallsBack comes by WebTransport where a WebSocket does not come through: where it is refused, and where nothing answers.
func TestChannelFallsBack(t *testing.T) {
	h := newHub(t)
	defer h.Close()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	addresses, web := h.web(t)
	for name, url := range map[string]string{"refused": nowhere, "silence": "http://" + silent.Addr().String()} {
		t.Run(name, func(t *testing.T) {
			w := wideAwake(t, designation.BridgeFace{ID: "br_1", URL: url, Addresses: addresses, Web: web})
			if got := w.phone.Carrier(); got != "WebTransport" {
				t.Errorf("the channel is by %s", got)
			}
			w.phone.Close()
			<-h.unbound
		})
	}
}
