// Package sessionkey is the signed, single-use token that lets its bearer join exactly one call on exactly one node.
//
// A session key is a JWT of at most MaxSize bytes (package token: EdDSA, typ "session-key+jwt", kid), signed in the
// cloud by the organization's session key; nodes verify it offline against the key set in their site copy. When the
// cloud is gone the calling switch signs with its own signing key, which the peer documents list; the kid of such a key
// is the id of the switch.
//
//	iss        the organization; or the calling switch, when the cloud is gone (then sub is the same)
//	jti        names one leg (ident.Leg)
//	aud boot   the one node that may accept it, and the run of that node; another run refuses it as restarted
//	iat nbf    when it was signed, and from when it may be used; Unix seconds
//	exp        until when its first use may be; at most MaxLifetime after iat
//	sub cnf    who may present it: a node and "x5t#S256", its key hash; or a device and "jkt" (RFC 9449, 6.1)
//	ah         designation.Node.Hash of the node: a device checks it before it rings
//	org call   the call, of which organization
//	from to    both parties, as nodes show and record them; never what the presenter says
//	media      allowed kinds: "audio", "video"
//	prio slot  priority; the nonce that a node gave when it promised to take the call, which only a caller's key has
//	fp         of a called app, when an app calls: proof.HashPrint of the caller's media, which may come to it directly
//	peers      of a calling app: thumbprints of the apps that may answer directly
//	notice     what the device is told of somebody who calls for help; it joins no call: aud is the cloud, which takes none
//	div        the numbers that the call was sent to before, and who anchors it, if not aud
//	asks       what the node is to do for the caller itself, who calls nobody: the name of a star code (package starcode), which "to" has
//	           as its number; only calling switches sign it
//
// Unlike RFC 8705, 3.1, "x5t#S256" here is the hash of the certificate's SubjectPublicKeyInfo (trust.KeyHash), which
// renewal of the certificate keeps.
//
// A key travels as an Authorization: Bearer credential on SIP and in the first line of an app's stream; never in a URL.
// It is used once: the first presentation binds it to what it was presented for (on SIP the Call-ID). Until the leg is
// answered or over, the same presenter may resume it with the same Call-ID, even past exp (lost connection, retried
// INVITE); anything else is a replay. The memory of uses lives in one run of one node, which is why boot is a claim.
//
// Clocks may differ by Leeway. A key from the future by more says that the clocks are wrong (a key is shown after it
// was signed), which is refused as clock skew, with the difference. Each refusal has its own errs code: key-missing,
// key-malformed, unknown-key, bad-signature, wrong-organization, wrong-audience, restarted, revoked, wrong-presenter,
// replayed, key-expired, key-not-yet-valid, clock-skew; congested when the memory of uses is full.
//
// Readers ignore claims that they do not know; a claim that changes the meaning of the others needs a new typ.
//
// Capability 1 (2026-11).
// Capability 2 (2026-11): slot, fp, peers.
// Capability 3 (2026-11): div.
// Capability 4 (2026-11): notice; a device below it shows a missed call.
// Capability 5 (2026-11): div.for; a node below it shows the caller who was judged.
// Capability 6 (2026-11): asks; a node below it refuses the call: nobody has that number.
// Capability 7 (2026-11): div.payer; a node below it has the caller pay, and refuses one from outside.
package sessionkey

import (
	"crypto/ed25519"
	"errors"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/token"
)

// Type is the JWT header typ of a session key.
const Type = "session-key+jwt"

// Limits of the format.
const (
	MaxSize     = 8 << 10          // bytes of a key
	Lifetime    = 30 * time.Second // from iat to exp of a key that is used at once
	MaxLifetime = 10 * time.Minute // from iat to exp of any key: more than the longest ring
	Leeway      = 30 * time.Second // of difference between clocks
	MaxSkew     = 24 * time.Hour   // a key from further in the future is not explained by a wrong clock
)

// Claims is what a session key says.
type Claims struct {
	Issuer      string            `json:"iss"`
	ID          string            `json:"jti"`
	Audience    string            `json:"aud"`
	Boot        string            `json:"boot"`
	IssuedAt    int64             `json:"iat"` // Unix seconds
	NotBefore   int64             `json:"nbf"` // Unix seconds
	Expires     int64             `json:"exp"` // Unix seconds
	Subject     string            `json:"sub"`
	Confirm     Confirmation      `json:"cnf"`
	AddressHash string            `json:"ah"`
	Org         string            `json:"org"`
	Call        string            `json:"call"`
	From        designation.Party `json:"from"`
	To          designation.Party `json:"to"`
	Media       []string          `json:"media"`
	Slot        string            `json:"slot,omitempty"`
	Print       string            `json:"fp,omitempty"`
	Peers       []string          `json:"peers,omitempty"`
	Diversion   Diversion         `json:"div,omitzero"`
	Purpose
}

// Purpose is what a call is for, beside a conversation.
type Purpose struct {
	Urgency
	Asks string `json:"asks,omitempty"`
}

// Urgency is what a call goes before others for.
type Urgency struct {
	Priority int               `json:"prio,omitempty"` // as designation.Plan has it
	Help     *designation.Help `json:"help,omitempty"` // of an emergency call
	Notice   string            `json:"notice,omitempty"`
}

// Diversion is how a call came to its callee, if it was dialled to another.
type Diversion struct {
	Numbers []string `json:"numbers"`          // that it was sent to before
	Anchor  string   `json:"anchor,omitempty"` // the node that anchors it, if not aud: sub, where the last of these rang
	// For is who calls, to those who are called, if from is who had them called: a transfer.
	For *designation.Party `json:"for,omitempty"`
	// Payer is who forwards the call to the phone number to: see designation.Branch. Nil: from pays.
	Payer *designation.Party `json:"payer,omitempty"`
}

// Confirmation is the key that the presenter must have (RFC 7800): exactly one of the two.
type Confirmation struct {
	KeyHash    string `json:"x5t#S256,omitempty"` // of a node: trust.KeyHash
	Thumbprint string `json:"jkt,omitempty"`      // of a device: RFC 7638 thumbprint of its key
}

// Key is what a kid stands for: a public key and the one issuer that signs with it.
type Key struct {
	Public ed25519.PublicKey
	Issuer string // organization id, or switch id when the cloud is gone
}

// Keys finds a key by kid.
type Keys func(kid string) (Key, bool)

// Sign returns the key that says c, under the signing key that nodes know as kid. It refuses claims that no node would
// accept.
func Sign(kid string, key ed25519.PrivateKey, c Claims) (string, error) {
	if err := c.check(); err != nil {
		return "", err
	}
	return token.Sign(Type, kid, key, c)
}

// Open checks form and signature of a key, and that its signer may speak for its issuer; nothing else. Nodes that admit
// a leg use a Verifier.
func Open(key string, keys Keys) (Claims, error) {
	if key == "" {
		return Claims{}, errs.New(errs.KeyMissing, "no session key was presented")
	}
	var signer Key
	find := func(kid string) (ed25519.PublicKey, error) {
		var ok bool
		if signer, ok = keys(kid); !ok {
			return nil, errs.New(errs.UnknownKey, "session key is signed by %.40q, which this node does not know", kid)
		}
		return signer.Public, nil
	}
	var c Claims
	err := token.Open(key, Type, MaxSize, find, &c)
	switch {
	case errors.Is(err, token.ErrMalformed):
		return Claims{}, errs.New(errs.KeyMalformed, "session key: %w", err)
	case errors.Is(err, token.ErrSignature):
		return Claims{}, errs.New(errs.BadSignature, "session key: %w", err)
	case err != nil:
		return Claims{}, err
	}
	if err := c.check(); err != nil {
		return Claims{}, err
	}
	if c.Issuer != signer.Issuer {
		return Claims{}, errs.New(errs.UnknownKey, "session key says it is from %s, but %s signed it", c.Issuer, signer.Issuer)
	}
	return c, nil
}

// check says whether the claims are complete and agree with each other.
func (c *Claims) check() error {
	for _, v := range [...]struct{ name, value string }{
		{"iss", c.Issuer}, {"jti", c.ID}, {"aud", c.Audience}, {"boot", c.Boot},
		{"sub", c.Subject}, {"ah", c.AddressHash}, {"org", c.Org}, {"call", c.Call},
	} {
		if v.value == "" {
			return errs.New(errs.KeyMalformed, "session key lacks the claim %q", v.name)
		}
	}
	if (c.Confirm.KeyHash == "") == (c.Confirm.Thumbprint == "") {
		return errs.New(errs.KeyMalformed, "session key must have exactly one of x5t#S256 and jkt in cnf")
	}
	if c.IssuedAt <= 0 || c.NotBefore < c.IssuedAt || c.Expires <= c.NotBefore {
		return errs.New(errs.KeyMalformed, "session key has iat %d, nbf %d, exp %d, want them in this order", c.IssuedAt, c.NotBefore, c.Expires)
	}
	if c.Expires-c.IssuedAt > int64(MaxLifetime/time.Second) {
		return errs.New(errs.KeyMalformed, "session key lives %d s, at most %v are allowed", c.Expires-c.IssuedAt, MaxLifetime)
	}
	// Without the cloud a switch vouches for itself only (2-call-flows, "When the cloud is gone").
	if c.Issuer != c.Org && c.Issuer != c.Subject {
		return errs.New(errs.KeyMalformed, "session key from %s is for %s to present; only the organization may sign for others", c.Issuer, c.Subject)
	}
	return nil
}
