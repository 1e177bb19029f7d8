package routing

import (
	"testing"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/switchnode/internal/call"
)

// TestRecall has who waited be called back, on their phone and nowhere else.
func TestRecall(t *testing.T) {
	w := newWorld()
	caller := designation.Party{User: "us_a", Device: "dv_caller", Number: "201001", Name: "Ann"}
	q := fabric.Admit{Header: fabric.Header{ID: "rq_1"}, Call: "ca_2", Back: &caller, Dialled: "201002"}
	plan := w.ringing("dv_1")
	plan.From, plan.To.Name = caller, "Bob"
	way := designation.Designation{Leg: "lg_1", Node: designation.Node{ID: "sw_far"}}
	phone := designation.Branch{Device: "dv_caller", Kind: designation.DeskPhone}
	for name, c := range map[string]struct {
		cloud fabric.Admitted
		err   error
		local Local
		want  any // target, or code of the refusal
	}{
		"here":        {cloud: fabric.Admitted{Plan: &plan, Back: &designation.Fallback{To: caller, Branches: []designation.Branch{phone}}}, want: contact("dv_caller at home")},
		"elsewhere":   {cloud: fabric.Admitted{Plan: &plan, Back: &designation.Fallback{To: caller, Way: &way}}, want: "sw_far"},
		"gone":        {cloud: fabric.Admitted{Plan: &plan, Back: &designation.Fallback{To: caller}}, want: errs.Offline},
		"old cloud":   {cloud: fabric.Admitted{Plan: &plan}, want: errs.Upgrade},
		"no cloud":    {err: errs.New(errs.CloudAway, "away"), local: Local{Plan: &plan}, want: contact("dv_caller at home")},
		"not without": {err: errs.New(errs.CloudAway, "away"), want: errs.CloudAway},
	} {
		w.admitted, w.err, w.local = c.cloud, c.err, c.local
		ev := w.Recall(q)(t.Context())
		if code, no := c.want.(errs.Code); no {
			refused(t, ev, code)
			continue
		}
		r, ok := ev.(call.Recalled)
		if !ok || r.From != caller || r.To != plan.To || r.Shown.Name != "Call back: Bob" || r.Shown.Number != plan.To.Number || r.Offline != (c.err != nil) {
			t.Fatalf("%s: %+v", name, ev)
		}
		if to, far := r.Branch.Target.(interface{ node() string }); far && to.node() != c.want || !far && r.Branch.Target != c.want {
			t.Errorf("%s: rings %v, want %v", name, r.Branch.Target, c.want)
		}
	}
}

func (w way) node() string { return w.Node.ID }
