package uplink

import (
	"context"
	"crypto/tls"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"strowger/pkg/designation"
	"strowger/pkg/ident"
	"strowger/pkg/link"
	"strowger/pkg/sitecopy"
	"strowger/pkg/trust"
	"strowger/pkg/trust/trusttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func background(t *testing.T, run func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	var stopped atomic.Bool
	stop = func() {
		if stopped.Swap(true) {
			return
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	return stop
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	late := time.After(time.Minute)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("not in time: %s", what)
		}
	}
}

// A switch is connected to each bridge that its site copy lists, again when one comes back, and to no other.
func TestKeepsConnected(t *testing.T) {
	org, root := ident.New(ident.Organization), trusttest.NewRoot(t)
	issuer := root.Intermediate(t, org)
	node := func(kind string, id ident.Kind) (*link.Endpoint, designation.Node) {
		name := trust.Name{Org: org, Kind: kind, ID: ident.New(id)}
		cert := issuer.Node(t, name, nil)
		e, err := link.Listen(link.Config{
			Addr: "127.0.0.1:0", Name: name, Boot: ident.New(ident.Boot), Certificate: func() tls.Certificate { return cert }, Roots: root.Pool(),
			Authorize: func(trust.Name, string, bool) error { return nil }, Logger: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		return e, designation.Node{ID: name.ID, Addresses: []string{e.Addr().String()}, KeyHash: trust.CertKeyHash(cert.Leaf.RawSubjectPublicKeyInfo)}
	}
	sw, self := node(trust.Switch, ident.Switch)
	one, first := node(trust.Bridge, ident.Bridge)
	other, second := node(trust.Bridge, ident.Bridge)
	background(t, sw.Run)
	background(t, one.Run)
	stopOther := background(t, other.Run)

	var listed atomic.Pointer[map[string]sitecopy.Bridge]
	list := func(nodes ...designation.Node) {
		all := map[string]sitecopy.Bridge{}
		for _, n := range nodes {
			all[n.ID] = sitecopy.Bridge{Node: n}
		}
		listed.Store(&all)
	}
	list(first)
	u := New(Config{Bridges: func() map[string]sitecopy.Bridge { return *listed.Load() }, Connect: sw.Connect, Logger: slog.New(slog.DiscardHandler)})
	background(t, u.Run)
	eventually(t, "the first bridge is connected", func() bool { return u.Up() == 1 && one.Linked(self.ID) != nil })
	list(first, second)
	u.Changed()
	eventually(t, "the second too", func() bool { return u.Up() == 2 && other.Linked(self.ID) != nil })
	before := one.Linked(self.ID)
	one.Drop(self.ID, "as if the network had failed")
	eventually(t, "the first is connected again", func() bool { now := one.Linked(self.ID); return u.Up() == 2 && now != nil && now != before })
	stopOther()
	eventually(t, "the second is gone", func() bool { return u.Up() == 1 })
	list(first)
	u.Changed()
	if one.Linked(self.ID) == nil {
		t.Error("the first bridge was left")
	}
}
