// Package pushseal is the payload of a push: what wakes a device, sealed so that nobody on the way can read it or use it.
//
// A payload is JSON of at most MaxPlain bytes:
//
//	v      1
//	epoch  number of the ring attempt, from 1; the device echoes it. A wake that is tried again is the same bytes again
//	node   the anchor: where the device connects (designation.Node; its name is left out)
//	key    the session key, whose claims say the rest: the call, who calls, what media
//
// It is padded with spaces to a multiple of Step bytes and sealed with HPKE (RFC 9180, base mode: KEM X-Wing, that is
// ML-KEM-768 with X25519, KDF HKDF-SHA256, AEAD ChaCha20-Poly1305) to the sealing key that the device made when it enrolled.
// The info is "strowger wake 1", the associated data "<organization>|<device>". What is sent is the encapsulated key (1,120
// bytes) and the ciphertext: at most MaxSealed bytes, which in base64 fit a push of FCM (4,096) and of APNs (5,120).
//
// HPKE in base mode authenticates no sender: anyone can seal to a device. The device therefore believes the session key
// only: its signature, that it is for this device (sub, cnf), and that its ah is the hash of node. See Wake.Check.
//
// Capability 1 (2026-11).
package pushseal

import (
	"bytes"
	"crypto/hpke"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/sessionkey"
)

// Sizes in bytes.
const (
	MaxPlain  = 1536
	Step      = 512
	encSize   = 1120 // of the encapsulated key: draft-connolly-cfrg-xwing-kem, 5: a ciphertext of ML-KEM-768 and a point
	MaxSealed = encSize + MaxPlain + 16
)

const info = "strowger wake 1"

// Wake is what a sleeping device needs to join a call.
type Wake struct {
	Version int              `json:"v"`
	Epoch   int              `json:"epoch"`
	Node    designation.Node `json:"node"`
	Key     string           `json:"key"`
}

// LogValue keeps the session key out of logs.
func (w Wake) LogValue() slog.Value { return slog.StringValue("(wake to " + w.Node.ID + ")") }

// PrivateKey opens what was sealed to its device.
type PrivateKey struct{ key hpke.PrivateKey }

// NewKey makes a sealing key.
func NewKey() (PrivateKey, error) {
	k, err := hpke.MLKEM768X25519().GenerateKey()
	return PrivateKey{k}, err
}

// ParseKey reads what Bytes wrote.
func ParseKey(b []byte) (PrivateKey, error) {
	k, err := hpke.MLKEM768X25519().NewPrivateKey(b)
	if err != nil {
		return PrivateKey{}, errs.New(errs.Invalid, "sealing key of %d bytes: %w", len(b), err)
	}
	return PrivateKey{k}, nil
}

// Bytes is the key for the device's own store: 32 bytes.
func (k PrivateKey) Bytes() ([]byte, error) { return k.key.Bytes() }

// Public is the key that others seal to, in unpadded base64url: 1,216 bytes before that.
func (k PrivateKey) Public() string {
	return base64.RawURLEncoding.EncodeToString(k.key.PublicKey().Bytes())
}

// CheckPublic says why a public key cannot be sealed to.
func CheckPublic(public string) error {
	_, err := parsePublic(public)
	return err
}

func parsePublic(public string) (hpke.PublicKey, error) {
	b, err := base64.RawURLEncoding.DecodeString(public)
	if err != nil {
		return nil, errs.New(errs.Invalid, "public sealing key is not unpadded base64url: %w", err)
	}
	k, err := hpke.MLKEM768X25519().NewPublicKey(b)
	if err != nil {
		return nil, errs.New(errs.Invalid, "public sealing key of %d bytes: %w", len(b), err)
	}
	return k, nil
}

// Seal seals a wake to a device of an organization. A payload that is too large is errs.Invalid.
func Seal(public, org, device string, w Wake) ([]byte, error) {
	to, err := parsePublic(public)
	if err != nil {
		return nil, err
	}
	w.Version, w.Node.Name = 1, ""
	plain, err := json.Marshal(w)
	if err != nil {
		return nil, err
	}
	if len(plain) > MaxPlain {
		return nil, errs.New(errs.Invalid, "wake of %d bytes, at most %d fit a push", len(plain), MaxPlain)
	}
	if rest := len(plain) % Step; rest != 0 {
		plain = append(plain, bytes.Repeat([]byte{' '}, Step-rest)...)
	}
	enc, sender, err := hpke.NewSender(to, hpke.HKDFSHA256(), hpke.ChaCha20Poly1305(), []byte(info))
	if err != nil {
		return nil, err
	}
	sealed, err := sender.Seal(bound(org, device), plain)
	if err != nil {
		return nil, err
	}
	return append(enc, sealed...), nil
}

// bound is what a sealed payload cannot be moved away from.
func bound(org, device string) []byte { return []byte(org + "|" + device) }

// Open opens what was sealed to a device. Who sealed it is unknown: see Wake.Check.
func (k PrivateKey) Open(org, device string, sealed []byte) (Wake, error) {
	if len(sealed) <= encSize || len(sealed) > MaxSealed {
		return Wake{}, errs.New(errs.Invalid, "sealed payload of %d bytes, want %d to %d", len(sealed), encSize+1, MaxSealed)
	}
	r, err := hpke.NewRecipient(sealed[:encSize], k.key, hpke.HKDFSHA256(), hpke.ChaCha20Poly1305(), []byte(info))
	if err != nil {
		return Wake{}, errs.New(errs.Invalid, "sealed payload: %w", err)
	}
	plain, err := r.Open(bound(org, device), sealed[encSize:])
	if err != nil {
		return Wake{}, errs.New(errs.Invalid, "the payload was not sealed to this device: %w", err)
	}
	var w Wake
	if err := json.Unmarshal(plain, &w); err != nil {
		return Wake{}, errs.New(errs.Invalid, "payload of a push: %w", err)
	}
	if w.Version != 1 {
		return Wake{}, errs.New(errs.Upgrade, "payload of version %d, this device reads 1", w.Version)
	}
	return w, nil
}

// Check is what a device does before it rings: the key is the organization's, for this device and for this node, and its
// time has not passed. thumbprint is of the device's signing key. What it returns is all that may be shown.
func (w Wake) Check(keys sessionkey.Keys, org, device, thumbprint string, now time.Time) (sessionkey.Claims, error) {
	c, err := sessionkey.Open(w.Key, keys)
	switch {
	case err != nil:
		return c, err
	case c.Org != org || c.Issuer != org:
		return c, errs.New(errs.WrongOrganization, "the call is of organization %s by %s, this device is of %s", c.Org, c.Issuer, org)
	case c.Subject != device || c.Confirm.Thumbprint != thumbprint:
		return c, errs.New(errs.WrongPresenter, "the call is for device %s, this is %s", c.Subject, device)
	case c.Audience != w.Node.ID || c.AddressHash != w.Node.Hash():
		return c, errs.New(errs.WrongNode, "the push leads to another node than the one that the session key is for")
	case now.After(time.Unix(c.Expires, 0).Add(sessionkey.Leeway)):
		return c, errs.New(errs.KeyExpired, "the call is over since %v", now.Sub(time.Unix(c.Expires, 0)).Round(time.Second))
	}
	return c, nil
}
