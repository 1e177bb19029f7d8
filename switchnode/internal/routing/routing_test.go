package routing

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/ident"
	"strowger/pkg/sessionkey"
	"strowger/switchnode/internal/call"
)

// world is everything around a router.
type world struct {
	*Router
	now      time.Time
	admitted fabric.Admitted // what the cloud answers
	plan     designation.Plan
	err      error
	asked    []fabric.Admit
	keys     []string // shown to the cloud
	local    Local    // what the site copy answers
	localErr error
	byCopy   int
}

func (w *world) Admit(_ context.Context, q fabric.Admit) (fabric.Admitted, error) {
	w.asked = append(w.asked, q)
	return w.admitted, w.err
}

func (w *world) Plan(_ context.Context, key string, _ bool) (designation.Plan, error) {
	w.keys = append(w.keys, key)
	return w.plan, w.err
}

// siteCopy is the world's site copy.
type siteCopy struct{ *world }

func (c siteCopy) Admit(fabric.Admit) (Local, error) {
	c.byCopy++
	return c.local, c.localErr
}

func (c siteCopy) Plan(sessionkey.Claims) (designation.Plan, error) {
	c.byCopy++
	return c.plan, c.localErr
}

// contact is a Target that only has a name; way is one that only leads somewhere.
type (
	contact string
	way     struct{ Way }
)

func (contact) Dial(call.Setup) (call.Leg, error) { return nil, nil }
func (way) Dial(call.Setup) (call.Leg, error)     { return nil, nil }

func newWorld() *world {
	w := &world{now: time.Unix(1_800_000_000, 0)}
	w.Router = New(Config{
		Node: "sw_here", Directory: w, Copy: siteCopy{w}, Now: func() time.Time { return w.now }, Logger: slog.New(slog.DiscardHandler),
		Phones: func(b designation.Branch, _ designation.Plan) []call.Target {
			if b.Device == "dv_away" {
				return nil
			}
			return []call.Target{contact(b.Device + " at home"), contact(b.Device + " at work")}
		},
		Link:   func(w Way) call.Target { return way{w} },
		Barred: func(p designation.Plan) bool { return p.From.Number == "+49112" },
		Apps: func(b designation.Branch, p designation.Plan) call.Target {
			return contact(b.Device + " asleep for " + p.Call)
		},
	})
	return w
}

// ringing is a plan that rings devices.
func (w *world) ringing(devices ...string) designation.Plan {
	p := designation.Plan{
		Call: "ca_1", From: designation.Party{Number: "201001", Device: "dv_caller"}, To: designation.Party{Number: "201002"},
		Ring: 40 * time.Second, Expiry: w.now.Add(time.Minute),
	}
	for i, d := range devices {
		p.Branches = append(p.Branches, designation.Branch{Device: d, Kind: designation.DeskPhone, Delay: time.Duration(i) * time.Second})
	}
	return p
}

var question = fabric.Admit{Header: fabric.Header{ID: "rq_1"}, Call: "ca_1", Device: "dv_caller", Dialled: "1002"}

func planned(t *testing.T, ev call.Event) call.Planned {
	t.Helper()
	p, ok := ev.(call.Planned)
	if !ok {
		t.Fatalf("%T%+v, want a plan", ev, ev)
	}
	return p
}

func refused(t *testing.T, ev call.Event, code errs.Code) {
	t.Helper()
	if r, ok := ev.(call.Refusal); !ok || r.Cause.Code != string(code) {
		t.Fatalf("%T%+v, want a refusal with %s", ev, ev, code)
	}
}

func TestCloudPlansACallInside(t *testing.T) {
	w := newWorld()
	p := w.ringing("dv_1", "dv_away", "dv_2")
	p.Branches = append(p.Branches, designation.Branch{Device: "dv_old", Kind: designation.Mobile},
		designation.Branch{Device: "dv_app", Kind: designation.Mobile, Delay: 3 * time.Second, App: &designation.App{Leg: ident.New(ident.Leg)}})
	w.admitted.Plan = &p
	got := planned(t, w.FromPhone(question)(t.Context()))
	if got.Anchor != "sw_here" || got.Offline || got.Ring != 40*time.Second || got.From != p.From || got.To != p.To {
		t.Errorf("%+v", got)
	}
	want := "[dv_1 at home 0s dv_1 at work 0s dv_2 at home 2s dv_2 at work 2s dv_app asleep for ca_1 3s]"
	var branches []string
	for _, b := range got.Branches {
		branches = append(branches, fmt.Sprint(b.Target, " ", b.Delay))
		if ident.KindOf(b.Leg) != ident.Leg || b.Device == "" {
			t.Errorf("branch %+v", b)
		}
	}
	if fmt.Sprint(branches) != want {
		t.Errorf("branches %s, want %s", branches, want)
	}
	if len(w.asked) != 1 || w.asked[0].Call != "ca_1" || w.asked[0].Dialled != "1002" {
		t.Errorf("asked %+v", w.asked)
	}
}

func TestCloudSendsACallAway(t *testing.T) {
	w := newWorld()
	w.admitted.Designation = &designation.Designation{Node: designation.Node{ID: "sw_y"}, Leg: "lg_1", Key: "key"}
	w.admitted.From, w.admitted.To = designation.Party{Number: "201001"}, designation.Party{Number: "301001"}
	got := planned(t, w.FromPhone(question)(t.Context()))
	// The anchor ends the attempt; this switch only waits longer than it.
	if got.Anchor != "sw_y" || got.Ring <= 5*time.Minute || len(got.Branches) != 1 || got.Branches[0].Leg != "lg_1" || got.To.Number != "301001" {
		t.Fatalf("%+v", got)
	}
	to := got.Branches[0].Target.(way)
	if to.Key != "key" || to.Sign != nil {
		t.Errorf("way %+v", to)
	}
	w.admitted.Designation.Key = "another"
	met := fabric.Run{Node: "sw_y", Boot: "bo_new"}
	again, err := to.Again(t.Context(), met)
	if err != nil || again.Key != "another" {
		t.Errorf("asked again: %+v, %v", again, err)
	}
	if q := w.asked[1]; q.Call != "ca_1" || q.ID == "rq_1" || q.ID == "" || q.Met != met {
		t.Errorf("asked again with %+v", q)
	}
	w.admitted.Designation = nil
	if _, err := to.Again(t.Context(), fabric.Run{}); errs.CodeOf(err) != errs.Gone {
		t.Errorf("the callee has moved here: %v", err)
	}
	w.err = errs.New(errs.Unreachable, "no live switch")
	if _, err := to.Again(t.Context(), fabric.Run{}); errs.CodeOf(err) != errs.Unreachable {
		t.Errorf("%v", err)
	}
}

func TestCloudRefuses(t *testing.T) {
	w := newWorld()
	refused(t, w.FromPhone(question)(t.Context()), errs.Internal) // an answer that says nothing
	for _, code := range []errs.Code{errs.Unknown, errs.Forbidden, errs.Disabled, errs.Unreachable, errs.Loop} {
		w.err, w.admitted.To = errs.New(code, "no"), designation.Party{User: "us_1", Number: "201002"}
		ev := w.FromPhone(question)(t.Context())
		refused(t, ev, code)
		if to := ev.(call.Refusal).To; to != w.admitted.To {
			t.Errorf("%s: who was dialled is %+v", code, to)
		}
	}
	w.err = context.Canceled // the caller has left: nobody else is asked
	refused(t, w.FromPhone(question)(t.Context()), errs.Internal)
	if w.byCopy > 0 {
		t.Error("the site copy was asked although the cloud answered")
	}
}

func TestSiteCopyDecidesWhenTheCloudIsAway(t *testing.T) {
	w := newWorld()
	w.err = errs.New(errs.CloudAway, "no answer")
	p := w.ringing("dv_1")
	w.local = Local{From: p.From, To: p.To, Plan: &p}
	if got := planned(t, w.FromPhone(question)(t.Context())); !got.Offline || got.Anchor != "sw_here" || len(got.Branches) != 2 {
		t.Errorf("inside: %+v", got)
	}
	sign := func(string) (string, error) { return "own key", nil }
	w.local = Local{From: p.From, To: p.To, Way: &Way{Designation: designation.Designation{Node: designation.Node{ID: "sw_y"}, Leg: "lg_1"}, Sign: sign}}
	got := planned(t, w.FromPhone(question)(t.Context()))
	if to := got.Branches[0].Target.(way); !got.Offline || got.Anchor != "sw_y" || to.Again != nil || to.Sign == nil {
		t.Errorf("to another office: %+v", got)
	}
	w.localErr = errs.New(errs.Unknown, "nobody has 1002")
	refused(t, w.FromPhone(question)(t.Context()), errs.Unknown)
}

var claims = sessionkey.Claims{Call: "ca_1", Issuer: "org_acme"}

func TestOfferComesBeforeTheCall(t *testing.T) {
	w := newWorld()
	w.err = errs.New(errs.Internal, "must not be asked")
	p := w.ringing("dv_1")
	p.From = designation.Party{User: "us_a", Number: "201001"}
	claims := claims
	claims.From, claims.To = p.From, p.To
	w.Offered(p)
	if got := planned(t, w.FromLink(claims, "key")(t.Context())); got.Offline || len(got.Branches) != 2 || len(w.keys) > 0 {
		t.Errorf("%+v, asked %q", got, w.keys)
	}
	refused(t, w.FromLink(claims, "key")(t.Context()), errs.Internal) // an offer serves one call
	w.Offered(p)
	claims.From.Number = "201002" // a key that someone else made for the same call
	refused(t, w.FromLink(claims, "key")(t.Context()), errs.Internal)
}

func TestCallComesBeforeTheOffer(t *testing.T) {
	w := newWorld()
	w.plan = w.ringing("dv_1")
	if got := planned(t, w.FromLink(claims, "key")(t.Context())); got.Offline || len(w.keys) != 1 || w.keys[0] != "key" {
		t.Errorf("%+v, asked %q", got, w.keys)
	}
	w.err = errs.New(errs.Gone, "the caller has left")
	refused(t, w.FromLink(claims, "key")(t.Context()), errs.Gone)
}

// 2-call-flows, "When the cloud is gone": who still has the cloud asks it first about a key that a switch signed itself.
func TestSelfSignedKey(t *testing.T) {
	own := sessionkey.Claims{Call: "ca_2", Issuer: "sw_x", Subject: "sw_x"}
	w := newWorld()
	w.err = errs.New(errs.Revoked, "sw_x was revoked")
	refused(t, w.FromLink(own, "own key")(t.Context()), errs.Revoked)
	if len(w.keys) != 1 || w.keys[0] != "own key" || w.byCopy > 0 {
		t.Errorf("asked the cloud %q, the site copy %d times", w.keys, w.byCopy)
	}
	w.err = errs.New(errs.CloudAway, "no answer")
	w.plan = w.ringing("dv_1")
	if got := planned(t, w.FromLink(own, "own key")(t.Context())); !got.Offline || w.byCopy != 1 {
		t.Errorf("%+v, the site copy was asked %d times", got, w.byCopy)
	}
	w.localErr = errs.New(errs.WrongPresenter, "the caller is not homed there")
	refused(t, w.FromLink(own, "own key")(t.Context()), errs.WrongPresenter)
}

func TestOffersExpire(t *testing.T) {
	w := newWorld()
	w.Offered(w.ringing("dv_1"))
	stale := w.ringing("dv_1")
	stale.Call, stale.Expiry = "ca_stale", w.now
	w.Offered(stale)
	w.now = w.now.Add(time.Minute)
	for _, id := range []string{"ca_1", "ca_stale", "ca_never"} {
		if p, ok := w.offers.take(id, "", w.now); ok {
			t.Errorf("%s: %+v", id, p)
		}
	}
}

func TestOffersAreBounded(t *testing.T) {
	w := newWorld()
	for i := range maxOffers + 1 {
		p := w.ringing("dv_1")
		p.Call = fmt.Sprint("ca_", i)
		w.Offered(p)
	}
	if n := len(w.offers.plans); n != maxOffers {
		t.Errorf("%d plans wait, at most %d may", n, maxOffers)
	}
	w.plan = w.ringing("dv_1")
	last := sessionkey.Claims{Call: fmt.Sprint("ca_", maxOffers)}
	if planned(t, w.FromLink(last, "key")(t.Context())); len(w.keys) != 1 {
		t.Error("the plan that found no room was not asked for")
	}
	w.now = w.now.Add(2 * time.Minute) // what nobody came for makes room
	p := w.ringing("dv_1")
	w.Offered(p)
	if _, ok := w.offers.take(p.Call, "", w.now); !ok || len(w.offers.plans) != 0 {
		t.Errorf("a plan found no room: %d wait", len(w.offers.plans))
	}
}

func TestServiceIsAnsweredHere(t *testing.T) {
	w := newWorld()
	w.cfg.Services = func(b designation.Branch, p designation.Plan) call.Target {
		if b.Service != designation.Voicemail {
			return nil // of a later release
		}
		return contact(b.Service + " of " + b.User + " for " + p.From.Number)
	}
	// A caller outside has no device, and a service neither.
	p := designation.Plan{From: designation.Party{Number: "+49301"}, Branches: []designation.Branch{
		{Kind: designation.Service, Service: designation.Voicemail, User: "us_bell"}, {Kind: designation.Service, Service: "oracle"},
	}}
	branches, self := w.branches(p)
	if self || len(branches) != 1 || branches[0].Target != contact("voicemail of us_bell for +49301") {
		t.Errorf("%v, self %v", branches, self)
	}
	w.cfg.Services = nil
	if branches, _ := w.branches(p); len(branches) != 0 {
		t.Errorf("a switch without services rings %v", branches)
	}
}
