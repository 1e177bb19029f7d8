package authority

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"strowger/pkg/enrol"
	"strowger/pkg/errs"
	"strowger/pkg/rest"
	"strowger/pkg/sitecopy"
	"strowger/pkg/trust"
)

func csrOf(t testing.TB, key any) []byte {
	t.Helper()
	return must[[]byte](t)(x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key))
}

// requestFor is what a switch with that key sends for a code.
func requestFor(t testing.TB, code string, key *ecdsa.PrivateKey) enrol.Request {
	t.Helper()
	pub, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return enrol.Request{
		Secret: must[enrol.Code](t)(enrol.Parse(code)).Secret, CSR: csrOf(t, key),
		SigningKey: base64.RawURLEncoding.EncodeToString(pub),
	}
}

func (i *installation) code(t testing.TB) string {
	t.Helper()
	return must[rest.EnrolmentCode](t)(i.IssueEnrolment(t.Context(), i.org.ID, i.sw.ID)).Code
}

// enrolled enrols the switch with a new key.
func (i *installation) enrolled(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key := newKey(t)
	must[enrol.Response](t)(i.Enrol(t.Context(), requestFor(t, i.code(t), key)))
	return key
}

// serve runs the enrolment endpoint as the cloud does, on its own TLS, and returns its address.
func (i *installation) serve(t *testing.T) string {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var q enrol.Request
		err := json.NewDecoder(r.Body).Decode(&q)
		resp := enrol.Response{}
		if err == nil {
			resp, err = i.Enrol(r.Context(), q)
		}
		var reply any = resp
		if err != nil {
			w.Header().Set("Content-Type", rest.ProblemType)
			w.WriteHeader(http.StatusConflict)
			reply = rest.Problem{Code: errs.CodeOf(err), Detail: err.Error()}
		}
		if err := json.NewEncoder(w).Encode(reply); err != nil {
			t.Error(err)
		}
	}))
	// Not StartTLS, which adds a certificate of its own.
	s.Listener = tls.NewListener(s.Listener, must[*tls.Config](t)(i.ServerTLS([]string{"127.0.0.1"})))
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	s.Start()
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

func TestEnrolOverThePinnedConnection(t *testing.T) {
	i := install(t)
	s := i.serve(t)
	dir, code := t.TempDir(), i.code(t)
	id := must[*enrol.Identity](t)(enrol.Enrol(t.Context(), "", s, code, dir))
	if id.Org != i.org.ID || id.Node != i.sw.ID || id.Site != i.site.ID || id.SiteCode != "20" || id.Realm != i.org.ID ||
		id.NodeName != "berlin-1" || id.Kind != trust.Switch || !slices.Equal(id.Fabric, i.cfg.Fabric()) {
		t.Errorf("identity is %+v", id.Info)
	}
	if len(id.SessionKeys) != 1 || len(id.CopyKeys) != 1 {
		t.Errorf("keys are %v, %v", id.SessionKeys, id.CopyKeys)
	}
	sw := must[rest.Switch](t)(i.store.Switches.Get(t.Context(), i.org.ID, i.sw.ID))
	hash := must[string](t)(trust.KeyHash(&id.Key.PublicKey))
	if sw.State != "enrolled" || sw.KeyHash != hash || sw.NotAfter == nil || !sw.NotAfter.Equal(id.Chain[0].NotAfter) {
		t.Errorf("registry has %+v, want enrolled with key %s", sw, hash)
	}
	keys := must[map[string]string](t)(i.store.SwitchKeys(t.Context(), i.org.ID))
	if keys[i.sw.ID] != base64.RawURLEncoding.EncodeToString(id.SigningKey.Public().(ed25519.PublicKey)) {
		t.Errorf("registry has signing key %q", keys[i.sw.ID])
	}
	loaded := must[*enrol.Identity](t)(enrol.Load(dir))
	if !loaded.Key.Equal(id.Key) || !loaded.Chain[0].Equal(id.Chain[0]) || loaded.Node != id.Node {
		t.Error("the identity on disk is another one")
	}
	// The same code in another folder means another key.
	_, err := enrol.Enrol(t.Context(), "", s, code, t.TempDir())
	wantCode(t, err, errs.Used, "another key")

	chain := must[string](t)(i.Renew(t.Context(), i.org.ID, i.sw.ID, must[[]byte](t)(id.CSR())))
	renewed := must[*enrol.Identity](t)(id.Renewed(chain))
	if renewed.Chain[0].Equal(id.Chain[0]) || !must[*enrol.Identity](t)(enrol.Load(dir)).Chain[0].Equal(renewed.Chain[0]) {
		t.Error("the renewed certificate is not the one on disk")
	}
	if keys := must[map[string]string](t)(i.store.SwitchKeys(t.Context(), i.org.ID)); keys[i.sw.ID] == "" {
		t.Error("renewal lost the signing key")
	}
}

func TestCodeOfAnotherCloudIsRefusedByTheNode(t *testing.T) {
	i, other := install(t), install(t)
	s := i.serve(t)
	_, err := enrol.Enrol(t.Context(), "", s, other.code(t), t.TempDir())
	wantCode(t, err, errs.Unauthenticated, "not the cloud")
}

func TestSameCodeSameKeySameCertificate(t *testing.T) {
	i := install(t)
	q := requestFor(t, i.code(t), newKey(t))
	first := must[enrol.Response](t)(i.Enrol(t.Context(), q))
	i.pass(CodeLifetime - time.Second)
	if again := must[enrol.Response](t)(i.Enrol(t.Context(), q)); again.Chain != first.Chain {
		t.Error("the repetition got another certificate")
	}
	i.pass(2 * time.Second)
	_, err := i.Enrol(t.Context(), q)
	wantCode(t, err, errs.Expired, "expired")
}

func TestEnrolRefuses(t *testing.T) {
	i := install(t)
	p384 := must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))
	tests := []struct {
		name   string
		change func(*enrol.Request)
		want   errs.Code
		words  string
	}{
		{"unknown code", func(q *enrol.Request) { q.Secret = []byte("0123456789abcdef") }, errs.NotFound, "not known"},
		{"no code", func(q *enrol.Request) { q.Secret = nil }, errs.NotFound, "not known"},
		{"no request", func(q *enrol.Request) { q.CSR = nil }, errs.Invalid, "csr"},
		{"forged request", func(q *enrol.Request) { q.CSR[len(q.CSR)-1] ^= 1 }, errs.Invalid, "csr"},
		{"wrong curve", func(q *enrol.Request) { q.CSR = csrOf(t, p384) }, errs.Invalid, "P-256"},
		{"no signing key", func(q *enrol.Request) { q.SigningKey = "" }, errs.Invalid, "signing_key"},
		{"short signing key", func(q *enrol.Request) { q.SigningKey = "AAAA" }, errs.Invalid, "signing_key"},
	}
	code := i.code(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			q := requestFor(t, code, newKey(t))
			tt.change(&q)
			_, err := i.Enrol(t.Context(), q)
			wantCode(t, err, tt.want, tt.words)
			if strings.Contains(err.Error(), string(q.Secret)) && len(q.Secret) > 0 {
				t.Error("words repeat the secret")
			}
		})
	}
	old := code
	i.code(t)
	_, err := i.Enrol(t.Context(), requestFor(t, old, newKey(t)))
	wantCode(t, err, errs.NotFound, "newer")
	_, err = i.IssueEnrolment(t.Context(), i.org.ID, "sw_nobody")
	wantCode(t, err, errs.NotFound, "sw_nobody")
}

// TestCSRNamesAreIgnored asks for the names of others.
func TestCSRNamesAreIgnored(t *testing.T) {
	i := install(t)
	key := newKey(t)
	q := requestFor(t, i.code(t), key)
	q.CSR = must[[]byte](t)(x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: []string{"cloud.example.net"}}, key))
	resp := must[enrol.Response](t)(i.Enrol(t.Context(), q))
	leaf, _, err := i.certificate(t.Context(), trust.Name{Org: i.org.ID, ID: i.sw.ID})
	if err != nil || len(leaf.DNSNames) != 0 || resp.Node != i.sw.ID {
		t.Errorf("certificate names %v for %s, %v", leaf.DNSNames, resp.Node, err)
	}
}

func TestRenewRefuses(t *testing.T) {
	i := install(t)
	key := i.enrolled(t)
	_, err := i.Renew(t.Context(), i.org.ID, i.sw.ID, csrOf(t, newKey(t)))
	wantCode(t, err, errs.Forbidden, "keeps the key")
	_, err = i.Renew(t.Context(), i.org.ID, "sw_nobody", csrOf(t, key))
	wantCode(t, err, errs.NotFound, "sw_nobody")
	_, err = i.Renew(t.Context(), i.org.ID, i.sw.ID, []byte("no csr"))
	wantCode(t, err, errs.Invalid, "csr")
}

func TestRevokedIsForGood(t *testing.T) {
	i := install(t)
	ctx := t.Context()
	key := i.enrolled(t)
	unused := i.code(t)
	if err := i.Revoke(ctx, i.org.ID, i.sw.ID, "stolen"); err != nil {
		t.Fatal(err)
	}
	_, err := i.Renew(ctx, i.org.ID, i.sw.ID, csrOf(t, key))
	wantCode(t, err, errs.Revoked, "revoked")
	_, err = i.IssueEnrolment(ctx, i.org.ID, i.sw.ID)
	wantCode(t, err, errs.Revoked, "add a new switch")
	_, err = i.Enrol(ctx, requestFor(t, unused, newKey(t)))
	wantCode(t, err, errs.Revoked, "revoked")
	err = i.Revoke(ctx, i.org.ID, "sw_nobody", "")
	wantCode(t, err, errs.NotFound, "sw_nobody")

	i.pass(2 * keyLifetime) // the statement outlives the key's time of signing
	statements := must[[]string](t)(i.store.Revocations(ctx, i.org.ID, 0))
	if len(statements) != 1 {
		t.Fatalf("%d statements, want 1", len(statements))
	}
	set := must[sitecopy.KeySet](t)(i.CopyKeys(ctx, i.org.ID))
	r := must[sitecopy.Revocation](t)(sitecopy.OpenRevocation(statements[0], i.org.ID, set))
	if r.Node != i.sw.ID || r.Previous == nil || *r.Previous != 0 || r.Reason != "stolen" {
		t.Errorf("statement is %+v", r)
	}
}

func TestFailedStoreIsNoRefusal(t *testing.T) {
	i := install(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := i.Enrol(ctx, requestFor(t, i.code(t), newKey(t))); errs.CodeOf(err) != errs.Internal {
		t.Errorf("enrolled without a database: %v", err)
	}
	if _, err := i.Authenticate(ctx, "sk_"+strings.Repeat("a", 58)); errs.CodeOf(err) != errs.Internal {
		t.Errorf("authenticated without a database: %v", err)
	}
}

func FuzzKeyOfCSR(f *testing.F) {
	good := csrOf(f, newKey(f))
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add(csrOf(f, must[*ecdsa.PrivateKey](f)(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))))
	f.Fuzz(func(t *testing.T, der []byte) {
		key, hash, err := keyOfCSR(der)
		if err == nil && (key.Curve != elliptic.P256() || len(hash) != 43) {
			t.Errorf("took a key on %v with hash %q", key.Curve, hash)
		}
		if err != nil && errs.CodeOf(err) != errs.Invalid {
			t.Errorf("refused with %q", err)
		}
	})
}
