package authority

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"time"

	"strowger/cloud/internal/store"
	"strowger/pkg/enrol"
	"strowger/pkg/errs"
	"strowger/pkg/ident"
	"strowger/pkg/rest"
	"strowger/pkg/sitecopy"
	"strowger/pkg/trust"
)

// CodeLifetime is how long an enrolment code may be used.
const CodeLifetime = time.Hour

// State of a node that lost its trust.
const revoked = "revoked"

// node is a switch or a bridge as the registry has it.
type node struct {
	trust.Name
	label   string // what people call it
	state   string
	keyHash string
	site    string // of a switch
}

func (a *Authority) node(ctx context.Context, org, id string) (node, error) {
	n := node{Name: trust.Name{Org: org, Kind: trust.Switch, ID: id}}
	if ident.KindOf(id) == ident.Bridge {
		n.Kind = trust.Bridge
		v, err := a.cfg.Store.Bridges.Get(ctx, org, id)
		n.label, n.state, n.keyHash = v.Name, v.State, v.KeyHash
		return n, err
	}
	v, err := a.cfg.Store.Switches.Get(ctx, org, id)
	n.label, n.state, n.keyHash, n.site = v.Name, v.State, v.KeyHash, v.Site
	return n, err
}

// IssueEnrolment makes the code that enrols a switch, a bridge or an app once, within the hour; earlier codes for it are void.
func (a *Authority) IssueEnrolment(ctx context.Context, org, id string) (rest.EnrolmentCode, error) {
	if ident.KindOf(id) == ident.Device {
		return a.issueForApp(ctx, org, id)
	}
	n, err := a.node(ctx, org, id)
	if err != nil {
		return rest.EnrolmentCode{}, err
	}
	if n.state == revoked {
		return rest.EnrolmentCode{}, errs.New(errs.Revoked, "%s %s was revoked, which is for good: add a new %s", n.Kind, n.label, n.Kind)
	}
	c, err := a.issueCode(ctx, org, id)
	if n.Kind == trust.Bridge {
		c.Bridge = id
	} else {
		c.Switch = id
	}
	return c, err
}

// issueCode makes the code of a switch, a bridge or a device.
func (a *Authority) issueCode(ctx context.Context, org, subject string) (rest.EnrolmentCode, error) {
	code, hash := enrol.NewCode(a.spki)
	expires := a.cfg.Now().Add(CodeLifetime).UTC()
	if err := a.cfg.Store.CreateEnrolment(ctx, store.Enrolment{Hash: hash, Org: org, Subject: subject, ExpiresAt: expires}); err != nil {
		return rest.EnrolmentCode{}, err
	}
	a.cfg.Log.Info("issued an enrolment code", "org", org, "for", subject)
	return rest.EnrolmentCode{Code: code, ExpiresAt: expires}, nil
}

// Enrol gives a node the identity that its code stands for. The same code with the same key gets the same certificate.
func (a *Authority) Enrol(ctx context.Context, q enrol.Request) (enrol.Response, error) {
	key, hash, err := keyOfCSR(q.CSR)
	if err != nil {
		return enrol.Response{}, err
	}
	if b, err := base64.RawURLEncoding.DecodeString(q.SigningKey); err != nil || len(b) != ed25519.PublicKeySize {
		return enrol.Response{}, errs.New(errs.Invalid, "signing_key: want an Ed25519 public key in unpadded base64url")
	}
	e, err := a.cfg.Store.UseEnrolment(ctx, enrol.HashSecret(q.Secret), hash, kindOf(q.Kind), a.cfg.Now())
	if err != nil {
		return enrol.Response{}, err
	}
	n, err := a.node(ctx, e.Org, e.Subject)
	if err != nil {
		return enrol.Response{}, err
	}
	info, err := a.info(ctx, n)
	if err != nil {
		return enrol.Response{}, err
	}
	leaf, chain, err := a.certify(ctx, n.Name, key, true)
	if err != nil {
		return enrol.Response{}, err
	}
	if err := a.cfg.Store.SetEnrolled(ctx, n.Org, n.ID, hash, q.SigningKey, leaf.NotAfter); err != nil {
		return enrol.Response{}, err
	}
	a.cfg.Log.Info("enrolled a node", "org", n.Org, "kind", n.Kind, "node", n.ID, "key", hash)
	return enrol.Response{Info: info, Chain: string(chain), Root: string(certPEM(a.root.cert.Raw))}, nil
}

// kindOf is the kind that the ids of such nodes have. What this release does not know is what its code says.
func kindOf(node string) ident.Kind {
	switch node {
	case trust.Switch:
		return ident.Switch
	case trust.Bridge:
		return ident.Bridge
	}
	return ""
}

// info collects what a node is told of itself. A bridge has no site, and no use for the keys of site copies.
func (a *Authority) info(ctx context.Context, n node) (enrol.Info, error) {
	o, err := a.cfg.Store.Organizations.Get(ctx, n.Org, n.Org)
	if err != nil {
		return enrol.Info{}, err
	}
	i := enrol.Info{Org: n.Org, OrgName: o.Name, Node: n.ID, NodeName: n.label, Kind: n.Kind, Realm: n.Org, Fabric: a.cfg.Fabric()}
	if i.SessionKeys, err = a.SessionKeys(ctx, n.Org); err != nil || n.Kind != trust.Switch {
		return i, err
	}
	site, err := a.cfg.Store.Sites.Get(ctx, n.Org, n.site)
	if err != nil {
		return enrol.Info{}, err
	}
	i.Site, i.SiteCode, i.SiteName = site.ID, site.Code, site.Name
	i.CopyKeys, err = a.CopyKeys(ctx, n.Org)
	return i, err
}

// Renew makes a new certificate for the key that a switch or a bridge enrolled with.
func (a *Authority) Renew(ctx context.Context, org, id string, csrDER []byte) (chainPEM string, err error) {
	key, hash, err := keyOfCSR(csrDER)
	if err != nil {
		return "", err
	}
	n, err := a.node(ctx, org, id)
	if err != nil {
		return "", err
	}
	switch {
	case n.state == revoked:
		return "", errs.New(errs.Revoked, "%s %s was revoked", n.Kind, n.label)
	case n.keyHash != hash:
		return "", errs.New(errs.Forbidden, "%s %s enrolled with another key: renewal keeps the key, a new key needs an enrolment code", n.Kind, n.label)
	}
	leaf, chain, err := a.certify(ctx, n.Name, key, false)
	if err != nil {
		return "", err
	}
	if err := a.cfg.Store.SetRenewed(ctx, org, id, hash, leaf.NotAfter); err != nil {
		return "", err
	}
	a.cfg.Log.Info("renewed a certificate", "org", org, "kind", n.Kind, "node", id, "expires", leaf.NotAfter)
	return string(chain), nil
}

// certify makes the certificate of a node and keeps it; repeat returns the last one if it is for the same key and no
// older than a code can be.
func (a *Authority) certify(ctx context.Context, n trust.Name, key *ecdsa.PublicKey, repeat bool) (*x509.Certificate, []byte, error) {
	now := a.cfg.Now()
	if repeat {
		leaf, chain, err := a.certificate(ctx, n)
		switch {
		case err == nil && key.Equal(leaf.PublicKey) && now.Before(leaf.NotBefore.Add(backdate+CodeLifetime)):
			return leaf, chain, nil
		case err != nil && errs.CodeOf(err) != errs.NotFound:
			return nil, nil, err
		}
	}
	ca, err := a.intermediate(ctx, n.Org)
	if err != nil {
		return nil, nil, err
	}
	leaf, chain, err := ca.issueNode(n, key, now)
	if err != nil {
		return nil, nil, err
	}
	return leaf, chain, a.custody.put(ctx, certificateName(n), chain)
}

// certificate returns the last certificate of a node, or errs.NotFound.
func (a *Authority) certificate(ctx context.Context, n trust.Name) (*x509.Certificate, []byte, error) {
	chain, err := a.custody.get(ctx, certificateName(n))
	if err != nil {
		return nil, nil, err
	}
	block, _ := pem.Decode(chain)
	if block == nil {
		return nil, nil, errs.New(errs.Internal, "stored certificate of %s is not PEM", n)
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	return leaf, chain, err
}

func certificateName(n trust.Name) string { return "certificate/" + n.Org + "/" + n.ID }

// Revoke takes trust from a switch or a bridge for good. The signed statement is for nodes that the cloud cannot reach now.
func (a *Authority) Revoke(ctx context.Context, org, node, reason string) error {
	if err := a.cfg.Store.RevokeNode(ctx, org, node); err != nil {
		return err
	}
	r, err := a.ring(ctx, org, forCopies)
	if err != nil {
		return err
	}
	now := a.cfg.Now()
	k := r.signer(now)
	number, err := a.cfg.Store.AddRevocation(ctx, org, node, func(number, previous uint64) (string, error) {
		return sitecopy.SignRevocation(k.kid, k.private, sitecopy.Revocation{
			Head: sitecopy.Head{Org: org, ID: node, Version: number, Issued: now.Unix()},
			Node: node, Reason: reason, Previous: &previous,
		})
	})
	if err != nil {
		return err
	}
	a.cfg.Log.Info("revoked a node", "org", org, "node", node, "number", number, "reason", reason)
	return nil
}

// keyOfCSR returns the key that a certificate request proves possession of, and its hash; nothing else in it counts.
func keyOfCSR(der []byte) (*ecdsa.PublicKey, string, error) {
	csr, err := x509.ParseCertificateRequest(der)
	if err != nil {
		return nil, "", errs.New(errs.Invalid, "csr: %w", err)
	}
	if err := csr.CheckSignature(); err != nil {
		return nil, "", errs.New(errs.Invalid, "csr: %w", err)
	}
	key, ok := csr.PublicKey.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, "", errs.New(errs.Invalid, "csr: the key is %s, want ECDSA on P-256", csr.PublicKeyAlgorithm)
	}
	hash, err := trust.KeyHash(key)
	return key, hash, err
}
