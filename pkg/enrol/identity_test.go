package enrol

import (
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/trust"
	"strowger/pkg/trust/trusttest"
)

// cloud is a server that enrols whoever comes, as its fields say.
type cloud struct {
	*httptest.Server
	root, inter *trusttest.Authority
	name        trust.Name                     // of the certificates that it makes
	answer      func(*Response)                // nil: as it should be
	refuse      func(http.ResponseWriter) bool // nil: never
	requests    []Request
	ahead       time.Duration // of its clock
}

func newCloud(t testing.TB) *cloud {
	t.Helper()
	root := trusttest.NewRoot(t)
	c := &cloud{root: root, inter: root.Intermediate(t, "inter"), name: trust.Name{Org: "org_a", Kind: trust.Switch, ID: "sw_x"}}
	c.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c.refuse != nil && c.refuse(w) {
			return
		}
		var q Request
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil || r.URL.Path != Path || r.TLS.Version != tls.VersionTLS13 {
			t.Errorf("request to %s with TLS %x: %v", r.URL.Path, r.TLS.Version, err)
		}
		c.requests = append(c.requests, q)
		resp := c.identity(t, q)
		w.Header().Set("Date", time.Now().Add(c.ahead).UTC().Format(http.TimeFormat))
		if c.answer != nil {
			c.answer(&resp)
		}
		if err := json.NewEncoder(w).Encode(resp); err != nil {
			t.Error(err)
		}
	}))
	c.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	c.StartTLS()
	t.Cleanup(c.Close)
	return c
}

func (c *cloud) identity(t testing.TB, q Request) Response {
	csr, err := x509.ParseCertificateRequest(q.CSR)
	if err != nil {
		t.Error(err)
		return Response{}
	}
	return Response{Info: Info{Org: "org_a", Node: "sw_x", Kind: trust.Switch}, Chain: c.chain(t, csr.PublicKey), Root: string(pemOf(c.root.Cert))}
}

func (c *cloud) chain(t testing.TB, pub any) string {
	now := time.Now().Add(c.ahead)
	leaf := c.inter.Sign(t, &x509.Certificate{
		URIs: []*url.URL{c.name.URI()}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(90 * 24 * time.Hour),
	}, pub)
	return string(pemOf(leaf)) + string(pemOf(c.inter.Cert))
}

func (c *cloud) code() string {
	code, _ := NewCode(c.Certificate().RawSubjectPublicKeyInfo)
	return code
}

func TestEnrolKeepsTheIdentity(t *testing.T) {
	c := newCloud(t)
	dir := filepath.Join(t.TempDir(), "new")
	if _, err := Load(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("identity before enrolment: %v", err)
	}
	id, err := Enrol(t.Context(), "", strings.TrimPrefix(c.URL, "https://"), c.code(), dir)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Load(dir)
	if err != nil || got.Node != "sw_x" || !got.Key.Equal(id.Key) || !got.SigningKey.Equal(id.SigningKey) || !got.Root.Equal(c.root.Cert) {
		t.Errorf("loaded %+v, %v", got, err)
	}
	if crt := got.Certificate(); len(crt.Certificate) != 2 || crt.PrivateKey != got.Key {
		t.Errorf("TLS certificate has %d parts", len(crt.Certificate))
	}
	for _, name := range []string{fileKey, fileSigning} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	_, err = Enrol(t.Context(), "", c.URL, c.code(), dir)
	wantCode(t, err, errs.Conflict, "sw_x")
}

// TestCutOffEnrolmentIsRepeated loses the first answer: the second attempt must come with the same key.
func TestCutOffEnrolmentIsRepeated(t *testing.T) {
	c := newCloud(t)
	dir, code := t.TempDir(), c.code()
	c.answer = func(r *Response) { r.Chain = "" }
	if _, err := Enrol(t.Context(), "", c.URL, code, dir); err == nil {
		t.Fatal("enrolled without a certificate")
	}
	if _, err := Load(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("half an identity loads: %v", err)
	}
	c.answer = nil
	if _, err := Enrol(t.Context(), "", c.URL, code, dir); err != nil {
		t.Fatal(err)
	}
	keyOf := func(q Request) any {
		csr, err := x509.ParseCertificateRequest(q.CSR)
		if err != nil {
			t.Fatal(err)
		}
		return csr.PublicKey
	}
	if first, second := c.requests[0], c.requests[1]; !keyOf(first).(*ecdsa.PublicKey).Equal(keyOf(second)) || first.SigningKey != second.SigningKey {
		t.Error("the second attempt came with other keys")
	}
}

func TestEnrolRefusesWhatIsNotItsIdentity(t *testing.T) {
	other, stranger := newCloud(t), trusttest.NewKey(t)
	tests := map[string]struct {
		change func(*cloud)
		words  string
	}{
		"another key":  {func(c *cloud) { c.answer = func(r *Response) { r.Chain = c.chain(t, &stranger.PublicKey) } }, "another key"},
		"another name": {func(c *cloud) { c.name.ID = "sw_y" }, "sw_y"},
		"another root": {func(c *cloud) { c.answer = func(r *Response) { r.Root = string(pemOf(other.root.Cert)) } }, "unknown authority"},
		"no root":      {func(c *cloud) { c.answer = func(r *Response) { r.Root = "" } }, "no certificate"},
		"leaf only":    {func(c *cloud) { c.answer = func(r *Response) { r.Chain = firstBlock(r.Chain) } }, "1 certificates"},
		"garbage": {func(c *cloud) {
			c.answer = func(r *Response) {
				r.Chain = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")}))
			}
		}, "certificate 1"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c, dir := newCloud(t), t.TempDir()
			tt.change(c)
			_, err := Enrol(t.Context(), "", c.URL, c.code(), dir)
			wantCode(t, err, errs.Internal, tt.words)
			if _, err := Load(dir); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("it was kept: %v", err)
			}
		})
	}
}

func firstBlock(text string) string {
	b, _ := pem.Decode([]byte(text))
	return string(pem.EncodeToMemory(b))
}

func TestEnrolSaysWhyNot(t *testing.T) {
	c := newCloud(t)
	away := httptest.NewServer(nil)
	away.Close()
	foreign, _ := NewCode([]byte("another cloud"))
	reply := func(status int, body string) func(http.ResponseWriter) bool {
		return func(w http.ResponseWriter) bool {
			w.WriteHeader(status)
			_, err := w.Write([]byte(body))
			return err == nil
		}
	}
	tests := []struct {
		name, address, code string
		refuse              func(http.ResponseWriter) bool
		want                errs.Code
		words               string
	}{
		{"wrong code", c.URL, "abc", nil, errs.Invalid, "3 characters"},
		{"no address", "", c.code(), nil, errs.Invalid, "HOST"},
		{"in clear", "http://127.0.0.1", c.code(), nil, errs.Invalid, "https://"},
		{"nobody there", "https" + strings.TrimPrefix(away.URL, "http"), c.code(), nil, errs.CloudAway, "refused"},
		{"another cloud", c.URL, foreign, nil, errs.Unauthenticated, "not the cloud"},
		{"used", c.URL, c.code(), reply(409, `{"code":"used","detail":"this code was used at 12:00"}`), errs.Used, "at 12:00"},
		{"no cloud", c.URL, c.code(), reply(404, "<html>"), errs.Internal, "404"},
		{"redirect", c.URL, c.code(), reply(302, ""), errs.Internal, "302"},
		{"no identity", c.URL, c.code(), reply(200, "<html>"), errs.Internal, "no identity"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c.refuse = tt.refuse
			_, err := Enrol(t.Context(), "", tt.address, tt.code, t.TempDir())
			wantCode(t, err, tt.want, tt.words)
		})
	}
	c.refuse = nil
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := Enrol(ctx, "", c.URL, c.code(), t.TempDir())
	wantCode(t, err, errs.CloudAway, "canceled")
}

func TestRenewedKeepsTheKey(t *testing.T) {
	c, dir := newCloud(t), t.TempDir()
	id, err := Enrol(t.Context(), "", c.URL, c.code(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := id.Renewed(c.chain(t, &trusttest.NewKey(t).PublicKey)); err == nil {
		t.Error("took a certificate for another key")
	}
	next, err := id.Renewed(c.chain(t, &id.Key.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Load(dir); err != nil || !got.Chain[0].Equal(next.Chain[0]) || next.Chain[0].Equal(id.Chain[0]) {
		t.Errorf("on disk is another certificate: %v", err)
	}
}

func TestLoadSaysWhichFileIsBad(t *testing.T) {
	c := newCloud(t)
	for _, name := range []string{fileKey, fileSigning, fileChain, fileRoot, fileInfo} {
		dir := t.TempDir()
		if _, err := Enrol(t.Context(), "", c.URL, c.code(), dir); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte("garbage"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: %v, want an error that names the folder", name, err)
		}
		left, err := filepath.Glob(filepath.Join(dir, ".*"))
		if err != nil || len(left) != 0 {
			t.Errorf("temporary files are left: %v, %v", left, err)
		}
	}
}

// TestClocksApart enrols at a cloud whose clock is another: minutes are borne and told, and what would make every certificate
// worthless is refused with both times, until a clock is set.
func TestClocksApart(t *testing.T) {
	const day = 24 * time.Hour
	for name, tt := range map[string]struct {
		ahead  time.Duration
		refuse bool
	}{
		"seconds": {2 * time.Second, false}, "minutes ahead": {10 * time.Minute, false}, "minutes behind": {-10 * time.Minute, false},
		"hours ahead": {3 * time.Hour, true}, "hours behind": {-3 * time.Hour, false}, "months behind": {-100 * day, true},
		"years ahead": {3 * 365 * day, true}, "years behind": {-3 * 365 * day, true},
	} {
		t.Run(name, func(t *testing.T) {
			c, dir := newCloud(t), t.TempDir()
			c.root = authority(t, nil)
			c.inter = authority(t, c.root)
			c.ahead = tt.ahead
			id, err := Enrol(t.Context(), "", c.URL, c.code(), dir)
			if tt.refuse {
				wantCode(t, err, errs.ClockSkew, "set the wrong clock (NTP)")
				if off := clocksIn(t, err) - tt.ahead; off.Abs() > time.Minute {
					t.Errorf("the clocks are %v apart, it says %v", tt.ahead, err)
				}
				if _, err := Load(dir); !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("it was kept: %v", err)
				}
				c.ahead = 0 // somebody sets a clock
				if id, err = Enrol(t.Context(), "", c.URL, c.code(), dir); err != nil {
					t.Fatal(err)
				}
			}
			if err != nil {
				t.Fatal(err)
			}
			if off := id.Apart - c.ahead; off.Abs() > time.Minute {
				t.Errorf("the clocks are %v apart, it says %v", c.ahead, id.Apart)
			}
		})
	}
}

// clocksIn is how far the clock of the cloud is ahead of the one here by an error's words.
func clocksIn(t *testing.T, err error) time.Duration {
	t.Helper()
	said := regexp.MustCompile(`the clock of the cloud says (\S+), the clock here (\S+):`).FindStringSubmatch(err.Error())
	if said == nil {
		t.Fatalf("%v does not tell two times", err)
	}
	theirs, err1 := time.Parse(time.RFC3339, said[1])
	here, err2 := time.Parse(time.RFC3339, said[2])
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	return theirs.Sub(here)
}

// authority is one for all times, below another or, without one, a root.
func authority(t *testing.T, above *trusttest.Authority) *trusttest.Authority {
	t.Helper()
	a := &trusttest.Authority{Key: trusttest.NewKey(t), Cert: &x509.Certificate{
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Unix(0, 0), NotAfter: time.Now().AddDate(100, 0, 0),
	}}
	if above == nil {
		above = a
	}
	a.Cert = above.Sign(t, a.Cert, a.Key.Public())
	return a
}

// TestSystemRootsNeedAName makes sure that a pinned client never takes a certificate for a server without a name.
func TestSystemRootsNeedAName(t *testing.T) {
	c := newCloud(t)
	tr := Trust{Pin: PinOf([]byte("other")), SystemRoots: true}
	for _, name := range []string{"", "example.com"} {
		err := tr.verify(tls.ConnectionState{ServerName: name, PeerCertificates: []*x509.Certificate{c.Certificate()}})
		wantCode(t, err, errs.Unauthenticated, "not the cloud")
	}
	tr.Pin = PinOf(c.Certificate().RawSubjectPublicKeyInfo)
	if err := tr.verify(tls.ConnectionState{PeerCertificates: []*x509.Certificate{c.Certificate()}}); err != nil {
		t.Errorf("the pinned key: %v", err)
	}
}

// TestSystemRootsNameTheClock holds that a machine whose clock is wrong is told so, rather than of a foreign cloud.
func TestSystemRootsNameTheClock(t *testing.T) {
	begin := time.Now().Add(time.Hour)
	cert := trusttest.NewRoot(t).Sign(t, &x509.Certificate{DNSNames: []string{"example.com"}, NotBefore: begin, NotAfter: begin.Add(time.Hour)}, trusttest.NewKey(t).Public())
	tr := Trust{Pin: PinOf([]byte("other")), SystemRoots: true}
	state := tls.ConnectionState{ServerName: "example.com", PeerCertificates: []*x509.Certificate{cert}}
	wantCode(t, tr.verify(state), errs.ClockSkew, "the clock of this machine")
	tr.SystemRoots = false // the pin alone decides, whatever the time
	wantCode(t, tr.verify(state), errs.Unauthenticated, "not the cloud")
}

func FuzzDecodeReply(f *testing.F) {
	f.Add(200, []byte(`{"org":"org_a","node":"sw_x","kind":"switch","fabric":["tls://192.0.2.1:4222"],"chain":"","root":""}`))
	f.Add(409, []byte(`{"code":"used","detail":"used at 12:00"}`))
	f.Add(502, []byte("<html>"))
	id := &Identity{Key: trusttest.NewKey(f)}
	f.Fuzz(func(t *testing.T, status int, reply []byte) {
		var r Response
		err := decodeReply(status, reply, &r)
		if err == nil && (status < 200 || status > 299) {
			t.Errorf("status %d gave an identity", status)
		}
		if err == nil && id.accept(r.Chain, r.Root) == nil {
			t.Errorf("accepted %q", reply)
		}
	})
}
