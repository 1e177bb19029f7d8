package stir

import (
	"context"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path"
	"slices"
	"strings"
	"time"
)

// Certificates finds the certificate at a URL, the one that signs first, then those between it and the root.
type Certificates interface {
	Chain(ctx context.Context, now time.Time, at string) ([]*x509.Certificate, error)
}

// Limits of a file of certificates.
const (
	maxFile  = 64 << 10 // bytes
	maxChain = 8        // certificates
)

// ParseChain reads certificates in PEM, or in DER as RFC 8224, 7.3 has them at a URL.
func ParseChain(b []byte) (chain []*x509.Certificate, err error) {
	der := b
	if block, _ := pem.Decode(b); block != nil {
		der = nil
		for block, rest := pem.Decode(b); block != nil; block, rest = pem.Decode(rest) {
			if block.Type == "CERTIFICATE" {
				der = append(der, block.Bytes...)
			}
		}
	}
	if chain, err = x509.ParseCertificates(der); err != nil {
		return nil, err
	}
	if len(chain) == 0 || len(chain) > maxChain {
		return nil, fmt.Errorf("file of %d certificates, want 1 to %d", len(chain), maxChain)
	}
	for _, c := range chain {
		// The one extension that this package understands beyond package x509.
		c.UnhandledCriticalExtensions = slices.DeleteFunc(c.UnhandledCriticalExtensions, func(id asn1.ObjectIdentifier) bool { return id.Equal(oidNumbers) })
	}
	return chain, nil
}

// Folder is a folder of certificates: that of https://cert.example.org/a/b.pem is its file cert.example.org/a/b.pem.
type Folder string

// Chain reads a file. Nothing outside of the folder can be named.
func (f Folder) Chain(_ context.Context, _ time.Time, at string) ([]*x509.Certificate, error) {
	u, err := parseURL(at)
	if err != nil {
		return nil, err
	}
	if u.Port() != "" || u.RawQuery != "" {
		return nil, fmt.Errorf("certificate %q: a folder has none with a port or a query", at)
	}
	file, err := os.OpenInRoot(string(f), path.Join(strings.ToLower(u.Hostname()), path.Clean("/"+u.Path)))
	if err != nil {
		return nil, fmt.Errorf("certificate %q: %w", at, err)
	}
	defer file.Close()
	return readChain(file, at)
}

func readChain(r io.Reader, at string) ([]*x509.Certificate, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err == nil && len(b) > maxFile {
		err = fmt.Errorf("file of more than %d bytes", maxFile)
	}
	if err != nil {
		return nil, fmt.Errorf("certificate %q: %w", at, err)
	}
	chain, err := ParseChain(b)
	if err != nil {
		return nil, fmt.Errorf("certificate %q: %w", at, err)
	}
	return chain, nil
}

// parseURL reads the URL of a certificate.
func parseURL(s string) (*url.URL, error) {
	if len(s) > maxURL {
		return nil, fmt.Errorf("URL of a certificate of %d bytes, at most %d are allowed", len(s), maxURL)
	}
	u, err := url.Parse(s)
	if err != nil {
		return nil, fmt.Errorf("URL of a certificate: %w", err)
	}
	if u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.Fragment != "" { // RFC 7515, 4.1.5: TLS
		return nil, fmt.Errorf("URL of a certificate %q, want https://host/path", s)
	}
	return u, nil
}

// Sources asks one after the other for a certificate.
type Sources []Certificates

// Chain returns what the first source has that has something.
func (s Sources) Chain(ctx context.Context, now time.Time, at string) ([]*x509.Certificate, error) {
	failures := []error{}
	for _, one := range s {
		chain, err := one.Chain(ctx, now, at)
		if err == nil {
			return chain, nil
		}
		failures = append(failures, err)
	}
	if len(failures) == 0 {
		return nil, fmt.Errorf("certificate %q: neither a folder nor a host is configured", at)
	}
	return nil, errors.Join(failures...)
}
