package stir

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Attestation returns how sure the network is of a caller: known says that the caller has proven to be a user, own that the
// number is one of that user's (RFC 8588, 4).
func Attestation(known, own bool) Attest {
	switch {
	case known && own:
		return Full
	case known:
		return Partial
	}
	return Gateway
}

// Signer signs calls.
type Signer struct {
	key         *ecdsa.PrivateKey
	certificate *x509.Certificate
	authority   Authority
	url         string
}

// NewSigner returns a Signer with a key on P-256 and its certificate, which verifiers find at an https URL.
func NewSigner(key *ecdsa.PrivateKey, certificate *x509.Certificate, at string) (*Signer, error) {
	if _, err := parseURL(at); err != nil {
		return nil, err
	}
	if key.Curve != elliptic.P256() {
		return nil, fmt.Errorf("key on %s, want P-256", key.Params().Name)
	}
	if !key.PublicKey.Equal(certificate.PublicKey) {
		return nil, errors.New("the key is not that of the certificate")
	}
	a, err := mayCall(certificate)
	if err != nil {
		return nil, err
	}
	return &Signer{key, certificate, a, at}, nil
}

// Sign returns the Identity header's value for a call of now. The number of a caller must be one that the certificate covers;
// origID says where the call came into the network, as a UUID (RFC 8588, 5).
func (s *Signer) Sign(now time.Time, caller, called Name, level Attest, origID string) (string, error) {
	if now.Before(s.certificate.NotBefore) || now.After(s.certificate.NotAfter) {
		return "", fmt.Errorf("the certificate for signing calls is valid from %s to %s", s.certificate.NotBefore, s.certificate.NotAfter)
	}
	if !s.authority.Covers(caller.Number) {
		return "", fmt.Errorf("the certificate for signing calls does not cover %s", caller)
	}
	p := PASSporT{Type: Shaken, URL: s.url, Orig: caller, Dest: []Name{called}, IssuedAt: now.Unix(), Attest: level, OrigID: origID}
	if err := p.complete(); err != nil {
		return "", err
	}
	unsigned, err := p.unsigned()
	if err != nil {
		return "", err
	}
	signature, err := jwt.SigningMethodES256.Sign(unsigned, s.key)
	if err != nil {
		return "", err
	}
	token := unsigned + "." + base64.RawURLEncoding.EncodeToString(signature)
	return Header{Token: token, Info: s.url, Algorithm: jwt.SigningMethodES256.Alg(), Type: Shaken}.String(), nil
}

// Origin returns the origid of where a call came into the network: the UUID of a name that is no other's (RFC 9562, 5.8).
func Origin(name string) string {
	sum := sha256.Sum256([]byte(name))
	u := sum[:16]
	u[6], u[8] = u[6]&0x0f|0x80, u[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}
