package exchange_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"strowger/cloud/internal/exchange"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/ident"
	"strowger/pkg/trust"
	"strowger/pkg/trust/trusttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// wait bounds what must happen; no test asserts how long it takes.
const wait = time.Minute

// installation is a registry with its CAs and the exchange in front of it.
type installation struct {
	root  *trusttest.Authority
	keys  exchange.Keys
	tls   *tls.Config
	log   *lines
	mu    sync.Mutex
	orgs  map[string]*trusttest.Authority
	nodes map[trust.Name]*node
}

// node is a switch of the registry.
type node struct {
	name    trust.Name
	site    string
	tls     *tls.Config
	keyHash string
	revoked bool
}

func newInstallation(t *testing.T) *installation {
	t.Helper()
	in := &installation{root: trusttest.NewRoot(t), orgs: map[string]*trusttest.Authority{}, nodes: map[trust.Name]*node{}, log: &lines{}}
	in.tls = serverTLS(t, in.root)
	seed, err := exchange.NewSeed()
	if err != nil {
		t.Fatal(err)
	}
	if in.keys, err = exchange.NewKeys(seed); err != nil {
		t.Fatal(err)
	}
	return in
}

func (in *installation) organization(t *testing.T) string {
	t.Helper()
	org := ident.New(ident.Organization)
	in.orgs[org] = in.root.Intermediate(t, org)
	return org
}

// enrol makes a switch with its certificate.
func (in *installation) enrol(t *testing.T, org string) *node {
	t.Helper()
	n := &node{name: trust.Name{Org: org, Kind: trust.Switch, ID: ident.New(ident.Switch)}, site: ident.New(ident.Site)}
	n.tls = nodeTLS(t, in.root, in.orgs[org], n.name, time.Time{})
	n.keyHash = keyHash(n.tls)
	in.nodes[n.name] = n
	return n
}

func (in *installation) intermediate(_ context.Context, org string) (*x509.Certificate, error) {
	if ca, ok := in.orgs[org]; ok {
		return ca.Cert, nil
	}
	return nil, errs.New(errs.NotFound, "no organization %s", org)
}

func (in *installation) check(_ context.Context, name trust.Name, keyHash string) (string, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	n, ok := in.nodes[name]
	switch {
	case !ok:
		return "", errs.New(errs.NotFound, "no switch %s", name.ID)
	case n.revoked:
		return "", errs.New(errs.Revoked, "switch %s is revoked", name.ID)
	case n.keyHash != keyHash:
		return "", errs.New(errs.Forbidden, "switch %s is enrolled with another key", name.ID)
	}
	return n.site, nil
}

func (in *installation) revoke(n *node) {
	in.mu.Lock()
	defer in.mu.Unlock()
	n.revoked = true
}

func (in *installation) config(listen string) exchange.Config {
	return exchange.Config{
		Listen: listen, TLS: in.tls, Root: in.root.Cert, Keys: in.keys, Instance: ident.New(ident.Cloud),
		Logger: slog.New(slog.NewTextHandler(in.log, nil)), Intermediate: in.intermediate, Check: in.check,
	}
}

// running is an exchange with the servers where nodes connect.
type running struct {
	*exchange.Exchange
	servers []string
}

// start runs an exchange with an embedded server until the test ends or the returned function is called.
func (in *installation) start(t *testing.T, listen string) (x running, stop func()) {
	t.Helper()
	x, stop = run(t, in.config(listen))
	x.servers = []string{x.Address().String()}
	return x, stop
}

func run(t *testing.T, cfg exchange.Config) (x running, stop func()) {
	t.Helper()
	e, err := exchange.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceFunc(e.Close)
	t.Cleanup(stop)
	return running{e, cfg.Servers}, stop
}

// onEach runs a test on the embedded server, on an external one, and on a cluster of three where the nodes are at another
// server than the cloud.
func onEach(t *testing.T, test func(*testing.T, *installation, func(exchange.Config) running)) {
	t.Run("embedded", func(t *testing.T) {
		in := newInstallation(t)
		test(t, in, func(cfg exchange.Config) running {
			x, _ := run(t, cfg)
			x.servers = []string{x.Address().String()}
			return x
		})
	})
	for name, size := range map[string]int{"external": 1, "cluster": 3} {
		t.Run(name, func(t *testing.T) {
			in := newInstallation(t)
			servers := in.servers(t, size)
			test(t, in, func(cfg exchange.Config) running {
				cfg.Listen, cfg.TLS, cfg.Servers, cfg.ClientTLS = "", nil, servers[:1], clientTLS(t, in.root)
				x, _ := run(t, cfg)
				x.servers = servers[size-1:]
				return x
			})
		})
	}
}

// connect dials with a TLS configuration and gives the changes of the connection.
func connect(t *testing.T, x running, name trust.Name, tls *tls.Config) (*fabric.Client, <-chan fabric.Status) {
	t.Helper()
	status := make(chan fabric.Status, 64)
	c, err := fabric.Connect(fabric.Config{
		Servers: x.servers, TLS: tls, Org: name.Org, Node: name.ID, Name: name.ID,
		Logger: slog.New(slog.DiscardHandler), OnStatus: func(s fabric.Status) { status <- s },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, status
}

func (n *node) connect(t *testing.T, x running) (*fabric.Client, <-chan fabric.Status) {
	t.Helper()
	c, status := connect(t, x, n.name, n.tls)
	ready(t, c)
	if s := next(t, status); !s.Connected {
		t.Fatalf("status %+v, want connected", s)
	}
	return c, status
}

func ready(t *testing.T, c *fabric.Client) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), wait)
	defer cancel()
	if err := c.Ready(ctx); err != nil {
		t.Fatal(err)
	}
}

func next(t *testing.T, status <-chan fabric.Status) fabric.Status {
	t.Helper()
	select {
	case s := <-status:
		return s
	case <-time.After(wait):
		t.Fatal("no change of the connection")
		return fabric.Status{}
	}
}

// serveCopies lets the cloud answer requests for site copies.
func serveCopies(t *testing.T, x running, got func(fabric.Subject)) {
	t.Helper()
	if _, err := fabric.Handle(t.Context(), x.Client(), fabric.SubjectCopy(fabric.Any, fabric.Any), fabric.Workers, 2,
		func(_ context.Context, s fabric.Subject, _ fabric.CopyRequest) (fabric.CopyReply, error) {
			got(s)
			return fabric.CopyReply{Document: "copy of " + s.ID}, nil
		}); err != nil {
		t.Fatal(err)
	}
}

func fetchCopy(t *testing.T, c *fabric.Client, subject string) (fabric.CopyReply, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), wait)
	defer cancel()
	r, err := fabric.Request[fabric.CopyRequest, fabric.CopyReply](ctx, c, subject, fabric.CopyRequest{})
	if ctx.Err() != nil {
		t.Fatalf("request on %s: no answer and no refusal", subject)
	}
	return r, err
}

// lines is a log that tests search.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Reset()
}

func (l *lines) has(parts ...string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.text.String()) {
		found := true
		for _, p := range parts {
			found = found && strings.Contains(line, p)
		}
		if found {
			return true
		}
	}
	return false
}

func eventually(t *testing.T, ok func() bool, what string, args ...any) {
	t.Helper()
	deadline := time.After(wait)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("did not happen: ", fmt.Sprintf(what, args...))
		}
	}
}

func TestSwitchUsesItsOwnSubjects(t *testing.T) { onEach(t, switchUsesItsOwnSubjects) }

func switchUsesItsOwnSubjects(t *testing.T, in *installation, start func(exchange.Config) running) {
	x := start(in.config("127.0.0.1:0"))
	n := in.enrol(t, in.organization(t))
	c, _ := n.connect(t, x)
	serveCopies(t, x, func(fabric.Subject) {})
	// In a cluster it takes a moment until the other servers know of a subscription.
	eventually(t, func() bool {
		r, err := fetchCopy(t, c, fabric.SubjectCopy(n.name.Org, n.site))
		return err == nil && r.Document == "copy of "+n.site
	}, "the switch gets the copy of its own site")
	if d := time.Until(c.Now()).Abs(); d > wait {
		t.Errorf("the cloud's clock as seen by the node is %v off", d)
	}
	// Nobody serves these here: that the cloud is asked at all is what counts.
	for _, subject := range []string{
		fabric.SubjectAdmit(n.name.Org, n.name.ID), fabric.SubjectLease(n.name.Org, n.name.ID),
		fabric.SubjectLedger(n.name.Org, n.name.ID), fabric.SubjectPeer(n.name.Org, ident.New(ident.Site)),
	} {
		if _, err := fetchCopy(t, c, subject); errs.CodeOf(err) != errs.CloudAway {
			t.Errorf("request on %s: %v, want that nobody answers", subject, err)
		}
	}
	if _, err := fabric.Handle(t.Context(), c, fabric.SubjectOffer(n.name.Org, n.name.ID), "", 1,
		func(context.Context, fabric.Subject, fabric.Offer) (fabric.Reply, error) {
			return fabric.Reply{}, errs.New(errs.Busy, "all phones are busy")
		}); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool {
		_, err := fabric.Request[fabric.Offer, fabric.Reply](t.Context(), x.Client(), fabric.SubjectOffer(n.name.Org, n.name.ID), fabric.Offer{})
		return errs.CodeOf(err) == errs.Busy
	}, "the cloud's offer is answered with busy")
}

func TestSwitchIsKeptOutOfOthersSubjects(t *testing.T) { onEach(t, switchIsKeptOutOfOthersSubjects) }

func switchIsKeptOutOfOthersSubjects(t *testing.T, in *installation, start func(exchange.Config) running) {
	x := start(in.config("127.0.0.1:0"))
	org := in.organization(t)
	n, other, foreign := in.enrol(t, org), in.enrol(t, org), in.enrol(t, in.organization(t))
	c, status := n.connect(t, x)
	serveCopies(t, x, func(s fabric.Subject) { t.Errorf("a request on %s arrived", s) })

	for _, subject := range []string{
		fabric.SubjectAdmit(org, other.name.ID),
		fabric.SubjectLease(org, other.name.ID),
		fabric.SubjectLedger(org, other.name.ID),
		fabric.SubjectCopy(org, other.site),
		fabric.SubjectOffer(org, other.name.ID),
		fabric.SubjectOffer(org, n.name.ID), // its own, but only the cloud sends
		fabric.SubjectRevoke(org),
		fabric.SubjectCopy(foreign.name.Org, foreign.site),
		fabric.SubjectPeer(foreign.name.Org, foreign.site),
		fabric.SubjectAdmit(foreign.name.Org, n.name.ID),
		fabric.Inbox(other.name.ID) + ".x.y",
		"$SYS.REQ.SERVER.PING",
		"$SYS.REQ.USER.AUTH",
		"anything",
	} {
		if _, err := fetchCopy(t, c, subject); errs.CodeOf(err) != errs.Forbidden {
			t.Errorf("publish on %s: %v, want forbidden", subject, err)
		}
		eventually(t, func() bool { return in.log.has("Publish Violation", subject) }, "the log names %s", subject)
	}
	for _, subject := range []string{
		">", "o.>", "o." + org + ".>", "o." + org + ".sw.*.admit", "o." + org + ".node.*.offer",
		fabric.SubjectOffer(org, other.name.ID),
		fabric.SubjectAdmit(org, n.name.ID), // its own, but only the cloud reads
		fabric.SubjectRevoke(foreign.name.Org),
		fabric.Inbox(other.name.ID) + ".>", "_INBOX_*.>",
		"$SYS.>", "$SYS.REQ.USER.AUTH",
	} {
		if _, err := fabric.Subscribe(c, subject, func(fabric.Subject, fabric.Changed) {}); err != nil {
			t.Fatal(err)
		}
		if s := next(t, status); errs.CodeOf(s.Reason) != errs.Forbidden {
			t.Errorf("subscription to %s: status %+v, want forbidden", subject, s)
		}
		eventually(t, func() bool { return in.log.has("Subscription Violation", subject) }, "the log names %s", subject)
	}
}

func TestRefusedCertificates(t *testing.T) { onEach(t, refusedCertificates) }

func refusedCertificates(t *testing.T, in *installation, start func(exchange.Config) running) {
	x := start(in.config("127.0.0.1:0"))
	org := in.organization(t)
	n, foreign := in.enrol(t, org), in.organization(t)
	stranger := trusttest.NewRoot(t)
	revoked := in.enrol(t, org)
	in.revoke(revoked)
	without := n.tls.Clone()
	without.Certificates = nil
	agent := trust.Name{Org: org, Kind: trust.Agent, ID: ident.New(ident.Agent)}
	bridge := trust.Name{Org: org, Kind: trust.Bridge, ID: ident.New(ident.Switch)}
	wild := trust.Name{Org: org, Kind: trust.Switch, ID: "*"}
	unknown := trust.Name{Org: org, Kind: trust.Switch, ID: ident.New(ident.Switch)}
	nowhere := trust.Name{Org: ident.New(ident.Organization), Kind: trust.Switch, ID: n.name.ID}

	for _, c := range []struct {
		what string
		name trust.Name
		tls  *tls.Config
		log  string // what the cloud says
	}{
		{"no certificate", n.name, without, "TLS handshake error"},
		{"another root", n.name, nodeTLS(t, in.root, stranger.Intermediate(t, org), n.name, time.Time{}), "TLS handshake error"},
		{"expired", n.name, nodeTLS(t, in.root, in.orgs[org], n.name, time.Now().Add(-time.Minute)), "TLS handshake error"},
		{"issued by another organization", n.name, nodeTLS(t, in.root, in.orgs[foreign], n.name, time.Time{}), "code=unauthenticated"},
		{"issued by the root itself", n.name, nodeTLS(t, in.root, in.root, n.name, time.Time{}), "code=unauthenticated"},
		{"another key", n.name, nodeTLS(t, in.root, in.orgs[org], n.name, time.Time{}), "code=forbidden"},
		{"revoked", revoked.name, revoked.tls, "code=revoked"},
		{"not enrolled", unknown, nodeTLS(t, in.root, in.orgs[org], unknown, time.Time{}), "code=not-found"},
		{"unknown organization", nowhere, nodeTLS(t, in.root, in.orgs[org], nowhere, time.Time{}), "code=not-found"},
		{"an agent", agent, nodeTLS(t, in.root, in.orgs[org], agent, time.Time{}), "code=forbidden"},
		{"a bridge with the id of a switch", bridge, nodeTLS(t, in.root, in.orgs[org], bridge, time.Time{}), "code=unauthenticated"},
		{"a wildcard for an id", wild, nodeTLS(t, in.root, in.orgs[org], wild, time.Time{}), "code=unauthenticated"},
	} {
		t.Run(c.what, func(t *testing.T) {
			in.log.reset()
			x := x
			if c.log == "TLS handshake error" {
				x = start(in.config("127.0.0.1:0")) // each tells a few things of a stranger, who tries again and again
			}
			client, status := connect(t, x, trust.Name{Org: org, ID: n.name.ID}, c.tls)
			eventually(t, func() bool { return in.log.has(c.log) }, "the cloud logs %q", c.log)
			refusal := "tls:"
			if c.log != "TLS handshake error" {
				refusal = "the cloud refuses this node"
			}
			eventually(t, func() bool { return strings.Contains(fmt.Sprint(client.Status().Reason), refusal) },
				"the node knows why; it has %v", client.Status().Reason)
			select {
			case s := <-status:
				t.Errorf("status %+v, want that it was never connected", s)
			default:
			}
		})
	}
}

func TestRevokedSwitchIsCutOffAndKeptOut(t *testing.T) { onEach(t, revokedSwitchIsCutOffAndKeptOut) }

func revokedSwitchIsCutOffAndKeptOut(t *testing.T, in *installation, start func(exchange.Config) running) {
	x := start(in.config("127.0.0.1:0"))
	org := in.organization(t)
	n, other := in.enrol(t, org), in.enrol(t, org)
	c, status := n.connect(t, x)
	_, otherStatus := other.connect(t, x)
	in.revoke(n)
	x.Kick(n.name)
	if s := next(t, status); s.Connected {
		t.Fatalf("status %+v, want disconnected", s)
	}
	eventually(t, func() bool { return in.log.has("refused a client", "code=revoked") }, "the callout refuses the next attempt")
	eventually(t, func() bool { return errs.CodeOf(c.Status().Reason) == errs.Unauthenticated }, "the node knows that it is refused")
	if _, err := fetchCopy(t, c, fabric.SubjectCopy(org, n.site)); errs.CodeOf(err) != errs.CloudAway {
		t.Errorf("a request of the revoked switch: %v, want cloud-away", err)
	}
	select {
	case s := <-otherStatus:
		t.Errorf("the other switch has status %+v, want it untouched", s)
	case s := <-status:
		t.Errorf("the revoked switch has status %+v, want it kept out", s)
	default:
	}
}

// TestRevocationWhileBeingLetIn revokes a switch after the registry has said yes and before the server has heard it.
func TestRevocationWhileBeingLetIn(t *testing.T) { onEach(t, revocationWhileBeingLetIn) }

func revocationWhileBeingLetIn(t *testing.T, in *installation, start func(exchange.Config) running) {
	n := in.enrol(t, in.organization(t))
	cfg := in.config("127.0.0.1:0")
	var x running
	var once sync.Once
	cfg.Check = func(ctx context.Context, name trust.Name, keyHash string) (string, error) {
		site, err := in.check(ctx, name, keyHash)
		once.Do(func() { in.revoke(n); x.Kick(n.name) })
		return site, err
	}
	x = start(cfg)
	c, _ := connect(t, x, n.name, n.tls)
	eventually(t, func() bool { return in.log.has("refused a client", "code=revoked") }, "the next attempt is refused")
	if c.Status().Connected {
		t.Error("a switch that was revoked while it was let in is connected")
	}
}

func TestRestartOfTheCloud(t *testing.T) {
	in := newInstallation(t)
	first, stop := in.start(t, "127.0.0.1:0")
	n := in.enrol(t, in.organization(t))
	c, status := n.connect(t, first)
	subject := fabric.SubjectCopy(n.name.Org, n.site)
	serveCopies(t, first, func(fabric.Subject) {})
	if _, err := fetchCopy(t, c, subject); err != nil {
		t.Fatal(err)
	}
	address := first.Address().String()
	stop()
	if s := next(t, status); s.Connected {
		t.Fatalf("status %+v, want disconnected", s)
	}
	for range 3 {
		if _, err := fetchCopy(t, c, subject); errs.CodeOf(err) != errs.CloudAway {
			t.Errorf("a request while the cloud is gone: %v, want cloud-away", err)
		}
	}
	second, _ := in.start(t, address)
	arrived := make(chan fabric.Subject, 64)
	serveCopies(t, second, func(s fabric.Subject) { arrived <- s })
	ready(t, c)
	if _, err := fetchCopy(t, c, subject); err != nil {
		t.Errorf("a request after the restart: %v", err)
	}
	if len(arrived) != 1 {
		t.Errorf("%d requests arrived after the restart, want only the one that was sent after it", len(arrived))
	}
}

func TestPortInUse(t *testing.T) {
	in := newInstallation(t)
	first, _ := in.start(t, "127.0.0.1:0")
	x, err := exchange.New(in.config(first.Address().String()))
	if err != nil {
		t.Fatal(err)
	}
	if err := x.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("start on a port in use: %v, want the reason", err)
	}
}

func TestNewRefusesBadConfiguration(t *testing.T) {
	in := newInstallation(t)
	for name, change := range map[string]func(*exchange.Config){
		"no registry":    func(c *exchange.Config) { c.Check = nil },
		"no port":        func(c *exchange.Config) { c.Listen = "127.0.0.1" },
		"bad port":       func(c *exchange.Config) { c.Listen = "127.0.0.1:fabric" },
		"no keys":        func(c *exchange.Config) { c.Keys = exchange.Keys{} },
		"no certificate": func(c *exchange.Config) { c.TLS = nil },
	} {
		c := in.config("127.0.0.1:0")
		change(&c)
		if _, err := exchange.New(c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestNewKeysRefusesOtherSeeds(t *testing.T) {
	for _, seed := range []string{"", "1234"} {
		if _, err := exchange.NewKeys([]byte(seed)); err == nil {
			t.Errorf("seed %q: accepted", seed)
		}
	}
}
