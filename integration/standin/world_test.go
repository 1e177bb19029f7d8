package standin_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"go.uber.org/goleak"

	mobilebridge "strowger/mobile-bridge"
	"strowger/pkg/enrol"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/ident"
	"strowger/pkg/sessionkey"
	"strowger/pkg/sitecopy"
	"strowger/pkg/trust"
	"strowger/pkg/trust/trusttest"
	"strowger/pkg/waketicket"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	org    = "org_acme"
	bridge = "br_1"
	anchor = "sw_y"
)

// wait bounds what must happen; no test asserts how long it takes.
const wait = 30 * time.Second

// cloud is what a bridge asks of the cloud: who it is, where pushes go, which keys sign tickets.
type cloud struct {
	t      *testing.T
	root   *trusttest.Authority
	org    *trusttest.Authority
	api    *httptest.Server
	nats   *server.Server
	fabric *fabric.Client // of the cloud, and of the anchor
	key    ed25519.PrivateKey

	mu       sync.Mutex
	keys     sitecopy.KeySet
	targets  map[string][]fabric.Target // by device
	enrolled string                     // hash of the key of the bridge
	boot     string                     // of the run that was seen last
	leases   chan fabric.Lease
	pruned   chan fabric.Pruned
}

func newCloud(t *testing.T) *cloud {
	t.Helper()
	c := &cloud{
		t: t, root: trusttest.NewRoot(t), targets: map[string][]fabric.Target{}, keys: sitecopy.KeySet{},
		leases: make(chan fabric.Lease, 64), pruned: make(chan fabric.Pruned, 64),
	}
	c.org = c.root.Intermediate(t, org)
	c.key = newKey(t)
	c.keys.Add("s-1", c.key.Public().(ed25519.PublicKey))
	c.api = httptest.NewUnstartedServer(http.HandlerFunc(c.enrol))
	c.api.TLS = &tls.Config{Certificates: []tls.Certificate{c.server()}}
	c.api.StartTLS()
	t.Cleanup(c.api.Close)
	c.startFabric()
	return c
}

// server is the certificate of the cloud's servers.
func (c *cloud) server() tls.Certificate {
	key := trusttest.NewKey(c.t)
	leaf := c.root.Sign(c.t, &x509.Certificate{
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, key.Public())
	return tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf}
}

// Check lets nodes in with the permissions of a bridge, and the cloud inside the process with all.
func (c *cloud) Check(client server.ClientAuthentication) bool {
	state := client.GetTLSConnectionState()
	if state == nil {
		return true
	}
	name, err := trust.NameOf(state.PeerCertificates[0])
	if err != nil {
		return false
	}
	p := fabric.BridgePermissions(name.Org, name.ID)
	client.RegisterUser(&server.User{Permissions: &server.Permissions{
		Publish: &server.SubjectPermission{Allow: p.Publish}, Subscribe: &server.SubjectPermission{Allow: p.Subscribe},
		Response: &server.ResponsePermission{MaxMsgs: 1, Expires: time.Minute},
	}})
	return true
}

func (c *cloud) startFabric() {
	c.t.Helper()
	var err error
	c.nats, err = server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true, CustomClientAuthentication: c, TLSVerify: true, TLSTimeout: wait.Seconds(),
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{c.server()}, ClientCAs: c.root.Pool(), ClientAuth: tls.RequireAndVerifyClientCert},
	})
	if err != nil {
		c.t.Fatal(err)
	}
	c.nats.Start()
	c.t.Cleanup(func() { c.nats.Shutdown(); c.nats.WaitForShutdown() })
	c.fabric, err = fabric.Connect(fabric.Config{Node: anchor, Org: org, Logger: slog.New(slog.DiscardHandler), InProcess: c.nats, Cloud: true})
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(c.fabric.Close)
	ctx, cancel := context.WithTimeout(c.t.Context(), wait)
	defer cancel()
	if err := c.fabric.Ready(ctx); err != nil {
		c.t.Fatal(err)
	}
	c.serve()
}

// serveWorkers answer a bridge side by side.
const serveWorkers = 64

// serve answers what a bridge asks.
func (c *cloud) serve() {
	c.t.Helper()
	ctx := context.WithoutCancel(c.t.Context()) // the test's own ends before its bridge does
	_, err1 := fabric.Handle(ctx, c.fabric, fabric.SubjectLease(org, bridge), "", 1, func(_ context.Context, _ fabric.Subject, q fabric.Lease) (fabric.Reply, error) {
		if q.Node.ID != bridge || q.Node.KeyHash != c.keyHash() || q.Node.Boot == "" { // as the cloud has it
			return fabric.Reply{}, errs.New(errs.Forbidden, "a lease of %+v", q.Node)
		}
		c.leases <- q
		return fabric.Reply{}, nil
	})
	_, err2 := fabric.Handle(ctx, c.fabric, fabric.SubjectTargets(org, bridge), "", serveWorkers, c.targetsOf)
	_, err3 := fabric.Handle(ctx, c.fabric, fabric.SubjectPruned(org, bridge), "", 1, func(_ context.Context, _ fabric.Subject, q fabric.Pruned) (fabric.Reply, error) {
		c.pruned <- q
		return fabric.Reply{}, nil
	})
	_, err4 := fabric.Handle(ctx, c.fabric, fabric.SubjectKeys(org, bridge), "", 1, func(context.Context, fabric.Subject, fabric.KeysRequest) (fabric.KeysReply, error) {
		c.mu.Lock()
		defer c.mu.Unlock()
		return fabric.KeysReply{SessionKeys: maps.Clone(c.keys)}, nil
	})
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		c.t.Fatal(err)
	}
}

// keyHash is that of the key that enrolled.
func (c *cloud) keyHash() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.enrolled
}

func (c *cloud) targetsOf(_ context.Context, _ fabric.Subject, q fabric.Targets) (fabric.TargetsReply, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	keys := func(kid string) (sessionkey.Key, bool) {
		pub, ok := c.keys.Key(kid)
		return sessionkey.Key{Public: pub, Issuer: org}, ok
	}
	claims, err := waketicket.Open(q.Ticket, keys, org, q.Anchor, time.Now())
	return fabric.TargetsReply{Targets: slices.Clone(c.targets[claims.Device])}, err
}

// device registers the push tokens of a device.
func (c *cloud) device(id string, targets ...fabric.Target) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.targets[id] = targets
}

// enrol answers a bridge that has the code.
func (c *cloud) enrol(w http.ResponseWriter, r *http.Request) {
	var q enrol.Request
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
		c.t.Error(err)
		return
	}
	csr, err := x509.ParseCertificateRequest(q.CSR)
	if err != nil {
		c.t.Error(err)
		return
	}
	name := trust.Name{Org: org, Kind: trust.Bridge, ID: bridge}
	leaf := c.org.Sign(c.t, &x509.Certificate{
		URIs: []*url.URL{name.URI()}, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, csr.PublicKey)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.enrolled = trust.CertKeyHash(csr.RawSubjectPublicKeyInfo)
	_ = json.NewEncoder(w).Encode(enrol.Response{
		Info: enrol.Info{
			Org: org, OrgName: "Acme", Node: bridge, NodeName: "bridge", Kind: trust.Bridge, Fabric: []string{c.nats.Addr().String()}, SessionKeys: c.keys,
		},
		Chain: inPEM(leaf) + inPEM(c.org.Cert), Root: inPEM(c.root.Cert),
	})
}

func inPEM(c *x509.Certificate) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
}

// code is what an admin gives to the bridge.
func (c *cloud) code() string {
	code, _ := enrol.NewCode(c.api.Certificate().RawSubjectPublicKeyInfo)
	return code
}

// running is a bridge that runs.
type running struct {
	mobilebridge.Started
	stop func() // and waits
}

// start runs a bridge to the end of the test, enrolled with this cloud.
func (c *cloud) start(cfg mobilebridge.Config) running {
	c.t.Helper()
	if cfg.Data == "" {
		cfg.Data = c.t.TempDir()
	}
	cfg.Enroll, cfg.Cloud, cfg.Metrics, cfg.Logger = c.code(), c.api.URL, "127.0.0.1:0", slog.New(slog.DiscardHandler)
	started, ended := make(chan mobilebridge.Started, 1), make(chan error, 1)
	cfg.Started = func(s mobilebridge.Started) { started <- s }
	ctx, cancel := context.WithCancel(c.t.Context())
	go func() { ended <- mobilebridge.Run(ctx, cfg) }()
	r := running{stop: sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			c.t.Errorf("the bridge ended: %v", err)
		}
	})}
	select {
	case r.Started = <-started:
	case err := <-ended:
		c.t.Fatalf("the bridge does not start: %v", err)
	}
	c.t.Cleanup(r.stop)
	l := c.lease(func(l fabric.Lease) bool { return l.Node.Boot != c.boot })
	c.boot = l.Node.Boot
	return r
}

// lease waits for a lease: the bridge is then connected, and takes wakes.
func (c *cloud) lease(ok func(fabric.Lease) bool) fabric.Lease {
	c.t.Helper()
	deadline := time.After(wait)
	for {
		select {
		case l := <-c.leases:
			if ok(l) {
				return l
			}
		case <-deadline:
			c.t.Fatal("no such lease")
		}
	}
}

// ticket is the cloud's permission to wake a device, for a call of its own.
func (c *cloud) ticket(device string) (ticket, call string) {
	c.t.Helper()
	call = ident.New(ident.Call)
	ticket, err := waketicket.Sign("s-1", c.key, waketicket.Claims{
		Issuer: org, Org: org, Device: device, Call: call, Leg: ident.New(ident.Leg), Anchor: anchor,
		IssuedAt: time.Now().Unix(), Expires: time.Now().Add(time.Minute).Unix(),
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return ticket, call
}

// ringing is how long the calls of these tests ring.
const ringing = 60 * time.Second

// wake has a device woken as an anchor does, and returns what became of it.
func (c *cloud) wake(device string, sealed []byte) ([]fabric.PushResult, string, error) {
	c.t.Helper()
	ticket, call := c.ticket(device)
	pushes, err := c.ask(fabric.Wake{Ticket: ticket, Sealed: sealed, Epoch: 1, Until: time.Now().Add(ringing)})
	return pushes, call, err
}

func (c *cloud) ask(q fabric.Wake) ([]fabric.PushResult, error) {
	ctx, cancel := context.WithTimeout(c.t.Context(), wait)
	defer cancel()
	r, err := fabric.Request[fabric.Wake, fabric.WakeReply](ctx, c.fabric, fabric.SubjectWake(org, anchor), q)
	return r.Pushes, err
}

// metric reads a figure of a bridge; 0 if there is none.
func (r running) metric(t *testing.T, line string) string {
	t.Helper()
	resp, err := http.Get("http://" + r.Metrics + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	for l := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(l, line+" "); ok {
			return strings.TrimSpace(rest)
		}
	}
	return "0"
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(wait)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s: not within %v", what, wait)
		}
	}
}

func newKey(t *testing.T) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// signed is a ticket for dv_1.
func (c *cloud) signed(t *testing.T, kid string, key ed25519.PrivateKey, shownBy string) string {
	t.Helper()
	ticket, err := waketicket.Sign(kid, key, waketicket.Claims{
		Issuer: org, Org: org, Device: "dv_1", Call: "ca_1", Leg: "lg_1", Anchor: shownBy, IssuedAt: time.Now().Unix(), Expires: time.Now().Add(time.Minute).Unix(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return ticket
}
