package broker

import (
	"slices"
	"strings"
	"testing"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/fabric"
)

// Which push services there are is what the bridges that live have said, each once.
func TestPushServices(t *testing.T) {
	w := newWorld(t)
	apns, fcm := fabric.PushService{Provider: fabric.APNs, Account: "TEAM"}, fabric.PushService{Provider: fabric.FCM, Account: "a"}
	lease := func(all ...fabric.PushService) fabric.Lease { return fabric.Lease{Face: &fabric.Face{Push: all}} }
	long := fabric.PushService{Provider: fabric.FCM, Account: strings.Repeat("a", 300)}
	w.broker.ObserveBridge(w.org, "br_1", lease(fcm, apns))
	w.broker.ObserveBridge(w.org, "br_2", lease(fcm, long))
	w.broker.ObserveBridge("org_other", "br_3", lease(fabric.PushService{Provider: fabric.FCM, Account: "b"}))
	if got := w.broker.PushServices(w.org).Services; !slices.Equal(got, []fabric.PushService{apns, fcm}) {
		t.Errorf("%+v", got)
	}
	w.broker.ObserveBridge(w.org, "br_1", fabric.Lease{Face: &fabric.Face{}, Leaving: true})
	if got := w.broker.PushServices(w.org).Services; !slices.Equal(got, []fabric.PushService{fcm}) {
		t.Errorf("after one left: %+v", got)
	}
}

// A switch may wake its own phones.
func TestPermit(t *testing.T) {
	w := newWorld(t)
	phone := w.desk(w.user("Ann", "1777"), 0)
	q := fabric.Permit{Device: phone, Call: "ca_1", Leg: "lg_1", Until: w.clock().Add(time.Minute)}
	r, err := w.broker.Permit(t.Context(), w.org, w.switches[0], q)
	if err != nil || r.Ticket == "" {
		t.Fatal(err)
	}
	for want, change := range map[errs.Code]func(*fabric.Permit) string{
		errs.Forbidden: func(*fabric.Permit) string { return w.switches[1] },
		errs.Revoked:   func(*fabric.Permit) string { return "sw_nobody" },
		errs.Invalid:   func(q *fabric.Permit) string { q.Call = ""; return w.switches[0] },
	} {
		q := q
		sw := change(&q)
		if _, err := w.broker.Permit(t.Context(), w.org, sw, q); errs.CodeOf(err) != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
