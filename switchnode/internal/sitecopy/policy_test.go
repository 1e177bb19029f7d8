package sitecopy

import (
	"testing"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/sitecopy"
	"strowger/pkg/wish"
)

// Dan calls Ada, who has a policy, or Ada calls Dan, while the cloud is away.
func TestPoliciesWithoutTheCloud(t *testing.T) {
	w := newWorld(t)
	users, devices := w.copies[w.paris].Users, w.copies[w.paris].Devices
	ada, dan := &users[0], &users[3]
	resolve := func(dialled string) (Route, error) {
		return w.fetched(w.x).Snapshot().Resolve("dv_dan", dialled, w.now)
	}

	ada.Policy = &sitecopy.Policy{DND: true, Words: "in a meeting", Except: 5}
	if r, err := resolve("1001"); errs.CodeOf(err) != errs.DoNotDisturb || err.Error() != "in a meeting" || r.To.User != "us_ada" {
		t.Errorf("not to be disturbed: %v, to %+v", err, r.To)
	}
	dan.Policy = &sitecopy.Policy{Priority: 5}
	if _, err := resolve("1001"); err != nil {
		t.Errorf("who has the priority: %v", err)
	}

	for _, who := range []string{"1001", "100*", "201001"} { // Dan has no extension, Ada's is dialled all the same
		dan.Wishes = &wish.Wishes{Blocked: []string{who}}
		if _, err := w.fetched(w.x).Snapshot().Resolve("dv_ada", "888", w.now); errs.CodeOf(err) != errs.Blocked {
			t.Errorf("blocked as %s: %v", who, err)
		}
	}
	dan.Wishes = nil

	// Of the fall-backs those that live at this switch are left: not Bob, who is at another, nor Ada herself.
	ada.Policy = &sitecopy.Policy{Ring: 20 * time.Second, Fallback: map[designation.Occasion]string{
		designation.NoAnswer: "888", designation.Busy: "1002", designation.Unreachable: "777",
	}}
	r, err := resolve("1001")
	if err != nil || r.Ring != 20*time.Second || len(r.Fallback) != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	f := r.Fallback[0]
	if f.On[0] != designation.NoAnswer || f.To.User != "us_dan" || len(f.Branches) != 1 || f.Branches[0].Device != "dv_dan" || f.Ring != time.Minute {
		t.Errorf("fall-back %+v", f)
	}
	if p := w.fetched(w.x).Snapshot().Plan("ca_1", r, w.now); len(p.Fallback) != 1 || p.Ring != 20*time.Second {
		t.Errorf("plan %+v", p)
	}

	// Ada's calls wait, but not those to this number; without a queue of hers they do where the number has one.
	number := &w.copies[w.paris].Numbers[0]
	for _, c := range []struct {
		user, number *designation.Queue
		want         int
	}{
		{&designation.Queue{Length: 2}, nil, 2},
		{&designation.Queue{Length: 2}, &designation.Queue{}, 0},
		{nil, &designation.Queue{Length: 9}, 9},
		{nil, nil, 0},
	} {
		ada.Policy.Queue, number.Queue = c.user, c.number
		r, err := resolve("1001")
		if got := r.Queue; err != nil || (got != nil) != (c.want > 0) || got != nil && (got.Length != c.want || got.Line != "us_ada") {
			t.Errorf("queue of the user %+v, of the number %+v: %+v, %v", c.user, c.number, got, err)
		}
		if queues := w.fetched(w.x).Snapshot().Queues("us_ada"); queues != (c.user != nil || c.want > 0) {
			t.Errorf("the switch minds Ada's calls: %t", queues)
		}
	}
	devices[0].Delay = -time.Second // never
	if _, err := resolve("1001"); errs.CodeOf(err) != errs.Offline {
		t.Errorf("a phone that never rings: %v", err)
	}
}
