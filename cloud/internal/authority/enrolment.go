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
	"strowger/pkg/rest"
	"strowger/pkg/sitecopy"
	"strowger/pkg/trust"
)

// CodeLifetime is how long an enrolment code may be used.
const CodeLifetime = time.Hour

// State of a switch that lost its trust.
const revoked = "revoked"

// IssueEnrolment makes the code that enrols a switch once, within the hour; earlier codes for it are void.
func (a *Authority) IssueEnrolment(ctx context.Context, org, switchID string) (rest.EnrolmentCode, error) {
	sw, err := a.cfg.Store.Switches.Get(ctx, org, switchID)
	if err != nil {
		return rest.EnrolmentCode{}, err
	}
	if sw.State == revoked {
		return rest.EnrolmentCode{}, errs.New(errs.Revoked, "switch %s was revoked, which is for good: add a new switch", sw.Name)
	}
	code, hash := enrol.NewCode(a.spki)
	expires := a.cfg.Now().Add(CodeLifetime).UTC()
	if err := a.cfg.Store.CreateEnrolment(ctx, store.Enrolment{Hash: hash, Org: org, Node: switchID, ExpiresAt: expires}); err != nil {
		return rest.EnrolmentCode{}, err
	}
	a.cfg.Log.Info("issued an enrolment code", "org", org, "switch", switchID)
	return rest.EnrolmentCode{Switch: switchID, Code: code, ExpiresAt: expires}, nil
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
	e, err := a.cfg.Store.UseEnrolment(ctx, enrol.HashSecret(q.Secret), hash, a.cfg.Now())
	if err != nil {
		return enrol.Response{}, err
	}
	info, err := a.info(ctx, e.Org, e.Node)
	if err != nil {
		return enrol.Response{}, err
	}
	leaf, chain, err := a.certify(ctx, e.Org, e.Node, key, true)
	if err != nil {
		return enrol.Response{}, err
	}
	if err := a.cfg.Store.SetSwitchEnrolled(ctx, e.Org, e.Node, hash, q.SigningKey, leaf.NotAfter); err != nil {
		return enrol.Response{}, err
	}
	a.cfg.Log.Info("enrolled a switch", "org", e.Org, "switch", e.Node, "key", hash)
	return enrol.Response{Info: info, Chain: string(chain), Root: string(certPEM(a.root.cert.Raw))}, nil
}

// info collects what a switch is told of itself.
func (a *Authority) info(ctx context.Context, org, switchID string) (enrol.Info, error) {
	o, err := a.cfg.Store.Organizations.Get(ctx, org, org)
	if err != nil {
		return enrol.Info{}, err
	}
	sw, err := a.cfg.Store.Switches.Get(ctx, org, switchID)
	if err != nil {
		return enrol.Info{}, err
	}
	site, err := a.cfg.Store.Sites.Get(ctx, org, sw.Site)
	if err != nil {
		return enrol.Info{}, err
	}
	i := enrol.Info{
		Org: org, OrgName: o.Name, Site: site.ID, SiteCode: site.Code, SiteName: site.Name,
		Node: sw.ID, NodeName: sw.Name, Kind: trust.Switch, Realm: org, Fabric: a.cfg.Fabric(),
	}
	if i.SessionKeys, err = a.SessionKeys(ctx, org); err != nil {
		return enrol.Info{}, err
	}
	i.CopyKeys, err = a.CopyKeys(ctx, org)
	return i, err
}

// Renew makes a new certificate for the key that a switch enrolled with.
func (a *Authority) Renew(ctx context.Context, org, switchID string, csrDER []byte) (chainPEM string, err error) {
	key, hash, err := keyOfCSR(csrDER)
	if err != nil {
		return "", err
	}
	sw, err := a.cfg.Store.Switches.Get(ctx, org, switchID)
	if err != nil {
		return "", err
	}
	switch {
	case sw.State == revoked:
		return "", errs.New(errs.Revoked, "switch %s was revoked", sw.Name)
	case sw.KeyHash != hash:
		return "", errs.New(errs.Forbidden, "switch %s enrolled with another key: renewal keeps the key, a new key needs an enrolment code", sw.Name)
	}
	signing, err := a.cfg.Store.SwitchKeys(ctx, org)
	if err != nil {
		return "", err
	}
	leaf, chain, err := a.certify(ctx, org, switchID, key, false)
	if err != nil {
		return "", err
	}
	if err := a.cfg.Store.SetSwitchEnrolled(ctx, org, switchID, hash, signing[switchID], leaf.NotAfter); err != nil {
		return "", err
	}
	a.cfg.Log.Info("renewed a certificate", "org", org, "switch", switchID, "expires", leaf.NotAfter)
	return string(chain), nil
}

// certify makes the certificate of a switch and keeps it; repeat returns the last one if it is for the same key and no
// older than a code can be.
func (a *Authority) certify(ctx context.Context, org, switchID string, key *ecdsa.PublicKey, repeat bool) (*x509.Certificate, []byte, error) {
	now := a.cfg.Now()
	if repeat {
		leaf, chain, err := a.certificate(ctx, org, switchID)
		switch {
		case err == nil && key.Equal(leaf.PublicKey) && now.Before(leaf.NotBefore.Add(backdate+CodeLifetime)):
			return leaf, chain, nil
		case err != nil && errs.CodeOf(err) != errs.NotFound:
			return nil, nil, err
		}
	}
	ca, err := a.intermediate(ctx, org)
	if err != nil {
		return nil, nil, err
	}
	leaf, chain, err := ca.issueNode(trust.Name{Org: org, Kind: trust.Switch, ID: switchID}, key, now)
	if err != nil {
		return nil, nil, err
	}
	return leaf, chain, a.custody.put(ctx, certificateName(org, switchID), chain)
}

// certificate returns the last certificate of a switch, or errs.NotFound.
func (a *Authority) certificate(ctx context.Context, org, switchID string) (*x509.Certificate, []byte, error) {
	chain, err := a.custody.get(ctx, certificateName(org, switchID))
	if err != nil {
		return nil, nil, err
	}
	block, _ := pem.Decode(chain)
	if block == nil {
		return nil, nil, errs.New(errs.Internal, "stored certificate of switch %s is not PEM", switchID)
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	return leaf, chain, err
}

func certificateName(org, switchID string) string { return "certificate/" + org + "/" + switchID }

// Revoke takes trust from a switch for good. The signed statement is for nodes that the cloud cannot reach now.
func (a *Authority) Revoke(ctx context.Context, org, node, reason string) error {
	if err := a.cfg.Store.RevokeSwitch(ctx, org, node); err != nil {
		return err
	}
	r, err := a.ring(ctx, org, forCopies)
	if err != nil {
		return err
	}
	now := a.cfg.Now()
	k := r.signer(now)
	number, err := a.cfg.Store.AddRevocation(ctx, org, func(number, previous uint64) (string, error) {
		return sitecopy.SignRevocation(k.kid, k.private, sitecopy.Revocation{
			Head: sitecopy.Head{Org: org, ID: node, Version: number, Issued: now.Unix()},
			Node: node, Reason: reason, Previous: &previous,
		})
	})
	if err != nil {
		return err
	}
	a.cfg.Log.Info("revoked a switch", "org", org, "switch", node, "number", number, "reason", reason)
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
