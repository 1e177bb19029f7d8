package broker

import (
	"slices"
	"testing"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/fabric"
)

// Switch 20 does not reach switch 30: that one is told to dial it, at the addresses of its lease, once a second at most.
func TestReach(t *testing.T) {
	w := newWorld(t)
	ask := func(x int, node string) error {
		_, err := w.broker.Reach(t.Context(), w.org, w.switches[x], fabric.Reach{Node: node})
		return err
	}
	for range 3 {
		must(t, ask(0, w.switches[1]))
	}
	if len(w.orders) != 1 || w.to[0] != w.org+" "+w.switches[1] {
		t.Fatalf("orders %+v to %q", w.orders, w.to)
	}
	o := w.orders[0]
	lease := w.leaseOf(0).Node
	if o.Dial == nil || o.Dial.ID != w.switches[0] || o.Dial.KeyHash != lease.KeyHash || o.Dial.Boot != lease.Boot ||
		!slices.Equal(o.Dial.Addresses, lease.Addresses) || o.ID == "" || !o.Deadline.Equal(w.now.Add(dialTime)) {
		t.Errorf("told %+v, want to dial %+v", o, lease)
	}
	w.pass(time.Second)
	must(t, ask(0, w.switches[1]))
	must(t, ask(1, w.switches[0]))
	if len(w.orders) != 3 {
		t.Errorf("%d orders, want 3", len(w.orders))
	}

	w.refused(ask(0, w.switches[0]), errs.Invalid)
	w.refused(ask(0, "sw_unknown"), errs.Unreachable)
	w.pass(fabric.LeaseLifetime)
	w.refused(ask(0, w.switches[1]), errs.Unreachable, "last seen at")
	must(t, w.lease(1))
	w.refused(ask(0, w.switches[1]), errs.Unreachable, "last seen at") // where switch 20 itself is, nobody knows
	must(t, w.lease(0))
	must(t, w.store.RevokeNode(t.Context(), w.org, w.switches[1]))
	w.refused(ask(0, w.switches[1]), errs.Unreachable, "revoked")
	if len(w.orders) != 3 {
		t.Errorf("%d orders, want 3", len(w.orders))
	}
}
