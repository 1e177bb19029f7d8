package switchnode

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"strowger/pkg/datafolder"
)

// Files of the certificate that phones see when the operator gives none.
const (
	phoneCert = "phones.crt"
	phoneKey  = "phones.key"
)

// phoneCertLife is long because whoever imports the certificate into phones does not want to do it again.
const phoneCertLife = 10 * 365 * 24 * time.Hour

// phoneTLS is what phones see: the operator's certificate, else one of the switch's own for its address. The node
// certificate would not do: it names the node by URI, and phones look for the address that they dialled (RFC 5922, 7.1).
// TLS 1.2 is what many phones have.
func (n *node) phoneTLS() (*tls.Config, error) {
	cert, key := n.TLSCert, n.TLSKey
	if cert == "" {
		cert, key = filepath.Join(n.Data, phoneCert), filepath.Join(n.Data, phoneKey)
		if err := n.ensurePhoneCert(cert, key); err != nil {
			return nil, fmt.Errorf("certificate for phones: %w", err)
		}
	}
	c, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("certificate %s with key %s: %w", cert, key, err)
	}
	t := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{c}}
	if n.makers != nil { // asked of everybody, and needed of nobody: phones of other makers have certificates too
		t.ClientAuth, t.ClientCAs = tls.RequestClientCert, n.makers
	}
	return t, nil
}

// phoneCAs reads the CAs of phones' makers, nil if there are none.
func phoneCAs(files []string) (*x509.CertPool, error) {
	if len(files) == 0 {
		return nil, nil
	}
	pool := x509.NewCertPool()
	for _, file := range files {
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("--phone-ca: %w", err)
		}
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("--phone-ca %s: there is no certificate in it; want PEM", file)
		}
	}
	return pool, nil
}

// bears says that a certificate has all addresses.
func bears(c *x509.Certificate, all []net.IP) bool {
	return !slices.ContainsFunc(all, func(ip net.IP) bool { return c.VerifyHostname(ip.String()) != nil })
}

// ensurePhoneCert makes a self-signed certificate for this switch's addresses, unless the one on disk is for it. What is there
// but is no certificate and its key is replaced as well: a full disk or a crash may have left the one without the other.
func (n *node) ensurePhoneCert(cert, key string) error {
	ips := []net.IP{n.host.AsSlice()}
	if n.other.IsValid() {
		ips = append(ips, n.other.AsSlice())
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	var unread *fs.PathError
	switch {
	case err == nil && bears(pair.Leaf, ips) && time.Now().Before(pair.Leaf.NotAfter):
		return nil
	case errors.As(err, &unread) && !errors.Is(err, fs.ErrNotExist):
		return err
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: n.identity.Load().NodeName},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(phoneCertLife), IPAddresses: ips,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true, IsCA: true, MaxPathLenZero: true, // so that phones can import it as a root
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		return err
	}
	raw, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return err
	}
	if err := datafolder.Replace(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}), 0o600); err != nil {
		return err
	}
	if err := datafolder.Replace(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644); err != nil {
		return err
	}
	n.log.Info("made a certificate for phones over TLS; phones that verify need it as a trusted root", "file", cert, "addresses", ips)
	return nil
}
