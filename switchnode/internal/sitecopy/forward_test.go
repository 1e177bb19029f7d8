package sitecopy

import (
	"fmt"
	"testing"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/sessionkey"
	"strowger/pkg/sitecopy"
	"strowger/pkg/wish"
)

// TestForwardOutside has Dan, who may call in France, forward to phone numbers by the site copy alone: by the line of this switch, or by that of
// the other one, which is told who pays.
func TestForwardOutside(t *testing.T) {
	w := newWorld(t)
	c := w.copies[w.paris]
	c.Country, c.Outside = "FR", "0"
	c.Trunks = []sitecopy.Trunk{{ID: "tk_here", Switch: w.x.Node, Number: "+33199"}}
	dan := &c.Users[3]
	c.Numbers = append(c.Numbers, sitecopy.Number{ID: "nu_out", Digits: "+33145000000", User: dan.ID})
	from := func(number string) designation.Party { return designation.Party{Number: number, Name: "Outside"} }
	for _, v := range []struct {
		calling, to, caller string
		want                string // number, trunks, number shown, who pays; or code
	}{
		{"national", "00145123456", "+331999", "+33145123456 [tk_here] +33145000000 us_dan"},
		{"national", "+33145123456", "anonymous", "+33145123456 [tk_here] +33145000000 us_dan"},
		{"national", "000442079460123", "+331999", "forbidden"}, {"internal", "+33145123456", "+331999", "forbidden"},
		{"national", "0112", "+331999", "forbidden"}, {"national", "4711", "+331999", "forwarded"},
		{"national", "+33145123456", "0145123456", "loop"}, {"national", "+33145123456", "+33145000000", "loop"}, {"national", "+33145123456", "33199", "loop"},
	} {
		dan.Calling, dan.Wishes = v.calling, &wish.Wishes{ForwardAlways: v.to}
		r, err := w.fetched(w.x).Snapshot().ResolveTrunk("tk_here", from(v.caller), "+33145000000", w.now)
		got := string(errs.CodeOf(err))
		if err == nil {
			b := r.Branches[0]
			got = fmt.Sprint(r.To.Number, " ", b.Trunks, " ", b.Shown, " ", b.Payer.User)
			if len(r.Diverted) != 1 || r.Diverted[0].To.Number != r.To.Number || r.From.Number != v.caller {
				t.Errorf("%s: the steps %+v of %+v", v.to, r.Diverted, r.From)
			}
		}
		if got != v.want {
			t.Errorf("who may call %s forwards a call of %s to %s: %s, want %s (%v)", v.calling, v.caller, v.to, got, v.want, err)
		}
	}

	dan.Calling, dan.Wishes = "national", nil
	dan.Policy = &sitecopy.Policy{Fallback: map[designation.Occasion]string{designation.Busy: "+33145123456", designation.NoAnswer: "888"}}
	r, err := w.fetched(w.x).Snapshot().Resolve("dv_ada", "888", w.now)
	if err != nil || len(r.Fallback) != 1 || r.Fallback[0].On[0] != designation.Busy || r.Fallback[0].Branches[0].Payer.User != "us_dan" {
		t.Errorf("the fall-backs: %+v, %v", r.Fallback, err)
	}
	dan.Policy, dan.Wishes = nil, &wish.Wishes{ForwardAlways: "+33145123456"}
	c.Trunks[0].Switch = w.x2.Node
	s := w.fetched(w.x).Snapshot()
	r, err = s.Resolve("dv_ada", "888", w.now)
	if err != nil || r.Away == nil || r.Away.ID != w.x2.Node || r.Payer == nil || r.From.User != "us_ada" {
		t.Fatalf("by the line of the other switch: %+v, %v", r, err)
	}
	key, err := s.Sign("ca_1", "lg_1", r, *r.Away, "bo_1", w.now)
	if err != nil {
		t.Fatal(err)
	}
	there := w.fetched(w.x2).Snapshot()
	claims, err := sessionkey.Open(key, func(kid string) (sessionkey.Key, bool) { return there.SessionKey(kid, w.now) })
	if err != nil {
		t.Fatal(err)
	}
	p, err := there.Accept(claims, w.now)
	if err != nil || len(p.Branches) != 1 || p.Branches[0].Trunks[0] != "tk_here" || p.Branches[0].Payer == nil || p.Branches[0].Payer.User != "us_dan" || p.From != r.From {
		t.Errorf("the other switch: %+v, %v", p, err)
	}
	claims.Diversion.Payer = &designation.Party{User: "us_bob", Number: "201002", Site: w.paris} // whose home is there
	if _, err := there.Accept(claims, w.now); errs.CodeOf(err) != errs.Forbidden {
		t.Errorf("a switch has the user of another one pay: %v", err)
	}
}
