package sitecopy

import (
	"fmt"
	"testing"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/e164"
	"strowger/pkg/errs"
	"strowger/pkg/route"
	"strowger/pkg/sessionkey"
	"strowger/pkg/sitecopy"
	"strowger/pkg/tariff"
)

// TestBack has callers outside be called back, or not: who shows no number that can be, or one abroad to a callee who may not call there. A
// trunk of another site is one of the country of the number.
func TestBack(t *testing.T) {
	w := newWorld(t)
	c := w.copies[w.paris]
	c.Country, c.Trunks = "FR", []sitecopy.Trunk{{ID: "tk_here", Switch: w.x.Node}}
	c.Users[0].Calling, c.Users[3].Calling = "international", "internal"
	far, near := c.Users[0].ID, c.Users[3].ID
	s := w.fetched(w.x).Snapshot()
	for _, v := range []struct {
		trunk, number, callee, home string
		ok                          bool
	}{
		{"tk_here", "+33145123456", near, "FR", true}, {"tk_here", "+33145123456", "qu_1", "FR", true},
		{"tk_here", "+442079460123", near, "FR", false}, {"tk_here", "+442079460123", far, "FR", true}, {"tk_here", "+442079460123", "qu_1", "FR", false},
		{"tk_there", "+442079460123", near, "GB", true}, {"tk_there", "+49112", far, "DE", false},
		{"tk_here", "+33112", far, "FR", false}, {"tk_here", "112", far, "FR", false}, {"tk_here", "+33x", far, "FR", false}, {"tk_here", "", far, "FR", false},
	} {
		if home, ok := s.Back(designation.Party{Trunk: v.trunk, Number: v.number}, v.callee); home != v.home || ok != v.ok {
			t.Errorf("%+v: %s, %t", v, home, ok)
		}
	}
}

// TestOutside calls phone numbers, and is called from there, by the site copy alone.
func TestOutside(t *testing.T) {
	w := newWorld(t)
	c := w.copies[w.paris]
	c.Country, c.Outside = "FR", "0"
	c.Trunks = []sitecopy.Trunk{
		{ID: "tk_other", Switch: w.x2.Node}, {ID: "tk_late", Switch: w.x.Node, Order: 2}, {ID: "tk_first", Switch: w.x.Node, Order: 1},
	}
	c.Users[3].Calling = "national" // dan
	c.Numbers = append(c.Numbers, sitecopy.Number{ID: "nu_out", Digits: "+33145000000", User: c.Users[3].ID})
	s := w.fetched(w.x).Snapshot()
	for _, c := range []struct {
		dialled string
		want    string // number, trunks, number shown; or code
	}{
		{"00145123456", "+33145123456 [tk_first tk_late] +33145000000"},
		{"000442079460123", "forbidden"},
		{"112", "112 [tk_first tk_late] +33145000000"},
		{"0112", "112 [tk_first tk_late] +33145000000"},
		{"4711", "cloud-away"},
	} {
		r, err := s.Resolve("dv_dan", c.dialled, w.now)
		got := string(errs.CodeOf(err))
		if err == nil {
			got = fmt.Sprint(r.To.Number, " ", r.Branches[0].Trunks, " ", r.Branches[0].Shown)
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s (%v)", c.dialled, got, c.want, err)
		}
	}
	from := designation.Party{Number: "+331999", Name: "Outside", User: "us_forged", Signature: "verified A", Verstat: "TN-Validation-Passed"}
	r, err := s.ResolveTrunk("tk_late", from, "0145000000", w.now)
	want := from
	want.User, want.Site, want.Trunk = "", w.paris, "tk_late"
	if err != nil || r.To.User != c.Users[3].ID || r.From != want {
		t.Errorf("from outside: %+v, %v", r, err)
	}
	for _, dialled := range []string{"1001", "201001", "+442079460123", "112"} {
		if _, err := s.ResolveTrunk("tk_late", from, dialled, w.now); errs.CodeOf(err) != errs.CloudAway {
			t.Errorf("from outside to %s: %v", dialled, err)
		}
	}
	if _, err := s.ResolveTrunk("tk_other", from, "0145000000", w.now); errs.CodeOf(err) != errs.Forbidden {
		t.Errorf("by a trunk of another switch: %v", err)
	}
	claims := sessionkey.Claims{Issuer: s.identity.Org, Call: "ca_1", From: r.From, To: designation.Party{Number: "+33145123456"}}
	if p, err := s.Accept(claims, w.now); err != nil || p.Branches[0].Trunks[0] != "tk_first" {
		t.Errorf("another switch brings a call: %+v, %v", p, err)
	}
	claims.To.Number = "301001"
	if _, err := s.Accept(claims, w.now); errs.CodeOf(err) != errs.Unknown {
		t.Errorf("another switch brings a call to nobody: %v", err)
	}
	c.Trunks = c.Trunks[:1]
	if r, err := w.fetched(w.x).Snapshot().Resolve("dv_dan", "112", w.now); err != nil || r.Away == nil || r.Away.ID != w.x2.Node {
		t.Errorf("by another switch of the site: %+v, %v", r, err)
	}
	c.Trunks = nil
	if _, err := w.fetched(w.x).Snapshot().Resolve("dv_dan", "112", w.now); errs.CodeOf(err) != errs.NoLine {
		t.Errorf("without a line: %v", err)
	}
}

// TestOutsideCosts has the site copy know what calls cost, and which trunk of the switch costs least.
func TestOutsideCosts(t *testing.T) {
	w := newWorld(t)
	c := w.copies[w.paris]
	c.Country, c.Outside = "FR", "0"
	c.Trunks = []sitecopy.Trunk{
		{ID: "tk_dear", Switch: w.x.Node, Rates: []tariff.Rate{{Prefix: "+33", PerMinute: 20_000, First: 1, Step: 1, Currency: "EUR"}}},
		{ID: "tk_cheap", Switch: w.x.Node, Rates: []tariff.Rate{{Prefix: "+3", PerMinute: 10_000, First: 1, Step: 1, Currency: "EUR", AtMost: true}}},
		{ID: "tk_free", Switch: w.x2.Node},
	}
	c.Users[3].Calling = "national" // dan
	r, err := w.fetched(w.x).Snapshot().Resolve("dv_dan", "00145123456", w.now)
	if err != nil {
		t.Fatal(err)
	}
	b := r.Branches[0]
	if fmt.Sprint(b.Trunks, b.Ranks) != "[tk_cheap tk_dear] [0 1]" || !b.Rates["tk_cheap"].AtMost || b.Rates["tk_dear"].PerMinute != 20_000 {
		t.Errorf("the branch: %+v", b)
	}
	c.Routes = []route.Route{{Prefix: "+331", Trunks: []string{"tk_free"}}, {Prefix: "+33", Trunks: []string{"tk_dear"}}}
	if r, err := w.fetched(w.x).Snapshot().Resolve("dv_dan", "00145123456", w.now); err != nil || r.Away == nil || r.Away.ID != w.x2.Node {
		t.Errorf("by its route: %+v, %v", r, err)
	}
	if r, err := w.fetched(w.x).Snapshot().Resolve("dv_dan", "00645123456", w.now); err != nil || fmt.Sprint(r.Branches[0].Trunks) != "[tk_dear]" {
		t.Errorf("by a shorter route: %+v, %v", r, err)
	}
	for zone, want := range map[string]string{"": "Europe/Paris", "Asia/Tokyo": "Asia/Tokyo"} { // routes and rates go by the clocks of the office
		minute := func(at time.Time) int { return at.Hour()*60 + at.Minute() }
		at := minute(w.now.In(e164.Zone(want, "")))
		c.TimeZone = zone
		c.Routes = []route.Route{{Prefix: "+33", Trunks: []string{"tk_dear"}, When: tariff.Window{Hours: tariff.Hours{From: at, Until: (at + 1) % (24 * 60)}}}}
		s := w.fetched(w.x).Snapshot()
		if r, err := s.Resolve("dv_dan", "00645123456", w.now); err != nil || fmt.Sprint(r.Branches[0].Trunks) != "[tk_dear]" || s.Zone().String() != want {
			t.Errorf("by the clocks of %s: %+v, %v", s.Zone(), r, err)
		}
	}
	r, err = w.fetched(w.x).Snapshot().Resolve("dv_dan", "112", w.now)
	if b := r.Branches[0]; err != nil || fmt.Sprint(b.Trunks, b.Ranks) != "[tk_dear tk_cheap] [0 0]" {
		t.Errorf("for help costs count: %+v, %v", b, err)
	}
}
