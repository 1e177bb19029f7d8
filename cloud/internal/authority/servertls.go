package authority

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"strowger/pkg/errs"
)

// renewBefore is how much of a certificate is left when it is renewed.
const renewBefore = 30 * 24 * time.Hour

func (a *Authority) openTLSKey(ctx context.Context) (*ecdsa.PrivateKey, error) {
	b, err := a.custody.once(ctx, "tls", func() ([]byte, error) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, err
		}
		return marshalKey(key)
	})
	if err != nil {
		return nil, err
	}
	key, _, err := parseKey(b)
	return key, err
}

// ServerTLS returns the TLS of the cloud's own servers (REST, fabric) under the given host names and addresses: TLS 1.3
// with the pinned key and a certificate of the root, which is renewed as it ages. Who asks clients for certificates sets
// ClientAuth. Certificates must stay empty: else crypto/tls does not ask for this one when a client names no host, as
// those that dial an address do.
func (a *Authority) ServerTLS(hosts []string) (*tls.Config, error) {
	if len(hosts) == 0 {
		return nil, errs.New(errs.Invalid, "the cloud's certificate needs a host name or address")
	}
	s := &ownCertificate{issuer: a.root, key: a.tlsKey, use: x509.ExtKeyUsageServerAuth, hosts: hosts, now: a.cfg.Now}
	if _, err := s.get(); err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion:     tls.VersionTLS13,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return s.get() },
	}, nil
}

// ClientTLS returns the TLS by which the cloud connects to servers of this installation, such as external ones of the
// fabric: it trusts the root alone, and shows a certificate of the root that names no node.
func (a *Authority) ClientTLS() (*tls.Config, error) {
	s := &ownCertificate{issuer: a.root, key: a.tlsKey, use: x509.ExtKeyUsageClientAuth, now: a.cfg.Now}
	if _, err := s.get(); err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AddCert(a.root.cert)
	return &tls.Config{
		MinVersion: tls.VersionTLS13, RootCAs: roots,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return s.get() },
	}, nil
}

// ownCertificate is the present certificate of the cloud for one use.
type ownCertificate struct {
	issuer issuer
	key    *ecdsa.PrivateKey
	use    x509.ExtKeyUsage
	hosts  []string
	now    func() time.Time

	mu      sync.Mutex
	current *tls.Certificate
}

func (s *ownCertificate) get() (*tls.Certificate, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if s.current != nil && now.Before(s.current.Leaf.NotAfter.Add(-renewBefore)) {
		return s.current, nil
	}
	leaf, err := s.issue(now)
	if err != nil {
		return nil, err
	}
	s.current = &tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: s.key, Leaf: leaf}
	return s.current, nil
}

func (s *ownCertificate) issue(now time.Time) (*x509.Certificate, error) {
	template := leafTemplate("Strowger cloud", now)
	template.ExtKeyUsage = []x509.ExtKeyUsage{s.use}
	name(template, s.hosts)
	leaf, err := s.issuer.issue(template, &s.key.PublicKey)
	if err != nil {
		return nil, fmt.Errorf("make the cloud's certificate for %q: %w", s.hosts, err)
	}
	if !now.Before(leaf.NotAfter) {
		return nil, errors.New("the installation's root has expired")
	}
	return leaf, nil
}

// name gives a certificate host names and addresses.
func name(template *x509.Certificate, hosts []string) {
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, h)
		}
	}
}
