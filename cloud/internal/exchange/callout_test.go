package exchange

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"

	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/ident"
	"strowger/pkg/trust"
	"strowger/pkg/trust/trusttest"
)

// rig is an exchange that is not started, with one switch, and a server that asks about it.
type rig struct {
	x        *Exchange
	name     trust.Name
	site     string
	notAfter time.Time
	chain    jwt.StringList
	server   identity
	check    error
	now      time.Time
}

func newRig(t *testing.T) *rig { return newRigOf(t, trust.Switch, ident.Switch) }

func newRigOf(t *testing.T, kind string, id ident.Kind) *rig {
	t.Helper()
	r := &rig{
		name: trust.Name{Org: ident.New(ident.Organization), Kind: kind, ID: ident.New(id)},
		site: ident.New(ident.Site), now: time.Now(), notAfter: time.Now().Add(time.Hour).Truncate(time.Second),
	}
	root := trusttest.NewRoot(t)
	middle := root.Intermediate(t, r.name.Org)
	leaf := middle.Node(t, r.name, func(c *x509.Certificate) { c.NotAfter = r.notAfter }).Leaf
	r.chain = jwt.StringList{string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.Raw}))}
	seed, err := NewSeed()
	if err != nil {
		t.Fatal(err)
	}
	keys, err := NewKeys(seed)
	if err != nil {
		t.Fatal(err)
	}
	r.x, err = New(Config{
		Listen: "127.0.0.1:0", TLS: &tls.Config{MinVersion: tls.VersionTLS13}, Root: root.Cert, Keys: keys, Instance: "cl_1",
		Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return r.now },
		Intermediate: func(context.Context, string) (*x509.Certificate, error) { return middle.Cert, nil },
		Check:        func(context.Context, trust.Name, string) (string, error) { return r.site, r.check },
	})
	if err != nil {
		t.Fatal(err)
	}
	if r.server, err = newIdentity(nkeys.CreateServer()); err != nil {
		t.Fatal(err)
	}
	return r
}

// ask gives the callout's answer, nil for silence.
func (r *rig) ask(t *testing.T, tls *jwt.ClientTLS) *jwt.AuthorizationResponseClaims {
	t.Helper()
	return r.askWith(t, tls, "")
}

func (r *rig) askWith(t *testing.T, tls *jwt.ClientTLS, token string) *jwt.AuthorizationResponseClaims {
	t.Helper()
	user, err := newIdentity(nkeys.CreateUser())
	if err != nil {
		t.Fatal(err)
	}
	q := jwt.NewAuthorizationRequestClaims(r.x.keys.issuer.public)
	q.UserNkey, q.Server.ID, q.TLS, q.ConnectOptions.Token = user.public, r.server.public, tls, token
	question, err := q.Encode(r.server.pair)
	if err != nil {
		t.Fatal(err)
	}
	response := r.x.decide(t.Context(), question)
	if response == "" {
		return nil
	}
	a, err := jwt.DecodeAuthorizationResponseClaims(response)
	if err != nil {
		t.Fatal(err)
	}
	if a.Subject != user.public || a.Audience != r.server.public || a.Issuer != r.x.keys.issuer.public {
		t.Errorf("answer about %s to %s by %s", a.Subject, a.Audience, a.Issuer)
	}
	return a
}

func (r *rig) tls() *jwt.ClientTLS { return &jwt.ClientTLS{VerifiedChains: []jwt.StringList{r.chain}} }

func TestGrantEndsWithTheCertificate(t *testing.T) {
	r := newRig(t)
	a := r.ask(t, r.tls())
	if a == nil || a.Error != "" {
		t.Fatalf("answer %+v, want a user", a)
	}
	u, err := jwt.DecodeUserClaims(a.Jwt)
	if err != nil {
		t.Fatal(err)
	}
	if u.Expires != r.notAfter.Unix() {
		t.Errorf("the user expires at %d, its certificate at %d", u.Expires, r.notAfter.Unix())
	}
	want := fabric.SwitchPermissions(r.name.Org, r.name.ID, r.site)
	if !slices.Equal(u.Pub.Allow, want.Publish) || !slices.Equal(u.Sub.Allow, want.Subscribe) || u.Resp.MaxMsgs != 1 {
		t.Errorf("permissions %+v, want %+v and one response", u.Permissions, want)
	}
	r.now = r.notAfter.Add(time.Second)
	if a := r.ask(t, r.tls()); a == nil || a.Error == "" {
		t.Errorf("after the certificate's end: %+v, want a refusal", a)
	}
}

func TestBridgeMayDoWhatBridgesDo(t *testing.T) {
	r := newRigOf(t, trust.Bridge, ident.Bridge)
	r.site = ""
	a := r.ask(t, r.tls())
	if a == nil || a.Error != "" {
		t.Fatalf("answer %+v, want a user", a)
	}
	u, err := jwt.DecodeUserClaims(a.Jwt)
	if err != nil {
		t.Fatal(err)
	}
	want := fabric.BridgePermissions(r.name.Org, r.name.ID)
	if !slices.Equal(u.Pub.Allow, want.Publish) || !slices.Equal(u.Sub.Allow, want.Subscribe) {
		t.Errorf("permissions %+v, want %+v", u.Permissions, want)
	}
}

func TestSilentWhenItCannotDecide(t *testing.T) {
	r := newRig(t)
	for name, err := range map[string]error{
		"SQL is down": errors.New("dial tcp 192.0.2.1:5432: connection refused"),
		"too slow":    context.DeadlineExceeded,
	} {
		r.check = err
		if a := r.ask(t, r.tls()); a != nil {
			t.Errorf("%s: answer %+v, want silence", name, a)
		}
	}
	r.check = errs.New(errs.Revoked, "switch %s is revoked", r.name.ID)
	if a := r.ask(t, r.tls()); a == nil || a.Error == "" {
		t.Errorf("revoked: answer %+v, want a refusal", a)
	}
	r.check, r.site = nil, "*"
	if a := r.ask(t, r.tls()); a != nil {
		t.Errorf("a registry that names the site %q: answer %+v, want silence", r.site, a)
	}
	if a := r.x.decide(t.Context(), "no token"); a != "" {
		t.Errorf("a question that cannot be read: %q, want silence", a)
	}
}

func TestRefusesWithoutVerifiedCertificate(t *testing.T) {
	r := newRig(t)
	for name, tls := range map[string]*jwt.ClientTLS{
		"no TLS":             nil,
		"not verified":       {Certs: r.chain},
		"empty chain":        {VerifiedChains: []jwt.StringList{{}}},
		"no PEM":             {VerifiedChains: []jwt.StringList{{"certificate"}}},
		"PEM of other bytes": {VerifiedChains: []jwt.StringList{{"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"}}},
	} {
		if a := r.ask(t, tls); a == nil || a.Error == "" {
			t.Errorf("%s: answer %+v, want a refusal", name, a)
		}
	}
}

func TestProbeMayDoNothing(t *testing.T) {
	r := newRig(t)
	a := r.askWith(t, nil, r.x.keys.probe)
	if a == nil || a.Error != "" {
		t.Fatalf("answer %+v, want a user", a)
	}
	u, err := jwt.DecodeUserClaims(a.Jwt)
	if err != nil {
		t.Fatal(err)
	}
	if len(u.Pub.Allow)+len(u.Sub.Allow) > 0 || !slices.Equal(u.Pub.Deny, jwt.StringList{">"}) || !slices.Equal(u.Sub.Deny, jwt.StringList{">"}) {
		t.Errorf("permissions %+v, want none", u.Permissions)
	}
	if a := r.askWith(t, nil, r.x.keys.route); a == nil || a.Error == "" {
		t.Errorf("another token: answer %+v, want a refusal", a)
	}
}
