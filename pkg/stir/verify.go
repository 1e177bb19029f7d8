package stir

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// MaxAge is how far from now a call may have been signed, before or after (RFC 8224, 12.1).
const MaxAge = time.Minute

// maxHeaders is how many Identity headers of a request are looked at.
const maxHeaders = 4

// Call is what an INVITE says of itself.
type Call struct {
	Identity []string  // the values of its Identity headers
	Caller   Name      // as the callee is shown: of P-Asserted-Identity if that is what is shown, else of From
	Called   []Name    // of To, and of the number that this was understood as
	Date     time.Time // of its Date header; zero without one
	ID       string    // Call-ID: the same INVITE may come several times
}

// Verifier verifies calls. It may be used by many goroutines.
type Verifier struct {
	roots        atomic.Pointer[x509.CertPool]
	certificates Certificates
	seen         *memory
}

// NewVerifier returns a Verifier that trusts the roots.
func NewVerifier(roots *x509.CertPool, c Certificates) *Verifier {
	v := &Verifier{certificates: c, seen: newMemory(maxSeen)}
	v.Trust(roots)
	return v
}

// Trust has other roots trusted from now on.
func (v *Verifier) Trust(roots *x509.CertPool) { v.roots.Store(roots) }

// Verify judges a call. It may take as long as its Certificates do.
func (v *Verifier) Verify(ctx context.Context, now time.Time, c Call) Verdict {
	verdict := Verdict{Code: NoSignature}
	for _, value := range c.Identity[:min(len(c.Identity), maxHeaders)] {
		one := v.judge(ctx, now, c, value)
		if one.Code == Verified {
			return one
		}
		if verdict.Code == NoSignature {
			verdict = one
		}
	}
	return verdict
}

// judge verifies one header.
func (v *Verifier) judge(ctx context.Context, now time.Time, c Call, value string) Verdict {
	p, err := v.verify(ctx, now, c, value)
	var f *failure
	switch {
	case errors.As(err, &f):
		return Verdict{Code: f.code, Words: f.words}
	case err != nil:
		return Verdict{Code: Malformed, Words: err.Error()}
	}
	return Verdict{Code: Verified, Attest: p.Attest, OrigID: p.OrigID}
}

func (v *Verifier) verify(ctx context.Context, now time.Time, c Call, value string) (p PASSporT, err error) {
	h, err := ParseHeader(value)
	if err != nil {
		return p, err
	}
	if !readable(h.Type) {
		return p, failed(NoSignature, "extension %.20q is not known", h.Type)
	}
	if h.Algorithm != "" && h.Algorithm != jwt.SigningMethodES256.Alg() {
		return p, failed(Unsupported, "signed with %.20q, want ES256", h.Algorithm)
	}
	tokens := []string{h.Token}
	if signature, compact := strings.CutPrefix(h.Token, ".."); compact {
		if tokens, err = rebuilt(h, c, signature); err != nil {
			return p, err
		}
	}
	for _, token := range tokens {
		if p, err = v.token(ctx, now, c, h, token); err == nil {
			break
		}
	}
	return p, err
}

// readable says whether this package knows an extension of the PASSporT.
func readable(ppt string) bool { return ppt == "" || ppt == Shaken }

// rebuilt returns what a PASSporT in compact form may have been in full (RFC 8224, 4.1): one for each name that is called.
func rebuilt(h Header, c Call, signature string) (tokens []string, err error) {
	switch {
	case h.Type != "":
		return nil, failed(Malformed, "a PASSporT with extension %q wants the full form", h.Type)
	case c.Date.IsZero():
		return nil, failed(Malformed, "a PASSporT in compact form wants a Date header")
	}
	for _, called := range c.Called {
		p := PASSporT{URL: h.Info, Orig: c.Caller, Dest: []Name{called}, IssuedAt: c.Date.Unix()}
		unsigned, err := p.unsigned()
		if err != nil {
			return nil, err
		}
		tokens = append(tokens, unsigned+"."+signature)
	}
	if len(tokens) == 0 {
		return nil, failed(WrongCallee, "the call is to nobody")
	}
	return tokens, nil
}

// token verifies a PASSporT in full form.
func (v *Verifier) token(ctx context.Context, now time.Time, c Call, h Header, token string) (PASSporT, error) {
	p, signature, err := parse(token)
	switch {
	case errors.Is(err, errAlgorithm):
		return p, failed(Unsupported, "%w", err)
	case err != nil:
		return p, err
	case !readable(p.Type):
		return p, failed(NoSignature, "extension %.20q is not known", p.Type)
	case h.Type != "" && h.Type != p.Type:
		return p, failed(Malformed, "the header has extension %.20q, the PASSporT in it %.20q", h.Type, p.Type)
	}
	if err := p.matches(now, c); err != nil {
		return p, err
	}
	chain, err := v.certificates.Chain(ctx, now, p.URL)
	if err != nil {
		return p, failed(NoCertificate, "%w", err)
	}
	key, err := v.trusted(chain, now, p.Orig)
	if err != nil {
		return p, err
	}
	unsigned := token[:strings.LastIndexByte(token, '.')]
	if err := jwt.SigningMethodES256.Verify(unsigned, signature, key); err != nil {
		return p, failed(BadSignature, "the signature does not match the certificate at %s", p.URL)
	}
	return p, v.seen.admit(now, unsigned, signature, c.ID)
}

// matches says whether the claims are of this call and of now (RFC 8224, 6.2, steps 2 and 4).
func (p PASSporT) matches(now time.Time, c Call) error {
	age := now.Sub(time.Unix(p.IssuedAt, 0))
	switch {
	case age > MaxAge:
		return failed(Stale, "signed %v ago, at most %v are allowed", age.Round(time.Second), MaxAge)
	case age < -MaxAge:
		return failed(Stale, "signed %v ahead of this clock, at most %v are allowed", -age.Round(time.Second), MaxAge)
	case p.Orig != c.Caller:
		return failed(WrongCaller, "signed for caller %.40q, the call says %.40q", p.Orig, c.Caller)
	case !slices.ContainsFunc(p.Dest, func(n Name) bool { return slices.Contains(c.Called, n) }):
		return failed(WrongCallee, "signed for a call to %.40q, this one is to %.80q", p.Dest[0], join(c.Called))
	}
	return nil
}

func join(names []Name) string {
	var all []string
	for _, n := range names {
		all = append(all, n.String())
	}
	return strings.Join(all, " or ")
}

// trusted returns the key of a certificate that leads to a root and may speak for the caller.
func (v *Verifier) trusted(chain []*x509.Certificate, now time.Time, caller Name) (*ecdsa.PublicKey, error) {
	if _, err := mayCall(chain[0]); err != nil {
		return nil, failed(Untrusted, "%w", err)
	}
	key, ok := chain[0].PublicKey.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, failed(Untrusted, "the key of certificate %q is not on P-256", chain[0].Subject)
	}
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	paths, err := chain[0].Verify(x509.VerifyOptions{
		Roots: v.roots.Load(), Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	if err != nil {
		return nil, failed(Untrusted, "certificate %q: %w", chain[0].Subject, err)
	}
	if !slices.ContainsFunc(paths, func(path []*x509.Certificate) bool { return covered(path, caller) }) {
		return nil, failed(NotCovered, "certificate %q is not for %.40q", chain[0].Subject, caller)
	}
	return key, nil
}

// covered says whether every list along a path covers the caller: nobody hands on more than they have (RFC 9060, 4).
func covered(path []*x509.Certificate, caller Name) bool {
	return !slices.ContainsFunc(path, func(c *x509.Certificate) bool {
		a, listed, err := authorityOf(c)
		return err != nil || constrained(c) || listed && !a.Covers(caller.Number)
	})
}

func constrained(c *x509.Certificate) bool {
	for _, e := range c.Extensions {
		if e.Id.Equal(oidConstraints) || e.Id.Equal(oidEnhanced) {
			return true
		}
	}
	return false
}

// mayCall returns for which numbers a certificate speaks, or why it signs no calls.
func mayCall(c *x509.Certificate) (Authority, error) {
	a, listed, err := authorityOf(c)
	switch {
	case err != nil:
		return a, err
	case !listed: // RFC 8226, 9
		return a, fmt.Errorf("certificate %q has no list of numbers (TNAuthList)", c.Subject)
	case c.KeyUsage&x509.KeyUsageDigitalSignature == 0: // RFC 5280, 4.2.1.3
		return a, fmt.Errorf("certificate %q is not for signatures", c.Subject)
	case constrained(c):
		return a, fmt.Errorf("certificate %q has constraints on claims, which are not evaluated", c.Subject)
	}
	return a, nil
}
