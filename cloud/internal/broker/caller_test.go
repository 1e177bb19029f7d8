package broker

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"slices"
	"testing"
	"time"

	"strowger/cloud/internal/store"
	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/ident"
	"strowger/pkg/proof"
	"strowger/pkg/rest"
)

// caller is an app that calls.
type caller struct {
	w   *world
	key *ecdsa.PrivateKey
	id  string
}

// caller gives a user an app whose key the test has.
func (w *world) caller(u rest.User) caller {
	w.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(w.t, err)
	seal := newApp(w.t).seal
	d := rest.Device{User: u.ID, Kind: designation.Mobile, Name: "app", Enabled: true}
	must(w.t, w.store.Devices.Create(w.t.Context(), w.org, &d))
	must(w.t, w.store.SetAppEnrolled(w.t.Context(), w.org, d.ID, store.App{
		Thumbprint: proof.JWKOf(&key.PublicKey).Thumbprint(), SealKey: seal.Public(), Push: []store.PushToken{token()},
	}))
	return caller{w, key, d.ID}
}

const dtls = "sha-256 AB:CD"

// asks is the question of the app for a number. change may be nil.
func (c caller) asks(dialled string, change func(*proof.Admit)) fabric.AppAdmit {
	c.w.t.Helper()
	p := proof.Admit{
		Org: c.w.org, Device: c.id, Dialled: dialled, Media: []string{"audio"}, DTLS: dtls, ID: ident.New(ident.Request), IssuedAt: c.w.clock().Unix(),
	}
	if change != nil {
		change(&p)
	}
	s, err := proof.Sign(proof.TypeAdmit, c.key, p)
	must(c.w.t, err)
	return fabric.AppAdmit{Header: fabric.Header{ID: ident.New(ident.Request)}, Admit: s}
}

func (c caller) admit(q fabric.AppAdmit) (fabric.Admitted, error) {
	return c.w.broker.AdmitApp(c.w.t.Context(), c.w.org, "br_any", q)
}

// roamer is a user without a switch, who has a number of the organization.
func (w *world) roamer(name, digits string) rest.User {
	w.t.Helper()
	u := rest.User{Name: name, Enabled: true}
	must(w.t, w.store.Users.Create(w.t.Context(), w.org, &u))
	must(w.t, w.store.Numbers.Create(w.t.Context(), w.org, &rest.Number{Digits: digits, User: u.ID}))
	return u
}

// C1: an app is sent to the switch of the desk phone that it calls, which has promised to take the call.
func TestAppIsSentToTheSwitchOfAPhone(t *testing.T) {
	w := newWorld(t)
	w.webLease(1)
	c := w.caller(w.roamer("Eve", "7001"))
	a, err := c.admit(c.asks("301001", nil))
	must(t, err)
	d := a.Designation
	if a.Plan != nil || a.Crossing != "" || d == nil || d.Node.ID != w.switches[1] || a.From.Device != c.id || a.From.Number != "7001" || a.To.User != w.users[1] {
		t.Fatalf("admitted %+v", a)
	}
	claims, err := w.verify(t.Context(), w.org, d.Key)
	must(t, err)
	if claims.Subject != c.id || claims.Confirm.Thumbprint != proof.JWKOf(&c.key.PublicKey).Thumbprint() || claims.Slot != "nonce of "+w.switches[1] ||
		claims.Audience != w.switches[1] || claims.Boot != w.boots[1] || claims.ID != d.Leg || claims.AddressHash != d.Node.Hash() ||
		claims.Expires != w.clock().Unix()+30 || claims.From != a.From || claims.To != a.To || len(claims.Peers) != 0 {
		t.Errorf("claims %+v", claims)
	}
	if len(w.offers) != 1 || !w.offers[0].Ask || w.offers[0].Plan.Call != claims.Call || len(w.offers[0].Plan.Branches) != 1 {
		t.Errorf("asked %+v", w.offers)
	}
	if p := <-w.broker.Parties(); p.Call != claims.Call || !slices.Equal(p.Nodes, []string{w.switches[1], c.id}) {
		t.Errorf("parties %+v", p)
	}
}

// C1': between users without a switch a switch of the pool is the anchor, and without a pool the one with the fewest calls. The
// called app learns whose media may come to it, and the calling one whose answer.
func TestAppCallsAppOnAPoolSwitch(t *testing.T) {
	w := newWorld(t)
	c := w.caller(w.roamer("Eve", "7001"))
	callee := w.app(w.roamer("Joe", "7002"), 0, token())
	_, err := c.admit(c.asks("7002", nil))
	w.refused(err, errs.Unreachable, "serves apps")
	w.webLease(0)
	w.webLease(1)
	busy := w.leaseOf(0)
	busy.Node = w.broker.leases[w.switches[0]].Node
	busy.Load.Calls = 7
	_, err = w.broker.Lease(t.Context(), w.org, w.switches[0], busy)
	must(t, err)
	anchor := func() string {
		t.Helper()
		a, err := c.admit(c.asks("7002", nil))
		must(t, err)
		claims, err := w.verify(t.Context(), w.org, a.Designation.Key)
		must(t, err)
		plan := w.offers[len(w.offers)-1].Plan
		called, err := w.verify(t.Context(), w.org, plan.Branches[0].App.Key)
		must(t, err)
		if !slices.Equal(claims.Peers, []string{callee.thumbprint}) || called.Print != proof.HashPrint(dtls) || claims.Print != "" || called.Slot != "" {
			t.Errorf("claims of the caller %+v, of the callee %+v", claims, called)
		}
		return a.Designation.Node.ID
	}
	if at := anchor(); at != w.switches[1] {
		t.Errorf("the call went to %s, which has more calls", at)
	}
	pool, err := w.store.Switches.Get(t.Context(), w.org, w.switches[0])
	must(t, err)
	pool.Pool = true
	must(t, w.store.Switches.Update(t.Context(), w.org, &pool))
	if at := anchor(); at != w.switches[0] {
		t.Errorf("the call went to %s, which is not of the pool", at)
	}
	w.answer = func(node string) (fabric.Promise, error) {
		if node == w.switches[0] {
			return fabric.Promise{}, errs.New(errs.CloudAway, "silence")
		}
		return fabric.Promise{Nonce: "n", Boot: w.boots[1]}, nil
	}
	if at := anchor(); at != w.switches[1] {
		t.Errorf("the call went to %s, which does not answer", at)
	}
}

func TestAdmissionOfAnAppIsRefused(t *testing.T) {
	w := newWorld(t)
	w.webLease(0)
	w.webLease(1)
	eve := w.roamer("Eve", "7001")
	c := w.caller(eve)
	thief := caller{w, w.caller(eve).key, c.id}
	for name, q := range map[string]struct {
		ask  fabric.AppAdmit
		want errs.Code
	}{
		"nobody's number":      {c.asks("999", nil), errs.Unknown},
		"oneself":              {c.asks("7001", func(p *proof.Admit) { p.Device = "dv_x" }), errs.Revoked},
		"another key":          {thief.asks("301001", nil), errs.WrongPresenter},
		"another organization": {c.asks("301001", func(p *proof.Admit) { p.Org = "org_x" }), errs.WrongOrganization},
		"old":                  {c.asks("301001", func(p *proof.Admit) { p.IssuedAt -= 300 }), errs.KeyExpired},
		"of a clock ahead":     {c.asks("301001", func(p *proof.Admit) { p.IssuedAt += 300 }), errs.ClockSkew},
		"that shows for ever":  {c.asks("301001", func(p *proof.Admit) { p.ID = "" }), errs.Invalid},
		"without audio":        {c.asks("301001", func(p *proof.Admit) { p.Media = []string{"video"} }), errs.Invalid},
		"no proof":             {fabric.AppAdmit{Header: fabric.Header{ID: "1"}, Admit: "x"}, errs.KeyMalformed},
		"a request without id": {fabric.AppAdmit{Admit: c.asks("301001", nil).Admit}, errs.Invalid},
	} {
		_, err := c.admit(q.ask)
		if errs.CodeOf(err) != q.want {
			t.Errorf("%s: %v, want %s", name, err, q.want)
		}
	}

	q := c.asks("301001", nil)
	first, err := c.admit(q)
	must(t, err)
	if again, err := c.admit(q); err != nil || again.Designation.Key != first.Designation.Key { // the bridge repeats its request
		t.Errorf("repeated %+v, %v", again, err)
	}
	_, err = c.admit(fabric.AppAdmit{Header: fabric.Header{ID: "another"}, Admit: q.Admit})
	w.refused(err, errs.Replayed)

	lone := w.caller(w.roamer("Lone", "7003"))
	_, err = lone.admit(lone.asks("7003", nil))
	w.refused(err, errs.Busy, "only phone")

	w.answer = func(string) (fabric.Promise, error) { return fabric.Promise{}, nil }
	_, err = c.admit(c.asks("301001", nil))
	w.refused(err, errs.Upgrade, "edge30")
	w.answer = func(string) (fabric.Promise, error) { return fabric.Promise{}, errs.New(errs.CloudAway, "no answer") }
	_, err = c.admit(c.asks("301001", nil))
	w.refused(err, errs.CloudAway, "edge30")

	d, err := w.store.Devices.Get(t.Context(), w.org, c.id)
	must(t, err)
	d.Enabled = false
	must(t, w.store.Devices.Update(t.Context(), w.org, &d))
	_, err = c.admit(c.asks("301001", nil))
	w.refused(err, errs.Disabled, "phone")
	must(t, w.store.Devices.Delete(t.Context(), w.org, c.id))
	_, err = c.admit(c.asks("301001", nil))
	w.refused(err, errs.Revoked, "enrol")
}

// A call of an app that is refused is recorded, as those of desk phones are, but not as often as the app likes.
func TestRefusedCallsOfAppsAreRecorded(t *testing.T) {
	w := newWorld(t)
	c := w.caller(w.roamer("Eve", "7001"))
	thief := caller{w, w.caller(w.roamer("Mia", "7002")).key, c.id}
	_, err := thief.admit(thief.asks("999", nil))
	w.refused(err, errs.WrongPresenter)
	refused := w.broker.Refusals()
	if len(refused) != 0 {
		t.Fatalf("recorded what the app has not signed: %+v", <-refused)
	}
	for range 2 * refusalBurst {
		_, err := c.admit(c.asks("999", nil))
		w.refused(err, errs.Unknown, "999")
	}
	if len(refused) != refusalBurst {
		t.Errorf("%d refusals are recorded, want %d", len(refused), refusalBurst)
	}
	r := <-refused
	dialled, why := r.Events[0], r.Events[1]
	if r.Parties.Org != w.org || !slices.Equal(r.Parties.Nodes, []string{r.Node, c.id}) || dialled.Call != r.Parties.Call || why.Call != dialled.Call ||
		dialled.From.Number != "7001" || dialled.From.Device != c.id || dialled.To.Number != "999" || why.Cause.Code != string(errs.Unknown) || why.To != nil {
		t.Errorf("recorded %+v", r)
	}
	for len(refused) > 0 {
		<-refused
	}
	w.set(w.users[1], func(p *rest.Policy) { p.DND = true })
	joe := w.caller(w.roamer("Joe", "7003"))
	_, err = joe.admit(joe.asks("301001", nil))
	w.refused(err, errs.DoNotDisturb)
	if r := <-refused; r.Events[1].To == nil || r.Events[1].To.User != w.users[1] {
		t.Errorf("recorded %+v", r)
	}
}

// A run of the anchor that is not the one of its lease promises: the keys are for that run.
func TestPromiseOfAnotherRun(t *testing.T) {
	w := newWorld(t)
	w.webLease(1)
	c := w.caller(w.roamer("Eve", "7001"))
	boot := ident.New(ident.Boot)
	w.answer = func(string) (fabric.Promise, error) { return fabric.Promise{Nonce: "n", Boot: boot}, nil }
	a, err := c.admit(c.asks("301001", nil))
	must(t, err)
	claims, err := w.verify(t.Context(), w.org, a.Designation.Key)
	must(t, err)
	if claims.Boot != boot || a.Designation.Node.Boot != boot || len(w.offers) != 2 {
		t.Errorf("claims %+v after %d questions", claims, len(w.offers))
	}
}

// Glare: who calls the app that calls them is sent to its leg of that call; afterwards, or when it found the call over, it
// gets a call of its own.
func TestAppsCallEachOther(t *testing.T) {
	w := newWorld(t)
	w.webLease(0)
	eve, joe := w.caller(w.roamer("Eve", "7001")), w.caller(w.roamer("Joe", "7002"))
	_, err := eve.admit(eve.asks("7002", nil))
	must(t, err)
	plan := w.offers[0].Plan
	a, err := joe.admit(joe.asks("7001", nil))
	must(t, err)
	if a.Crossing != plan.Call || a.Designation.Leg != plan.Branches[0].App.Leg || a.Designation.Key != plan.Branches[0].App.Key ||
		a.Designation.Node.Hash() != plan.Node.Hash() || len(w.offers) != 1 {
		t.Errorf("admitted %+v, the call is %+v", a, plan)
	}
	for name, ask := range map[string]func() (fabric.Admitted, error){
		"found it over": func() (fabric.Admitted, error) {
			return joe.admit(joe.asks("7001", func(p *proof.Admit) { p.Over = plan.Call }))
		},
		"from another device": func() (fabric.Admitted, error) { // which does not ring
			u, err := w.store.Users.Get(t.Context(), w.org, plan.To.User)
			must(t, err)
			other := w.caller(u)
			return other.admit(other.asks("7001", nil))
		},
		"after the answer": func() (fabric.Admitted, error) {
			w.broker.Settled(w.org, plan.Call)
			return joe.admit(joe.asks("7001", nil))
		},
	} {
		if a, err := ask(); err != nil || a.Crossing != "" || a.Designation == nil {
			t.Errorf("%s: %+v, %v", name, a, err)
		}
	}

	w.pass(time.Minute)
	w.webLease(0)
	w.webLease(1)
	desk, err := w.admit(1, w.request(1, "7001")) // a desk phone calls an app, which calls back
	must(t, err)
	back, err := eve.admit(eve.asks("301001", nil))
	if err != nil || desk.Plan == nil || back.Crossing != desk.Plan.Call {
		t.Errorf("desk %+v, app %+v, %v", desk, back, err)
	}
}
