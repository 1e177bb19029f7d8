package exchange_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"net/url"
	"testing"
	"time"

	"strowger/pkg/trust"
)

// ca is a certificate authority of the tests: a root, or an organization's intermediate.
type ca struct {
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

// sign issues a certificate for key; a nil ca makes it self-signed.
func (c *ca) sign(t testing.TB, template *x509.Certificate, key *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber = serial
	if template.NotAfter.IsZero() {
		template.NotAfter = time.Now().Add(24 * time.Hour)
	}
	template.NotBefore = template.NotAfter.Add(-48 * time.Hour)
	parent, signer := template, key
	if c != nil {
		parent, signer = c.cert, c.key
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

// newCA makes a root (of a nil ca) or an intermediate.
func (c *ca) newCA(t testing.TB, name string) *ca {
	t.Helper()
	key := newKey(t)
	return &ca{key: key, cert: c.sign(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, key)}
}

// server makes the cloud's TLS configuration.
func (c *ca) server(t testing.TB) *tls.Config {
	t.Helper()
	key := newKey(t)
	cert := c.sign(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "cloud"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}, // routes are both
	}, key)
	return &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{{Certificate: [][]byte{cert.Raw}, PrivateKey: key}}}
}

// client makes the TLS configuration of a cloud instance at external servers. It trusts c.
func (c *ca) client(t testing.TB) *tls.Config {
	t.Helper()
	key := newKey(t)
	cert := c.sign(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "cloud"}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, key)
	roots := x509.NewCertPool()
	roots.AddCert(c.cert)
	return &tls.Config{
		MinVersion: tls.VersionTLS13, RootCAs: roots,
		Certificates: []tls.Certificate{{Certificate: [][]byte{cert.Raw}, PrivateKey: key}},
	}
}

// node makes a node's TLS configuration with a certificate that c, an intermediate, issued. It trusts root.
func (c *ca) node(t testing.TB, root *ca, name trust.Name, notAfter time.Time) *tls.Config {
	t.Helper()
	key := newKey(t)
	cert := c.sign(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: name.ID}, URIs: []*url.URL{name.URI()}, NotAfter: notAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}, key)
	roots := x509.NewCertPool()
	roots.AddCert(root.cert)
	return &tls.Config{
		MinVersion: tls.VersionTLS13, RootCAs: roots,
		Certificates: []tls.Certificate{{Certificate: [][]byte{cert.Raw, c.cert.Raw}, PrivateKey: key, Leaf: cert}},
	}
}

// keyHash is the pin of the node of a configuration.
func keyHash(c *tls.Config) string {
	return trust.CertKeyHash(c.Certificates[0].Leaf.RawSubjectPublicKeyInfo)
}
