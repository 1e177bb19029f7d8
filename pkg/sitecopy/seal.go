package sitecopy

import (
	"crypto/ecdsa"
	"crypto/hpke"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"strowger/pkg/errs"
)

const sealInfo = "strowger site-copy secrets 1"

// sealContext is what a sealed entry is bound to, so that it cannot be moved to another copy or switch.
func sealContext(org, site, sw string) []byte {
	return []byte(strings.Join([]string{org, site, sw}, "|"))
}

// Seal encrypts the credentials of a switch's phones to its node key, an ECDSA key on P-256.
func Seal(node *ecdsa.PublicKey, org, site, sw string, c []Credential) (string, error) {
	plain, err := json.Marshal(c)
	if err != nil {
		return "", err
	}
	pub, err := node.ECDH()
	if err != nil {
		return "", fmt.Errorf("seal credentials to switch %s: %w", sw, err)
	}
	to, err := hpke.NewDHKEMPublicKey(pub)
	if err != nil {
		return "", fmt.Errorf("seal credentials to switch %s: %w", sw, err)
	}
	enc, sender, err := hpke.NewSender(to, hpke.HKDFSHA256(), hpke.ChaCha20Poly1305(), []byte(sealInfo))
	if err != nil {
		return "", fmt.Errorf("seal credentials to switch %s: %w", sw, err)
	}
	sealed, err := sender.Seal(sealContext(org, site, sw), plain)
	if err != nil {
		return "", fmt.Errorf("seal credentials to switch %s: %w", sw, err)
	}
	return base64.RawURLEncoding.EncodeToString(append(enc, sealed...)), nil
}

// Unseal opens what Seal made for the switch that has the private key.
func Unseal(node *ecdsa.PrivateKey, org, site, sw, sealed string) ([]Credential, error) {
	b, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil {
		return nil, errs.New(errs.Invalid, "sealed credentials of switch %s: %w", sw, err)
	}
	priv, err := node.ECDH()
	if err != nil {
		return nil, fmt.Errorf("open credentials of switch %s: %w", sw, err)
	}
	key, err := hpke.NewDHKEMPrivateKey(priv)
	if err != nil {
		return nil, fmt.Errorf("open credentials of switch %s: %w", sw, err)
	}
	n := len(priv.PublicKey().Bytes()) // RFC 9180, 7.1: Nenc of DHKEM(P-256) is that of an uncompressed point
	if len(b) < n {
		return nil, errs.New(errs.Invalid, "sealed credentials of switch %s have %d bytes, want at least %d", sw, len(b), n)
	}
	r, err := hpke.NewRecipient(b[:n], key, hpke.HKDFSHA256(), hpke.ChaCha20Poly1305(), []byte(sealInfo))
	if err != nil {
		return nil, errs.New(errs.Invalid, "sealed credentials of switch %s: %w", sw, err)
	}
	plain, err := r.Open(sealContext(org, site, sw), b[n:])
	if err != nil {
		return nil, errs.New(errs.Invalid, "sealed credentials are not for switch %s of site %s with this key: %w", sw, site, err)
	}
	var c []Credential
	if err := json.Unmarshal(plain, &c); err != nil {
		return nil, errs.New(errs.Invalid, "credentials of switch %s: %w", sw, err)
	}
	return c, nil
}
