package broker

import (
	"testing"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/ident"
	"strowger/pkg/proof"
	"strowger/pkg/sessionkey"
)

// transfer is the question of a switch for an app, in a call that it has.
func (c caller) transfer(call, dialled string, change func(*proof.Admit)) fabric.Admit {
	c.w.t.Helper()
	signed := c.asks(dialled, func(p *proof.Admit) {
		p.Call = call
		if change != nil {
			change(p)
		}
	})
	return fabric.Admit{
		Header: fabric.Header{ID: ident.New(ident.Request)}, Call: call, Device: c.id, Dialled: dialled, Media: []string{"audio"}, Proof: signed.Admit,
		For: &designation.Party{Number: "301001", Name: "Bob", User: "us_claimed"}, Diversion: []string{"7001", "301001"},
	}
}

// TestTransferByAnApp has a switch ask what an app has signed: the app is judged, who is transferred is shown, and the switch keeps the call.
func TestTransferByAnApp(t *testing.T) {
	w := newWorld(t)
	w.webLease(0)
	w.webLease(1)
	eve := w.caller(w.roamer("Eve", "7001"))
	joe := w.app(w.roamer("Joe", "7002"), 0, token())
	call := ident.New(ident.Call)
	a, err := w.admit(1, eve.transfer(call, "7002", nil))
	must(t, err)
	if a.Plan == nil || a.Plan.From != (designation.Party{Number: "301001", Name: "Bob"}) {
		t.Fatalf("admitted %+v", a)
	}
	w.rings(a.Plan, 1, joe, time.Minute)
	a, err = w.admit(1, eve.transfer(call, "201001", nil))
	must(t, err)
	c, err := w.verify(t.Context(), w.org, a.Designation.Key)
	must(t, err)
	if d := c.Diversion; a.Designation.Node.ID != w.switches[0] || d.Anchor != w.switches[1] || c.From.Device != eve.id || d.For == nil || d.For.Number != "301001" || d.For.User != "" {
		t.Errorf("claims %+v, for %+v", c, d.For)
	}
}

// TestTransferByAnAppIsRefused has switches ask for what no app has signed, or not so, and bridges for what is a switch's.
func TestTransferByAnAppIsRefused(t *testing.T) {
	w := newWorld(t)
	w.webLease(0)
	w.webLease(1)
	eve, mia := w.caller(w.roamer("Eve", "7001")), w.caller(w.roamer("Mia", "7003"))
	call, other := ident.New(ident.Call), ident.New(ident.Call)
	for what, c := range map[string]struct {
		q    fabric.Admit
		code errs.Code
	}{
		"another call":          {with(eve.transfer(call, "201001", nil), func(q *fabric.Admit) { q.Call = other }), errs.Forbidden},
		"another number":        {with(eve.transfer(call, "201001", nil), func(q *fabric.Admit) { q.Dialled = "301001" }), errs.Forbidden},
		"another app":           {with(eve.transfer(call, "201001", nil), func(q *fabric.Admit) { q.Device = mia.id }), errs.Forbidden},
		"another app's name":    {mia.transfer(call, "201001", func(p *proof.Admit) { p.Device = eve.id }), errs.Forbidden},
		"another's key":         {with(mia.transfer(call, "201001", func(p *proof.Admit) { p.Device = eve.id }), func(q *fabric.Admit) { q.Device = eve.id }), errs.WrongPresenter},
		"a call of its own":     {with(eve.transfer(call, "201001", func(p *proof.Admit) { p.Call = "" }), func(*fabric.Admit) {}), errs.Forbidden},
		"an old one":            {eve.transfer(call, "201001", func(p *proof.Admit) { p.IssuedAt -= 3600 }), errs.KeyExpired},
		"another organization":  {eve.transfer(call, "201001", func(p *proof.Admit) { p.Org = "org_other" }), errs.WrongOrganization},
		"nobody transferred":    {with(eve.transfer(call, "201001", nil), func(q *fabric.Admit) { q.For = nil }), errs.Invalid},
		"without a proof":       {with(eve.transfer(call, "201001", nil), func(q *fabric.Admit) { q.Proof = "" }), errs.Forbidden},
		"whom it had":           {eve.transfer(call, "301001", nil), errs.Loop},
		"a code":                {eve.transfer(call, "*43", nil), errs.Forbidden},
		"voicemail":             {eve.transfer(call, "*97", nil), errs.Forbidden},
		"nobody's number":       {eve.transfer(call, "999999", nil), errs.Unknown},
		"a phone number":        {eve.transfer(call, "+4930123456", nil), errs.Unknown},
		"an empty place":        {eve.transfer(call, "*005", nil), errs.Unknown},
		"the proof of a number": {with(eve.transfer(call, "201001", nil), func(q *fabric.Admit) { q.Proof = "a.b.c" }), errs.KeyMalformed},
	} {
		if a, err := w.admit(1, c.q); errs.CodeOf(err) != c.code || a.Plan != nil || a.Designation != nil {
			t.Errorf("%s: %+v, %v, want %s", what, a, err, c.code)
		}
	}
	q := eve.transfer(call, "201001", nil)
	_, err := w.admit(1, q)
	must(t, err)
	q.ID = ident.New(ident.Request)
	if _, err := w.admit(1, q); err != nil { // its switch asks once more
		t.Error(err)
	}
	q.ID = ident.New(ident.Request)
	_, err = w.admit(0, q)
	w.refused(err, errs.Replayed, "shown before")
	_, err = eve.admit(fabric.AppAdmit{Header: fabric.Header{ID: ident.New(ident.Request)}, Admit: eve.transfer(call, "201001", nil).Proof})
	w.refused(err, errs.Forbidden, "for a transfer")
}

func with(q fabric.Admit, change func(*fabric.Admit)) fabric.Admit {
	change(&q)
	return q
}

// TestCallComesBackToAnApp has a switch ask how to ring the app that was in a call there, and others ask.
func TestCallComesBackToAnApp(t *testing.T) {
	w := newWorld(t)
	w.webLease(0)
	w.webLease(1)
	u := w.roamer("Eve", "7001")
	eve := w.app(u, 0, token())
	got, err := w.admit(0, w.request(0, "7001"))
	must(t, err)
	key := w.rings(got.Plan, 0, eve, time.Minute).App.Key
	call := ident.New(ident.Call)
	back := func() fabric.Admit {
		return fabric.Admit{
			Header: fabric.Header{ID: ident.New(ident.Request)}, Call: call, Home: key, For: &designation.Party{Number: "301001", Name: "Back: Bob"}, Media: []string{"audio"},
		}
	}
	u.DND = true
	must(t, w.store.Users.Update(t.Context(), w.org, &u)) // they asked for this one
	w.pass(time.Hour)
	w.webLease(0)
	w.webLease(1)
	a, err := w.admit(0, back())
	must(t, err)
	if a.Plan == nil || len(a.Plan.Branches) != 1 || len(a.Plan.Fallback) != 0 || a.Plan.Call != call || a.Plan.From.Name != "Back: Bob" {
		t.Fatalf("admitted %+v", a)
	}
	w.rings(a.Plan, 0, eve, a.Plan.Ring)
	_, err = w.admit(1, back())
	w.refused(err, errs.WrongAudience, "is for node")
	desk, err := w.admit(0, w.request(0, "301001"))
	must(t, err)
	_, err = w.admit(1, with(back(), func(q *fabric.Admit) { q.Home = desk.Designation.Key }))
	w.refused(err, errs.Forbidden, "not that of an app")
	_, err = w.admit(0, with(back(), func(q *fabric.Admit) { q.For = nil }))
	w.refused(err, errs.Invalid, "missing")
	d, err := w.store.Devices.Get(t.Context(), w.org, eve.id)
	must(t, err)
	d.Enabled = false
	must(t, w.store.Devices.Update(t.Context(), w.org, &d))
	_, err = w.admit(0, back())
	w.refused(err, errs.Disabled, "disabled")
	w.pass(maxHome + sessionkey.Lifetime)
	w.webLease(0)
	_, err = w.admit(0, back())
	w.refused(err, errs.KeyExpired, "expired")
}
