package authority

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/sitecopy"
)

// refreshAfter is the age at which a document gets a new version though nothing changed, so that what nodes hold is
// always valid for most of sitecopy.Lifetime.
const refreshAfter = 6 * time.Hour

// issue is what is remembered of the last version of a document.
type issue struct {
	Version uint64 `json:"version"`
	Issued  int64  `json:"issued"` // Unix seconds
	Digest  []byte `json:"digest"` // SHA-256 of the content in clear
}

// SignedCopy returns the site copy of a site, or "" if have is its version. Each switch's credentials are sealed to it.
func (a *Authority) SignedCopy(ctx context.Context, org, site string, have uint64) (string, error) {
	c, err := a.cfg.Directory.Copy(ctx, org, site)
	if err != nil {
		return "", err
	}
	if c.SessionKeys, err = a.SessionKeys(ctx, org); err != nil {
		return "", err
	}
	ring, err := a.ring(ctx, org, forCopies)
	if err != nil {
		return "", err
	}
	c.CopyKeys = ring.public()
	all, err := a.credentials(ctx, org)
	if err != nil {
		return "", err
	}
	// A phone is told that it is unknown, and tries again, until its password has come too.
	c.Devices = slices.DeleteFunc(slices.Clone(c.Devices), func(d sitecopy.Device) bool {
		return d.Username != "" && all[d.ID].Username != d.Username
	})
	secrets := secretsOf(c, all)
	head, err := a.head(ctx, org, "copy", site, struct {
		Copy    sitecopy.Copy
		Secrets map[string][]sitecopy.Credential
	}{c, secrets})
	if err != nil || head.Version == have {
		return "", err
	}
	c.Head = head
	if c.Secrets, err = a.seal(ctx, org, site, secrets); err != nil {
		return "", err
	}
	k := ring.signer(a.cfg.Now())
	return sitecopy.SignCopy(k.kid, k.private, c)
}

// SignedPeer returns the peer document of a site, or "" if have is its version.
func (a *Authority) SignedPeer(ctx context.Context, org, site string, have uint64) (string, error) {
	p, err := a.cfg.Directory.Peer(ctx, org, site)
	if err != nil {
		return "", err
	}
	ring, err := a.ring(ctx, org, forCopies)
	if err != nil {
		return "", err
	}
	head, err := a.head(ctx, org, "peer", site, p)
	if err != nil || head.Version == have {
		return "", err
	}
	p.Head = head
	k := ring.signer(a.cfg.Now())
	return sitecopy.SignPeer(k.kid, k.private, p)
}

// head returns the head of a document with that content. The version is the last one if that had the same content and is
// not too old, else it is greater. Versions count seconds, so that they grow even over a restored backup, which may have
// forgotten some.
func (a *Authority) head(ctx context.Context, org, kind, site string, content any) (sitecopy.Head, error) {
	b, err := json.Marshal(content)
	if err != nil {
		return sitecopy.Head{}, err
	}
	digest := sha256.Sum256(b)
	name := fmt.Sprintf("document/%s/%s/%s", org, kind, site)
	var last issue
	switch old, err := a.custody.get(ctx, name); {
	case errs.CodeOf(err) == errs.NotFound:
	case err != nil:
		return sitecopy.Head{}, err
	default:
		if err := json.Unmarshal(old, &last); err != nil {
			return sitecopy.Head{}, fmt.Errorf("secret %s: %w", name, err)
		}
	}
	now := a.cfg.Now()
	if !bytes.Equal(last.Digest, digest[:]) || now.Sub(time.Unix(last.Issued, 0)) >= refreshAfter {
		last = issue{Version: max(last.Version+1, uint64(now.Unix())), Issued: now.Unix(), Digest: digest[:]}
		if b, err = json.Marshal(last); err != nil {
			return sitecopy.Head{}, err
		}
		if err := a.custody.put(ctx, name, b); err != nil {
			return sitecopy.Head{}, err
		}
	}
	return sitecopy.Head{Org: org, ID: site, Version: last.Version, Issued: now.Unix(), Expires: now.Add(sitecopy.Lifetime).Unix()}, nil
}

// secretsOf collects, by switch, the credentials of the phones that are homed on it.
func secretsOf(c sitecopy.Copy, all map[string]credential) map[string][]sitecopy.Credential {
	secrets := make(map[string][]sitecopy.Credential, len(c.Switches))
	for _, sw := range c.Switches {
		secrets[sw.ID] = []sitecopy.Credential{}
	}
	for _, d := range c.Devices {
		if cred, ok := all[d.ID]; ok && secrets[d.Switch] != nil {
			secrets[d.Switch] = append(secrets[d.Switch], cred.Credential)
		}
	}
	return secrets
}

// seal encrypts each switch's credentials to the key that it enrolled with; a switch that has not enrolled gets none.
func (a *Authority) seal(ctx context.Context, org, site string, secrets map[string][]sitecopy.Credential) (map[string]string, error) {
	sealed := make(map[string]string, len(secrets))
	for sw, creds := range secrets {
		leaf, _, err := a.certificate(ctx, org, sw)
		if errs.CodeOf(err) == errs.NotFound {
			continue
		}
		if err != nil {
			return nil, err
		}
		key, ok := leaf.PublicKey.(*ecdsa.PublicKey)
		if !ok {
			return nil, fmt.Errorf("certificate of switch %s has a key of type %T, want ECDSA", sw, leaf.PublicKey)
		}
		if sealed[sw], err = sitecopy.Seal(key, org, site, sw, creds); err != nil {
			return nil, err
		}
	}
	return sealed, nil
}
