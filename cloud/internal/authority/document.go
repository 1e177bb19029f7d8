package authority

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/sitecopy"
	"strowger/pkg/trust"
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

// fresh says whether it is not too old.
func (i issue) fresh(now time.Time) bool { return now.Sub(time.Unix(i.Issued, 0)) < refreshAfter }

// Kinds of documents.
const (
	Copies = "copy"
	Peers  = "peer"
)

// content is what a document says, and how it is signed.
type content struct {
	clear any // that a new version is known by
	sign  func(ctx context.Context, h sitecopy.Head, k namedKey) (string, error)
}

// draft is what is known of a site's document. One goroutine at a time makes a version: who has the turn.
type draft struct {
	turn     chan struct{} // capacity 1
	revision int64         // of the registry that was last looked at, 0 before
	keys     int           // generations of keys in it
	last     issue
}

// current says whether nothing can have changed since it was last looked.
func (d *draft) current(revision int64, keys int, now time.Time) bool {
	return d.last.Version > 0 && d.revision == revision && d.keys == keys && d.last.fresh(now)
}

// Current returns the version of a site's document, of a kind, as the registry is now; its pieces are in the store. Each
// switch's credentials are sealed to it in the site copy.
func (a *Authority) Current(ctx context.Context, org, kind, site string) (version uint64, err error) {
	sessions, err := a.ring(ctx, org, forSessions)
	if err != nil {
		return 0, err
	}
	copies, err := a.ring(ctx, org, forCopies)
	if err != nil {
		return 0, err
	}
	name := fmt.Sprintf("document/%s/%s/%s", org, kind, site)
	d := a.draft(name)
	select {
	case d.turn <- struct{}{}:
		defer func() { <-d.turn }()
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	revision, err := a.cfg.Store.Revision(ctx, org) // before what it counts is read
	if err != nil {
		return 0, err
	}
	if keys := len(sessions) + len(copies); !d.current(revision, keys, a.cfg.Now()) {
		if err = a.revise(ctx, org, kind, site, name, d, sessions, copies); err != nil {
			a.forget(name, d)
			if ctx.Err() == nil && errs.CodeOf(err) != errs.NotFound {
				a.cfg.Log.Error("document cannot be made; switches keep the one that they hold", "kind", kind, "org", org, "site", site, "error", err)
			}
			return 0, err
		}
		d.revision, d.keys = revision, keys
	}
	return d.last.Version, nil
}

// draft returns what is known of a document.
func (a *Authority) draft(name string) *draft {
	a.mu.Lock()
	defer a.mu.Unlock()
	d := a.drafts[name]
	if d == nil {
		d = &draft{turn: make(chan struct{}, 1)}
		a.drafts[name] = d
	}
	return d
}

// forget drops a document that could not be made: nodes may ask for sites that do not exist.
func (a *Authority) forget(name string, d *draft) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.drafts[name] == d {
		delete(a.drafts, name)
	}
}

// revise makes a new version of a document if what it says changed, or the last is too old.
func (a *Authority) revise(ctx context.Context, org, kind, site, name string, d *draft, sessions, copies keyring) error {
	contentOf := a.copyContent
	if kind == Peers {
		contentOf = a.peerContent
	}
	c, err := contentOf(ctx, org, site, sessions, copies)
	if err != nil {
		return err
	}
	b, err := json.Marshal(c.clear)
	if err != nil {
		return err
	}
	digest := sha256.Sum256(b)
	last, err := a.lastIssue(ctx, name)
	if err != nil {
		return err
	}
	now := a.cfg.Now()
	_, _, err = a.cfg.Store.DocumentPiece(ctx, org, kind+"/"+site, last.Version, 0)
	switch kept := err == nil; {
	case !kept && errs.CodeOf(err) != errs.Conflict:
		return err
	case kept && bytes.Equal(last.Digest, digest[:]) && last.fresh(now):
		d.last = last
		return nil
	}
	for {
		// Versions count seconds, so that they grow even over a restored backup, which may have forgotten some.
		last = issue{Version: max(last.Version+1, uint64(now.Unix())), Issued: now.Unix(), Digest: digest[:]}
		head := sitecopy.Head{Org: org, ID: site, Version: last.Version, Issued: last.Issued, Expires: now.Add(sitecopy.Lifetime).Unix()}
		doc, err := c.sign(ctx, head, copies.signer(now))
		if err != nil {
			return err
		}
		stored, err := a.cfg.Store.PutDocument(ctx, org, kind+"/"+site, last.Version, slices.Collect(chunks(doc, fabric.PieceSize)))
		if err != nil {
			return err
		}
		if stored {
			break
		} // else another instance made this version, maybe of what the registry was a moment ago
	}
	if b, err = json.Marshal(last); err != nil {
		return err
	}
	if err := a.custody.put(ctx, name, b); err != nil {
		return err
	}
	d.last = last
	return nil
}

// chunks cuts a text into pieces of n bytes; the last may be shorter.
func chunks(s string, n int) iter.Seq[string] {
	return func(yield func(string) bool) {
		for len(s) > n {
			if !yield(s[:n]) {
				return
			}
			s = s[n:]
		}
		yield(s)
	}
}

// copyContent is a site copy without its head.
func (a *Authority) copyContent(ctx context.Context, org, site string, sessions, copies keyring) (content, error) {
	c, err := a.cfg.Directory.Copy(ctx, org, site)
	if err != nil {
		return content{}, err
	}
	c.SessionKeys, c.CopyKeys = sessions.public(), copies.public()
	all, err := a.credentials(ctx, org, site)
	if err != nil {
		return content{}, err
	}
	// A phone is told that it is unknown, and tries again, until its password has come too.
	c.Devices = slices.DeleteFunc(slices.Clone(c.Devices), func(d sitecopy.Device) bool {
		return d.Username != "" && all[d.ID].Username != d.Username
	})
	secrets := secretsOf(c, all)
	if err := a.addTrunks(ctx, org, site, c, secrets); err != nil {
		return content{}, err
	}
	if err := a.addMailboxes(ctx, org, c, secrets); err != nil {
		return content{}, err
	}
	sign := func(ctx context.Context, h sitecopy.Head, k namedKey) (string, error) {
		var err error
		if c.Secrets, err = a.seal(ctx, org, site, secrets); err != nil {
			return "", err
		}
		c.Head = h
		return sitecopy.SignCopy(k.kid, k.private, c)
	}
	return content{struct {
		Copy    sitecopy.Copy
		Secrets map[string][]sitecopy.Credential
	}{c, secrets}, sign}, nil
}

// peerContent is a peer document without its head.
func (a *Authority) peerContent(ctx context.Context, org, site string, _, _ keyring) (content, error) {
	p, err := a.cfg.Directory.Peer(ctx, org, site)
	if err != nil {
		return content{}, err
	}
	sign := func(_ context.Context, h sitecopy.Head, k namedKey) (string, error) {
		p.Head = h
		return sitecopy.SignPeer(k.kid, k.private, p)
	}
	return content{p, sign}, nil
}

// lastIssue is what is remembered of the last version of a document, nothing before the first.
func (a *Authority) lastIssue(ctx context.Context, name string) (last issue, err error) {
	b, err := a.custody.get(ctx, name)
	if errs.CodeOf(err) == errs.NotFound {
		return issue{}, nil
	}
	if err != nil {
		return issue{}, err
	}
	if err := json.Unmarshal(b, &last); err != nil {
		return issue{}, fmt.Errorf("secret %s: %w", name, err)
	}
	return last, nil
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
		leaf, _, err := a.certificate(ctx, trust.Name{Org: org, Kind: trust.Switch, ID: sw})
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
