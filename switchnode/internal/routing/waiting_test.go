package routing

import (
	"slices"
	"testing"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/switchnode/internal/call"
)

// TestPlanOfACallThatWaited rings the plan that it came with while its keys are good, and then one that is made anew.
func TestPlanOfACallThatWaited(t *testing.T) {
	w := newWorld()
	w.Router.cfg.Queue = func(designation.Plan) call.Queue { return nil }
	old := w.ringing("dv_1")
	old.Queue = &designation.Queue{Line: "us_b", Length: 1, Wait: time.Hour}
	w.plan = old
	turn := planned(t, w.FromLink(claims, "key")(t.Context())).Renew
	rings := func(device string, asked int) {
		t.Helper()
		branches := turn(t.Context(), nil)
		if !slices.ContainsFunc(branches, func(b call.Branch) bool { return b.Device == device }) || len(w.keys) != asked {
			t.Errorf("rings %+v, asked %d times; want %s, %d", branches, len(w.keys), device, asked)
		}
	}
	w.plan = w.ringing("dv_2")
	rings("dv_1", 1) // at once
	w.now = w.now.Add(21 * time.Second)
	w.err = errs.New(errs.CloudAway, "no cloud")
	rings("dv_1", 2)
	w.err = nil
	rings("dv_2", 3)
}
