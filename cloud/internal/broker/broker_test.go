package broker

import (
	"context"
	"crypto/ed25519"
	"errors"
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

	mu     sync.Mutex
	now    time.Time
	signed int
	fail   error // of the signer
	offers []fabric.Offer
	to     []string // whom they were sent to
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
	w.broker = New(Config{
		Snapshot: w.snapshot, Store: w.store, Signer: w, Verify: w.verify, Offer: w.offer, Now: w.clock, Logger: slog.New(slog.DiscardHandler),
	})
	for i, code := range []string{"20", "30"} {
		w.sites[i] = rest.Site{Name: "Site " + code, Code: code}
		must(t, w.store.Sites.Create(ctx, w.org, &w.sites[i]))
		sw := rest.Switch{Name: "edge" + code, Site: w.sites[i].ID}
		must(t, w.store.Switches.Create(ctx, w.org, &sw))
		w.switches[i] = sw.ID
		must(t, w.store.SetSwitchEnrolled(ctx, w.org, sw.ID, "key "+code, "signing "+code, w.now.Add(time.Hour)))
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

func (w *world) snapshot(org string) (*directory.Snapshot, error) {
	g, err := w.store.Registry(w.t.Context(), org)
	if err != nil {
		return nil, err
	}
	return directory.NewSnapshot(g), nil
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

func (w *world) verify(_ context.Context, org, key string) (sessionkey.Claims, error) {
	return sessionkey.Open(key, func(kid string) (sessionkey.Key, bool) {
		return sessionkey.Key{Public: w.key.Public().(ed25519.PublicKey), Issuer: org}, kid == "kid "+org
	})
}

func (w *world) offer(org, node string, o fabric.Offer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.offers = append(w.offers, o)
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

func TestCallToAnotherSiteIsDesignated(t *testing.T) {
	w := newWorld(t)
	q := w.request(0, "30-1001")
	a, err := w.admit(0, q)
	must(t, err)
	if a.Plan != nil || a.Designation == nil || a.Crossing != "" {
		t.Fatalf("admitted %+v", a)
	}
	y := a.Designation.Node
	if y.ID != w.switches[1] || y.Name != "edge30" || y.KeyHash != "key 30" || y.Boot != w.boots[1] || len(y.Addresses) != 1 {
		t.Errorf("designated %+v", y)
	}
	c, err := w.verify(t.Context(), w.org, a.Designation.Key)
	must(t, err)
	now := w.now.Unix()
	if ident.KindOf(c.ID) != ident.Leg {
		t.Errorf("jti %q", c.ID)
	}
	from := designation.Party{User: w.users[0], Device: w.devices[0], Number: "201001", Name: "User 20", Site: w.sites[0].ID}
	to := designation.Party{User: w.users[1], Number: "301001", Name: "User 30", Site: w.sites[1].ID}
	if c.Issuer != w.org || c.Audience != y.ID || c.Boot != y.Boot || c.IssuedAt != now || c.NotBefore != now || c.Expires != now+30 ||
		c.Subject != w.switches[0] || c.Confirm.KeyHash != "key 20" || c.AddressHash != y.Hash() || c.Org != w.org || c.Call != q.Call ||
		c.From != from || c.To != to || !slices.Equal(c.Media, []string{"audio"}) {
		t.Errorf("claims %+v", c)
	}
	if a.From != from || a.To != to || a.Designation.Expiry.Unix() != c.Expires {
		t.Errorf("admitted %+v", a)
	}
	if len(w.offers) != 1 || w.to[0] != w.org+" "+y.ID {
		t.Fatalf("offers %+v to %v", w.offers, w.to)
	}
	p := w.offers[0].Plan
	if p.Call != q.Call || p.Organization != w.org || p.From != from || p.To != to || p.Ring != time.Minute || !p.Expiry.After(w.now.Add(p.Ring)) {
		t.Errorf("plan %+v", p)
	}
	if len(p.Branches) != 1 || p.Branches[0].Device != w.devices[1] || p.Branches[0].User != w.users[1] {
		t.Errorf("branches %+v", p.Branches)
	}
}

func TestCallWithinTheSwitchGetsThePlan(t *testing.T) {
	w := newWorld(t)
	for _, dialled := range []string{"1001", "201001"} {
		a, err := w.admit(0, w.request(0, dialled))
		must(t, err)
		if a.Designation != nil || a.Plan == nil || a.Plan.Branches[0].Device != w.devices[0] || len(w.offers) != 0 || w.signed != 0 {
			t.Errorf("admitted %+v", a)
		}
	}
}

func TestAdmissionIsRefused(t *testing.T) {
	w := newWorld(t)
	_, err := w.admit(0, w.request(0, "999"))
	w.refused(err, errs.Unknown)
	_, err = w.admit(1, w.request(0, "1001"))
	w.refused(err, errs.Forbidden)
	_, err = w.broker.Admit(t.Context(), "org_x", w.switches[0], w.request(0, "1001"))
	w.refused(err, errs.NotFound)
	for words, change := range map[string]func(*fabric.Admit){
		"id:":    func(q *fabric.Admit) { q.ID = "" },
		"call:":  func(q *fabric.Admit) { q.Call = "ca_1" },
		"media:": func(q *fabric.Admit) { q.Media = []string{"video"} },
	} {
		q := w.request(0, "1001")
		change(&q)
		_, err := w.admit(0, q)
		w.refused(err, errs.Invalid, words)
	}
	q := w.request(0, "1001")
	q.Diversion = make([]string, maxDiversion+1)
	_, err = w.admit(0, q)
	w.refused(err, errs.Loop)
}

func TestSiteWithoutALiveSwitchIsUnreachable(t *testing.T) {
	w := newWorld(t)
	w.pass(fabric.LeaseLifetime)
	_, err := w.admit(0, w.request(0, "301001"))
	w.refused(err, errs.Unreachable, "Site 30", "edge30", "last seen at")
	must(t, w.lease(1))
	_, err = w.admit(0, w.request(0, "301001"))
	must(t, err)

	// It enrolled again with another key and has not reported yet.
	must(t, w.store.SetSwitchEnrolled(t.Context(), w.org, w.switches[1], "new key", "signing", w.now))
	_, err = w.admit(0, w.request(0, "301001"))
	w.refused(err, errs.Unreachable, "has not reported yet")
	w.refused(w.lease(1), errs.WrongPresenter, "key 30", "new key")

	must(t, w.store.RevokeSwitch(t.Context(), w.org, w.switches[1]))
	_, err = w.admit(0, w.request(0, "301001"))
	w.refused(err, errs.Unreachable, "revoked")
	w.refused(w.lease(1), errs.Revoked)

	must(t, w.store.RevokeSwitch(t.Context(), w.org, w.switches[0]))
	_, err = w.admit(0, w.request(0, "301001"))
	w.refused(err, errs.Revoked, w.switches[0])
}

func TestLeasesOutliveTheProcess(t *testing.T) {
	w := newWorld(t)
	again := New(w.broker.cfg)
	if _, err := again.Admit(t.Context(), w.org, w.switches[0], w.request(0, "301001")); errs.CodeOf(err) != errs.Unreachable {
		t.Errorf("admitted before Load: %v", err)
	}
	must(t, again.Load(t.Context(), []string{w.org}))
	if _, err := again.Admit(t.Context(), w.org, w.switches[0], w.request(0, "301001")); err != nil {
		t.Error(err)
	}
}

func TestLeaseKeepsRegistrationsUntilTheyChange(t *testing.T) {
	w := newWorld(t)
	registered := func() bool {
		t.Helper()
		d, err := w.store.Devices.Get(t.Context(), w.org, w.devices[0])
		must(t, err)
		return d.Registered
	}
	send := func(change func(*fabric.Lease)) {
		t.Helper()
		l := w.leaseOf(0)
		change(&l)
		_, err := w.broker.Lease(t.Context(), w.org, w.switches[0], l)
		must(t, err)
	}
	send(func(l *fabric.Lease) { l.Registered, l.Changed = []string{w.devices[0]}, true })
	send(func(*fabric.Lease) {})
	if !registered() {
		t.Error("a lease without changes lost the registration")
	}
	send(func(l *fabric.Lease) { l.Changed = true })
	if registered() {
		t.Error("the registration did not go")
	}
	send(func(l *fabric.Lease) { l.Registered, l.Changed = []string{w.devices[0]}, true })
	send(func(l *fabric.Lease) { l.Node.Boot = ident.New(ident.Boot) })
	if registered() {
		t.Error("the registration outlived the run of the switch")
	}
}

func TestBadLeasesAreRefused(t *testing.T) {
	w := newWorld(t)
	for words, change := range map[string]func(*fabric.Lease){
		"sent a lease of": func(l *fabric.Lease) { l.Node.ID = w.switches[1] },
		"boot:":           func(l *fabric.Lease) { l.Node.Boot = "1" },
		"addresses: 0":    func(l *fabric.Lease) { l.Node.Addresses = nil },
		"addresses: 9":    func(l *fabric.Lease) { l.Node.Addresses = make([]string, 9) },
		`"192.0.2.1"`:     func(l *fabric.Lease) { l.Node.Addresses = []string{"192.0.2.1"} },
		`"a:b"`:           func(l *fabric.Lease) { l.Node.Addresses = []string{"a:b"} },
		`":1"`:            func(l *fabric.Lease) { l.Node.Addresses = []string{":1"} },
		"registered:":     func(l *fabric.Lease) { l.Registered = make([]string, maxRegistered+1) },
	} {
		l := w.leaseOf(0)
		change(&l)
		_, err := w.broker.Lease(t.Context(), w.org, w.switches[0], l)
		if code := errs.CodeOf(err); code != errs.Invalid && code != errs.Forbidden || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v", words, err)
		}
	}
}

func TestRepeatedRequestGetsTheSameReply(t *testing.T) {
	w := newWorld(t)
	q := w.request(0, "301001")
	first, err := w.admit(0, q)
	must(t, err)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			again, err := w.admit(0, q)
			if err != nil || again.Designation == nil || again.Designation.Key != first.Designation.Key {
				t.Errorf("repeated %+v, %v", again, err)
			}
		})
	}
	wg.Wait()
	if w.signed != 1 || len(w.offers) != 1 {
		t.Errorf("%d keys and %d offers for one request", w.signed, len(w.offers))
	}
	w.pass(replyLife)
	again, err := w.admit(0, q)
	must(t, err)
	if again.Designation.Key == first.Designation.Key {
		t.Error("a reply outlived its request")
	}

	// A refusal is an answer; a fault is not.
	q = w.request(0, "301001")
	w.fail = errors.New("custody is locked")
	_, err = w.admit(0, q)
	w.refused(err, errs.Internal)
	w.fail = nil
	_, err = w.admit(0, q)
	must(t, err)
}

func TestGlare(t *testing.T) {
	w := newWorld(t)
	there, back := w.request(0, "301001"), w.request(1, "201001")
	_, err := w.admit(0, there)
	must(t, err)
	a, err := w.admit(1, back)
	must(t, err)
	if a.Crossing != there.Call || a.Designation == nil {
		t.Errorf("calling back while it rings: %+v", a)
	}
	other := w.request(0, "1001") // to oneself: the anchor decides
	if a, err = w.admit(0, other); err != nil || a.Crossing != "" {
		t.Errorf("calling oneself: %+v, %v", a, err)
	}
	w.broker.Settled(w.org, there.Call)
	w.broker.Settled(w.org, there.Call)
	if a, err = w.admit(1, w.request(1, "201001")); err != nil || a.Crossing != "" {
		t.Errorf("calling back after the answer: %+v, %v", a, err)
	}
	w.pass(underwayLife)
	must(t, w.lease(0))
	must(t, w.lease(1))
	if a, err = w.admit(0, w.request(0, "301001")); err != nil || a.Crossing != "" {
		t.Errorf("calling back long after: %+v, %v", a, err)
	}
}

func TestAnchorAsksForThePlan(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	q := w.request(0, "301001")
	a, err := w.admit(0, q)
	must(t, err)
	ask := func(node int) (fabric.PlanReply, error) {
		return w.broker.Plan(ctx, w.org, w.switches[node], fabric.PlanRequest{Key: a.Designation.Key})
	}
	r, err := ask(1)
	must(t, err)
	if want := w.offers[0].Plan; r.Plan.Call != want.Call || r.Plan.From != want.From || r.Plan.To != want.To || len(r.Plan.Branches) != 1 || r.Plan.Branches[0] != want.Branches[0] {
		t.Errorf("plan %+v, offered %+v", r.Plan, want)
	}
	_, err = ask(0)
	w.refused(err, errs.WrongAudience)
	_, err = w.broker.Plan(ctx, w.org, w.switches[1], fabric.PlanRequest{Key: "x"})
	w.refused(err, errs.KeyMalformed)

	user, err := w.store.Users.Get(ctx, w.org, w.users[1])
	must(t, err)
	user.Enabled = false
	must(t, w.store.Users.Update(ctx, w.org, &user))
	_, err = ask(1)
	w.refused(err, errs.Disabled)
	w.pass(sessionkey.Lifetime + sessionkey.Leeway + time.Second)
	_, err = ask(1)
	w.refused(err, errs.KeyExpired, "31s ago")
}

func TestPartiesAreWrittenBehind(t *testing.T) {
	w := newWorld(t)
	ctx, stop := context.WithCancel(t.Context())
	var calls []string
	for range 3 {
		q := w.request(0, "301001")
		_, err := w.admit(0, q)
		must(t, err)
		calls = append(calls, q.Call)
	}
	stop() // even when it is stopped at once, Run writes what was admitted
	must(t, w.broker.Run(ctx))
	for _, call := range calls {
		nodes, err := w.store.PartiesOf(t.Context(), w.org, call)
		must(t, err)
		want := slices.Sorted(slices.Values(w.switches[:]))
		if !slices.Equal(nodes, want) {
			t.Errorf("parties %v, want %v", nodes, want)
		}
	}
	for range maxParties + 1 { // nobody writes: more are dropped, none waits
		w.broker.announce(store.Parties{Org: w.org, Call: "ca_1", Nodes: []string{"sw_1"}})
	}
}

func TestRecentForgets(t *testing.T) {
	start := time.Now()
	r := newRecent[int, string](time.Second, 3)
	for i := range 3 {
		r.put(i, "old", start)
	}
	r.put(0, "new", start)
	r.put(3, "old", start)
	for k, want := range []string{"new", "", "old", "old"} {
		if v, _ := r.get(k, start); v != want {
			t.Errorf("%d is %q, want %q", k, v, want)
		}
	}
	if _, ok := r.get(3, start.Add(time.Second)); ok {
		t.Error("remembered too long")
	}
	r.remove(3)
	if _, ok := r.get(3, start); ok {
		t.Error("removed and remembered")
	}
	r.put(4, "x", start.Add(time.Second))
	if len(r.items) != 1 || len(r.order) != 1 {
		t.Errorf("%d items, %d births", len(r.items), len(r.order))
	}
}

func newKey() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)) }
