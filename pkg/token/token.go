// Package token signs and opens the JSON Web Tokens that nodes verify offline: session keys and signed documents.
//
// One profile serves all (RFC 7519, RFC 8725): compact form; header alg "EdDSA" (RFC 8037), typ (what the token is for,
// so that one kind is never taken for another: RFC 8725, 3.11) and kid; no crit. The header is judged before anything
// else is decoded. Whether the claims hold now and here is for the package that owns the type to say.
package token

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/golang-jwt/jwt/v5"
)

// Why a token cannot be opened; the error of the key function is passed on as it is.
var (
	ErrMalformed = errors.New("malformed token")
	ErrSignature = errors.New("signature does not match the key")
)

// header is all that this profile knows of a JOSE header.
type header struct {
	Algorithm string          `json:"alg"`
	Type      string          `json:"typ"`
	KeyID     string          `json:"kid"`
	Critical  json.RawMessage `json:"crit"`
}

// body lends any struct the methods that package jwt asks of claims. They are never called: opening skips validation.
type body struct {
	jwt.RegisteredClaims
	claims any
}

func (b *body) UnmarshalJSON(claims []byte) error { return json.Unmarshal(claims, b.claims) }

// Sign returns the token of claims, which marshal to a JSON object, under the key that nodes know as kid.
//
// The form is put together here, and the signature made by package jwt: through its Token and its header, a map, a token
// costs half as much again.
func Sign(typ, kid string, key ed25519.PrivateKey, claims any) (string, error) {
	head, err := json.Marshal(struct {
		Algorithm string `json:"alg"`
		KeyID     string `json:"kid"`
		Type      string `json:"typ"`
	}{jwt.SigningMethodEdDSA.Alg(), kid, typ})
	if err != nil {
		return "", fmt.Errorf("sign %s with key %q: %w", typ, kid, err)
	}
	content, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("sign %s with key %q: %w", typ, kid, err)
	}
	enc := base64.RawURLEncoding // RFC 7515, 7.1
	s := make([]byte, 0, enc.EncodedLen(len(head))+enc.EncodedLen(len(content))+enc.EncodedLen(ed25519.SignatureSize)+2)
	s = append(enc.AppendEncode(s, head), '.')
	s = enc.AppendEncode(s, content)
	signature, err := jwt.SigningMethodEdDSA.Sign(string(s), key)
	if err != nil {
		return "", fmt.Errorf("sign %s with key %q: %w", typ, kid, err)
	}
	return string(enc.AppendEncode(append(s, '.'), signature)), nil
}

// Open checks that s is a token of type typ of at most limit bytes, signed by the key that key returns for its kid, and
// decodes its claims. After an error the claims must not be read.
func Open(s, typ string, limit int, key func(kid string) (ed25519.PublicKey, error), claims any) error {
	if len(s) > limit {
		return fmt.Errorf("%w: %d bytes, at most %d are allowed", ErrMalformed, len(s), limit)
	}
	h, err := headerOf(s)
	if err != nil {
		return err
	}
	// RFC 8725, 3.1: the verifier decides on the algorithm, never the token.
	if h.Algorithm != jwt.SigningMethodEdDSA.Alg() {
		return fmt.Errorf("%w: algorithm %.20q, want EdDSA", ErrMalformed, h.Algorithm)
	}
	if h.Type != typ {
		return fmt.Errorf("%w: type %.40q, want %q", ErrMalformed, h.Type, typ)
	}
	// RFC 7515, 4.1.11: a critical extension that is not understood makes the token invalid.
	if h.Critical != nil {
		return fmt.Errorf("%w: critical header %.60s is not understood", ErrMalformed, h.Critical)
	}
	pub, err := key(h.KeyID)
	if err != nil {
		return err
	}
	p := jwt.NewParser(jwt.WithValidMethods([]string{h.Algorithm}), jwt.WithoutClaimsValidation(), jwt.WithStrictDecoding())
	_, err = p.ParseWithClaims(s, &body{claims: claims}, func(*jwt.Token) (any, error) { return pub, nil })
	switch {
	case errors.Is(err, jwt.ErrTokenSignatureInvalid):
		return ErrSignature
	case err != nil:
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return nil
}

func headerOf(s string) (header, error) {
	part, _, ok := strings.Cut(s, ".")
	if !ok || strings.Count(s, ".") != 2 {
		return header{}, fmt.Errorf("%w: want three parts with dots between", ErrMalformed)
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(part)
	if err != nil {
		return header{}, fmt.Errorf("%w: header: %w", ErrMalformed, err)
	}
	var h header
	if err := json.Unmarshal(b, &h); err != nil {
		return header{}, fmt.Errorf("%w: header: %w", ErrMalformed, err)
	}
	return h, nil
}
