package fabric_test

import (
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"strowger/pkg/fabric"
	"strowger/pkg/trust"
	"strowger/pkg/trust/trusttest"
)

// A cloud and a switch whose clocks are hours apart: neither takes the other's certificate, and the switch says why.
func TestClocksApart(t *testing.T) {
	in := func(d time.Duration) func(*x509.Certificate) {
		return func(c *x509.Certificate) {
			c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
			c.NotBefore, c.NotAfter = time.Now().Add(d), time.Now().Add(d+time.Hour)
		}
	}
	for name, row := range map[string]struct {
		cloud, node time.Duration // when the certificate begins, from now
		words       string
	}{
		"the cloud's begins later":      {2 * time.Hour, -time.Minute, "set it (NTP)"},
		"the cloud's has ended":         {-2 * time.Hour, -time.Minute, "set the clock of this machine if it is wrong (NTP)"},
		"the cloud refuses the early":   {-time.Minute, 2 * time.Hour, "compare the clocks of both machines"},
		"the cloud refuses the expired": {-time.Minute, -2 * time.Hour, "compare the clocks of both machines"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := trusttest.NewRoot(t)
			s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true, TLS: true, TLSTimeout: wait.Seconds(),
				TLSConfig: &tls.Config{MinVersion: tls.VersionTLS13, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: root.Pool(),
					Certificates: []tls.Certificate{root.Node(t, trust.Name{Org: org, Kind: trust.Cloud, ID: "cl_1"}, in(row.cloud))}}})
			if err != nil {
				t.Fatal(err)
			}
			s.Start()
			t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
			if !s.ReadyForConnections(wait) {
				t.Fatal("the server does not listen")
			}
			c, err := fabric.Connect(fabric.Config{Org: org, Node: sw, Name: sw, Logger: slog.New(slog.DiscardHandler), Servers: []string{s.Addr().String()},
				TLS: &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: root.Pool(),
					Certificates: []tls.Certificate{root.Node(t, trust.Name{Org: org, Kind: trust.Switch, ID: sw}, in(row.node))}}})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(c.Close)
			eventually(t, "words about the clock", func() bool {
				why := c.Status().Reason
				return why != nil && strings.Contains(why.Error(), row.words)
			})
		})
	}
}
