package broker

import (
	"testing"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/ident"
	"strowger/pkg/rest"
	"strowger/pkg/sessionkey"
)

// line gives a switch a line; sites dial the numbers of Germany.
func (w *world) line(at int) rest.Trunk {
	w.t.Helper()
	for i := range w.sites {
		site, err := w.store.Sites.Get(w.t.Context(), w.org, w.sites[i].ID)
		must(w.t, err)
		site.Country = "DE"
		must(w.t, w.store.Sites.Update(w.t.Context(), w.org, &site))
	}
	v := rest.NewTrunk("Line " + w.sites[at].Code)
	v.Switch, v.Servers = w.switches[at], []string{"sip.example.com"}
	must(w.t, w.store.Trunks.Create(w.t.Context(), w.org, &v))
	return v
}

// may changes whom a user may call.
func (w *world) may(user, calling string) {
	w.t.Helper()
	u, err := w.store.Users.Get(w.t.Context(), w.org, user)
	must(w.t, err)
	u.Calling = calling
	must(w.t, w.store.Users.Update(w.t.Context(), w.org, &u))
}

// TestForwardsToLines has somebody of site 30 forward calls to a phone number: by the line of their own switch, by that of another one, and by
// the one after the other. The keys and plans say who pays.
func TestForwardsToLines(t *testing.T) {
	w := newWorld(t)
	const number = "+4930123456"
	far := w.line(0)
	w.may(w.users[1], "national")
	w.set(w.users[1], func(p *rest.Policy) { p.FallbackBusy, p.FallbackNoAnswer = number, number })
	_, err := w.admit(0, w.request(0, "301001"))
	must(t, err)
	p := w.offers[0].Plan
	if got := tree(p.Fallback); got != "[no-answer busy] "+number+" away" {
		t.Fatalf("the fall-backs: %s", got)
	}
	c, err := w.verify(t.Context(), w.org, p.Fallback[0].Way.Key)
	must(t, err)
	by := c.Diversion.Payer
	if by == nil || by.User != w.users[1] || by.Site != w.sites[1].ID || by.Number != "301001" || c.From != p.From || c.Audience != w.switches[0] || c.Subject != w.switches[1] {
		t.Fatalf("the key: %+v", c)
	}
	r, err := w.broker.Plan(t.Context(), w.org, w.switches[0], fabric.PlanRequest{Key: p.Fallback[0].Way.Key})
	must(t, err)
	if b := r.Plan.Branches; len(b) != 1 || b[0].Payer == nil || *b[0].Payer != *by || b[0].Trunks[0] != far.ID || b[0].Number != number || r.Plan.From != p.From {
		t.Errorf("the plan of the line's switch: %+v", r.Plan)
	}
	w.may(w.users[1], "internal")
	_, err = w.broker.Plan(t.Context(), w.org, w.switches[0], fabric.PlanRequest{Key: p.Fallback[0].Way.Key})
	w.refused(err, errs.Forbidden)
	w.offers = nil
	_, err = w.admit(0, w.request(0, "301001"))
	must(t, err)
	if got := tree(w.offers[0].Plan.Fallback); got != "" {
		t.Errorf("who may not call there forwards: %s", got)
	}

	w.may(w.users[1], "national")
	near := w.line(1)
	w.offers = nil
	_, err = w.admit(0, w.request(0, "301001"))
	must(t, err)
	f := w.offers[0].Plan.Fallback
	if got := tree(f); got != "[no-answer busy] "+number+" here ([unreachable] "+number+" away)" || f[0].Branches[0].Trunks[0] != near.ID || *f[0].Branches[0].Payer != *by {
		t.Errorf("with lines at both: %s", got)
	}
	c, err = w.verify(t.Context(), w.org, f[0].Next[0].Way.Key)
	if err != nil || c.Diversion.Payer == nil || *c.Diversion.Payer != *by {
		t.Errorf("the key of the next line: %+v, %v", c, err)
	}
}

// TestForwardOfAll has all calls to somebody go to a phone number: their line's switch anchors them.
func TestForwardOfAll(t *testing.T) {
	w := newWorld(t)
	w.line(0)
	w.line(1)
	w.may(w.users[1], "national")
	w.set(w.users[1], func(p *rest.Policy) { p.DND, p.FallbackDND = true, "+4930123456" })
	a, err := w.admit(0, w.request(0, "301001"))
	must(t, err)
	p := w.offers[0].Plan
	if a.Designation == nil || a.Designation.Node.ID != w.switches[1] || steps(p.Diverted) != "301001 do-not-disturb +4930123456" || p.Branches[0].Payer.User != w.users[1] {
		t.Errorf("the call goes to %+v, by the plan %+v", a, p)
	}
	c, err := w.verify(t.Context(), w.org, a.Designation.Key)
	if err != nil || c.Diversion.Payer == nil || c.Diversion.Payer.User != w.users[1] || c.Diversion.Anchor != "" {
		t.Errorf("the key: %+v, %v", c, err)
	}
	w.may(w.users[1], "internal")
	_, err = w.admit(0, w.request(0, "301001"))
	w.refused(err, errs.Forbidden, "may not forward calls to +4930123456")
}

// TestForwardWithoutTheCloud has a switch that signed its own key have another one's line call: for its own users it may.
func TestForwardWithoutTheCloud(t *testing.T) {
	w := newWorld(t)
	w.line(1)
	for _, u := range w.users {
		w.may(u, "national")
	}
	for i, want := range []errs.Code{"", errs.Forbidden} {
		c := sessionkey.Claims{
			Issuer: w.switches[0], ID: ident.New(ident.Leg), Audience: w.switches[1], Subject: w.switches[0], Org: w.org, Call: ident.New(ident.Call), Media: []string{"audio"},
			From: designation.Party{Number: "+4940111", Trunk: "tk_gone", Site: w.sites[0].ID}, To: designation.Party{Number: "+4930123456"}, Expires: w.now.Add(time.Minute).Unix(),
			Diversion: sessionkey.Diversion{Payer: &designation.Party{User: w.users[i], Site: w.sites[i].ID}},
		}
		s, err := w.snapshot(w.org)
		must(t, err)
		if _, err := confirm(s, c.Subject, c); errs.CodeOf(err) != want {
			t.Errorf("switch 0 forwards for user %d: %v, want %q", i, err, want)
		}
	}
}
