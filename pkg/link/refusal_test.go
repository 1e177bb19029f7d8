package link

import (
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"strowger/pkg/errs"
	"strowger/pkg/ident"
	"strowger/pkg/trust"
)

// Each row is a dialler or a listener that must not get a link. code is what Connect says.
func TestRefusals(t *testing.T) {
	o := newOrg(t)
	other := &org{id: ident.New(ident.Organization), root: o.root}
	other.issuer = o.root.Intermediate(t, other.id)
	with := func(cert tls.Certificate) func(*Config) {
		return func(c *Config) { c.Certificate = func() tls.Certificate { return cert } }
	}
	self := o.name()
	revoke := func(code errs.Code) func(*Config) {
		return func(c *Config) {
			c.Authorize = func(p trust.Name, _ string, _ bool) error { return errs.New(code, "%s is not welcome", p) }
		}
	}
	for _, row := range []struct {
		name              string
		dialler, listener func(*Config)
		code              errs.Code
		words             string
	}{
		// It finds first that the listener was issued by another intermediate than itself.
		{name: "dialler of an unknown CA", dialler: with(newOrg(t).issuer.Node(t, o.name(), nil)), code: errs.WrongOrganization},
		{name: "listener of an unknown CA", listener: with(newOrg(t).issuer.Node(t, self, nil)), code: errs.Unauthenticated},
		{name: "listener of another organization", listener: with(other.issuer.Node(t, other.name(), nil)), code: errs.WrongOrganization},
		{name: "another organization's intermediate in our name", listener: with(other.issuer.Node(t, self, nil)), code: errs.WrongOrganization},
		{name: "listener without a node's name", listener: with(o.issuer.Node(t, self, func(c *x509.Certificate) { c.URIs = nil })), code: errs.Invalid},
		{name: "listener with a web name", listener: with(o.issuer.Node(t, self, func(c *x509.Certificate) {
			c.URIs = []*url.URL{{Scheme: "https", Host: "example.org"}}
		})), code: errs.Invalid},
		{name: "a bridge for a switch", listener: with(o.issuer.Node(t, trust.Name{Org: o.id, Kind: trust.Bridge, ID: ident.New(ident.Bridge)}, nil)), code: errs.WrongNode},
		{name: "an agent", listener: with(o.issuer.Node(t, trust.Name{Org: o.id, Kind: trust.Agent, ID: ident.New(ident.Agent)}, nil)), code: errs.Forbidden},
		{name: "not for servers", listener: with(o.issuer.Node(t, self, func(c *x509.Certificate) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
		})), code: errs.Unauthenticated},
		{name: "not yet valid", listener: with(o.issuer.Node(t, self, func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = time.Now().Add(time.Hour), time.Now().Add(2*time.Hour)
		})), code: errs.ClockSkew, words: "before: the clock of this machine"},
		{name: "not yet valid by the listener's clock", listener: func(c *Config) {
			c.Now = func() time.Time { return time.Now().Add(-49 * time.Hour) }
		}, code: errs.ClockSkew, words: "set the clocks of both"},
		{name: "issued by the root", listener: with(o.root.Node(t, self, nil)), code: errs.WrongOrganization},
		{name: "listener revoked", dialler: revoke(errs.Revoked), code: errs.Revoked},
		{name: "dialler revoked", listener: revoke(errs.Revoked), code: errs.Revoked},
		{name: "dialler not listed", listener: revoke(errs.Forbidden), code: errs.Forbidden},
	} {
		t.Run(row.name, func(t *testing.T) {
			xc, yc := o.config(t), o.config(t)
			if row.dialler != nil {
				row.dialler(&xc)
			}
			if row.listener != nil {
				row.listener(&yc)
			}
			x, y := start(t, xc), start(t, yc)
			_, err := x.Connect(t.Context(), y.designated())
			wantCode(t, err, row.code)
			if !strings.Contains(err.Error(), row.words) {
				t.Errorf("%q does not say %q", err, row.words)
			}
			if x.Counters().Refused == 0 {
				t.Error("the refusal is not counted")
			}
			eventually(t, "end of the connection", func() bool { return y.Counters().Links == 0 })
		})
	}
}

// The dialler's own doubts must not hide what the listener does with strangers.
func TestListenerRefusesStrangers(t *testing.T) {
	o, stranger := newOrg(t), newOrg(t)
	y := start(t, o.config(t))
	for name, cert := range map[string]tls.Certificate{
		"unknown CA":      stranger.issuer.Node(t, o.name(), nil),
		"no node":         o.issuer.Node(t, o.name(), func(c *x509.Certificate) { c.URIs = nil }),
		"not for clients": o.issuer.Node(t, o.name(), func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }),
		"the node itself": y.cfg.Certificate(),
		"no certificate":  {},
	} {
		before := y.Counters()
		conf := &tls.Config{InsecureSkipVerify: true, NextProtos: []string{ALPN}}
		if cert.Certificate != nil {
			conf.Certificates = []tls.Certificate{cert}
		}
		qc, err := quic.DialAddr(t.Context(), y.Addr().String(), conf, &quic.Config{EnableDatagrams: true})
		if err == nil {
			<-qc.Context().Done() // a TLS 1.3 client is done before the server has judged its certificate
			err = context.Cause(qc.Context())
		}
		if err == nil || !strings.Contains(err.Error(), "CRYPTO_ERROR") {
			t.Errorf("%s: %v", name, err)
		}
		if after := y.Counters(); after.Accepted != before.Accepted || after.Links != 0 {
			t.Errorf("%s: %+v", name, after)
		}
	}
}

func TestHandshakeTakesNothingLess(t *testing.T) {
	o := newOrg(t)
	y := start(t, o.config(t))
	cert := o.issuer.Node(t, o.name(), nil)
	for name, change := range map[string]func(*tls.Config){
		"classical key exchange": func(c *tls.Config) { c.CurvePreferences = []tls.CurveID{tls.X25519} },
		"another protocol":       func(c *tls.Config) { c.NextProtos = []string{"h3"} },
	} {
		conf := &tls.Config{InsecureSkipVerify: true, NextProtos: []string{ALPN}, Certificates: []tls.Certificate{cert}}
		change(conf)
		if _, err := quic.DialAddr(t.Context(), y.Addr().String(), conf, nil); err == nil {
			t.Errorf("%s: a handshake", name)
		}
	}
}

func TestPinMismatch(t *testing.T) {
	o := newOrg(t)
	x, y, z := start(t, o.config(t)), start(t, o.config(t)), start(t, o.config(t))
	wrongKey := y.designated()
	wrongKey.KeyHash = z.designated().KeyHash
	wrongNode := y.designated()
	wrongNode.ID = z.cfg.Name.ID
	for range 2 { // the second time with a link up
		_, err := x.Connect(t.Context(), wrongKey)
		wantCode(t, err, errs.WrongNode)
		_, err = x.Connect(t.Context(), wrongNode)
		wantCode(t, err, errs.WrongNode)
		x.connect(t, y)
	}
	_, err := x.Connect(t.Context(), x.designated())
	wantCode(t, err, errs.WrongNode)
}

func TestExpiredCertificateLinksWhileListed(t *testing.T) {
	o := newOrg(t)
	cfg := o.config(t)
	expired := o.issuer.Node(t, cfg.Name, func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(-time.Minute)
	})
	cfg.Certificate = func() tls.Certificate { return expired }
	x, y := start(t, o.config(t)), start(t, cfg)
	x.connect(t, y)
	y.connect(t, start(t, o.config(t)))
}

func TestRenewalKeepsTheKey(t *testing.T) {
	o := newOrg(t)
	cfg := o.config(t)
	var current atomic.Pointer[tls.Certificate]
	first := o.issuer.Node(t, cfg.Name, nil)
	current.Store(&first)
	cfg.Certificate = func() tls.Certificate { return *current.Load() }
	x, y := start(t, o.config(t)), start(t, cfg)
	to := y.designated()

	key, ok := first.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		t.Fatalf("key is %T", first.PrivateKey)
	}
	leaf := o.issuer.Sign(t, &x509.Certificate{
		URIs: first.Leaf.URIs, ExtKeyUsage: first.Leaf.ExtKeyUsage, NotBefore: first.Leaf.NotBefore, NotAfter: first.Leaf.NotAfter.Add(time.Hour),
	}, key.Public())
	renewed := tls.Certificate{PrivateKey: key, Leaf: leaf, Certificate: [][]byte{leaf.Raw, o.issuer.Cert.Raw}}
	up := x.connect(t, y)
	y.linked(t, x)
	current.Store(&renewed)
	if now := x.connect(t, y); now != up || up.Err() != nil {
		t.Errorf("renewal ended the link that was up: %v", up.Err())
	}
	up.close(closeIdle, "")
	wait(t, "end of the link", up.Done())

	c, err := x.Connect(t.Context(), to)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.qc.ConnectionState().TLS.PeerCertificates[0].NotAfter; !got.Equal(leaf.NotAfter) {
		t.Errorf("the peer shows a certificate until %v, want %v", got, leaf.NotAfter)
	}
}

func TestDropEndsARevokedLink(t *testing.T) {
	o := newOrg(t)
	var revoked sync.Map
	cfg := o.config(t)
	cfg.Authorize = func(p trust.Name, _ string, _ bool) error {
		if _, ok := revoked.Load(p.ID); ok {
			return errs.New(errs.Revoked, "%s is revoked", p)
		}
		return nil
	}
	x, y := start(t, o.config(t)), start(t, cfg)
	c := x.connect(t, y)
	defer c.Hold()()
	y.linked(t, x)
	revoked.Store(x.cfg.Name.ID, true)
	y.Drop(x.cfg.Name.ID, "stolen")
	wait(t, "end of the link", c.Done())
	wantCode(t, c.Err(), errs.Revoked)
	_, err := x.Connect(t.Context(), y.designated())
	wantCode(t, err, errs.Revoked)
	_, err = y.Connect(t.Context(), x.designated())
	wantCode(t, err, errs.Revoked)
}

// A revocation that comes after the handshake and before the link is listed finds nothing to drop.
func TestRevokedWhileGreeting(t *testing.T) {
	o := newOrg(t)
	cfg := o.config(t)
	var asked atomic.Int32
	cfg.Authorize = func(p trust.Name, _ string, _ bool) error {
		if asked.Add(1) > 1 {
			return errs.New(errs.Revoked, "%s is revoked", p)
		}
		return nil
	}
	x, y := start(t, o.config(t)), start(t, cfg)
	if c, err := x.Connect(t.Context(), y.designated()); err == nil {
		wait(t, "end of the link", c.Done())
	}
	eventually(t, "refusal", func() bool { n := y.Counters(); return n.Refused == 1 && n.Links == 0 })
}

// A peer that greets wrongly is an authenticated node with a fault or of a later release.
func TestBadGreetings(t *testing.T) {
	o := newOrg(t)
	cfg := o.config(t)
	cfg.Times.Opener = time.Second
	y, hasty := start(t, o.config(t)), start(t, cfg)
	name := o.name()
	cert := o.issuer.Node(t, name, nil)
	control := string(encodeLine(opener{Stream: streamControl, V: version}))
	for what, text := range map[string]string{
		"silence":          "",
		"no control":       "{\"stream\":\"sip\",\"v\":1}\n",
		"another node":     control + "{\"v\":1,\"node\":\"sw_x\",\"boot\":\"bo_x\"}\n",
		"no boot id":       control + "{\"v\":1,\"node\":\"" + name.ID + "\"}\n",
		"a later version":  control + "{\"v\":2,\"node\":\"" + name.ID + "\",\"boot\":\"bo_x\"}\n",
		"an endless line":  control + strings.Repeat("x", 2*maxLine),
		"no JSON at all":   control + "hello\n",
		"a broken message": control + "{\"v\":1,\"node\":\"" + name.ID + "\",\"boot\":\"bo_x\"}\n[]\n",
	} {
		conf := &tls.Config{InsecureSkipVerify: true, NextProtos: []string{ALPN}, Certificates: []tls.Certificate{cert}}
		to := y
		if text == "" {
			to = hasty
		}
		qc, err := quic.DialAddr(t.Context(), to.Addr().String(), conf, &quic.Config{EnableDatagrams: true})
		if err != nil {
			t.Fatal(err)
		}
		s, err := qc.OpenStreamSync(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Write([]byte(text)); err != nil && len(text) < maxLine {
			t.Fatal(err)
		}
		<-qc.Context().Done()
		var code quic.ApplicationErrorCode
		if app, ok := context.Cause(qc.Context()).(*quic.ApplicationError); ok {
			code = app.ErrorCode
		}
		if code != closeProtocol {
			t.Errorf("%s: closed with %v", what, context.Cause(qc.Context()))
		}
	}
	eventually(t, "end of the links", func() bool { return y.Counters().Links+hasty.Counters().Links == 0 })
}
