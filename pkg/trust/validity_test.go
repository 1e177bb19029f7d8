package trust_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/trust"
	"strowger/pkg/trust/trusttest"
)

// node is who the certificates speak for.
var node = trust.Name{Org: "org_a", Kind: trust.Switch, ID: "sw_1"}

func certificate(t *testing.T, from, until time.Time) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	root := trusttest.NewRoot(t)
	return root.Node(t, node, func(c *x509.Certificate) { c.NotBefore, c.NotAfter = from, until }), root.Pool()
}

func TestValidityNamesTheClock(t *testing.T) {
	begin := time.Now().Truncate(time.Second)
	cert, roots := certificate(t, begin.Add(-time.Hour), begin.Add(time.Hour/2))
	for _, row := range []struct {
		now   time.Time
		code  errs.Code
		words []string
	}{
		{begin.Add(-90 * time.Minute), errs.ClockSkew, []string{"clock", "30m0s before", "NTP", begin.Add(-time.Hour).UTC().Format(time.RFC3339)}},
		{begin.Add(31 * time.Minute), errs.Unauthenticated, []string{"clock", "1m0s after", "renewed", begin.Add(31 * time.Minute).UTC().Format(time.RFC3339)}},
	} {
		_, cause := cert.Leaf.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: row.now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
		err := trust.Validity(cause, row.now)
		if errs.CodeOf(err) != row.code || !errors.As(err, new(x509.CertificateInvalidError)) {
			t.Errorf("at %s: code %q of %v, want %q around the cause", row.now, errs.CodeOf(err), err, row.code)
		}
		for _, w := range append(row.words, node.String()) {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%q is not in %q", w, err)
			}
		}
	}
}

func TestValidityLeavesOtherErrors(t *testing.T) {
	cert, _ := certificate(t, time.Time{}, time.Time{})
	_, cause := cert.Leaf.Verify(x509.VerifyOptions{Roots: x509.NewCertPool()})
	if err := trust.Validity(cause, time.Now()); cause == nil || err != cause {
		t.Errorf("%v became %v", cause, err)
	}
	if err := trust.Validity(nil, time.Now()); err != nil {
		t.Errorf("no error became %v", err)
	}
}

// A server whose clock is ahead, or behind, says so by an alert that crypto/tls gives only as text.
func TestValidityOfTheOtherSide(t *testing.T) {
	for name, shift := range map[string]time.Duration{"ahead": 48 * time.Hour, "behind": -480 * time.Hour} {
		cert, roots := certificate(t, time.Time{}, time.Time{})
		here, there := net.Pipe()
		server := tls.Server(there, &tls.Config{Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequireAndVerifyClientCert,
			ClientCAs: roots, Time: func() time.Time { return time.Now().Add(shift) }})
		done := make(chan error, 1)
		go func() { done <- server.Handshake() }()
		client := tls.Client(here, &tls.Config{Certificates: []tls.Certificate{cert}, InsecureSkipVerify: true})
		err := client.Handshake()
		if err == nil { // TLS 1.3: the client is done before the server has judged its certificate
			_, err = client.Read(make([]byte, 1))
		}
		if <-done == nil {
			t.Fatalf("%s: the server took the certificate", name)
		}
		if got := trust.Validity(err, time.Now()); errs.CodeOf(got) != errs.Unauthenticated || !strings.Contains(got.Error(), "clock") {
			t.Errorf("%s: %v", name, got)
		}
		here.Close()
		there.Close()
	}
}
