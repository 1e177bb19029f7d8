package authority

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/url"
	"testing"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/rest"
	"strowger/pkg/trust"
)

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	return must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
}

// verify checks a leaf as a node or the fabric does: root, intermediate, now.
func (i *installation) verify(leaf *x509.Certificate, ca issuer) error {
	roots, inter := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(i.Root())
	inter.AddCert(ca.cert)
	_, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: inter, CurrentTime: i.clock(),
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	return err
}

func TestNodeCertificate(t *testing.T) {
	i := install(t)
	ca := must[issuer](t)(i.intermediate(t.Context(), i.org.ID))
	key, name := newKey(t), trust.Name{Org: i.org.ID, Kind: trust.Switch, ID: i.sw.ID}
	leaf, _, err := ca.issueNode(name, &key.PublicKey, i.clock())
	if err != nil {
		t.Fatal(err)
	}
	if err := i.verify(leaf, ca); err != nil {
		t.Error(err)
	}
	if got := must[trust.Name](t)(trust.NameOf(leaf)); got != name {
		t.Errorf("name is %s, want %s", got, name)
	}
	if left := leaf.NotAfter.Sub(i.clock()); left != leafLifetime {
		t.Errorf("valid for %v, want %v", left, leafLifetime)
	}
	if leaf.IsCA || leaf.KeyUsage != x509.KeyUsageDigitalSignature || len(leaf.DNSNames)+len(leaf.IPAddresses) != 0 {
		t.Errorf("leaf has CA %v, usage %v, names %v %v", leaf.IsCA, leaf.KeyUsage, leaf.DNSNames, leaf.IPAddresses)
	}
	i.pass(leafLifetime + time.Second)
	if err := i.verify(leaf, ca); err == nil {
		t.Error("verifies after its end")
	}
}

// TestIntermediateNamesOnlyItsOwn signs with a stolen intermediate what it must not sign.
func TestIntermediateNamesOnlyItsOwn(t *testing.T) {
	i := install(t)
	ca := must[issuer](t)(i.intermediate(t.Context(), i.org.ID))
	key := newKey(t)
	forge := func(change func(*x509.Certificate)) *x509.Certificate {
		template := leafTemplate("forged", i.clock())
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}
		template.URIs = []*url.URL{trust.Name{Org: i.org.ID, Kind: trust.Switch, ID: "sw_1"}.URI()}
		change(template)
		return must[*x509.Certificate](t)(ca.issue(template, &key.PublicKey))
	}
	if err := i.verify(forge(func(*x509.Certificate) {}), ca); err != nil {
		t.Fatalf("its own node: %v", err)
	}
	for name, change := range map[string]func(*x509.Certificate){
		"another organization": func(c *x509.Certificate) {
			c.URIs = []*url.URL{trust.Name{Org: "org_other", Kind: trust.Switch, ID: "sw_1"}.URI()}
		},
		"a DNS name":   func(c *x509.Certificate) { c.DNSNames = []string{"cloud.example.net"} },
		"an address":   func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(192, 0, 2, 1)} },
		"an address 6": func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv6loopback} },
	} {
		if err := i.verify(forge(change), ca); err == nil {
			t.Errorf("%s verifies", name)
		}
	}
	sub := forge(func(c *x509.Certificate) { c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign })
	leaf, _, err := issuer{key: key, cert: sub}.issueNode(trust.Name{Org: i.org.ID, Kind: trust.Switch, ID: "sw_2"}, &newKey(t).PublicKey, i.clock())
	if err != nil {
		t.Fatal(err)
	}
	roots, inter := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(i.Root())
	inter.AddCert(ca.cert)
	inter.AddCert(sub)
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: inter, CurrentTime: i.clock()}); err == nil {
		t.Error("a certificate authority below the intermediate verifies")
	}
}

func TestCertificatesStayAcrossRuns(t *testing.T) {
	i := install(t)
	ctx := t.Context()
	first := must[*x509.Certificate](t)(i.Intermediate(ctx, i.org.ID))
	second := i.reopen(t)
	if !second.Root().Equal(i.Root()) || !bytes.Equal(second.SPKIPin(), i.SPKIPin()) {
		t.Error("root or pin changed in another run")
	}
	if again := must[*x509.Certificate](t)(second.Intermediate(ctx, i.org.ID)); !again.Equal(first) {
		t.Error("intermediate changed in another run")
	}
	other := rest.Organization{Name: "Other", Enabled: true}
	if err := i.store.Organizations.Create(ctx, "", &other); err != nil {
		t.Fatal(err)
	}
	if o := must[*x509.Certificate](t)(i.Intermediate(ctx, other.ID)); o.Equal(first) {
		t.Error("two organizations share an intermediate")
	}
	_, err := i.Intermediate(ctx, "org_nobody")
	wantCode(t, err, errs.NotFound, "org_nobody")
}

func TestServerTLS(t *testing.T) {
	i := install(t)
	cfg := must[*tls.Config](t)(i.ServerTLS([]string{"cloud.example.net", "192.0.2.1", "2001:db8::1"}))
	first := must[*tls.Certificate](t)(cfg.GetCertificate(nil))
	roots := x509.NewCertPool()
	roots.AddCert(i.Root())
	for _, host := range []string{"cloud.example.net", "192.0.2.1", "[2001:db8::1]"} {
		if _, err := first.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: host, CurrentTime: i.clock()}); err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
	if _, err := first.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: "other.example.net", CurrentTime: i.clock()}); err == nil {
		t.Error("verifies for another host")
	}
	i.pass(leafLifetime - renewBefore - time.Second)
	if again := must[*tls.Certificate](t)(cfg.GetCertificate(nil)); again != first {
		t.Error("renewed too early")
	}
	i.pass(time.Second)
	renewed := must[*tls.Certificate](t)(cfg.GetCertificate(nil))
	if renewed == first || !bytes.Equal(renewed.Leaf.RawSubjectPublicKeyInfo, first.Leaf.RawSubjectPublicKeyInfo) {
		t.Error("not renewed in time, or with another key")
	}
	_, err := i.ServerTLS(nil)
	wantCode(t, err, errs.Invalid, "host")
}
