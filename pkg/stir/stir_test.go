package stir

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"math/big"
	"testing"
	"time"
)

// Where the tests' certificate is, and who calls whom.
const (
	at     = "https://cert.example.org/passport.cer"
	origID = "123e4567-e89b-12d3-a456-426655440000"
)

var (
	noon  = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	alice = Name{Number: "12155550121"}
	bob   = Name{Number: "12155550131"}
)

// shop makes certificates.
type shop struct {
	t           *testing.T
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// newShop returns one with a root of its own, valid around a time.
func newShop(t *testing.T, around time.Time) shop {
	t.Helper()
	key := newKey(t)
	s := shop{t, nil, key}
	s.certificate = s.sign(&key.PublicKey, authority(around))
	return s
}

func authority(around time.Time) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "a CA"}, NotBefore: around.Add(-time.Hour), NotAfter: around.Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
}

// leaf is a template of a certificate that signs calls, with a list of numbers in DER.
func leaf(around time.Time, list []byte) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "SHAKEN 709J"}, NotBefore: around.Add(-time.Hour), NotAfter: around.Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtraExtensions: []pkix.Extension{{Id: oidNumbers, Value: list}},
	}
}

func (s shop) sign(pub *ecdsa.PublicKey, template *x509.Certificate) *x509.Certificate {
	s.t.Helper()
	parent := s.certificate
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, pub, s.key)
	if err != nil {
		s.t.Fatal(err)
	}
	chain, err := ParseChain(der)
	if err != nil {
		s.t.Fatal(err)
	}
	return chain[0]
}

// below returns a CA under this one.
func (s shop) below(template *x509.Certificate) shop {
	key := newKey(s.t)
	return shop{s.t, s.sign(&key.PublicKey, template), key}
}

func (s shop) roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(s.certificate)
	return pool
}

func inPEM(chain ...*x509.Certificate) (all []byte) {
	for _, c := range chain {
		all = append(all, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return all
}

// shelf has certificates by their URL.
type shelf map[string][]*x509.Certificate

func (s shelf) Chain(_ context.Context, _ time.Time, at string) ([]*x509.Certificate, error) {
	if chain := s[at]; chain != nil {
		return chain, nil
	}
	return nil, errors.New("no certificate at " + at)
}

// der writes one entry of a TNAuthList.
func entry(t *testing.T, tag int, v any, params string) asn1.RawValue {
	t.Helper()
	b, err := asn1.MarshalWithParams(v, params)
	if err != nil {
		t.Fatal(err)
	}
	return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: tag, IsCompound: true, Bytes: b}
}

func listOf(t *testing.T, entries ...asn1.RawValue) []byte {
	t.Helper()
	b, err := asn1.Marshal(entries)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func provider(t *testing.T) []byte { return listOf(t, entry(t, tagProvider, "709J", "ia5")) }

func numbers(t *testing.T, all ...string) []byte {
	var entries []asn1.RawValue
	for _, n := range all {
		entries = append(entries, entry(t, tagNumber, n, "ia5"))
	}
	return listOf(t, entries...)
}

func numberRange(t *testing.T, start string, count int) []byte {
	return listOf(t, entry(t, tagRange, struct {
		Start string `asn1:"ia5"`
		Count int
	}{start, count}, ""))
}

// office is a signer, and a verifier that trusts it.
type office struct {
	*Signer
	*Verifier
	root  shop
	chain []*x509.Certificate
	key   *ecdsa.PrivateKey
}

// newOffice returns one whose certificate is signed by a CA below the root.
func newOffice(t *testing.T, list []byte) office {
	t.Helper()
	root := newShop(t, noon)
	ca := root.below(authority(noon))
	key := newKey(t)
	chain := []*x509.Certificate{ca.sign(&key.PublicKey, leaf(noon, list)), ca.certificate}
	s, err := NewSigner(key, chain[0], at)
	if err != nil {
		t.Fatal(err)
	}
	return office{s, NewVerifier(root.roots(), shelf{at: chain}), root, chain, key}
}

func (o office) call(t *testing.T, level Attest) Call {
	t.Helper()
	value, err := o.Sign(noon, alice, bob, level, origID)
	if err != nil {
		t.Fatal(err)
	}
	return Call{Identity: []string{value}, Caller: alice, Called: []Name{bob}, ID: "1"}
}
