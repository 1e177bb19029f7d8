// Package webcert keeps the certificates that apps and browsers know a node by without a public CA: self-signed ones of short
// life, known by their hashes (W3C WebTransport, 6.2: serverCertificateHashes). The present one is shown, the next one is told
// together with it, so that the hashes that a device has are good for a week at least.
package webcert

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/big"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"time"

	"strowger/pkg/datafolder"
)

// Times of certificates. Browsers take one by its hash only if it is valid for at most two weeks (W3C WebTransport, 6.2:
// serverCertificateHashes); with rotate, each is the next one for six days and the present one for as long.
const (
	certificateLife = 13 * 24 * time.Hour
	rotate          = 6 * 24 * time.Hour
	clocksBehind    = time.Hour // of devices
)

// Config says where certificates are kept and for what.
type Config struct {
	Path    string // of the file
	Node    string // id
	Host    netip.Addr
	Now     func() time.Time
	Changed func() // other hashes are to be designated; may be nil
	Logger  *slog.Logger
}

// Certificates is the present certificate of WebTransport and the next one. They are kept on disk, so that a restart keeps
// what was designated.
type Certificates struct {
	cfg  Config
	pair atomic.Pointer[pair]
}

// pair is the present one and the next.
type pair [2]tls.Certificate

// Open reads the certificates, and makes those that are missing or too old.
func Open(cfg Config) (*Certificates, error) {
	c := &Certificates{cfg: cfg}
	old, err := c.read()
	if err != nil {
		return nil, err
	}
	c.pair.Store(&old)
	return c, c.renew()
}

// Current is what apps are shown.
func (c *Certificates) Current() *tls.Certificate { return &c.pair.Load()[0] }

// Hashes are those of the present and the next certificate: unpadded base64url SHA-256 of the DER.
func (c *Certificates) Hashes() []string {
	var all []string
	for _, cert := range c.pair.Load() {
		sum := sha256.Sum256(cert.Certificate[0])
		all = append(all, base64.RawURLEncoding.EncodeToString(sum[:]))
	}
	return all
}

// retry is how soon after a failure to write the file another try is made.
const retry = time.Minute

// Run rotates the certificates until ctx ends.
func (c *Certificates) Run(ctx context.Context) error {
	for {
		timer := time.NewTimer(max(retry, due(c.pair.Load()[1].Leaf).Sub(c.cfg.Now())))
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
		if err := c.renew(); err != nil {
			c.cfg.Logger.Error("the certificate for apps cannot be renewed, tried again in a minute", "error", err)
		}
	}
}

// renew moves the next certificate up when it is due or the present one ends, and makes what is missing. What cannot be kept
// on disk is not used: after a restart nobody who was told of it could connect.
func (c *Certificates) renew() error {
	p, now, changed := *c.pair.Load(), c.cfg.Now(), false
	if next := p[1].Leaf; next != nil && (!usable(p[0], now) || !now.Before(due(next))) {
		p[0], p[1], changed = p[1], tls.Certificate{}, true
	}
	for i := range p {
		if usable(p[i], now) {
			continue
		}
		made, err := c.make(now)
		if err != nil {
			return err
		}
		p[i], changed = made, true
	}
	if !changed {
		return nil
	}
	if err := c.write(p); err != nil {
		return err
	}
	c.pair.Store(&p)
	if c.cfg.Changed != nil {
		c.cfg.Changed()
	}
	return nil
}

// usable says whether a certificate is there, and valid on a device whose clock is a little off.
func usable(c tls.Certificate, now time.Time) bool {
	return c.Leaf != nil && now.After(c.Leaf.NotBefore) && now.Before(c.Leaf.NotAfter.Add(-clocksBehind))
}

// due is when the next certificate becomes the present one.
func due(next *x509.Certificate) time.Time { return next.NotBefore.Add(clocksBehind + rotate) }

// make makes a certificate with all that browsers want to see: ECDSA on P-256, X.509 v3, subject, alternative name, key usage.
func (c *Certificates) make(now time.Time) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return tls.Certificate{}, err
	}
	begin := now.Add(-clocksBehind).Truncate(time.Second)
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: c.cfg.Node}, NotBefore: begin, NotAfter: begin.Add(certificateLife),
		IPAddresses: []net.IP{c.cfg.Host.AsSlice()}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, err
	}
	leaf, err := x509.ParseCertificate(der)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, err
}

// write keeps the certificates with their keys.
func (c *Certificates) write(p pair) error {
	var text []byte
	for _, cert := range p {
		key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
		if err != nil {
			return err
		}
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]})...)
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})...)
	}
	if err := datafolder.Replace(c.cfg.Path, text, 0o600); err != nil {
		return fmt.Errorf("certificates for apps: %w", err)
	}
	return nil
}

// read reads what write wrote; without a file there are none yet.
func (c *Certificates) read() (p pair, err error) {
	text, err := os.ReadFile(c.cfg.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return p, nil
	case err != nil:
		return p, fmt.Errorf("certificates for apps: %w", err)
	}
	for i := range p {
		var cert, key *pem.Block
		if cert, text = pem.Decode(text); cert != nil {
			key, text = pem.Decode(text)
		}
		if key == nil {
			return p, fmt.Errorf("certificates for apps in %s are damaged; delete the file, and new ones are made", c.cfg.Path)
		}
		if p[i], err = tls.X509KeyPair(pem.EncodeToMemory(cert), pem.EncodeToMemory(key)); err != nil {
			return p, fmt.Errorf("certificates for apps in %s: %w; delete the file, and new ones are made", c.cfg.Path, err)
		}
	}
	return p, nil
}
