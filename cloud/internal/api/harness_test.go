package api

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"strowger/cloud/internal/store"
	"strowger/pkg/enrol"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/rest"
)

// folder is removed after the tests.
var folder string

func TestMain(m *testing.M) {
	var err error
	if folder, err = os.MkdirTemp("", "api"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(folder)
		os.Exit(code)
	}))
}

// template is an empty database that tests copy: to migrate one takes longer than most tests.
var template = sync.OnceValues(func() ([]byte, error) {
	path := filepath.Join(folder, "empty.db")
	s, err := store.Open(context.Background(), "sqlite:"+path, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	if err := s.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

// openStore opens a copy of the template.
func openStore(t testing.TB) *store.Store {
	t.Helper()
	b, err := template()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "cloud.db")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), "sqlite:"+path, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// fake is an authority and call records without cryptography.
type fake struct {
	store *store.Store

	mu        sync.Mutex
	ids       map[string]string // of keys, by secret
	passwords map[string]string // by device
	failing   bool
	renewal   errs.Code
}

func (f *fake) Authenticate(ctx context.Context, secret string) (rest.APIKey, error) {
	f.mu.Lock()
	id, ok := f.ids[secret]
	f.mu.Unlock()
	if !ok {
		return rest.APIKey{}, errs.New(errs.Unauthenticated, "this API key is not known")
	}
	return f.store.APIKeys.Get(ctx, "", id)
}

func (f *fake) IssueAPIKey(_ context.Context, k *rest.APIKey) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	k.Secret = "sk_" + k.ID
	f.ids[k.Secret] = k.ID
	return nil
}

// Wrap turns the bits of what may not be read.
func (f *fake) Wrap(name string, plain []byte) []byte {
	wrapped := []byte(name)
	for _, b := range plain {
		wrapped = append(wrapped, ^b)
	}
	return wrapped
}

func (f *fake) Unwrap(name string, wrapped []byte) ([]byte, error) {
	plain, ok := bytes.CutPrefix(wrapped, []byte(name))
	if !ok {
		return nil, errs.New(errs.Invalid, "wrapped under another name than %s", name)
	}
	return f.Wrap("", plain), nil
}

func (f *fake) IssueEnrolment(ctx context.Context, org, switchID string) (rest.EnrolmentCode, error) {
	if sw, err := f.store.Switches.Get(ctx, org, switchID); err != nil || sw.State == "revoked" {
		return rest.EnrolmentCode{}, errs.New(errs.Revoked, "switch %s was revoked: %v", switchID, err)
	}
	return rest.EnrolmentCode{Switch: switchID, Code: "aaaaa-bbbbb", ExpiresAt: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)}, nil
}

func (f *fake) Enrol(_ context.Context, q enrol.Request) (enrol.Response, error) {
	if string(q.Secret) != "good" {
		return enrol.Response{}, errs.New(errs.Used, "this enrolment code was used before, by another key")
	}
	return enrol.Response{Chain: "chain", Root: "root"}, nil
}

func (f *fake) Revoke(ctx context.Context, org, node, _ string) error {
	return f.store.RevokeNode(ctx, org, node)
}

// Renew is a switch that renews, or answers as f.renewal says.
func (f *fake) Renew(ctx context.Context, org, node string) error {
	if f.renewal != "" {
		return errs.New(f.renewal, "the switch says %s", f.renewal)
	}
	return f.store.SetEnrolled(ctx, org, node, "hash", "key", renewedUntil)
}

// renewedUntil is how long a certificate is valid that was renewed.
var renewedUntil = time.Date(2027, 2, 20, 9, 0, 0, 0, time.UTC)

func (f *fake) GeneratePassword() string { return "made-up" }

func (f *fake) SetPassword(_ context.Context, _ string, d rest.Device, password string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failing {
		return context.DeadlineExceeded
	}
	f.passwords[d.ID] = password
	return nil
}

func (f *fake) SetTrunkPassword(_ context.Context, _, trunk, password string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.passwords[trunk] = password
	return nil
}

func (f *fake) Credential(_ string, d rest.Device, password string) ([]byte, error) {
	if len(password) < 8 {
		return nil, errs.New(errs.Invalid, "password: %d characters, want 8 to 128", len(password))
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.passwords[d.ID] = password
	return []byte(password), nil
}

func (f *fake) password(device string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.passwords[device]
}

// records is call records straight from the store.
type records struct{ store *store.Store }

func (r records) List(ctx context.Context, org string, q store.CallQuery) ([]rest.Call, string, error) {
	return r.store.Calls(ctx, org, q)
}

func (r records) Get(_ context.Context, _, id string) (rest.Call, error) {
	return rest.Call{}, errs.New(errs.NotFound, "there is no call %q", id)
}

// service is a whole API over TLS with an installation-wide admin's key.
type service struct {
	t       *testing.T
	api     *API
	fake    *fake
	store   *store.Store
	server  *httptest.Server
	client  rest.Client
	log     *bytes.Buffer
	waiting line
	shut    shut
	tested  []fabric.TrunkTest // that its switch was asked for
}

// testTrunk is the switch of a trunk.
func (s *service) testTrunk(_ context.Context, _ string, t rest.Trunk, q fabric.TrunkTest) (rest.TrunkTest, error) {
	q.Trunk = t.ID
	s.tested = append(s.tested, q)
	return rest.TrunkTest{Number: q.Number, Steps: []rest.TestStep{}, Done: !q.Begin}, nil
}

// shut is the one address that a switch shuts out, if any.
type shut struct{ source string }

// Shut lists it.
func (s *shut) Shut(context.Context, string) (rest.Shut, error) {
	all := rest.Shut{Items: []rest.ShutSource{}, Refused: []rest.Refused{}}
	if s.source != "" {
		all.Items = append(all.Items, rest.ShutSource{Source: s.source + "/32"})
	}
	return all, nil
}

// Unblock lets it in again.
func (s *shut) Unblock(_ context.Context, _ string, at netip.Addr) (bool, error) {
	if s.source != at.String() {
		return false, nil
	}
	s.source = ""
	return true, nil
}

// line is the calls that wait at a switch.
type line struct{ calls []rest.QueuedCall }

// Waiting lists them.
func (l *line) Waiting(context.Context, string) (rest.Queues, error) {
	return rest.Queues{Items: l.calls}, nil
}

// Reorder changes the position of one, or takes it out.
func (l *line) Reorder(_ context.Context, _, call string, position int) (bool, error) {
	i := slices.IndexFunc(l.calls, func(c rest.QueuedCall) bool { return c.Call == call })
	switch {
	case i < 0:
		return false, nil
	case position == 0:
		l.calls = slices.Delete(l.calls, i, i+1)
	default:
		l.calls[i].Position = position
	}
	return true, nil
}

func newService(t *testing.T) *service {
	t.Helper()
	s := &service{t: t, store: openStore(t), log: &bytes.Buffer{}}
	s.fake = &fake{store: s.store, ids: map[string]string{}, passwords: map[string]string{}}
	t.Cleanup(func() { // when the server is closed
		if t.Failed() {
			t.Logf("the API logged:\n%s", s.log)
		}
	})
	s.restart(t)
	s.client = rest.Client{BaseURL: s.server.URL, Key: s.key(rest.APIKey{Name: "root", Role: "admin"}), HTTP: s.server.Client()}
	return s
}

// restart serves by a new API, which knows what the database knows.
func (s *service) restart(t *testing.T) {
	t.Helper()
	var err error
	s.api, err = New(Config{Store: s.store, Keys: s.fake, Nodes: s.fake, Renew: s.fake.Renew, Passwords: s.fake, TrunkPassword: s.fake.SetTrunkPassword, Calls: records{s.store}, Queues: &s.waiting, Guarding: &s.shut, TestTrunk: s.testTrunk, Follow: follow,
		Version: "test", Now: time.Now, Log: slog.New(slog.NewJSONHandler(s.log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	s.server = httptest.NewTLSServer(s.api.Handler())
	t.Cleanup(s.server.Close)
}

// key makes an API key behind the API's back and returns its secret.
func (s *service) key(k rest.APIKey) string {
	s.t.Helper()
	if err := s.store.APIKeys.Create(s.t.Context(), "", &k); err != nil {
		s.t.Fatal(err)
	}
	if err := s.fake.IssueAPIKey(s.t.Context(), &k); err != nil {
		s.t.Fatal(err)
	}
	return k.Secret
}

// as is the client of another key.
func (s *service) as(k rest.APIKey) rest.Client {
	c := s.client
	c.Key = s.key(k)
	return c
}

// office is an organization with what an office has.
type office struct {
	org    rest.Organization
	site   rest.Site
	sw     rest.Switch
	user   rest.User
	device rest.Device
	number rest.Number
}

func (s *service) office(name, code string) (o office) {
	s.t.Helper()
	o.org = must(s.client.Organizations().Create(s.t.Context(), rest.NewOrganization(name)))(s.t)
	c := s.client
	c.Organization = o.org.ID
	o.site = must(c.Sites().Create(s.t.Context(), rest.Site{Name: name + " office", Code: code}))(s.t)
	o.sw = must(c.Switches().Create(s.t.Context(), rest.Switch{Name: "edge", Site: o.site.ID}))(s.t)
	o.user = must(c.Users().Create(s.t.Context(), rest.NewUser("Anna")))(s.t)
	d := rest.NewDevice(o.user.ID, "desk")
	d.Switch, d.Username = o.sw.ID, "anna"
	o.device = must(c.Devices().Create(s.t.Context(), d))(s.t)
	o.number = must(c.Numbers().Create(s.t.Context(), rest.Number{Site: o.site.ID, Digits: "1001", User: o.user.ID}))(s.t)
	return o
}

// must fails the test unless the call before went well.
func must[T any](v T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// answer is a raw reply.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) problem(t *testing.T) rest.Problem {
	t.Helper()
	var p rest.Problem
	if err := json.Unmarshal([]byte(a.body), &p); err != nil || a.header.Get("Content-Type") != rest.ProblemType {
		t.Fatalf("%d %s %q is no problem: %v", a.status, a.header.Get("Content-Type"), a.body, err)
	}
	if p.Status != a.status || p.Code == "" || p.Detail == "" || p.Title == "" {
		t.Errorf("a problem without status, title, code or words: %+v (status %d)", p, a.status)
	}
	return p
}

// send sends a request as bytes; headers are pairs.
func (s *service) send(method, path, body string, headers ...string) answer {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.server.URL+path, bytes.NewReader([]byte(body)))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.client.Key)
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := s.server.Client().Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }() // only read from
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(b)}
}

// follow finds that what was changed counts already.
func follow(context.Context) {}
