package sitecopy

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/token"
)

// Limits of the format.
const (
	Format  = 1        // of Head.V
	MaxSize = 64 << 20 // bytes of a document
)

// Key finds the public key of a kid.
func (s KeySet) Key(kid string) (ed25519.PublicKey, bool) {
	b, err := base64.RawURLEncoding.DecodeString(s[kid])
	if err != nil || len(b) != ed25519.PublicKeySize {
		return nil, false
	}
	return b, true
}

// Add puts a public key into the set.
func (s KeySet) Add(kid string, key ed25519.PublicKey) {
	s[kid] = base64.RawURLEncoding.EncodeToString(key)
}

// Expired says whether the document no longer authorizes calls between sites without the cloud.
func (h Head) Expired(now time.Time) bool { return now.Unix() >= h.Expires }

// head gives access to what every document begins with.
func (h *Head) head() *Head { return h }

type document interface{ head() *Head }

// SignCopy returns the signed form of a site copy.
func SignCopy(kid string, key ed25519.PrivateKey, c Copy) (string, error) {
	return sign(TypeCopy, kid, key, &c)
}

// SignPeer returns the signed form of a peer document.
func SignPeer(kid string, key ed25519.PrivateKey, p Peer) (string, error) {
	return sign(TypePeer, kid, key, &p)
}

// SignRevocation returns the signed form of a revocation.
func SignRevocation(kid string, key ed25519.PrivateKey, r Revocation) (string, error) {
	return sign(TypeRevocation, kid, key, &r)
}

// OpenCopy returns the site copy that doc is, if one of keys signed it for org.
func OpenCopy(doc, org string, keys KeySet) (Copy, error) {
	var c Copy
	err := open(doc, TypeCopy, org, keys, &c)
	return c, err
}

// OpenPeer returns the peer document that doc is, if one of keys signed it for org.
func OpenPeer(doc, org string, keys KeySet) (Peer, error) {
	var p Peer
	err := open(doc, TypePeer, org, keys, &p)
	return p, err
}

// OpenRevocation returns the revocation that doc is, if one of keys signed it for org.
func OpenRevocation(doc, org string, keys KeySet) (Revocation, error) {
	var r Revocation
	err := open(doc, TypeRevocation, org, keys, &r)
	if err == nil && r.Node == "" && r.Device == "" {
		return r, errs.New(errs.Invalid, "revocation %d names neither node nor device", r.Version)
	}
	return r, err
}

func sign(typ, kid string, key ed25519.PrivateKey, d document) (string, error) {
	d.head().V = Format
	doc, err := token.Sign(typ, kid, key, d)
	if err == nil && len(doc) > MaxSize {
		return "", errs.New(errs.Invalid, "%s %s has %d bytes, at most %d are allowed: divide the site into several", typ, d.head().ID, len(doc), MaxSize)
	}
	return doc, err
}

func open(doc, typ, org string, keys KeySet, d document) error {
	find := func(kid string) (ed25519.PublicKey, error) {
		key, ok := keys.Key(kid)
		if !ok {
			return nil, errs.New(errs.UnknownKey, "%s is signed by %.40q, which is not among the %d known keys", typ, kid, len(keys))
		}
		return key, nil
	}
	err := token.Open(doc, typ, MaxSize, find, d)
	h := d.head()
	switch {
	case errors.Is(err, token.ErrMalformed):
		return errs.New(errs.Invalid, "%s: %w", typ, err)
	case errors.Is(err, token.ErrSignature):
		return errs.New(errs.BadSignature, "%s: %w", typ, err)
	case err != nil:
		return err
	case h.V != Format:
		return errs.New(errs.Upgrade, "%s has format %d, this release knows %d: upgrade this node", typ, h.V, Format)
	case len(h.Crit) > 0: // this release knows no critical feature
		return errs.New(errs.Upgrade, "%s needs %.80q, which this release does not know: upgrade this node", typ, h.Crit)
	case h.Org != org:
		return errs.New(errs.WrongOrganization, "%s is of organization %.60q, want %s", typ, h.Org, org)
	case h.ID == "" || h.Version == 0:
		return errs.New(errs.Invalid, "%s lacks id or version", typ)
	}
	return nil
}
