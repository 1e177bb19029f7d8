package link

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/ident"
	"strowger/pkg/trust"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// issuer is a certificate authority: an installation root, or an organization's intermediate.
type issuer struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// issue signs a template; without an issuer the certificate signs itself.
func (i *issuer) issue(t testing.TB, template *x509.Certificate, key *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	if template.NotAfter.IsZero() {
		template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	}
	parent, signer := template, key
	if i != nil {
		parent, signer = i.cert, i.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func (i *issuer) authority(t testing.TB, name string) *issuer {
	t.Helper()
	key := newKey(t)
	return &issuer{key: key, cert: i.issue(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, key)}
}

func (i *issuer) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(i.cert)
	return p
}

// node issues the certificate of a node, with its chain.
func (i *issuer) node(t testing.TB, name trust.Name, change func(*x509.Certificate)) tls.Certificate {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: name.ID},
		URIs:        []*url.URL{name.URI()},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	if change != nil {
		change(template)
	}
	leaf := i.issue(t, template, key)
	return tls.Certificate{Certificate: [][]byte{leaf.Raw, i.cert.Raw}, PrivateKey: key, Leaf: leaf}
}

// org is an installation with one organization.
type org struct {
	id           string
	root, issuer *issuer
}

func newOrg(t testing.TB) *org {
	t.Helper()
	root := (*issuer)(nil).authority(t, "root")
	o := &org{id: ident.New(ident.Organization), root: root}
	o.issuer = root.authority(t, o.id)
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
	cert := o.issuer.node(t, name, nil)
	return Config{
		Addr:        "127.0.0.1:0",
		Name:        name,
		Boot:        ident.New(ident.Boot),
		Certificate: func() tls.Certificate { return cert },
		Roots:       o.root.pool(),
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
	late := time.After(20 * time.Second)
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
	case <-time.After(20 * time.Second):
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
