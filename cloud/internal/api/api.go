// Package api serves the public REST API of the cloud and its OpenAPI description. What it speaks is the package doc of
// pkg/rest; what it may do is decided by the API key that a request shows.
package api

import (
	"cmp"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"strowger/cloud/internal/store"
	"strowger/pkg/enrol"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/limit"
	"strowger/pkg/rest"
	"strowger/pkg/tariff"
)

// Limits of a request.
const (
	maxBody     = 64 << 10
	bodyTime    = 5 * time.Second  // to send the body
	requestTime = 15 * time.Second // to be answered
)

// Keys issues and knows API keys.
type Keys interface {
	// Authenticate returns the key that a secret belongs to, or errs.Unauthenticated.
	Authenticate(ctx context.Context, secret string) (rest.APIKey, error)
	// IssueAPIKey makes the secret of a stored key and sets k.Secret.
	IssueAPIKey(ctx context.Context, k *rest.APIKey) error
	Wrapper
}

// Wrapper encrypts what the database keeps, bound to a name.
type Wrapper interface {
	Wrap(name string, plain []byte) []byte
	Unwrap(name string, wrapped []byte) ([]byte, error)
}

// Nodes enrols switches and bridges and takes their trust away; it makes the codes of apps as well.
type Nodes interface {
	IssueEnrolment(ctx context.Context, org, id string) (rest.EnrolmentCode, error)
	Enrol(ctx context.Context, q enrol.Request) (enrol.Response, error)
	Revoke(ctx context.Context, org, node, reason string) error
}

// Passwords keeps the credentials of desk phones.
type Passwords interface {
	GeneratePassword() string
	SetPassword(ctx context.Context, org string, d rest.Device, password string) error
	// Credential returns what SetPassword would store.
	Credential(org string, d rest.Device, password string) ([]byte, error)
}

// Calls reads call records.
type Calls interface {
	Get(ctx context.Context, org, id string) (rest.Call, error)
	List(ctx context.Context, org string, q store.CallQuery) (calls []rest.Call, next string, err error)
}

// Config is what the API works with. All of it is needed.
type Config struct {
	Store *store.Store
	Keys  Keys
	Nodes Nodes
	Apps  Apps
	// Renew has a switch renew its certificate. The error is errs.CloudAway if the switch does not answer, errs.Upgrade if its
	// release knows no such order.
	Renew     func(ctx context.Context, org, node string) error
	Passwords Passwords
	// TrunkPassword stores what a switch shows to a phone company.
	TrunkPassword func(ctx context.Context, org, trunk, password string) error
	Calls         Calls
	Queues        Queues
	Guarding      Guarding
	Mailboxes     Mailboxes
	// TestTrunk begins a test of a trunk at its switch, or says how the last one gets on.
	TestTrunk func(ctx context.Context, org string, t rest.Trunk, q fabric.TrunkTest) (rest.TrunkTest, error)
	// Explain says what would become of a call of a user.
	Explain func(org, user, dialled string) (rest.RouteAnswer, error)
	Follow  func(context.Context) // waits until what was changed here counts in admissions
	Version string                // of the software
	Now     func() time.Time
	Log     *slog.Logger
}

// asking is what the API asks switches.
type asking struct {
	queues    Queues
	guarding  Guarding
	mailboxes Mailboxes
	tests     func(ctx context.Context, org string, t rest.Trunk, q fabric.TrunkTest) (rest.TrunkTest, error)
}

// API is the REST API of one cloud instance.
type API struct {
	store *store.Store
	keys  Keys
	nodes Nodes
	apps  Apps
	asking
	explain   func(org, user, dialled string) (rest.RouteAnswer, error)
	renewal   func(ctx context.Context, org, node string) error
	passwords Passwords
	trunkPass func(ctx context.Context, org, trunk, password string) error
	calls     Calls
	follow    func(context.Context)
	log       *slog.Logger

	mux      *http.ServeMux
	huma     huma.API
	underway underway
	now      func() time.Time
	enrolled *limit.Buckets[netip.Prefix]
	pushed   *limit.Buckets[netip.Prefix]
	json     []byte // the OpenAPI description
}

// New returns an API that is ready to serve; it starts nothing.
func New(cfg Config) (*API, error) {
	a := &API{
		store: cfg.Store, keys: cfg.Keys, nodes: cfg.Nodes, apps: cfg.Apps, renewal: cfg.Renew, passwords: cfg.Passwords, trunkPass: cfg.TrunkPassword, calls: cfg.Calls, asking: asking{cfg.Queues, cfg.Guarding, cfg.Mailboxes, cfg.TestTrunk}, explain: cfg.Explain, follow: cfg.Follow, log: cfg.Log,
		mux:      http.NewServeMux(),
		underway: underway{keys: make(map[[32]byte]bool)},
		now:      cfg.Now,
		enrolled: newEnrolLimit(cfg.Now), pushed: newPushLimit(cfg.Now),
	}
	a.huma = humago.New(a.mux, description(cfg.Version))
	a.huma.UseMiddleware(a.known, a.authenticate, a.repeatable)
	if err := a.routes(); err != nil {
		return nil, err
	}
	return a, a.describe()
}

// Handler serves /api/v1/, /openapi.json and /openapi.yaml; what else is asked for is not found.
func (a *API) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store") // replies hold secrets
		w.Header().Set("X-Content-Type-Options", "nosniff")
		handler, pattern := a.mux.Handler(r)
		if pattern == "" {
			a.noRoute(w, r, handler)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), requestTime)
		defer cancel()
		r = r.WithContext(ctx)
		limit, patience := int64(maxBody), bodyTime
		switch {
		case r.URL.Path == importPath:
			limit = maxImportBody
		case isRates(r.URL.Path):
			limit, patience = tariff.MaxFile, ratesTime
		}
		// The deadline only matters on a real connection; recorders of tests have none.
		connection := http.NewResponseController(w)
		if r.Body != http.NoBody {
			_ = connection.SetReadDeadline(time.Now().Add(patience))
		}
		r.Body = &body{http.MaxBytesReader(w, r.Body, limit), connection}
		a.mux.ServeHTTP(w, r)
	})
}

// body takes the deadline away when it was read. Over HTTP/1.1 the server goes on reading, to find out whether the client
// leaves: at the deadline it would end the request, which may take longer than its body.
type body struct {
	io.ReadCloser
	connection *http.ResponseController
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		_ = b.connection.SetReadDeadline(time.Time{})
	}
	return n, err
}

// noRoute answers what the mux would: not found, or the wrong method with Allow.
func (a *API) noRoute(w http.ResponseWriter, r *http.Request, handler http.Handler) {
	found := &silent{header: w.Header(), status: http.StatusNotFound}
	handler.ServeHTTP(found, r)
	if found.status == http.StatusMethodNotAllowed {
		writeProblem(w, newProblem(found.status, errs.Invalid, r.URL.Path+" takes only "+w.Header().Get("Allow")))
		return
	}
	writeProblem(w, newProblem(http.StatusNotFound, errs.NotFound, "there is nothing at "+r.URL.Path+"; /openapi.json says what there is"))
}

// silent takes the status and the headers of a reply and drops its body.
type silent struct {
	header http.Header
	status int
}

func (s *silent) Header() http.Header         { return s.header }
func (s *silent) WriteHeader(status int)      { s.status = status }
func (s *silent) Write(b []byte) (int, error) { return len(b), nil }

// handle registers an operation; its errors become problems. What it changed counts when it is answered.
func handle[I, O any](a *API, op huma.Operation, f func(context.Context, *I) (*O, error)) {
	op.MaxBodyBytes = cmp.Or(op.MaxBodyBytes, maxBody)
	op.BodyReadTimeout = cmp.Or(op.BodyReadTimeout, bodyTime)
	op.Responses = withProblem(op.Responses)
	huma.Register(a.huma, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := f(ctx, in)
		if err != nil {
			return nil, a.problemOf(ctx, err)
		}
		if op.Method != http.MethodGet {
			a.follow(ctx)
		}
		return out, nil
	})
}
