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
	first := planned(t, w.FromLink(claims, "key")(t.Context()))
	turn := first.Renew
	w.plan.From.Number = "+49112"
	if barred := planned(t, w.FromLink(claims, "key")(t.Context())); first.Barred || !barred.Barred {
		t.Errorf("who cannot be called back: %t, who can: %t", barred.Barred, first.Barred)
	}
	w.keys = w.keys[:1]
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

// TestMembersRing rings the members of a queue who are free, at once or one after another.
func TestMembersRing(t *testing.T) {
	all := []call.Branch{{User: "us_1", Device: "a"}, {User: "us_2", Device: "b", Delay: time.Second}, {User: "us_2", Device: "c"}, {User: "us_3", Device: "d"}}
	for _, c := range []struct {
		ring designation.Hunt
		want []time.Duration // of d, b, c
	}{
		{designation.HuntAll, []time.Duration{0, time.Second, 0}},
		{designation.HuntOrder, []time.Duration{0, 11 * time.Second, 10 * time.Second}},
		{designation.HuntIdle, []time.Duration{0, 11 * time.Second, 10 * time.Second}},
	} {
		got := hunted(all, designation.Queue{Ring: c.ring, Step: 10 * time.Second}, []string{"us_3", "us_2"})
		for i, device := range []string{"d", "b", "c"} {
			if len(got) != 3 || got[i].Device != device || got[i].Delay != c.want[i] {
				t.Errorf("%s: %+v", c.ring, got)
			}
		}
	}
	if all[1].Delay != time.Second {
		t.Error("the branches of the plan changed")
	}
}
