package exchange_test

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"net"
	"testing"
	"time"

	"strowger/pkg/trust"
	"strowger/pkg/trust/trusttest"
)

// serverTLS makes the cloud's TLS configuration.
func serverTLS(t testing.TB, root *trusttest.Authority) *tls.Config {
	t.Helper()
	key := trusttest.NewKey(t)
	cert := root.Sign(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "cloud"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}, // routes are both
	}, key.Public())
	return &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{{Certificate: [][]byte{cert.Raw}, PrivateKey: key}}}
}

// clientTLS makes the TLS configuration of a cloud instance at external servers.
func clientTLS(t testing.TB, root *trusttest.Authority) *tls.Config {
	t.Helper()
	key := trusttest.NewKey(t)
	cert := root.Sign(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "cloud"}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, key.Public())
	return &tls.Config{
		MinVersion: tls.VersionTLS13, RootCAs: root.Pool(),
		Certificates: []tls.Certificate{{Certificate: [][]byte{cert.Raw}, PrivateKey: key}},
	}
}

// nodeTLS makes a node's TLS configuration with a certificate of an issuer, until notAfter unless that is zero.
func nodeTLS(t testing.TB, root, issuer *trusttest.Authority, name trust.Name, notAfter time.Time) *tls.Config {
	t.Helper()
	cert := issuer.Node(t, name, func(c *x509.Certificate) { c.NotAfter = notAfter })
	return &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: root.Pool(), Certificates: []tls.Certificate{cert}}
}

// keyHash is the pin of the node of a configuration.
func keyHash(c *tls.Config) string {
	return trust.CertKeyHash(c.Certificates[0].Leaf.RawSubjectPublicKeyInfo)
}
