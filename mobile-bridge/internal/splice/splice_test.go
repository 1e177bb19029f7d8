package splice

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"strowger/pkg/errs"
	"strowger/pkg/ident"
	"strowger/pkg/limit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 30 * time.Second

// world is a bridge, with a switch that the test plays.
type world struct {
	t      *testing.T
	splice *Splice
	url    string
	node   string
	calls  chan net.Conn // to the switch
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, node: ident.New(ident.Switch), calls: make(chan net.Conn, maxPerNode)}
	w.splice = New(t.Context(), Config{
		Open: func(_ context.Context, node, _ string) (net.Conn, error) {
			if node != w.node {
				return nil, errs.New(errs.Unreachable, "the switch %s is not connected to this bridge", node)
			}
			bridge, sw := net.Pipe()
			w.calls <- sw
			return bridge, nil
		},
		Source: func(r *http.Request) netip.Prefix {
			return limit.Source(netip.MustParseAddrPort(r.RemoteAddr).Addr())
		},
		Logger: slog.New(slog.DiscardHandler),
	})
	mux := http.NewServeMux()
	mux.Handle("GET /call/{node}", w.splice)
	server := httptest.NewServer(mux)
	w.url = "ws" + strings.TrimPrefix(server.URL, "http")
	t.Cleanup(func() {
		w.splice.Close()
		server.Close()
	})
	return w
}

func (w *world) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// dial opens a WebSocket and shows an entry, if there is one.
func (w *world) dial(node, entry string) *websocket.Conn {
	w.t.Helper()
	c, _, err := websocket.Dial(w.t.Context(), w.url+"/call/"+node, &websocket.DialOptions{Subprotocols: []string{Protocol}})
	w.ok(err)
	w.t.Cleanup(func() { _ = c.CloseNow() })
	if entry != "" {
		w.send(c, entry)
	}
	return c
}

func (w *world) send(c *websocket.Conn, s string) {
	w.t.Helper()
	w.ok(c.Write(w.t.Context(), websocket.MessageText, []byte(s)))
}

func (w *world) read(c *websocket.Conn) string {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	_, b, err := c.Read(ctx)
	w.ok(err)
	return string(b)
}

// closed waits for the end of a WebSocket and returns how it was closed.
func (w *world) closed(c *websocket.Conn) websocket.StatusCode {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	for {
		if _, _, err := c.Read(ctx); err != nil {
			return websocket.CloseStatus(err)
		}
	}
}

func (w *world) eventually(what string, cond func() bool) {
	w.t.Helper()
	late := time.After(patience)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-late:
			w.t.Fatalf("no %s in time", what)
		}
	}
}

// take is the switch's side of a call: it has read the entry and said yes.
func (w *world) take() (sw net.Conn, read *bufio.Reader, entry string) {
	w.t.Helper()
	select {
	case sw = <-w.calls:
	case <-time.After(patience):
		w.t.Fatal("no call came to the switch")
	}
	w.t.Cleanup(func() { _ = sw.Close() })
	read = bufio.NewReader(sw)
	entry, err := read.ReadString('\n')
	w.ok(err)
	return sw, read, entry
}

// spliced is an app and a switch that are spliced.
func (w *world) spliced() (app *websocket.Conn, sw net.Conn, read *bufio.Reader) {
	w.t.Helper()
	app = w.dial(w.node, `{"key":"k","proof":"p"}`)
	sw, read, _ = w.take()
	_, err := io.WriteString(sw, "{\"ok\":true}\n")
	w.ok(err)
	if v := w.read(app); v != `{"ok":true}` {
		w.t.Fatalf("verdict %q", v)
	}
	return app, sw, read
}

const (
	options = "OPTIONS sip:a@b SIP/2.0\r\nCall-ID: 1\r\n"
	invite  = "INVITE sip:a@b SIP/2.0\r\nContent-Length: 3\r\n\r\nabc"
	ring    = "SIP/2.0 180 Ringing\r\nl: 0\r\n\r\n"
)

func TestMessagesBothWays(t *testing.T) {
	w := newWorld(t)
	app := w.dial(w.node, "{\n \"key\": \"k\",\n \"proof\": \"p\"}")
	sw, read, entry := w.take()
	if entry != "{\"key\":\"k\",\"proof\":\"p\"}\n" {
		t.Errorf("entry %q, want one line", entry)
	}
	// What the switch says at once behind its verdict must not be lost.
	go func() {
		for _, part := range []string{"{\"ok\":true}\n" + invite[:7], invite[7:] + ring + "\r\n" + ring[:9], ring[9:]} {
			_, _ = io.WriteString(sw, part) // what does not come is missed below
		}
	}()
	for _, want := range []string{`{"ok":true}`, invite, ring, ring} {
		if got := w.read(app); got != want {
			t.Errorf("the app read %q, want %q", got, want)
		}
	}
	for send, want := range map[string]string{
		invite:                   invite,
		options + "\r\nxyz":      options + "Content-Length: 3\r\n\r\nxyz", // RFC 7118 lets the length be left out
		ring:                     ring,
		options + "l: 0\r\n\r\n": options + "l: 0\r\n\r\n",
	} {
		w.send(app, send)
		got := make([]byte, len(want))
		if _, err := io.ReadFull(read, got); err != nil || string(got) != want {
			t.Errorf("the switch read %q, %v, want %q", got, err, want)
		}
	}
	w.send(app, "\r\n\r\n")
	if got := w.read(app); got != "\r\n" {
		t.Errorf("a ping was answered by %q", got)
	}
	if c := w.splice.Counters(); c.Calls != 1 || c.Outcomes[""] != 1 { // counted before the messages
		t.Errorf("counted %+v", c)
	}
	w.ok(app.Close(websocket.StatusNormalClosure, ""))
	if _, err := read.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("the app left, and the switch reads %v", err)
	}
}

func TestSwitchLeaves(t *testing.T) {
	w := newWorld(t)
	app, sw, _ := w.spliced()
	w.ok(sw.Close())
	if code := w.closed(app); code != websocket.StatusNormalClosure {
		t.Errorf("closed with %d", code)
	}
}

func TestFramesThatAreNoMessage(t *testing.T) {
	for _, frame := range []string{
		"hello", invite + ring, "INVITE sip:a@b SIP/2.0\r\nContent-Length: 9\r\n\r\nabc", "INVITE sip:a@b SIP/2.0\nl: 0\n\n",
		"INVITE sip:a@b SIP/2.0\r\nl: 1\r\nl: 2\r\n\r\nab",
	} {
		w := newWorld(t)
		app, _, _ := w.spliced()
		w.send(app, frame)
		if code := w.closed(app); code != websocket.StatusInvalidFramePayloadData {
			t.Errorf("%q: closed with %d", frame, code)
		}
	}
}

func TestRefusals(t *testing.T) {
	w := newWorld(t)
	other := ident.New(ident.Switch)
	for name, c := range map[string]struct{ node, entry, want string }{
		"switch that is not here": {other, `{"key":"k"}`, `"code":"unreachable"`},
		"no JSON":                 {w.node, "hello", `"code":"key-malformed"`},
		"too long":                {w.node, `{"key":"` + strings.Repeat("k", 17<<10) + `"}`, `"code":"key-malformed"`},
	} {
		app := w.dial(c.node, c.entry)
		if got := w.read(app); !strings.Contains(got, c.want) {
			t.Errorf("%s: answered %q, want %s", name, got, c.want)
		}
		if code := w.closed(app); code != websocket.StatusNormalClosure {
			t.Errorf("%s: closed with %d", name, code)
		}
	}
	app := w.dial(w.node, `{"key":"k"}`)
	sw, _, _ := w.take()
	const no = `{"error":{"code":"gone","words":"over"}}`
	_, err := io.WriteString(sw, no+"\n")
	w.ok(err)
	if got := w.read(app); got != no {
		t.Errorf("the switch's no came as %q", got)
	}
	w.closed(app)
	w.eventually("count of all", func() bool {
		c := w.splice.Counters()
		return c.Calls == 0 && c.Outcomes[errs.Unreachable] == 1 && c.Outcomes[errs.KeyMalformed] == 2 && c.Outcomes[errs.Gone] == 1
	})
	for path, want := range map[string]int{"/call/sw_x": http.StatusNotFound, "/call/" + w.node: http.StatusForbidden} {
		q, err := http.NewRequestWithContext(t.Context(), "GET", strings.Replace(w.url, "ws", "http", 1)+path, nil)
		w.ok(err)
		for k, v := range map[string]string{
			"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
			"Sec-WebSocket-Protocol": Protocol, "Origin": "https://evil.example",
		} {
			q.Header.Set(k, v)
		}
		r, err := http.DefaultClient.Do(q)
		w.ok(err)
		_ = r.Body.Close()
		if r.StatusCode != want {
			t.Errorf("GET %s from another page: %s, want %d", path, r.Status, want)
		}
	}
	http.DefaultClient.CloseIdleConnections()
}

// TestPlaces: who has all its places gets no more, until it leaves one.
func TestPlaces(t *testing.T) {
	w := newWorld(t)
	var all []*websocket.Conn
	for range maxPerSource {
		app, _, _ := w.spliced()
		all = append(all, app)
	}
	dial := func() error {
		c, r, err := websocket.Dial(t.Context(), w.url+"/call/"+w.node, &websocket.DialOptions{Subprotocols: []string{Protocol}})
		if err == nil {
			_ = c.CloseNow()
		} else if r == nil || r.StatusCode != http.StatusServiceUnavailable {
			t.Fatal(err)
		}
		return err
	}
	if dial() == nil {
		t.Fatal("one source has more than its places")
	}
	w.ok(all[0].Close(websocket.StatusNormalClosure, ""))
	w.eventually("place that was left", func() bool { return dial() == nil })
}

// lines counts what a log is written.
type lines struct{ atomic.Int64 }

func (l *lines) Write(b []byte) (int, error) {
	l.Add(1)
	return len(b), nil
}

// TestLogOfStrangersIsBounded has many come with nothing: they are counted, and the log tells of a few.
func TestLogOfStrangersIsBounded(t *testing.T) {
	w, written := newWorld(t), &lines{}
	w.splice.cfg.Logger = slog.New(slog.NewTextHandler(written, nil))
	const knocks = 20
	for range knocks {
		w.closed(w.dial(w.node, "{"))
	}
	w.eventually("count of all", func() bool { return w.splice.Counters().Outcomes[errs.KeyMalformed] == knocks })
	if n := written.Load(); n == 0 || n >= knocks/2 {
		t.Errorf("%d lines of %d", n, knocks)
	}
}

// TestStops: a bridge that stops takes no more calls, and says why it ends those that it has.
func TestStops(t *testing.T) {
	w := newWorld(t)
	app, sw, read := w.spliced()
	w.splice.Refuse()
	if _, r, err := websocket.Dial(t.Context(), w.url+"/call/"+w.node, nil); err == nil || r.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a bridge that stops takes calls: %v", err)
	}
	w.send(app, ring) // those under way go on
	got := make([]byte, len(ring))
	if _, err := io.ReadFull(read, got); err != nil {
		t.Error(err)
	}
	var done sync.WaitGroup
	done.Go(w.splice.Close)
	if code := w.closed(app); code != websocket.StatusGoingAway {
		t.Errorf("closed with %d, want that the bridge goes away", code)
	}
	done.Wait()
	if _, err := sw.Read(got); !errors.Is(err, io.EOF) {
		t.Errorf("the bridge stopped, and the switch reads %v", err)
	}
}

// TestSilentAppsAreInNobodysWay: who has said nothing yet has no place on the way to a switch, of which a few sources could take
// all.
func TestSilentAppsAreInNobodysWay(t *testing.T) {
	w := newWorld(t)
	ways := func() (calls, ways int) {
		w.splice.mu.Lock()
		defer w.splice.mu.Unlock()
		return w.splice.calls, w.splice.byNode[w.node]
	}
	for range maxPerSource - 1 {
		w.dial(w.node, "")
	}
	w.spliced()
	if calls, ways := ways(); calls != maxPerSource || ways != 1 {
		t.Errorf("%d places of the bridge are taken, %d on the way to the switch", calls, ways)
	}
}

// TestSeenAt is whom the switch's log is told of: its limit is of each source, not of the proxy before them.
func TestSeenAt(t *testing.T) {
	for source, want := range map[netip.Prefix]string{
		netip.MustParsePrefix("192.0.2.1/32"):   "192.0.2.1:4711", // no proxy
		netip.MustParsePrefix("203.0.113.9/32"): "203.0.113.9:0",
		netip.MustParsePrefix("2001:db8::/64"):  "[2001:db8::]:0",
		{}:                                      "192.0.2.1:4711",
	} {
		if got := seenAt(&http.Request{RemoteAddr: "192.0.2.1:4711"}, source); got != want {
			t.Errorf("a source %v is seen at %q, want %q", source, got, want)
		}
	}
	if got := seenAt(&http.Request{RemoteAddr: "@"}, netip.Prefix{}); got != "@" {
		t.Errorf("an address of no kind that is known is told as %q", got)
	}
}
