package broker

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"strowger/cloud/internal/directory"
	"strowger/cloud/internal/store"
	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/ident"
	"strowger/pkg/proof"
	"strowger/pkg/pushseal"
	"strowger/pkg/pushtarget"
	"strowger/pkg/rest"
	"strowger/pkg/sessionkey"
	"strowger/pkg/waketicket"
)

// app is an enrolled app.
type app struct {
	id, thumbprint string
	seal           pushseal.PrivateKey
}

func newApp(t testing.TB) app {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	seal, err := pushseal.NewKey()
	must(t, err)
	return app{thumbprint: proof.JWKOf(&key.PublicKey).Thumbprint(), seal: seal}
}

func token() store.PushToken {
	return store.PushToken{Provider: pushtarget.APNs, App: "com.example.phone", Wrapped: []byte("wrapped")}
}

// app gives a user an app that enrolled, with push tokens.
func (w *world) app(u rest.User, delay int, push ...store.PushToken) app {
	w.t.Helper()
	a := newApp(w.t)
	d := rest.Device{User: u.ID, Kind: designation.Mobile, Name: "app", Enabled: true, DelaySeconds: delay}
	must(w.t, w.store.Devices.Create(w.t.Context(), w.org, &d))
	a.id = d.ID
	must(w.t, w.store.SetAppEnrolled(w.t.Context(), w.org, d.ID, store.App{Thumbprint: a.thumbprint, SealKey: a.seal.Public(), Push: push}))
	return a
}

// webLease is a lease of a switch that takes apps.
func (w *world) webLease(i int) {
	w.t.Helper()
	l := w.leaseOf(i)
	l.Node.DTLS = "sha-256 " + strings.TrimSuffix(strings.Repeat("AB:", 32), ":")
	l.Node.Web = []string{strings.Repeat("w", 43), strings.Repeat("v", 43)}
	for _, b := range w.instances {
		_, err := b.Lease(w.t.Context(), w.org, w.switches[i], l)
		must(w.t, err)
	}
}

// rings checks that the plan wakes an app: what the anchor seals opens there, and the ticket lets it.
func (w *world) rings(p *designation.Plan, anchor int, a app, expires time.Duration) designation.Branch {
	w.t.Helper()
	for _, b := range p.Branches {
		if b.Device != a.id {
			continue
		}
		if b.App == nil || p.Node == nil || p.Node.ID != w.switches[anchor] {
			w.t.Fatalf("branch %+v at %+v, want one at switch %d", b, p.Node, anchor)
		}
		c := checkWake(w.t, *p, b, a, w.keys(w.org), w.clock())
		if c.Boot != w.boots[anchor] || c.ID != b.App.Leg || c.Call != p.Call || c.Expires != w.clock().Add(expires).Unix() {
			w.t.Errorf("claims %+v, want leg %s in run %s for %v", c, b.App.Leg, w.boots[anchor], expires)
		}
		return b
	}
	w.t.Fatalf("the plan has not the app %s: %+v", a.id, p.Branches)
	return designation.Branch{}
}

// checkWake seals what an anchor seals, and opens it as the device does.
func checkWake(t rapid.TB, p designation.Plan, b designation.Branch, a app, keys sessionkey.Keys, now time.Time) sessionkey.Claims {
	t.Helper()
	sealed, err := pushseal.Seal(b.App.Seal, p.Organization, b.Device, pushseal.Wake{Epoch: 1, Node: *p.Node, Key: b.App.Key})
	if err != nil {
		t.Fatalf("seal: %v", err)
	}
	wake, err := a.seal.Open(p.Organization, b.Device, sealed)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	c, err := wake.Check(keys, p.Organization, b.Device, a.thumbprint, now)
	if err != nil {
		t.Fatalf("check: %v", err)
	}
	ticket, err := waketicket.Open(b.App.Ticket, keys, p.Organization, p.Node.ID, now)
	if err != nil || ticket.Device != b.Device || ticket.Leg != b.App.Leg || ticket.Call != p.Call || ticket.Expires != c.Expires {
		t.Fatalf("ticket %+v, %v", ticket, err)
	}
	return c
}

// C3: who has no home switch is called at the caller's.
func TestAppWithoutASwitchIsCalledAtTheCallers(t *testing.T) {
	w := newWorld(t)
	w.webLease(0)
	u := w.user("Mia", "1002")
	now, later := w.app(u, 0, token()), w.app(u, 10, token())
	got, err := w.admit(0, w.request(0, "1002"))
	must(t, err)
	if got.Designation != nil || got.Plan == nil || len(got.Plan.Branches) != 2 || len(w.offers) != 0 {
		t.Fatalf("admitted %+v", got)
	}
	b := w.rings(got.Plan, 0, now, time.Minute)
	if b.Kind != designation.Mobile || b.User != u.ID || b.Name != "Mia" || b.Number != "201002" || b.Delay != 0 {
		t.Errorf("branch %+v", b)
	}
	if b = w.rings(got.Plan, 0, later, 70*time.Second); b.Delay != 10*time.Second {
		t.Errorf("branch %+v", b)
	}
	if p := <-w.broker.Parties(); len(p.Nodes) != 1 || p.Nodes[0] != w.switches[0] {
		t.Errorf("parties %+v", p)
	}
	c, err := w.verify(t.Context(), w.org, b.App.Key)
	must(t, err)
	if c.From.Name != "User 20" || c.From.Number != "201001" || c.To.Number != "201002" || len(c.Media) != 1 {
		t.Errorf("the app is told %+v calls %+v", c.From, c.To)
	}
}

// C2 with an app beside the desk phone: the plan for the home switch has both, whoever asks for it.
func TestAppBesideADeskPhoneIsCalledAtHome(t *testing.T) {
	w := newWorld(t)
	w.webLease(1)
	u, err := w.store.Users.Get(t.Context(), w.org, w.users[1])
	must(t, err)
	a := w.app(u, 0, token())
	got, err := w.admit(0, w.request(0, "301001"))
	must(t, err)
	if got.Designation == nil || got.Designation.Node.ID != w.switches[1] || len(w.offers) != 1 {
		t.Fatalf("admitted %+v", got)
	}
	asked, err := w.broker.Plan(t.Context(), w.org, w.switches[1], fabric.PlanRequest{Key: got.Designation.Key})
	must(t, err)
	for _, p := range []*designation.Plan{&w.offers[0].Plan, asked.Plan} {
		if len(p.Branches) != 2 || p.Branches[0].Device != w.devices[1] || p.Branches[0].App != nil {
			t.Errorf("branches %+v", p.Branches)
		}
		w.rings(p, 1, a, time.Minute)
	}
	// A caller never rings itself, but their other devices.
	got, err = w.admit(1, w.request(1, "1001"))
	must(t, err)
	if len(got.Plan.Branches) != 1 {
		t.Errorf("branches %+v", got.Plan.Branches)
	}
	w.rings(got.Plan, 1, a, time.Minute)
}

// The home switch is away: the caller's calls the apps.
func TestAppsOfADeadSwitchAreCalledAtTheCallers(t *testing.T) {
	w := newWorld(t)
	u, err := w.store.Users.Get(t.Context(), w.org, w.users[1])
	must(t, err)
	w.pass(fabric.LeaseLifetime)
	w.webLease(0)
	_, err = w.admit(0, w.request(0, "301001"))
	w.refused(err, errs.Unreachable, "edge30", "last seen")
	a := w.app(u, 0, token())
	got, err := w.admit(0, w.request(0, "301001"))
	must(t, err)
	if got.Designation != nil || got.Plan == nil || len(got.Plan.Branches) != 1 {
		t.Fatalf("admitted %+v", got)
	}
	w.rings(got.Plan, 0, a, time.Minute)
}

// The run that a switch met on a link is newer than that of its lease.
func TestAppsAreCalledToTheRunThatWasMet(t *testing.T) {
	w := newWorld(t)
	w.webLease(1)
	u, err := w.store.Users.Get(t.Context(), w.org, w.users[1])
	must(t, err)
	a := w.app(u, 0, token())
	q := w.request(0, "301001")
	q.Met = fabric.Run{Node: w.switches[1], Boot: ident.New(ident.Boot)}
	_, err = w.admit(0, q)
	must(t, err)
	w.boots[1] = q.Met.Boot
	w.rings(&w.offers[0].Plan, 1, a, time.Minute)
}

func TestAppsThatCannotRing(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	u := w.user("Mia", "1002")
	call := func() (fabric.Admitted, error) { return w.admit(0, w.request(0, "1002")) }
	d := rest.Device{User: u.ID, Kind: designation.Mobile, Name: "new", Enabled: true}
	must(t, w.store.Devices.Create(ctx, w.org, &d))
	_, err := call()
	w.refused(err, errs.Offline, "Mia", "new", "has not enrolled")
	must(t, w.store.Devices.Delete(ctx, w.org, d.ID))

	a := w.app(u, 0)
	_, err = call()
	w.refused(err, errs.NoPush, "no push token")
	must(t, w.store.SetPushTokens(ctx, w.org, a.id, store.Proof{Thumbprint: a.thumbprint, ID: rand.Text(), Until: time.Now().Add(time.Minute)}, []store.PushToken{token()}))
	_, err = call()
	w.refused(err, errs.Offline, "edge20", "upgrade") // no Web in its lease
	must(t, w.store.RemovePushToken(ctx, w.org, a.id, token(), "apns says BadDeviceToken"))
	_, err = call()
	w.refused(err, errs.NoPush, "BadDeviceToken")

	// A desk phone rings all the same, at a switch that cannot take apps.
	must(t, w.store.SetPushTokens(ctx, w.org, a.id, store.Proof{Thumbprint: a.thumbprint, ID: rand.Text(), Until: time.Now().Add(time.Minute)}, []store.PushToken{token()}))
	desk := w.desk(u, 0)
	got, err := call()
	must(t, err)
	if len(got.Plan.Branches) != 1 || got.Plan.Branches[0].Device != desk || got.Plan.Node != nil {
		t.Errorf("plan %+v", got.Plan)
	}
	w.webLease(0)
	got, err = call()
	must(t, err)
	if len(got.Plan.Branches) != 2 {
		t.Errorf("plan %+v", got.Plan)
	}
	// Disabled, it is left out at once.
	v, err := w.store.Devices.Get(ctx, w.org, a.id)
	must(t, err)
	v.Enabled = false
	must(t, w.store.Devices.Update(ctx, w.org, &v))
	got, err = call()
	must(t, err)
	if len(got.Plan.Branches) != 1 || got.Plan.Node != nil {
		t.Errorf("plan %+v", got.Plan)
	}
}

// TestWakesFitAPush makes plans with the longest names, numbers and addresses: each wake still opens at its device.
func TestWakesFitAPush(t *testing.T) {
	w := newWorld(t)
	a := newApp(t)
	a.id = ident.New(ident.Device)
	text := func(most int) *rapid.Generator[string] {
		return rapid.OneOf(rapid.StringN(0, most, 4*most), rapid.Map(rapid.IntRange(0, most), func(n int) string { return strings.Repeat("<", n) }))
	}
	addresses := rapid.SliceOfN(rapid.OneOf(
		rapid.SampledFrom([]string{"192.0.2.1:7443", "[2001:db8:1111:2222:3333:4444:5555:6666]:65535"}),
		rapid.Map(rapid.IntRange(1, 120), func(n int) string { return strings.Repeat("h", n) + ".example.net:7443" }),
	), 1, designation.MaxAddresses)
	party := func(t *rapid.T, what string) designation.Party {
		return designation.Party{
			User: ident.New(ident.User), Device: ident.New(ident.Device), Site: ident.New(ident.Site),
			Number: rapid.StringMatching(`[0-9*#+]{0,38}`).Draw(t, "number of "+what), Name: text(100).Draw(t, "name of "+what),
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		node := designation.Node{
			ID: w.switches[0], Name: "edge", Addresses: addresses.Draw(t, "addresses"), KeyHash: strings.Repeat("k", 43), Boot: w.boots[0],
			DTLS: "sha-256 " + strings.TrimSuffix(strings.Repeat("AB:", 32), ":"), Web: []string{strings.Repeat("w", 43), strings.Repeat("v", 43)},
		}
		all := len(node.Addresses)
		p := designation.Plan{
			Call: ident.New(ident.Call), Organization: w.org, From: party(t, "caller"), To: party(t, "callee"), Media: []string{"audio", "video"}, Ring: 300 * time.Second,
		}
		apps := []directory.App{{
			Branch: designation.Branch{Device: a.id, Kind: designation.Mobile, Delay: time.Minute}, Thumbprint: a.thumbprint, Seal: a.seal.Public(),
		}}
		if err := w.broker.addApps(w.t.Context(), &p, apps, node, ""); err != nil {
			t.Fatalf("%v", err)
		}
		c := checkWake(t, p, p.Branches[0], a, w.keys(w.org), w.clock())
		if n := len(p.Node.Addresses); n == 0 || n > all || c.Boot != w.boots[0] {
			t.Fatalf("%d of %d addresses, claims %+v", n, all, c)
		}
		if len(c.From.Name) > maxName || !strings.HasPrefix(p.From.Name, c.From.Name) || c.From.Number != p.From.Number || c.To.Number != p.To.Number {
			t.Fatalf("parties %+v, %+v", c.From, c.To)
		}
	})
}

// What usually is in a call is not cut.
func TestOrdinaryWakesAreWhole(t *testing.T) {
	w := newWorld(t)
	a := newApp(t)
	p := designation.Plan{
		Call: ident.New(ident.Call), Organization: w.org, Media: []string{"audio"}, Ring: time.Minute,
		From: designation.Party{Number: "201001", Name: "Konstantin Müller-Lüdenscheidt"}, To: designation.Party{Number: "301001", Name: "Ada Lovelace"},
	}
	node := designation.Node{
		ID: w.switches[0], Addresses: []string{"192.168.100.100:7443", "[2001:db8:1111:2222:3333:4444:5555:6666]:7443", "203.0.113.100:7443"},
		KeyHash: strings.Repeat("k", 43), Boot: w.boots[0], DTLS: "sha-256 " + strings.TrimSuffix(strings.Repeat("AB:", 32), ":"),
		Web: []string{strings.Repeat("w", 43), strings.Repeat("v", 43)},
	}
	apps := []directory.App{{Branch: designation.Branch{Device: ident.New(ident.Device)}, Thumbprint: a.thumbprint, Seal: a.seal.Public()}}
	must(t, w.broker.addApps(t.Context(), &p, apps, node, proof.HashPrint(node.DTLS)))
	c, err := w.verify(t.Context(), w.org, p.Branches[0].App.Key)
	must(t, err)
	if len(p.Node.Addresses) != 3 || c.From.Name != p.From.Name || c.To.Name != p.To.Name {
		t.Errorf("%v, %+v, %+v", p.Node.Addresses, c.From, c.To)
	}
}

// What cannot be made to fit is refused in words, or left out where something else rings.
func TestWakeThatCannotFit(t *testing.T) {
	w := newWorld(t)
	a := newApp(t)
	node := designation.Node{ID: w.switches[0], Addresses: []string{strings.Repeat("h", 1500) + ":7443"}, Boot: w.boots[0]}
	apps := []directory.App{{Branch: designation.Branch{Device: ident.New(ident.Device)}, Thumbprint: a.thumbprint, Seal: a.seal.Public()}}
	p := designation.Plan{Call: ident.New(ident.Call), Organization: w.org, Ring: time.Minute}
	w.refused(w.broker.addApps(t.Context(), &p, apps, node, ""), errs.Offline, "too long")
	p.Branches = []designation.Branch{{Device: "dv_desk"}}
	must(t, w.broker.addApps(t.Context(), &p, apps, node, ""))
	if len(p.Branches) != 1 || p.Node != nil {
		t.Errorf("plan %+v", p)
	}
	got := ""
	for name, n := range shapes(4) {
		got += fmt.Sprint(name, "/", n, " ")
	}
	if got != "48/4 48/3 24/4 24/3 0/4 0/3 0/2 0/1 " {
		t.Errorf("shapes %s", got)
	}
}
