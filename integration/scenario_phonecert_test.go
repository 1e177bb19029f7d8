package integration

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"strowger/integration/phone"
	"strowger/integration/stack"
	"strowger/pkg/sip"
)

// maker makes phones, each with a certificate.
type maker struct {
	t    *testing.T
	key  *ecdsa.PrivateKey
	root *x509.Certificate
}

func newMaker(t *testing.T) maker {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	m := maker{t, key, &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Maker CA"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}}
	der, err := x509.CreateCertificate(rand.Reader, m.root, m.root, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	if m.root, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return m
}

// file has the maker's CA.
func (m maker) file() string {
	m.t.Helper()
	path := filepath.Join(m.t.TempDir(), "maker.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: m.root.Raw}), 0o600); err != nil {
		m.t.Fatal(err)
	}
	return path
}

// phone is the certificate of a phone.
func (m maker) phone(name string, change func(*x509.Certificate)) tls.Certificate {
	m.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		m.t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	if change != nil {
		change(c)
	}
	der, err := x509.CreateCertificate(rand.Reader, c, m.root, &key.PublicKey, m.key)
	if err != nil {
		m.t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// TestPhoneCertificates signs phones in by the certificates of their maker: by these alone, by either or by both, as their devices say.
func TestPhoneCertificates(t *testing.T) {
	t.Parallel()
	made, other := newMaker(t), newMaker(t)
	const office = 2
	w := alone(t, stack.Site{Name: "Office 40", Code: "40", PhoneCA: []string{made.file()}})
	callee, bob := w.person(t, office, "Bob", says(2))
	ann := w.subscriber(t, office, "Ann")
	as := func(t *testing.T, cert *tls.Certificate, password bool) *phone.Phone {
		return run(t, w.account(ann, func(c *phone.Config) {
			w.over(t, office, sip.TLS, 1)(c)
			if cert != nil {
				c.TLS.Certificates = []tls.Certificate{*cert}
			}
			if !password {
				c.Password = ""
			}
		}))
	}
	set := func(fields map[string]any) {
		change(t, w.Client.Devices(), ann.device.ID, fields)
		w.person(t, office, "Witness", nil)
	}
	wants := func(t *testing.T, p *phone.Phone, code int) {
		t.Helper()
		err := p.Register(soon(t))
		var r *phone.Refusal
		if errors.As(err, &r) && r.Code == code || err == nil && code == 200 {
			return
		}
		t.Errorf("the registration ends with %v, want %d", err, code)
	}
	mac := made.phone("001565ABCDEF", nil)
	wants(t, as(t, &mac, false), 401) // no device has this name yet
	set(map[string]any{"certificate": "001565abcdef"})

	near := as(t, &mac, false)
	wants(t, near, 200)
	out, in := connect(t, near, callee.number.Digits, bob)
	hears(t, in, 1)
	hangUp(t, out, in)
	foreign, old := other.phone("001565ABCDEF", nil), made.phone("001565ABCDEF", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })
	stranger, named := made.phone("001565000000", nil), made.phone("001565ABCDEF", func(c *x509.Certificate) { c.DNSNames = []string{"other.example"} })
	for name, cert := range map[string]*tls.Certificate{"none": nil, "of another CA": &foreign, "expired": &old, "of another phone": &stranger, "for another name": &named} {
		t.Run(name, func(t *testing.T) {
			wants(t, as(t, cert, false), 401)
			wants(t, as(t, cert, true), 200)
		})
	}

	set(map[string]any{"sign_in": "both"})
	wants(t, near, 401)
	wants(t, as(t, &mac, true), 200)
	wants(t, as(t, nil, true), 403)
	set(map[string]any{"sign_in": "certificate"})
	wants(t, near, 200)
	wants(t, as(t, nil, true), 403)
	uri := made.phone("anything", func(c *x509.Certificate) { c.URIs = []*url.URL{{Scheme: "sip", Opaque: "ann@example.com"}} })
	set(map[string]any{"certificate": "sip:ann@example.com"})
	wants(t, as(t, &uri, false), 200)
	wants(t, near, 401)
	set(map[string]any{"certificate": "", "sign_in": "either"}) // revoked
	wants(t, as(t, &uri, false), 401)
	wants(t, as(t, nil, true), 200)
}
