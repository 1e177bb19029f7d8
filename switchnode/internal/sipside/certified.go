package sipside

import (
	"crypto/x509"
	"strings"

	"strowger/pkg/errs"
	"strowger/pkg/sip"
	"strowger/switchnode/internal/call"
)

// Certificates is how phones show who they are over TLS, beside a password.
type Certificates struct {
	CAs *x509.CertPool // of the makers; nil: certificates of phones say nothing
	// Named finds the account whose phone shows a certificate with a name, in lower case.
	Named func(name string) (username string, ok bool)
}

// SignIn is what a phone whose account names a certificate has to show.
type SignIn string

// The ways to sign in.
const (
	Either      SignIn = ""
	Certificate SignIn = "certificate"
	Both        SignIn = "both"
)

// certified finds the account of the certificate that a peer showed when it connected. It is looked at for each request: a certificate whose name is
// taken from its device is none from then on.
func (p *Phones) certified(from sip.Peer) (username string, ok bool) {
	c := p.cfg.Certificates
	if c.CAs == nil || from.Transport != sip.TLS {
		return "", false
	}
	chain := p.sip.Certificates(from)
	if len(chain) == 0 {
		return "", false
	}
	between := x509.NewCertPool()
	for _, one := range chain[1:] {
		between.AddCert(one)
	}
	if _, err := chain[0].Verify(x509.VerifyOptions{
		Roots: c.CAs, Intermediates: between, CurrentTime: p.cfg.Now(),
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}, // makers' are for whatever: RFC 5924, 4, leaves that to who looks
	}); err != nil {
		return "", false
	}
	for _, name := range names(chain[0]) {
		if username, ok := c.Named(name); ok {
			return username, true
		}
	}
	return "", false
}

// names are those that a certificate is for, in lower case: RFC 5922, 7.1: SIP URIs, else names of hosts, and the common name only of one that has
// neither, as most makers' have. None stands for several (7.2).
func names(c *x509.Certificate) (all []string) {
	for _, u := range c.URIs {
		if strings.EqualFold(u.Scheme, "sip") {
			all = append(all, strings.ToLower(u.String()))
		}
	}
	if len(all) == 0 {
		for _, host := range c.DNSNames {
			all = append(all, strings.ToLower(host))
		}
	}
	if len(all) == 0 && c.Subject.CommonName != "" {
		all = append(all, strings.ToLower(c.Subject.CommonName))
	}
	return all
}

// signedIn says why an account that showed a password may not go on with that alone.
func (p *Phones) signedIn(a Account, username string, from sip.Peer) *denial {
	if a.SignIn == Either {
		return nil
	}
	if shown, ok := p.certified(from); ok && shown == username {
		return nil
	}
	p.refuses(noCertificate, username, from)
	return &denial{code: 403, cause: call.CauseOf(errs.Unauthenticated, "This phone has to show its certificate, over TLS")}
}

// byCertificate is the account of the certificate that a peer showed, if that is all that it has to show. A password of another account comes before it.
func (p *Phones) byCertificate(from sip.Peer, credentials []string) (Account, bool) {
	username, ok := p.certified(from)
	if !ok {
		return Account{}, false
	}
	a, known := p.cfg.Accounts(username)
	if !known || a.SignIn == Both {
		return Account{}, false
	}
	for _, c := range credentials {
		if !strings.Contains(c, `username="`+username+`"`) {
			return Account{}, false
		}
	}
	return a, true
}
