package broker

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/rest"
	"strowger/pkg/sessionkey"
)

// set changes the policy of a user.
func (w *world) set(id string, change func(*rest.Policy)) {
	w.t.Helper()
	u, err := w.store.Users.Get(w.t.Context(), w.org, id)
	must(w.t, err)
	change(&u.Policy)
	must(w.t, w.store.Users.Update(w.t.Context(), w.org, &u))
}

// steps is how a call came where it is.
func steps(all []designation.Diversion) string {
	var words []string
	for _, d := range all {
		words = append(words, fmt.Sprintf("%s %s %s", d.From.Number, d.Code, d.To.Number))
	}
	return strings.Join(words, ", ")
}

// tree is where a call may go.
func tree(all []designation.Fallback) string {
	var words []string
	for _, f := range all {
		at := "here"
		if f.Way != nil {
			at = "away"
		}
		next := ""
		if len(f.Next) > 0 {
			next = " (" + tree(f.Next) + ")"
		}
		words = append(words, fmt.Sprintf("%v %s %s%s", f.On, f.To.Number, at, next))
	}
	return strings.Join(words, ", ")
}

func TestDoNotDisturb(t *testing.T) {
	w := newWorld(t)
	call := func() (fabric.Admitted, error) { return w.admit(0, w.request(0, "301001")) }
	w.set(w.users[1], func(p *rest.Policy) { p.DND = true })
	a, err := call()
	w.refused(err, errs.DoNotDisturb, "User 30", "disturbed")
	if a.To.User != w.users[1] || a.To.Number != "301001" || a.From.User != "" {
		t.Errorf("the answer does not say who was dialled: %+v", a)
	}
	w.set(w.users[1], func(p *rest.Policy) { p.DNDWords = "in a meeting until 3" })
	_, err = call()
	w.refused(err, errs.DoNotDisturb, "in a meeting until 3")

	// Who has the priority comes through, and the plan says which it is.
	w.set(w.users[1], func(p *rest.Policy) { p.DNDPriority = 5 })
	_, err = call()
	w.refused(err, errs.DoNotDisturb)
	w.set(w.users[0], func(p *rest.Policy) { p.Priority = 5 })
	_, err = call()
	must(t, err)
	if p := w.offers[0].Plan; p.Priority != 5 {
		t.Errorf("priority %d", p.Priority)
	}

	w.set(w.users[0], func(p *rest.Policy) { p.Priority = 4 })
	mia := w.user("Mia", "1002")
	desk := w.desk(mia, 0)
	w.set(w.users[1], func(p *rest.Policy) { p.FallbackDND = "201002" })
	a, err = call()
	must(t, err)
	if p := a.Plan; p == nil || a.To.Name != "Mia" || p.Branches[0].Device != desk || steps(p.Diverted) != "301001 do-not-disturb 201002" ||
		!slices.Equal(p.Diversion, []string{"301001"}) || p.Diverted[0].Words != "in a meeting until 3" {
		t.Errorf("sent on: %+v", a)
	}
	w.set(mia.ID, func(p *rest.Policy) { p.DND, p.FallbackDND = true, "301001" })
	a, err = call()
	w.refused(err, errs.Loop, "301001", "circles")
	if a.To.User != w.users[1] { // whoever it went to from there
		t.Errorf("the answer says that %+v was dialled", a.To)
	}

	// The caller is no fall-back, and hears what there is to hear without one.
	w.set(w.users[1], func(p *rest.Policy) { p.FallbackDND = "201001" })
	_, err = call()
	w.refused(err, errs.DoNotDisturb, "in a meeting until 3")
}

func TestUnreachableCalleesSendCallsOn(t *testing.T) {
	w := newWorld(t)
	w.desk(w.user("Mia", "1002"), 0)
	call := func() (fabric.Admitted, error) { return w.admit(0, w.request(0, "301001")) }
	w.set(w.users[1], func(p *rest.Policy) { p.FallbackUnreachable = "201002" })
	w.pass(fabric.LeaseLifetime)
	must(t, w.lease(0))
	a, err := call() // the callee's office is away
	must(t, err)
	if a.Plan == nil || a.To.Name != "Mia" || steps(a.Plan.Diverted) != "301001 unreachable 201002" {
		t.Errorf("sent on: %+v", a)
	}
	w.set(w.users[1], func(p *rest.Policy) { p.FallbackUnreachable = "4711" }) // nobody's
	_, err = call()
	w.refused(err, errs.Unreachable)
	w.set(w.users[1], func(p *rest.Policy) { p.FallbackUnreachable = "1001" }) // as the user would dial it: their own
	_, err = call()
	w.refused(err, errs.Loop)
}

// TestPlanAuthorizesFallbacks has a call that may go on to another user of the same switch, and from there to one of the
// caller's.
func TestPlanAuthorizesFallbacks(t *testing.T) {
	w := newWorld(t)
	w.webLease(1)
	there, here := w.user("There", "1003"), w.user("Here", "1002")
	desk := w.desk(there, 1)
	w.desk(here, 0)
	a := w.app(there, 20, token())
	w.set(w.users[1], func(p *rest.Policy) {
		p.RingSeconds, p.FallbackNoAnswer, p.FallbackBusy, p.FallbackUnreachable = 300, "201003", "201002", "201003"
	})
	w.set(there.ID, func(p *rest.Policy) { p.RingSeconds, p.FallbackNoAnswer, p.FallbackBusy = 300, "201002", "301001" })
	_, err := w.admit(0, w.request(0, "301001"))
	must(t, err)
	p := w.offers[0].Plan
	if want := "[no-answer unreachable] 201003 here ([no-answer] 201002 away), [busy] 201002 away"; tree(p.Fallback) != want {
		t.Fatalf("fall-backs %s, want %s", tree(p.Fallback), want)
	}
	f := p.Fallback[0]
	if p.Ring != 300*time.Second || f.Ring != 300*time.Second || len(f.Branches) != 2 || f.Branches[0].Device != desk {
		t.Errorf("rings %v, then %v: %+v", p.Ring, f.Ring, f.Branches)
	}
	sub := p
	sub.To, sub.Branches, sub.Node = f.To, f.Branches, f.Node
	w.rings(&sub, 1, a, sessionkey.MaxLifetime) // the longest that a key may wait

	far := f.Next[0].Way
	c, err := w.verify(t.Context(), w.org, far.Key)
	must(t, err)
	if c.Subject != w.switches[1] || c.Confirm.KeyHash != "key 30" || c.Audience != w.switches[0] || c.Diversion.Anchor != w.switches[1] || c.Call != p.Call ||
		!slices.Equal(c.Diversion.Numbers, []string{"301001", "201003"}) || c.To.Name != "Here" || c.From != p.From {
		t.Errorf("claims %+v", c)
	}
	// The switch of the last one asks for its plan, though the caller is another's and the call was refused there otherwise.
	r, err := w.broker.Plan(t.Context(), w.org, w.switches[0], fabric.PlanRequest{Key: far.Key})
	must(t, err)
	if r.Plan.To.Name != "Here" || r.Plan.From != p.From || !slices.Equal(r.Plan.Diversion, c.Diversion.Numbers) {
		t.Errorf("plan %+v", r.Plan)
	}
	parties := <-w.broker.Parties()
	if !slices.Contains(parties.Nodes, w.switches[0]) || !slices.Contains(parties.Nodes, w.switches[1]) {
		t.Errorf("parties %q", parties.Nodes)
	}
}

// Whoever sends calls to whom: a call comes to an end, and to nobody twice.
func TestFallbacksEnd(t *testing.T) {
	w := newWorld(t)
	var users []rest.User
	for i := range 5 {
		u := w.user(fmt.Sprint("User ", i), fmt.Sprint(1010+i))
		w.desk(u, i%2)
		users = append(users, u)
	}
	rapid.Check(t, func(t *rapid.T) {
		to := rapid.SampledFrom([]string{"", "201010", "201011", "201012", "201013", "201014", "4711"})
		for _, u := range users {
			w.set(u.ID, func(p *rest.Policy) {
				*p = rest.Policy{
					DND: rapid.Bool().Draw(t, "dnd"), FallbackDND: to.Draw(t, "on dnd"), FallbackNoAnswer: to.Draw(t, "on no answer"),
					FallbackBusy: to.Draw(t, "on busy"), FallbackUnreachable: to.Draw(t, "on unreachable"),
				}
			})
		}
		w.offers = nil
		a, err := w.admit(0, w.request(0, "1010"))
		switch errs.CodeOf(err) {
		case "":
		case errs.DoNotDisturb, errs.Loop:
			return
		default:
			t.Fatal(err)
		}
		p := a.Plan
		if p == nil {
			p = &w.offers[0].Plan
		}
		visit(t, p.Fallback, append(slices.Clone(p.Diversion), p.To.Number))
	})
}

// visit walks all ways of a call.
func visit(t *rapid.T, all []designation.Fallback, been []string) {
	var on []designation.Occasion
	for _, f := range all {
		on = append(on, f.On...)
		path := slices.Clone(been)
		for _, d := range f.Diverted {
			path = append(path, d.From.Number)
		}
		path = append(path, f.To.Number)
		slices.Sort(path)
		if n := len(path); len(slices.Compact(path)) != n || n > maxSent+1 {
			t.Fatalf("a call goes from %q to %+v", been, f)
		}
		visit(t, f.Next, path)
	}
	slices.Sort(on)
	if n := len(on); len(slices.Compact(on)) != n {
		t.Fatalf("fall-backs %+v: two on one occasion", all)
	}
}
