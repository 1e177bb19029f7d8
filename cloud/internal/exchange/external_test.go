package exchange_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"strowger/cloud/internal/exchange"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/ident"
)

// servers runs NATS servers on the configuration that ServerConfig writes, and returns where they listen.
func (in *installation) servers(t *testing.T, n int) []string {
	t.Helper()
	var addresses []string
	for range n {
		addresses = append(addresses, freeAddress(t))
	}
	var all []*server.Server
	for i := range addresses {
		all = append(all, in.serve(t, addresses, i, func(text string) string { return text }))
	}
	for _, s := range all {
		eventually(t, func() bool { return s.NumRoutes() > 0 || n == 1 }, "server %s has routes", s.Name())
		eventually(t, func() bool { return s.ActivePeers() != nil || n == 1 }, "server %s knows the others", s.Name())
	}
	return addresses
}

// serve runs one NATS server, its configuration changed by edit.
func (in *installation) serve(t *testing.T, addresses []string, i int, edit func(string) string) *server.Server {
	t.Helper()
	dir := t.TempDir()
	own := serverTLS(t, in.root).Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(own.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	file := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	c := exchange.ServerConfig{
		Name: fmt.Sprintf("nats-%d", i+1), Address: addresses[i], Cluster: addresses,
		Certificate: file("server.pem", "CERTIFICATE", own.Certificate[0]), Key: file("server-key.pem", "PRIVATE KEY", key),
		Root: file("root.pem", "CERTIFICATE", in.root.Cert.Raw),
	}
	var text strings.Builder
	if err := c.Write(&text, in.keys); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "nats-server.conf")
	if err := os.WriteFile(path, []byte(edit(text.String())), 0o600); err != nil {
		t.Fatal(err)
	}
	options, err := server.ProcessConfigFile(path)
	if err != nil {
		t.Fatal(err)
	}
	options.NoSigs, options.NoLog = true, true
	s, err := server.NewServer(options)
	if err != nil {
		t.Fatal(err)
	}
	s.SetLogger(serverLines{in.log}, false, false)
	s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	return s
}

// freeAddress is a free port, below those of outgoing connections, whose port for routes is free too.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range 50 {
		port := 20000 + rand.IntN(10000)
		clients, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		routes, err := net.Listen("tcp", fmt.Sprintf(":%d", port+2000))
		if err == nil {
			err = routes.Close()
		}
		if closed := clients.Close(); err == nil && closed == nil {
			return clients.Addr().String()
		}
	}
	t.Fatal("no free port")
	return ""
}

// serverLines is a NATS server's log as lines.
type serverLines struct{ *lines }

func (l serverLines) Noticef(string, ...any)         {}
func (l serverLines) Debugf(string, ...any)          {}
func (l serverLines) Tracef(string, ...any)          {}
func (l serverLines) Warnf(format string, v ...any)  { fmt.Fprintf(l.lines, format+"\n", v...) }
func (l serverLines) Errorf(format string, v ...any) { fmt.Fprintf(l.lines, format+"\n", v...) }
func (l serverLines) Fatalf(format string, v ...any) { fmt.Fprintf(l.lines, format+"\n", v...) }

func (in *installation) external(t *testing.T, servers ...string) exchange.Config {
	t.Helper()
	c := in.config("")
	c.TLS, c.Servers, c.ClientTLS = nil, servers, clientTLS(t, in.root)
	return c
}

// TestServerThatLacksSomething starts a cloud on servers that are not as they must be.
func TestServerThatLacksSomething(t *testing.T) {
	other := newInstallation(t)
	for name, c := range map[string]struct {
		edit func(in *installation, text string) string
		want []string
	}{
		"no callout": {func(_ *installation, text string) string {
			before, rest, _ := strings.Cut(text, "authorization {")
			_, after, _ := strings.Cut(rest, "\n}\n")
			return before + after
		}, []string{"auth_callout", "cloud --fabric-config"}},
		"the issuer of another installation": {func(in *installation, text string) string {
			return strings.Replace(text, line(t, in, "issuer:"), line(t, other, "issuer:"), 1)
		}, []string{"auth_callout", "cloud --fabric-config"}},
		"users of another installation": {func(_ *installation, text string) string {
			before, _, _ := strings.Cut(text, "auth_users:")
			_, after, _ := strings.Cut(text, "system_account:")
			otherText := configText(t, other)
			_, middle, _ := strings.Cut(otherText, "auth_users:")
			middle, _, _ = strings.Cut(middle, "system_account:")
			return before + "auth_users:" + middle + "system_account:" + after
		}, []string{"does not let in this installation's user", "cloud --fabric-config"}},
		"too small messages": {func(_ *installation, text string) string {
			return strings.Replace(text, "max_payload: 8388608", "max_payload: 1048576", 1)
		}, []string{"nats-1 has max_payload 1048576: want 8388608"}},
		"no client certificates": {func(_ *installation, text string) string {
			return strings.Replace(text, "verify: true", "verify: false", 1)
		}, []string{"nats-1 does not ask clients for certificates"}},
		"the cloud in another account": {func(_ *installation, text string) string {
			return strings.Replace(text, "FABRIC {", "OTHER {", 1)
		}, []string{`in account "OTHER", not "FABRIC"`}},
		"another system account": {func(_ *installation, text string) string {
			return strings.Replace(text, "system_account: SYS", "", 1)
		}, []string{"system account of the NATS server does not answer", "cloud --fabric-config"}},
	} {
		t.Run(name, func(t *testing.T) {
			in := newInstallation(t)
			address := freeAddress(t)
			in.serve(t, []string{address}, 0, func(text string) string { return c.edit(in, text) })
			refusesToStart(t, in.external(t, address), c.want...)
		})
	}
}

func refusesToStart(t *testing.T, cfg exchange.Config, want ...string) {
	t.Helper()
	x, err := exchange.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	err = x.Start(t.Context())
	if err == nil {
		x.Close()
		t.Fatal("it started")
	}
	for _, w := range want {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("it says %q, which lacks %q", err, w)
		}
	}
}

// configText is the configuration of one server.
func configText(t *testing.T, in *installation) string {
	t.Helper()
	var text strings.Builder
	if err := (exchange.ServerConfig{Address: "localhost:4222"}).Write(&text, in.keys); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

func line(t *testing.T, in *installation, part string) string {
	t.Helper()
	for l := range strings.Lines(configText(t, in)) {
		if strings.Contains(l, part) {
			return l
		}
	}
	t.Fatalf("no line with %q", part)
	return ""
}

func TestServerThatIsNotOurs(t *testing.T) {
	in, other := newInstallation(t), newInstallation(t)
	cfg := in.external(t, other.servers(t, 1)...)
	refusesToStart(t, cfg, "has not the certificate that this installation made", "cloud --fabric-config")
	refusesToStart(t, in.external(t, freeAddress(t)), "can be reached", "--nats")
}

// TestServerThatDied has the cluster still count a server that answers nobody: a cloud starts all the same, and says so.
func TestServerThatDied(t *testing.T) {
	in := newInstallation(t)
	cfg := in.external(t, in.servers(t, 1)...)
	a, _ := run(t, cfg)
	if err := a.Count("dead"); err != nil {
		t.Fatal(err)
	}
	cfg.Instance = ident.New(ident.Cloud)
	run(t, cfg)
	if !in.log.has("servers that may have died", "answered=1", "of=2") {
		t.Error("nothing was said of the server that did not answer")
	}
}

func TestServerConfigRefusesBadAddresses(t *testing.T) {
	in := newInstallation(t)
	for _, a := range []string{"", "cloud", "cloud:", "cloud:0", "cloud:64000", "cloud:nats"} {
		if err := (exchange.ServerConfig{Address: a}).Write(&strings.Builder{}, in.keys); err == nil {
			t.Errorf("address %q: accepted", a)
		}
		if err := (exchange.ServerConfig{Address: "a:1", Cluster: []string{"a:1", a}}).Write(&strings.Builder{}, in.keys); err == nil {
			t.Errorf("address %q in the cluster: accepted", a)
		}
	}
}

// TestRouteNeedsThePassword tries to join the cluster with a switch's certificate, which is of the right root.
func TestRouteNeedsThePassword(t *testing.T) {
	in := newInstallation(t)
	addresses := in.servers(t, 3)
	n := in.enrol(t, in.organization(t))
	a, err := net.ResolveTCPAddr("tcp", addresses[0])
	if err != nil {
		t.Fatal(err)
	}
	a.Port += 2000
	conn, err := net.DialTCP("tcp", nil, a)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	cfg := n.tls.Clone()
	cfg.ServerName = a.IP.String()
	route := tls.Client(conn, cfg)
	if _, err := fmt.Fprintf(route, "CONNECT {\"user\":\"route\",\"pass\":\"guessed\",\"name\":\"stranger\",\"verbose\":false}\r\nPING\r\n"); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	buffer := make([]byte, 4096)
	for !strings.Contains(said.String(), "Authorization Violation") {
		got, err := route.Read(buffer)
		said.Write(buffer[:got])
		if err != nil {
			t.Fatalf("the server said %q, then %v; want a refusal", said.String(), err)
		}
	}
}

// TestTwoInstances has two cloud instances at different servers of a cluster: both answer, one revokes what the other let in.
func TestTwoInstances(t *testing.T) {
	in := newInstallation(t)
	addresses := in.servers(t, 3)
	a, stopA := run(t, in.external(t, addresses[0]))
	b, _ := run(t, in.external(t, addresses[1]))
	a.servers = addresses[2:]
	serveCopies(t, a, func(fabric.Subject) {})
	serveCopies(t, b, func(fabric.Subject) {})
	n, other := in.enrol(t, in.organization(t)), in.enrol(t, in.organization(t))
	_, status := n.connect(t, a)
	c, _ := other.connect(t, a)
	in.revoke(n)
	b.Kick(n.name)
	if s := next(t, status); s.Connected {
		t.Fatalf("status %+v, want disconnected", s)
	}
	eventually(t, func() bool { return in.log.has("refused a client", "code=revoked") }, "the callout refuses the next attempt")

	told := make(chan string, 1)
	if _, err := fabric.Subscribe(b.Client(), fabric.SubjectRegistry(fabric.Any), func(s fabric.Subject, _ fabric.RegistryChanged) {
		select {
		case told <- s.Org:
		default: // told before
		}
	}); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool {
		if err := fabric.Publish(t.Context(), a.Client(), fabric.SubjectRegistry(n.name.Org), fabric.RegistryChanged{}); err != nil {
			t.Fatal(err)
		}
		select {
		case org := <-told:
			return org == n.name.Org
		default:
			return false
		}
	}, "the other instance hears of the change")
	if _, err := fetchCopy(t, c, fabric.SubjectRegistry(other.name.Org)); errs.CodeOf(err) != errs.Forbidden {
		t.Errorf("a switch tells of changes: %v, want forbidden", err)
	}

	stopA()
	// A request that was on its way to the one that stopped is lost: nodes ask again.
	eventually(t, func() bool {
		_, err := fabric.Request[fabric.CopyRequest, fabric.CopyReply](t.Context(), c, fabric.SubjectCopy(other.name.Org, other.site), fabric.CopyRequest{})
		return err == nil
	}, "the other instance answers")
}
