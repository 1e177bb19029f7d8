// Package trust names nodes in certificates and hashes their keys.
//
// Installation root > one intermediate per organization > node. A node certificate is ECDSA P-256 and carries exactly
// one URI subject alternative name, strowger://<org>/<kind>/<id>, where kind is "switch", "bridge", "agent" or "cloud".
package trust

import (
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
)

// Kinds of nodes.
const (
	Switch = "switch"
	Bridge = "bridge"
	Agent  = "agent"
	Cloud  = "cloud"
)

// Name is who a certificate speaks for.
type Name struct{ Org, Kind, ID string }

// URI is the form of the name in a certificate.
func (n Name) URI() *url.URL {
	return &url.URL{Scheme: "strowger", Host: n.Org, Path: "/" + n.Kind + "/" + n.ID}
}

func (n Name) String() string { return n.URI().String() }

// NameOf reads the name from a certificate; it does not verify the certificate.
func NameOf(c *x509.Certificate) (Name, error) {
	if len(c.URIs) != 1 {
		return Name{}, fmt.Errorf("certificate %q has %d URI names, want one strowger://<org>/<kind>/<id>", c.Subject.CommonName, len(c.URIs))
	}
	return ParseName(c.URIs[0].String())
}

// ParseName reads strowger://<org>/<kind>/<id>.
func ParseName(s string) (Name, error) {
	rest, ok := strings.CutPrefix(s, "strowger://")
	f := strings.Split(rest, "/")
	if !ok || len(f) != 3 || f[0] == "" || f[2] == "" {
		return Name{}, fmt.Errorf("%q is not of the form strowger://<org>/<kind>/<id>", s)
	}
	switch f[1] {
	case Switch, Bridge, Agent, Cloud:
		return Name{Org: f[0], Kind: f[1], ID: f[2]}, nil
	}
	return Name{}, fmt.Errorf("%q names a node of unknown kind %q", s, f[1])
}

// KeyHash is the unpadded base64url SHA-256 of a public key's SubjectPublicKeyInfo: the pin of a node, which renewal of
// its certificate keeps.
func KeyHash(pub crypto.PublicKey) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return "", fmt.Errorf("hash public key: %w", err)
	}
	return CertKeyHash(der), nil
}

// CertKeyHash is KeyHash of a RawSubjectPublicKeyInfo.
func CertKeyHash(spki []byte) string {
	sum := sha256.Sum256(spki)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
