package authority

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"time"

	"strowger/pkg/trust"
)

// Lifetimes of certificates.
const (
	rootYears         = 10
	intermediateYears = 5
	leafLifetime      = 90 * 24 * time.Hour // nodes and the cloud's own
	backdate          = time.Hour           // for verifiers whose clock is behind
)

// issuer is a certificate authority.
type issuer struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func (a *Authority) openRoot(ctx context.Context) (issuer, error) {
	b, err := a.custody.once(ctx, "ca/root", func() ([]byte, error) {
		now := a.cfg.Now()
		a.cfg.Log.Info("made the root of this installation")
		return newIssuer(issuer{}, &x509.Certificate{
			Subject:    pkix.Name{CommonName: "Strowger root"},
			NotAfter:   now.AddDate(rootYears, 0, 0),
			MaxPathLen: 1,
		}, now)
	})
	if err != nil {
		return issuer{}, err
	}
	return parseIssuer(b)
}

// Intermediate is the certificate authority of an organization.
func (a *Authority) Intermediate(ctx context.Context, org string) (*x509.Certificate, error) {
	i, err := a.intermediate(ctx, org)
	return i.cert, err
}

func (a *Authority) intermediate(ctx context.Context, org string) (issuer, error) {
	a.mu.Lock()
	i, ok := a.intermediates[org]
	a.mu.Unlock()
	if ok {
		return i, nil
	}
	// Only an organization that exists gets one, whatever a stranger's certificate says.
	if _, err := a.cfg.Store.Organizations.Get(ctx, org, org); err != nil {
		return issuer{}, err
	}
	b, err := a.custody.once(ctx, "ca/"+org, func() ([]byte, error) {
		now := a.cfg.Now()
		return newIssuer(a.root, intermediateTemplate(org, now), now)
	})
	if err != nil {
		return issuer{}, err
	}
	if i, err = parseIssuer(b); err != nil {
		return issuer{}, fmt.Errorf("intermediate of %s: %w", org, err)
	}
	a.mu.Lock()
	a.intermediates[org] = i
	a.mu.Unlock()
	return i, nil
}

// intermediateTemplate limits an organization to URI names of its own (RFC 5280, 4.2.1.10: the constraint is compared
// with the host of the URI) and denies it every DNS name and address.
func intermediateTemplate(org string, now time.Time) *x509.Certificate {
	return &x509.Certificate{
		Subject:                     pkix.Name{CommonName: "Strowger " + org},
		NotAfter:                    now.AddDate(intermediateYears, 0, 0),
		MaxPathLenZero:              true,
		PermittedDNSDomainsCritical: true, // the whole extension is critical
		PermittedURIDomains:         []string{org},
		ExcludedDNSDomains:          []string{""},
		ExcludedIPRanges: []*net.IPNet{
			{IP: net.IPv4zero.To4(), Mask: net.CIDRMask(0, 32)},
			{IP: net.IPv6zero, Mask: net.CIDRMask(0, 128)},
		},
	}
}

// newIssuer makes a certificate authority, under its parent or, without one, a root, in PEM.
func newIssuer(parent issuer, template *x509.Certificate, now time.Time) ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	if parent.key == nil {
		parent = issuer{key: key, cert: template}
	}
	template.NotBefore = now.Add(-backdate)
	template.SerialNumber = serial()
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	der, err := x509.CreateCertificate(rand.Reader, template, parent.cert, &key.PublicKey, parent.key)
	if err != nil {
		return nil, fmt.Errorf("make certificate of %s: %w", template.Subject.CommonName, err)
	}
	keyPEM, err := marshalKey(key)
	if err != nil {
		return nil, err
	}
	return append(keyPEM, certPEM(der)...), nil
}

func parseIssuer(b []byte) (issuer, error) {
	key, rest, err := parseKey(b)
	if err != nil {
		return issuer{}, err
	}
	block, _ := pem.Decode(rest)
	if block == nil {
		return issuer{}, errors.New("certificate authority without certificate")
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return issuer{}, err
	}
	return issuer{key: key, cert: cert}, nil
}

// issueNode makes the certificate of a node for its key and returns it, and its chain in PEM.
func (i issuer) issueNode(name trust.Name, key *ecdsa.PublicKey, now time.Time) (leaf *x509.Certificate, chain []byte, err error) {
	template := leafTemplate(name.ID, now)
	template.URIs = []*url.URL{name.URI()}
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}
	if leaf, err = i.issue(template, key); err != nil {
		return nil, nil, fmt.Errorf("make certificate of %s: %w", name, err)
	}
	return leaf, bytes.Join([][]byte{certPEM(leaf.Raw), certPEM(i.cert.Raw)}, nil), nil
}

// issue signs a certificate, which never outlives its issuer's.
func (i issuer) issue(template *x509.Certificate, key crypto.PublicKey) (*x509.Certificate, error) {
	if template.NotAfter.After(i.cert.NotAfter) {
		template.NotAfter = i.cert.NotAfter
	}
	der, err := x509.CreateCertificate(rand.Reader, template, i.cert, key, i.key)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

func leafTemplate(name string, now time.Time) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber:          serial(),
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             now.Add(-backdate),
		NotAfter:              now.Add(leafLifetime),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true,
	}
}

// serial is a random number of 127 bits (RFC 5280, 4.1.2.2: positive, at most 20 bytes).
func serial() *big.Int {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	b[0] = b[0]&0x7f | 0x40
	return new(big.Int).SetBytes(b[:])
}

func certPEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func marshalKey(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

func parseKey(b []byte) (key *ecdsa.PrivateKey, rest []byte, err error) {
	block, rest := pem.Decode(b)
	if block == nil {
		return nil, nil, errors.New("no key in PEM form")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, nil, err
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok {
		return nil, nil, fmt.Errorf("key is %T, want ECDSA", parsed)
	}
	return key, rest, nil
}
