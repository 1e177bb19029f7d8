// Package trusttest makes the certificates of an installation for tests: a root, an intermediate per organization, nodes.
package trusttest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net/url"
	"testing"
	"time"

	"strowger/pkg/trust"
)

// Authority is a certificate authority.
type Authority struct {
	Cert *x509.Certificate
	Key  *ecdsa.PrivateKey
}

// NewKey makes a key as nodes and authorities have.
func NewKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// NewRoot makes the root of an installation.
func NewRoot(t testing.TB) *Authority {
	t.Helper()
	a := &Authority{Key: NewKey(t)}
	root := template("root")
	a.Cert = sign(t, root, root, a.Key.Public(), a.Key)
	return a
}

// Intermediate makes an authority below this one.
func (a *Authority) Intermediate(t testing.TB, name string) *Authority {
	t.Helper()
	key := NewKey(t)
	return &Authority{Key: key, Cert: a.Sign(t, template(name), key.Public())}
}

func template(name string) *x509.Certificate {
	return &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
}

// Sign issues a certificate of a key. A template that does not say when it ends is valid for an hour, and one that does
// not say when it begins for the two days before that.
func (a *Authority) Sign(t testing.TB, template *x509.Certificate, key crypto.PublicKey) *x509.Certificate {
	t.Helper()
	return sign(t, template, a.Cert, key, a.Key)
}

func sign(t testing.TB, template, parent *x509.Certificate, key crypto.PublicKey, by *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber = serial
	if template.NotAfter.IsZero() {
		template.NotAfter = time.Now().Add(time.Hour)
	}
	if template.NotBefore.IsZero() {
		template.NotBefore = template.NotAfter.Add(-48 * time.Hour)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key, by)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// Node issues the certificate of a node, with its chain. change, which may be nil, edits what is signed.
func (a *Authority) Node(t testing.TB, name trust.Name, change func(*x509.Certificate)) tls.Certificate {
	t.Helper()
	key := NewKey(t)
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: name.ID}, URIs: []*url.URL{name.URI()}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	if change != nil {
		change(template)
	}
	leaf := a.Sign(t, template, key.Public())
	return tls.Certificate{Certificate: [][]byte{leaf.Raw, a.Cert.Raw}, PrivateKey: key, Leaf: leaf}
}

// Pool has this authority alone.
func (a *Authority) Pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.Cert)
	return p
}
