package broker

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"strowger/cloud/internal/store"
	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/ident"
	"strowger/pkg/rest"
	"strowger/pkg/sessionkey"
)

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

// A switch that was killed and is back is met by its callers before the cloud has its lease.
func TestKeyIsForTheRunThatWasMet(t *testing.T) {
	w := newWorld(t)
	for _, met := range []fabric.Run{
		{Node: w.switches[1], Boot: ident.New(ident.Boot)},
		{Node: w.switches[0], Boot: ident.New(ident.Boot)}, // the callee has moved since
	} {
		q := w.request(0, "30-1001")
		q.Met = met
		want := met.Boot
		if met.Node != w.switches[1] {
			want = w.boots[1]
		}
		a, err := w.admit(0, q)
		must(t, err)
		c, err := w.verify(t.Context(), w.org, a.Designation.Key)
		must(t, err)
		if y := a.Designation.Node; c.Boot != want || y.Boot != want || c.Audience != y.ID || y.ID != w.switches[1] || c.AddressHash != y.Hash() {
			t.Errorf("met %+v, designated %+v, claims %+v", met, y, c)
		}
	}
	q := w.request(0, "30-1001")
	q.Met = fabric.Run{Node: w.switches[1], Boot: "now"}
	if _, err := w.admit(0, q); errs.CodeOf(err) != errs.Invalid {
		t.Errorf("a run that is none: %v", err)
	}
	// The next call is for the run of the lease again: nobody's word but the node's own changes that.
	a, err := w.admit(0, w.request(0, "30-1001"))
	must(t, err)
	if a.Designation.Node.Boot != w.boots[1] {
		t.Errorf("designated %+v", a.Designation.Node)
	}
}

func TestCallWithinTheSwitchGetsThePlan(t *testing.T) {
	w := newWorld(t)
	u := w.user("Colleague", "1002")
	device := w.desk(u, 0)
	for _, dialled := range []string{"1002", "201002"} {
		a, err := w.admit(0, w.request(0, dialled))
		must(t, err)
		if a.Designation != nil || a.Plan == nil || len(a.Plan.Branches) != 1 || a.Plan.Branches[0].Device != device || len(w.offers) != 0 || w.signed != 0 {
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
	_, err = w.admit(0, w.request(0, "1001"))
	w.refused(err, errs.Busy, "only phone") // nobody rings their own phone
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
	if want := w.offers[0].Plan; r.Plan.Call != want.Call || r.Plan.From != want.From || r.Plan.To != want.To || len(r.Plan.Branches) != 1 || r.Plan.Branches[0].Device != want.Branches[0].Device {
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
	waited := func() error {
		_, err := w.broker.Plan(ctx, w.org, w.switches[1], fabric.PlanRequest{Key: a.Designation.Key, Waited: true})
		return err
	}
	w.refused(waited(), errs.Disabled) // the key still says whose call it is
	w.pass(maxQueued)
	w.refused(waited(), errs.KeyExpired)
}

func TestPartiesAreTold(t *testing.T) {
	w := newWorld(t)
	q := w.request(0, "301001")
	_, err := w.admit(0, q)
	must(t, err)
	if p := <-w.broker.Parties(); p.Org != w.org || p.Call != q.Call || !slices.Equal(p.Nodes, w.switches[:]) {
		t.Errorf("parties %+v", p)
	}
	for range maxParties + 1 { // nobody takes them: more are dropped, none waits
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

// A number that another instance adds just now can be called.
func TestRefusalIsByTheLatestRegistry(t *testing.T) {
	w := newWorld(t)
	added := 0
	w.grown = func() {
		if added++; added == 1 {
			must(t, w.store.Numbers.Create(t.Context(), w.org, &rest.Number{Site: w.sites[1].ID, Digits: "1002", User: w.users[1]}))
		}
	}
	a, err := w.admit(0, w.request(0, "30-1002"))
	must(t, err)
	if a.To.Number != "301002" {
		t.Errorf("admitted %+v", a)
	}
	if _, err = w.admit(0, w.request(0, "30-1003")); errs.CodeOf(err) != errs.Unknown || added != 2 {
		t.Errorf("a number that nobody has: %v", err)
	}
	if _, err = w.admit(0, w.request(0, "30-1001")); err != nil || added != 2 {
		t.Errorf("%v; an admission looked %d times for a later registry, want never", err, added-2)
	}
}
