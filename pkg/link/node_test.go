package link

import (
	"cmp"
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/ident"
	"strowger/pkg/trust"
	"strowger/pkg/trust/trusttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// org is an installation with one organization.
type org struct {
	id           string
	root, issuer *trusttest.Authority
}

func newOrg(t testing.TB) *org {
	t.Helper()
	root := trusttest.NewRoot(t)
	o := &org{id: ident.New(ident.Organization), root: root}
	o.issuer = root.Intermediate(t, o.id)
	return o
}

func (o *org) name() trust.Name {
	return trust.Name{Org: o.id, Kind: trust.Switch, ID: ident.New(ident.Switch)}
}

// node is a running endpoint.
type node struct {
	*Endpoint
	cfg  Config
	stop func() // and wait
	sip  chan net.Conn
	dead atomic.Bool
}

// kill takes the socket from a node, as kill -9 would: no peer hears of it.
func (n *node) kill(t testing.TB) {
	t.Helper()
	n.dead.Store(true)
	if err := n.socket.Close(); err != nil {
		t.Fatal(err)
	}
}

// config is the configuration of a node of o with a good certificate.
func (o *org) config(t testing.TB) Config {
	t.Helper()
	name := o.name()
	cert := o.issuer.Node(t, name, nil)
	return Config{
		Addr:        "127.0.0.1:0",
		Name:        name,
		Boot:        ident.New(ident.Boot),
		Certificate: func() tls.Certificate { return cert },
		Roots:       o.root.Pool(),
		Authorize:   func(trust.Name, string, bool) error { return nil },
		Logger:      slog.New(slog.DiscardHandler),
	}
}

// start runs a node; unset parts of cfg are those of config. SIP streams that no OnSIP takes come out of node.sip.
func start(t testing.TB, cfg Config) *node {
	t.Helper()
	n := prepare(&cfg)
	e, err := Listen(cfg)
	if err != nil {
		t.Fatal(err)
	}
	// On loopback, where a closed connection is remembered for milliseconds only, a stateless reset may overtake the reason
	// why it was closed.
	e.transport.StatelessResetKey = nil
	return n.run(t, e)
}

func prepare(cfg *Config) *node {
	n := &node{sip: make(chan net.Conn, 64)}
	if cfg.OnSIP == nil {
		cfg.OnSIP = func(_ *Conn, s net.Conn) { n.sip <- s }
	}
	n.cfg = *cfg
	return n
}

func (n *node) run(t testing.TB, e *Endpoint) *node {
	t.Helper()
	n.Endpoint = e
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	n.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; (err != nil) != n.dead.Load() {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(n.stop)
	return n
}

// designated is what the cloud would hand out for n.
func (n *node) designated() designation.Node {
	leaf := n.cfg.Certificate().Leaf
	return designation.Node{
		ID:        n.cfg.Name.ID,
		Addresses: []string{n.Addr().String()},
		KeyHash:   trust.CertKeyHash(leaf.RawSubjectPublicKeyInfo),
	}
}

func (n *node) connect(t testing.TB, to *node) *Conn {
	t.Helper()
	c, err := n.Connect(t.Context(), to.designated())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// linked waits for n's own connection to a peer.
func (n *node) linked(t testing.TB, peer *node) *Conn {
	t.Helper()
	eventually(t, "a link", func() bool { return n.preferred(peer.cfg.Name.ID, nil) != nil })
	return n.preferred(peer.cfg.Name.ID, nil)
}

// eventually polls until cond holds.
func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	poll := time.NewTicker(time.Millisecond)
	defer poll.Stop()
	late := time.After(time.Minute)
	for !cond() {
		select {
		case <-poll.C:
		case <-late:
			t.Fatalf("no %s in time", what)
		}
	}
}

func wait[T any](t testing.TB, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(time.Minute):
		t.Fatalf("no %s in time", what)
		panic("unreachable")
	}
}

func wantCode(t testing.TB, err error, code errs.Code) {
	t.Helper()
	if errs.CodeOf(err) != code {
		t.Fatalf("error %v has code %q, want %q", err, errs.CodeOf(err), cmp.Or(code, "none"))
	}
}

func readFull(t testing.TB, r io.Reader, n int) []byte {
	t.Helper()
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		t.Fatal(err)
	}
	return b
}
