package authority

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/sessionkey"
	"strowger/pkg/sitecopy"
	"strowger/pkg/waketicket"
)

// purpose separates what keys sign.
type purpose string

const (
	forSessions purpose = "session"
	forCopies   purpose = "copy"
)

// Times in the life of a signing key.
const (
	keyLifetime  = 180 * 24 * time.Hour // from when it signs until the next one does
	publishAhead = 48 * time.Hour       // how long nodes know a key before it signs
)

// signingKey is one generation of a keyring. Old generations stay published: revocations are signed once and for good.
type signingKey struct {
	Seed []byte `json:"seed"`
	From int64  `json:"from"` // Unix seconds: when it begins to sign
}

func (k signingKey) private() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(k.Seed) }

func (k signingKey) public() ed25519.PublicKey { return k.private().Public().(ed25519.PublicKey) }

// namedKey is a generation with its kid.
type namedKey struct {
	kid     string
	private ed25519.PrivateKey
	from    time.Time
}

// keyring is the generations of one purpose, the oldest first.
type keyring []namedKey

// due says when the next generation must be published.
func (r keyring) due() time.Time { return r[len(r)-1].from.Add(keyLifetime - publishAhead) }

// signer is the generation that signs now.
func (r keyring) signer(now time.Time) namedKey {
	for i := len(r) - 1; i > 0; i-- {
		if !now.Before(r[i].from) {
			return r[i]
		}
	}
	return r[0]
}

func (r keyring) public() sitecopy.KeySet {
	set := make(sitecopy.KeySet, len(r))
	for _, k := range r {
		set.Add(k.kid, k.private.Public().(ed25519.PublicKey))
	}
	return set
}

// ring returns the keyring of an organization, with the next generation if it is due.
func (a *Authority) ring(ctx context.Context, org string, p purpose) (keyring, error) {
	name := fmt.Sprintf("keys/%s/%s", org, p)
	a.mu.Lock()
	r := a.rings[name]
	a.mu.Unlock()
	now := a.cfg.Now()
	if len(r) > 0 && now.Before(r.due()) {
		return r, nil
	}
	if _, err := a.cfg.Store.Organizations.Get(ctx, org, org); err != nil {
		return nil, err
	}
	r = r[:len(r):len(r)] // others may hold it
	for len(r) == 0 || !now.Before(r.due()) {
		from := now
		if len(r) > 0 {
			from = now.Add(publishAhead)
		}
		k, err := a.generation(ctx, fmt.Sprintf("%s/%d", name, len(r)), p, from)
		if err != nil {
			return nil, err
		}
		r = append(r, k)
	}
	a.mu.Lock()
	a.rings[name] = r
	a.mu.Unlock()
	return r, nil
}

// generation reads one generation, or makes it: of several instances all get the first one's.
func (a *Authority) generation(ctx context.Context, name string, p purpose, from time.Time) (namedKey, error) {
	b, err := a.custody.once(ctx, name, func() ([]byte, error) {
		k := signingKey{Seed: make([]byte, ed25519.SeedSize), From: from.Unix()}
		_, _ = rand.Read(k.Seed) // never fails (crypto/rand)
		a.cfg.Log.Info("made a signing key", "name", name, "signs_from", from.UTC())
		return json.Marshal(k)
	})
	if err != nil {
		return namedKey{}, err
	}
	var k signingKey
	if err := json.Unmarshal(b, &k); err != nil || len(k.Seed) != ed25519.SeedSize {
		return namedKey{}, fmt.Errorf("secret %s is no signing key", name)
	}
	return namedKey{kid: p.kid(k.public()), private: k.private(), from: time.Unix(k.From, 0)}, nil
}

// kid is how nodes know a key of a purpose.
func (p purpose) kid(key ed25519.PublicKey) string {
	sum := sha256.Sum256(key)
	return string(p[:1]) + "-" + base64.RawURLEncoding.EncodeToString(sum[:12])
}

// SessionKID is how nodes know a key that signs session keys.
func SessionKID(key ed25519.PublicKey) string { return forSessions.kid(key) }

// SessionKeys returns the public keys that sign, signed and will sign an organization's session keys.
func (a *Authority) SessionKeys(ctx context.Context, org string) (sitecopy.KeySet, error) {
	r, err := a.ring(ctx, org, forSessions)
	return r.public(), err
}

// CopyKeys returns the public keys that sign, signed and will sign an organization's documents.
func (a *Authority) CopyKeys(ctx context.Context, org string) (sitecopy.KeySet, error) {
	r, err := a.ring(ctx, org, forCopies)
	return r.public(), err
}

// SignSession signs a session key of the organization; issuer and organization are set here.
func (a *Authority) SignSession(ctx context.Context, org string, c sessionkey.Claims) (string, error) {
	r, err := a.ring(ctx, org, forSessions)
	if err != nil {
		return "", err
	}
	c.Issuer, c.Org = org, org
	k := r.signer(a.cfg.Now())
	return sessionkey.Sign(k.kid, k.private, c)
}

// SignTicket signs a wake ticket of the organization; issuer and organization are set here.
func (a *Authority) SignTicket(ctx context.Context, org string, c waketicket.Claims) (string, error) {
	r, err := a.ring(ctx, org, forSessions)
	if err != nil {
		return "", err
	}
	c.Issuer, c.Org = org, org
	k := r.signer(a.cfg.Now())
	return waketicket.Sign(k.kid, k.private, c)
}

// openTicket returns what a wake ticket says that the organization signed, to the anchor that showed it.
func (a *Authority) openTicket(ctx context.Context, org, anchor, ticket string) (waketicket.Claims, error) {
	set, err := a.SessionKeys(ctx, org)
	if err != nil {
		return waketicket.Claims{}, err
	}
	return waketicket.Open(ticket, func(kid string) (sessionkey.Key, bool) {
		pub, ok := set.Key(kid)
		return sessionkey.Key{Public: pub, Issuer: org}, ok
	}, org, anchor, a.cfg.Now())
}

// OpenSession returns what a session key says that the organization signed or, without the cloud, one of its switches;
// whoever presents it and whenever: a node that was shown it asks what it means.
func (a *Authority) OpenSession(ctx context.Context, org, key string) (sessionkey.Claims, error) {
	set, err := a.SessionKeys(ctx, org)
	if err != nil {
		return sessionkey.Claims{}, err
	}
	switches, err := a.cfg.Store.SwitchKeys(ctx, org)
	if err != nil {
		return sessionkey.Claims{}, err
	}
	c, err := sessionkey.Open(key, func(kid string) (sessionkey.Key, bool) {
		if pub, ok := set.Key(kid); ok {
			return sessionkey.Key{Public: pub, Issuer: org}, true
		}
		pub, ok := sitecopy.KeySet(switches).Key(kid)
		return sessionkey.Key{Public: pub, Issuer: kid}, ok
	})
	if err == nil && c.Org != org {
		return sessionkey.Claims{}, errs.New(errs.WrongOrganization, "session key is of organization %s, want %s", c.Org, org)
	}
	return c, err
}
