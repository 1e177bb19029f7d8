package channel

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"strowger/pkg/channel"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/proof"
)

const bridgeID = "br_1"

// pipes is a network within a process, so that a test's time is its own.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { close(p.done); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	near, far := net.Pipe()
	p.conns <- far
	return near, nil
}

// hub is the channels of a bridge, with a cloud in memory, in a bubble.
type hub struct {
	*Channels
	t       *testing.T
	by      way // how devices come, unless they say otherwise
	network *pipes
	air     *air

	mu      sync.Mutex
	keys    map[string]string // thumbprint of each device
	bound   []fabric.Bound
	unbound []fabric.Bound
	refuse  error // of the next binds
	asked   int   // requests of type "admit"
	shut    bool  // no source may ask for a channel by WebTransport
}

// way is how a device comes.
type way string

const (
	byWebSocket    way = "WebSocket"
	byWebTransport way = "WebTransport"
)

// ways run a test for each way of coming.
func ways(t *testing.T, f func(*testing.T, way)) {
	t.Helper()
	for _, by := range []way{byWebSocket, byWebTransport} {
		t.Run(string(by), func(t *testing.T) { f(t, by) })
	}
}

// inBubble runs a test with a hub in a time of its own, for each way of coming.
func inBubble(t *testing.T, change func(*Config), f func(*testing.T, *hub)) {
	t.Helper()
	ways(t, func(t *testing.T, by way) {
		synctest.Test(t, func(t *testing.T) {
			h, end := newHub(t, change)
			defer end()
			h.by = by
			f(t, h)
		})
	})
}

// newHub runs a hub in a bubble; end ends it.
func newHub(t *testing.T, change func(*Config)) (h *hub, end func()) {
	h = &hub{t: t, by: byWebSocket, network: &pipes{conns: make(chan net.Conn), done: make(chan struct{})}, keys: map[string]string{}}
	cfg := Config{
		Bridge: bridgeID, Bind: func(_ context.Context, b fabric.Bound) error { return h.bind(b) },
		Rebind: func(b fabric.Bound, done func(error)) { done(h.bind(b)) },
		Unbind: func(b fabric.Bound) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.unbound = append(h.unbound, b)
		},
		Requests: map[string]Request{
			channel.TypeAdmit: {Answer: channel.TypeAdmitted, Do: func(ctx context.Context, device string, _ []byte) (any, error) {
				h.mu.Lock()
				defer h.mu.Unlock()
				h.asked++
				return map[string]string{"device": device}, nil
			}},
			channel.TypeReport: {Do: func(context.Context, string, []byte) (any, error) { return nil, nil }},
		},
		Allow: func(netip.Prefix) bool {
			h.mu.Lock()
			defer h.mu.Unlock()
			return !h.shut
		},
		Now: time.Now, Logger: slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&cfg)
	}
	h.Channels = New(t.Context(), cfg)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.TakeSocket(w, r, netip.MustParsePrefix("192.0.2.1/32"))
	})}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = server.Serve(h.network) })
	running.Go(func() { _ = h.Run(ctx) })
	h.air = newAir(t, h.TakeWeb)
	return h, func() {
		cancel()
		h.Close()
		_ = server.Close()
		running.Wait()
		h.air.close()
	}
}

func (h *hub) bind(b fabric.Bound) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.refuse != nil {
		return h.refuse
	}
	if h.keys[b.Device] != b.Thumbprint {
		return errs.New(errs.WrongPresenter, "another key")
	}
	h.bound = append(h.bound, b)
	return nil
}

func (h *hub) client() *http.Client {
	return &http.Client{Transport: &http.Transport{DialContext: h.network.dial, DisableKeepAlives: true}}
}

// settle waits until all that was sent has come.
func settle() {
	<-time.After(time.Second)
	synctest.Wait()
}

// device is a device of the tests.
type device struct {
	hub *hub
	id  string
	key *ecdsa.PrivateKey
	n   int64 // order of its next channel
}

func (h *hub) device(id string) *device {
	h.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		h.t.Fatal(err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.keys[id] = proof.JWKOf(&key.PublicKey).Thumbprint()
	return &device{hub: h, id: id, key: key, n: 1}
}

// wire is a device's connection.
type wire struct {
	conn
	t         *testing.T
	challenge channel.Challenge
	welcome   channel.Welcome
	received  uint64 // by the bridge, at the welcome
}

// dial opens a connection and reads the challenge.
func (h *hub) dial() *wire {
	h.t.Helper()
	w := &wire{t: h.t}
	var err error
	if h.by == byWebTransport {
		w.conn, err = h.air.dial(h.t.Context())
	} else {
		w.conn, err = h.dialSocket()
	}
	if err != nil {
		h.t.Fatal(err)
	}
	_, frame := w.read(channel.TypeChallenge)
	w.challenge = body[channel.Challenge](h.t, frame)
	return w
}

func (h *hub) dialSocket() (conn, error) {
	ws, _, err := websocket.Dial(h.t.Context(), "http://bridge"+channel.Path, &websocket.DialOptions{
		HTTPClient: h.client(), Subprotocols: []string{channel.Subprotocol},
	})
	return appSocket{ws}, err
}

// appSocket is a WebSocket as a device has it.
type appSocket struct{ ws *websocket.Conn }

func (c appSocket) Read(ctx context.Context) ([]byte, error) {
	_, frame, err := c.ws.Read(ctx)
	return frame, err
}

func (c appSocket) Write(ctx context.Context, frame []byte) error {
	return c.ws.Write(ctx, websocket.MessageText, frame)
}

func (c appSocket) Close() { _ = c.ws.CloseNow() }

func body[T any](t *testing.T, frame []byte) T {
	t.Helper()
	v, err := channel.Body[T](frame)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// read reads the next frame, which must be of a type.
func (w *wire) read(typ string) (channel.Head, []byte) {
	w.t.Helper()
	frame, err := w.Read(w.t.Context())
	if err != nil {
		w.t.Fatalf("no %s: %v", typ, err)
	}
	h, err := channel.Decode(frame)
	if err != nil || h.Type != typ {
		w.t.Fatalf("%s, %v: want %s", frame, err, typ)
	}
	return h, frame
}

// gone reads to the end, and returns the code of a bye on the way.
func (w *wire) gone() (code errs.Code) {
	w.t.Helper()
	for {
		frame, err := w.Read(w.t.Context())
		if err != nil {
			w.Close()
			return code
		}
		if h, _ := channel.Decode(frame); h.Type == channel.TypeBye {
			code = body[errs.Error](w.t, frame).Code
		}
	}
}

func (w *wire) write(h channel.Head, v any) {
	w.t.Helper()
	frame, err := channel.Encode(h, v)
	if err == nil {
		err = w.Write(w.t.Context(), frame)
	}
	if err != nil && !errors.Is(err, net.ErrClosed) {
		w.t.Fatal(err)
	}
}

// proof is the device's answer to a challenge.
func (d *device) proof(c channel.Challenge, change func(*proof.Channel)) string {
	d.hub.t.Helper()
	p := proof.Channel{Bridge: c.Bridge, Nonce: c.Nonce, Device: d.id, Order: d.n, ID: rand.Text(), IssuedAt: time.Now().Unix()}
	d.n++
	if change != nil {
		change(&p)
	}
	signed, err := proof.Sign(proof.TypeChannel, d.key, p)
	if err != nil {
		d.hub.t.Fatal(err)
	}
	return signed
}

// enter opens the device's channel, or goes on with one.
func (d *device) enter(resume string, received uint64) *wire {
	d.hub.t.Helper()
	w := d.hub.dial()
	w.write(channel.Head{Type: channel.TypeHello, Received: received}, channel.Hello{Proof: d.proof(w.challenge, nil), Resume: resume})
	h, frame := w.read(channel.TypeWelcome)
	w.welcome, w.received = body[channel.Welcome](d.hub.t, frame), h.Received
	return w
}

func TestMain(m *testing.M) {
	if clients() {
		return
	}
	goleak.VerifyTestMain(m)
}
