package cloud_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"strowger/cloud"
	"strowger/pkg/designation"
	"strowger/pkg/enrol"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/ident"
	"strowger/pkg/rest"
	"strowger/pkg/trust"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// installation is a running cloud with one organization.
type installation struct {
	t      *testing.T
	dir    string
	api    string
	client rest.Client
	org    rest.Organization
}

func must[T any](v T, err error) func(t testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func start(t *testing.T) *installation {
	t.Helper()
	i := &installation{t: t, dir: t.TempDir()}
	ctx, stop := context.WithCancel(context.Background())
	started, ended := make(chan cloud.Started, 1), make(chan error, 1)
	go func() {
		ended <- cloud.Run(ctx, cloud.Config{
			Data: i.dir, MasterKey: filepath.Join(i.dir, "key", "master.key"), Host: []string{"127.0.0.1"}, API: "127.0.0.1:0", Fabric: "127.0.0.1:0",
			Logger: slog.New(slog.DiscardHandler), Started: func(s cloud.Started) { started <- s },
		})
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the cloud ended with %v", err)
		}
	})
	select {
	case s := <-started:
		_, pin, err := enrol.ParseAPIKey(s.APIKey)
		if err != nil {
			t.Fatal(err)
		}
		i.api = s.API
		i.client = rest.Client{BaseURL: s.API, Key: s.APIKey, HTTP: enrol.Trust{Pin: pin}.Client()}
		t.Cleanup(i.client.HTTP.CloseIdleConnections)
	case err := <-ended:
		ended <- nil
		t.Fatalf("the cloud did not start: %v", err)
	}
	i.org = must(i.client.Organizations().Create(t.Context(), rest.NewOrganization("Acme")))(t)
	return i
}

// node is an enrolled node on the fabric.
type node struct {
	id     *enrol.Identity
	fabric *fabric.Client
	status chan fabric.Status
}

// join enrols a node with a code and connects it.
func (i *installation) join(code rest.EnrolmentCode) node {
	i.t.Helper()
	id := must(enrol.Enrol(i.t.Context(), "", i.api, code.Code, i.t.TempDir()))(i.t)
	roots := x509.NewCertPool()
	roots.AddCert(id.Root)
	n := node{id: id, status: make(chan fabric.Status, 16)}
	n.fabric = must(fabric.Connect(fabric.Config{
		Servers: id.Fabric, Org: id.Org, Node: id.Node, Name: id.NodeName, Logger: slog.New(slog.DiscardHandler),
		TLS:      &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: roots, Certificates: []tls.Certificate{id.Certificate()}},
		OnStatus: func(s fabric.Status) { n.status <- s },
	}))(i.t)
	i.t.Cleanup(n.fabric.Close)
	n.await(i.t, func(s fabric.Status) bool { return s.Connected })
	return n
}

func (n node) await(t *testing.T, want func(fabric.Status) bool) fabric.Status {
	t.Helper()
	for {
		select {
		case s := <-n.status:
			if want(s) {
				return s
			}
		case <-time.After(20 * time.Second):
			t.Fatal("the status that is waited for does not come")
		}
	}
}

func (n node) lease(t *testing.T) fabric.Lease {
	t.Helper()
	hash := must(trust.KeyHash(&n.id.Key.PublicKey))(t)
	return fabric.Lease{Node: designation.Node{ID: n.id.Node, KeyHash: hash, Boot: ident.New(ident.Boot)}, Version: "1.2"}
}

func (i *installation) bridge(name string) node {
	i.t.Helper()
	b := must(i.client.Bridges().Create(i.t.Context(), rest.Bridge{Name: name}))(i.t)
	return i.join(must(i.client.BridgeCode(i.t.Context(), b.ID))(i.t))
}

func wantCode(t *testing.T, err error, want errs.Code) {
	t.Helper()
	if errs.CodeOf(err) != want {
		t.Errorf("error %v has the code %q, want %q", err, errs.CodeOf(err), want)
	}
}
