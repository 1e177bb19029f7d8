// Package proof is how a device shows that it has its signing key: short signed statements (JWS, RFC 7515) in the manner of
// DPoP (RFC 9449).
//
// The key is ECDSA on P-256, which phones keep in hardware and browsers cannot export. A proof is in compact form; its header
// has alg "ES256", a typ that says what it is for, and the public key as jwk. The thumbprint (RFC 7638) of that key is what
// session keys and the registry know the device by. There is no kid, no crit and no other algorithm.
//
//	typ                claims
//	call-proof+jwt     Call: opens a connection to a node
//	enrol-proof+jwt    Request: the body of an enrolment
//	push-proof+jwt     Request: the body of a change of push tokens
//	admit-proof+jwt    Admit: asks the cloud for a call
//	channel-proof+jwt  Channel: opens a channel to a bridge
//	report-proof+jwt   Report: how far a device is with a call
//
// A device opens its connection to a node with one line, an Entry, and gets one back, a Verdict.
//
// A proof is valid for MaxAge from iat, give or take sessionkey.Leeway.
//
// Capability 1 (2026-11).
// Capability 2 (2026-11): admit-proof+jwt, channel-proof+jwt, report-proof+jwt; an Entry resumes, and a Verdict has what for.
// Capability 3 (2026-11): Verdict.Relay.
// Capability 4 (2026-11): Admit.Call.
package proof

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"strowger/pkg/errs"
	"strowger/pkg/sessionkey"
)

// The types of proofs: of a Call, and of Requests to the cloud.
const (
	TypeCall  = "call-proof+jwt"
	TypeEnrol = "enrol-proof+jwt"
	TypePush  = "push-proof+jwt"
	TypeOwn   = "own-proof+jwt"
)

// Header is the header of a request to the cloud that has the proof of its body.
const Header = "Strowger-Proof"

// Limits.
const (
	MaxSize = 4 << 10 // bytes of a proof
	MaxAge  = time.Minute
)

// Call is the proof with which a device opens a connection to a node.
type Call struct {
	Node     string `json:"aud"`            // id of the node
	KeyHash  string `json:"ath"`            // HashKey of the session key that it is shown with
	DTLS     string `json:"dtls,omitempty"` // fingerprint of the certificate of its media, "sha-256 AB:CD:..." (RFC 8122, 5)
	Epoch    int    `json:"epoch"`          // of the wake that it follows
	ID       string `json:"jti"`            // unique
	IssuedAt int64  `json:"iat"`            // Unix seconds
}

// Request is the proof of a request to the cloud, in its Header. That of an enrolment needs not be Fresh: its one-time secret
// is, and a device whose clock is wrong learns the time from the answer.
type Request struct {
	Device   string `json:"sub,omitempty"` // id; a device that enrols does not know it yet
	Body     string `json:"bh"`            // HashBody of the request's body
	ID       string `json:"jti"`           // unique
	IssuedAt int64  `json:"iat"`           // Unix seconds, by the cloud's time where the device knows it
}

// HashBody is the hash of a request's body that its proof is bound to: unpadded base64url SHA-256.
func HashBody(body []byte) string {
	sum := sha256.Sum256(body)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// HashKey is the hash of a session key that a proof is bound to (RFC 9449, 4.2: ath).
func HashKey(key string) string {
	return HashBody([]byte(key))
}

// JWK is a public key as a header or a request has it (RFC 7517, RFC 7518, 6.2.1).
type JWK struct {
	Type  string `json:"kty"` // "EC"
	Curve string `json:"crv"` // "P-256"
	X     string `json:"x"`
	Y     string `json:"y"`
}

// JWKOf returns a key of P-256 as a JWK.
func JWKOf(pub *ecdsa.PublicKey) JWK {
	b, err := pub.Bytes() // SEC 1, 2.3.3: 4, x, y
	if err != nil {
		panic(err) // a point of P-256 always has its bytes
	}
	enc := base64.RawURLEncoding
	return JWK{Type: "EC", Curve: "P-256", X: enc.EncodeToString(b[1:33]), Y: enc.EncodeToString(b[33:])}
}

// Thumbprint is the key's name (RFC 7638, 3): unpadded base64url SHA-256.
func (k JWK) Thumbprint() string {
	// The members that the type requires, in the order of their names (3.2). None can hold what JSON would escape.
	sum := sha256.Sum256([]byte(`{"crv":"` + k.Curve + `","kty":"` + k.Type + `","x":"` + k.X + `","y":"` + k.Y + `"}`))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Public returns the key, or errs.Invalid.
func (k JWK) Public() (*ecdsa.PublicKey, error) {
	if k.Type != "EC" || k.Curve != "P-256" {
		return nil, errs.New(errs.Invalid, "signing key of type %.20q on curve %.20q, want EC on P-256", k.Type, k.Curve)
	}
	enc := base64.RawURLEncoding.Strict()
	x, errX := enc.DecodeString(k.X)
	y, errY := enc.DecodeString(k.Y)
	if errX != nil || errY != nil || len(x) != 32 || len(y) != 32 { // RFC 7518, 6.2.1.2: full size
		return nil, errs.New(errs.Invalid, "signing key: x and y want 32 bytes each in unpadded base64url")
	}
	pub, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), slices.Concat([]byte{4}, x, y))
	if err != nil { // not on the curve
		return nil, errs.New(errs.Invalid, "signing key: %w", err)
	}
	return pub, nil
}

// Sign returns a proof of a type.
func Sign(typ string, key *ecdsa.PrivateKey, claims any) (string, error) {
	head, err := json.Marshal(header{Algorithm: jwt.SigningMethodES256.Alg(), Type: typ, Key: JWKOf(&key.PublicKey)})
	if err != nil {
		return "", err
	}
	body, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	enc := base64.RawURLEncoding
	s := enc.EncodeToString(head) + "." + enc.EncodeToString(body)
	signature, err := jwt.SigningMethodES256.Sign(s, key)
	if err != nil {
		return "", err
	}
	return s + "." + enc.EncodeToString(signature), nil
}

type header struct {
	Algorithm string          `json:"alg"`
	Type      string          `json:"typ"`
	Key       JWK             `json:"jwk"`
	Critical  json.RawMessage `json:"crit,omitempty"`
}

// Open checks form, type and signature of a proof, decodes its claims and returns the thumbprint of the key that made it;
// whose key that is, is for the caller to know. After an error the claims must not be read.
func Open(s, typ string, claims any) (thumbprint string, err error) {
	if len(s) > MaxSize {
		return "", errs.New(errs.KeyMalformed, "proof of %d bytes, at most %d are allowed", len(s), MaxSize)
	}
	parts := strings.Split(s, ".")
	if len(parts) != 3 {
		return "", errs.New(errs.KeyMalformed, "proof has not three parts with dots between")
	}
	if strings.ContainsAny(s, "\r\n") { // RFC 7515, 2: no line breaks. The decoder would pass over them
		return "", errs.New(errs.KeyMalformed, "proof has a line break")
	}
	var h header
	if err := decode(parts[0], &h); err != nil {
		return "", errs.New(errs.KeyMalformed, "header of a proof: %w", err)
	}
	switch {
	case h.Algorithm != jwt.SigningMethodES256.Alg():
		return "", errs.New(errs.KeyMalformed, "proof by algorithm %.20q, want ES256", h.Algorithm)
	case h.Type != typ:
		return "", errs.New(errs.KeyMalformed, "proof of type %.40q, want %q", h.Type, typ)
	case h.Critical != nil: // RFC 7515, 4.1.11
		return "", errs.New(errs.KeyMalformed, "critical header %.60s of a proof is not understood", h.Critical)
	}
	pub, err := h.Key.Public()
	if err != nil {
		return "", errs.New(errs.KeyMalformed, "proof: %w", err)
	}
	signature, err := base64.RawURLEncoding.Strict().DecodeString(parts[2])
	if err != nil {
		return "", errs.New(errs.KeyMalformed, "signature of a proof: %w", err)
	}
	if err := jwt.SigningMethodES256.Verify(parts[0]+"."+parts[1], signature, pub); err != nil {
		return "", errs.New(errs.BadSignature, "signature of a proof does not match its key")
	}
	if err := decode(parts[1], claims); err != nil {
		return "", errs.New(errs.KeyMalformed, "claims of a proof: %w", err)
	}
	return h.Key.Thumbprint(), nil
}

func decode(part string, v any) error {
	b, err := base64.RawURLEncoding.Strict().DecodeString(part)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, v)
}

// Until is from when on a proof that was made at iat is fresh nowhere, whatever clock says so.
func Until(iat int64) time.Time { return time.Unix(iat, 0).Add(MaxAge + 2*sessionkey.Leeway) }

// Fresh says why a proof that was made at iat, in Unix seconds, is not one of now.
func Fresh(iat int64, now time.Time) error {
	switch age := now.Sub(time.Unix(iat, 0)).Round(time.Second); {
	case age < -sessionkey.Leeway:
		return errs.New(errs.ClockSkew, "proof was made %v ahead of this node's clock; set the clock of the device", -age)
	case age > MaxAge+sessionkey.Leeway:
		return errs.New(errs.KeyExpired, "proof was made %v ago, at most %v are allowed", age, MaxAge)
	}
	return nil
}
