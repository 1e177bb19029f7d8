// Package waketicket is the permission to wake one device for one call: the cloud signs it, the anchor shows it, and a
// bridge wakes nobody without.
//
// A ticket is a JWT of at most MaxSize bytes (package token), typ "wake-ticket+jwt", signed by the organization's session
// key, which bridges hold the public half of:
//
//	iss org   the organization
//	device    that may be woken
//	call leg  for which call, as which leg
//	anchor    the node that may show it
//	iat exp   from when and until when, Unix seconds
//
// It may be shown more than once: a wake is tried again, and cancelled.
//
// Capability 1 (2026-11).
package waketicket

import (
	"crypto/ed25519"
	"errors"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/sessionkey"
	"strowger/pkg/token"
)

// Type is the JWT header typ of a ticket.
const Type = "wake-ticket+jwt"

// MaxSize is the most bytes of a ticket.
const MaxSize = 2 << 10

// Claims is what a ticket says.
type Claims struct {
	Issuer   string `json:"iss"`
	Org      string `json:"org"`
	Device   string `json:"device"`
	Call     string `json:"call"`
	Leg      string `json:"leg"`
	Anchor   string `json:"anchor"`
	IssuedAt int64  `json:"iat"`
	Expires  int64  `json:"exp"`
}

// Sign returns the ticket that says c.
func Sign(kid string, key ed25519.PrivateKey, c Claims) (string, error) {
	return token.Sign(Type, kid, key, c)
}

// Open returns what a ticket of an organization says to an anchor, or why it is not valid: key-malformed, unknown-key,
// bad-signature, wrong-organization, wrong-presenter, key-expired.
func Open(ticket string, keys sessionkey.Keys, org, anchor string, now time.Time) (Claims, error) {
	var signer sessionkey.Key
	find := func(kid string) (ed25519.PublicKey, error) {
		var ok bool
		if signer, ok = keys(kid); !ok {
			return nil, errs.New(errs.UnknownKey, "wake ticket is signed by %.40q, which is not known here", kid)
		}
		return signer.Public, nil
	}
	var c Claims
	switch err := token.Open(ticket, Type, MaxSize, find, &c); {
	case errors.Is(err, token.ErrMalformed):
		return Claims{}, errs.New(errs.KeyMalformed, "wake ticket: %w", err)
	case errors.Is(err, token.ErrSignature):
		return Claims{}, errs.New(errs.BadSignature, "wake ticket: %w", err)
	case err != nil:
		return Claims{}, err
	}
	switch {
	case c.Org != org || c.Issuer != org || signer.Issuer != org:
		return Claims{}, errs.New(errs.WrongOrganization, "wake ticket of organization %s, this is %s", c.Org, org)
	case c.Anchor != anchor:
		return Claims{}, errs.New(errs.WrongPresenter, "wake ticket is for %s to show, not for %s", c.Anchor, anchor)
	case c.Device == "" || c.Call == "" || c.Leg == "":
		return Claims{}, errs.New(errs.KeyMalformed, "wake ticket names no device, call or leg")
	case now.After(time.Unix(c.Expires, 0).Add(sessionkey.Leeway)):
		return Claims{}, errs.New(errs.KeyExpired, "wake ticket expired %v ago", now.Sub(time.Unix(c.Expires, 0)).Round(time.Second))
	}
	return c, nil
}
