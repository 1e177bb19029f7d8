package broker

import (
	"context"
	"crypto/ed25519"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"strowger/cloud/internal/directory"
	"strowger/cloud/internal/store"
	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/ident"
	"strowger/pkg/rest"
	"strowger/pkg/sessionkey"
	"strowger/pkg/waketicket"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is an organization with a switch and a phone in each of two sites (20 and 30), their leases, and a broker whose
// clock the test sets.
type world struct {
	t        testing.TB
	store    *store.Store
	broker   *Broker
	org      string
	sites    [2]rest.Site
	switches [2]string
	users    [2]string
	devices  [2]string
	boots    [2]string
	grown    func() // what another instance does before a refusal

	bus

	mu     sync.Mutex
	now    time.Time
	signed int
	fail   error // of the signer
	orders []fabric.Control
	offers []fabric.Offer
	answer func(node string) (fabric.Promise, error) // of nodes that are asked; nil: each promises
	to     []string                                  // whom they were sent to
	key    ed25519.PrivateKey
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newWorld(t testing.TB) *world {
	t.Helper()
	ctx := t.Context()
	w := &world{t: t, now: time.Now().Truncate(time.Second), key: newKey()}
	var err error
	w.store, err = store.Open(ctx, "sqlite:"+filepath.Join(t.TempDir(), "db"), slog.New(slog.DiscardHandler))
	must(t, err)
	t.Cleanup(func() { must(t, w.store.Close()) })
	org := rest.Organization{Name: "Acme", Enabled: true}
	must(t, w.store.Organizations.Create(ctx, "", &org))
	w.org = org.ID
	w.broker = w.instance()
	for i, code := range []string{"20", "30"} {
		w.sites[i] = rest.Site{Name: "Site " + code, Code: code}
		must(t, w.store.Sites.Create(ctx, w.org, &w.sites[i]))
		sw := rest.Switch{Name: "edge" + code, Site: w.sites[i].ID}
		must(t, w.store.Switches.Create(ctx, w.org, &sw))
		w.switches[i] = sw.ID
		must(t, w.store.SetEnrolled(ctx, w.org, sw.ID, "key "+code, "signing "+code, w.now.Add(time.Hour)))
		user := rest.User{Name: "User " + code, Enabled: true}
		must(t, w.store.Users.Create(ctx, w.org, &user))
		w.users[i] = user.ID
		d := rest.Device{User: user.ID, Kind: designation.DeskPhone, Name: "Desk", Switch: sw.ID, Username: "phone" + code, Enabled: true}
		must(t, w.store.Devices.Create(ctx, w.org, &d))
		w.devices[i] = d.ID
		must(t, w.store.Numbers.Create(ctx, w.org, &rest.Number{Site: w.sites[i].ID, Digits: "1001", User: user.ID}))
		w.boots[i] = ident.New(ident.Boot)
		must(t, w.lease(i))
	}
	return w
}

// bus is the fabric between instances of the cloud.
type bus struct {
	instances []*Broker
	fabric    sync.Mutex // one message at a time
	cut       bool
	heard     func(fabric.Attempt) // by all, if not nil
}

// instance is one more instance of the cloud.
func (w *world) instance() *Broker {
	b := New(Config{
		Snapshot: w.snapshot, Later: w.later, Store: w.store, Signer: w, Verify: w.verify, Offer: w.offer, Ask: w.ask, Announce: w.announce, Control: w.control,
		Now: w.clock, Logger: slog.New(slog.DiscardHandler),
	})
	w.instances = append(w.instances, b)
	return b
}

// announce is the fabric: it has an order, the same for all.
func (w *world) announce(org string, a fabric.Attempt) error {
	w.fabric.Lock()
	defer w.fabric.Unlock()
	if w.cut {
		return errs.New(errs.CloudAway, "the fabric is gone")
	}
	for _, b := range w.instances {
		b.Heard(org, a)
	}
	if w.heard != nil {
		w.heard(a)
	}
	return nil
}

func (w *world) snapshot(org string) (*directory.Snapshot, error) {
	g, err := w.store.Registry(w.t.Context(), org)
	if err != nil {
		return nil, err
	}
	return directory.NewSnapshot(g), nil
}

// later is a snapshot after grown.
func (w *world) later(_ context.Context, org string, s *directory.Snapshot) *directory.Snapshot {
	if w.grown == nil {
		return s
	}
	w.grown()
	now, err := w.snapshot(org)
	must(w.t, err)
	return now
}

func (w *world) SignSession(_ context.Context, org string, c sessionkey.Claims) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.signed++
	if w.fail != nil {
		return "", w.fail
	}
	return sessionkey.Sign("kid "+org, w.key, c)
}

func (w *world) SignTicket(_ context.Context, org string, c waketicket.Claims) (string, error) {
	return waketicket.Sign("kid "+org, w.key, c)
}

// user is a new user with an extension in site 20.
func (w *world) user(name, digits string) rest.User {
	w.t.Helper()
	u := rest.User{Name: name, Enabled: true}
	must(w.t, w.store.Users.Create(w.t.Context(), w.org, &u))
	must(w.t, w.store.Numbers.Create(w.t.Context(), w.org, &rest.Number{Site: w.sites[0].ID, Digits: digits, User: u.ID}))
	return u
}

// desk gives a user a desk phone at a switch.
func (w *world) desk(u rest.User, at int) (id string) {
	w.t.Helper()
	d := rest.Device{User: u.ID, Kind: designation.DeskPhone, Name: "Desk", Switch: w.switches[at], Username: "phone" + u.ID, Enabled: true}
	must(w.t, w.store.Devices.Create(w.t.Context(), w.org, &d))
	return d.ID
}

func (w *world) verify(_ context.Context, org, key string) (sessionkey.Claims, error) {
	return sessionkey.Open(key, w.keys(org))
}

func (w *world) keys(org string) sessionkey.Keys {
	return func(kid string) (sessionkey.Key, bool) {
		return sessionkey.Key{Public: w.key.Public().(ed25519.PublicKey), Issuer: org}, kid == "kid "+org
	}
}

func (w *world) offer(org, node string, o fabric.Offer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.offers = append(w.offers, o)
	w.to = append(w.to, org+" "+node)
}

func (w *world) ask(_ context.Context, org, node string, o fabric.Offer) (fabric.Promise, error) {
	w.offer(org, node, o)
	if w.answer != nil {
		return w.answer(node)
	}
	return fabric.Promise{Nonce: "nonce of " + node, Boot: w.boots[slices.Index(w.switches[:], node)]}, nil
}

func (w *world) control(org, node string, c fabric.Control) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.orders = append(w.orders, c)
	w.to = append(w.to, org+" "+node)
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func (w *world) leaseOf(i int) fabric.Lease {
	return fabric.Lease{
		Node:    designation.Node{ID: w.switches[i], Addresses: []string{"192.0.2.1:7443"}, KeyHash: "key " + w.sites[i].Code, Boot: w.boots[i]},
		Version: "test",
	}
}

func (w *world) lease(i int) error {
	_, err := w.broker.Lease(w.t.Context(), w.org, w.switches[i], w.leaseOf(i))
	return err
}

func (w *world) request(from int, dialled string) fabric.Admit {
	return fabric.Admit{
		Header: fabric.Header{Capability: 1, ID: ident.New(ident.Request), Deadline: w.clock().Add(2 * time.Second)},
		Call:   ident.New(ident.Call), Device: w.devices[from], Dialled: dialled, Media: []string{"audio"},
	}
}

func (w *world) admit(from int, q fabric.Admit) (fabric.Admitted, error) {
	return w.broker.Admit(w.t.Context(), w.org, w.switches[from], q)
}

func (w *world) refused(err error, code errs.Code, words ...string) {
	w.t.Helper()
	if errs.CodeOf(err) != code {
		w.t.Fatalf("error %v has code %q, want %q", err, errs.CodeOf(err), code)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			w.t.Errorf("error %q does not say %q", err, word)
		}
	}
}

func newKey() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)) }
