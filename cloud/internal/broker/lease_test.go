package broker

import (
	"strings"
	"testing"
	"time"

	"strowger/cloud/internal/store"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/ident"
	"strowger/pkg/rest"
)

func TestSiteWithoutALiveSwitchIsUnreachable(t *testing.T) {
	w := newWorld(t)
	w.pass(fabric.LeaseLifetime)
	_, err := w.admit(0, w.request(0, "301001"))
	w.refused(err, errs.Unreachable, "Site 30", "edge30", "last seen at")
	must(t, w.lease(1))
	_, err = w.admit(0, w.request(0, "301001"))
	must(t, err)

	// It enrolled again with another key and has not reported yet.
	must(t, w.store.SetEnrolled(t.Context(), w.org, w.switches[1], "new key", "signing", w.now))
	_, err = w.admit(0, w.request(0, "301001"))
	w.refused(err, errs.Unreachable, "has not reported yet")
	w.refused(w.lease(1), errs.WrongPresenter, "key 30", "new key")

	must(t, w.store.RevokeNode(t.Context(), w.org, w.switches[1]))
	_, err = w.admit(0, w.request(0, "301001"))
	w.refused(err, errs.Unreachable, "revoked")
	w.refused(w.lease(1), errs.Revoked)

	must(t, w.store.RevokeNode(t.Context(), w.org, w.switches[0]))
	_, err = w.admit(0, w.request(0, "301001"))
	w.refused(err, errs.Revoked, w.switches[0])
}

func TestLeasesOutliveTheProcess(t *testing.T) {
	w := newWorld(t)
	again := New(w.broker.cfg)
	if _, err := again.Admit(t.Context(), w.org, w.switches[0], w.request(0, "301001")); errs.CodeOf(err) != errs.Unreachable {
		t.Errorf("admitted before Load: %v", err)
	}
	must(t, again.Load(t.Context(), []string{w.org}))
	if _, err := again.Admit(t.Context(), w.org, w.switches[0], w.request(0, "301001")); err != nil {
		t.Error(err)
	}
}

// TestEveryInstanceKnowsWhatOneWasTold lets a second instance hear of a lease that the first answers.
func TestEveryInstanceKnowsWhatOneWasTold(t *testing.T) {
	w := newWorld(t)
	other := New(w.broker.cfg)
	admit := func() error {
		_, err := other.Admit(t.Context(), w.org, w.switches[0], w.request(0, "301001"))
		return err
	}
	w.refused(admit(), errs.Unreachable, "has not reported yet")
	must(t, other.Observe(w.switches[1], w.leaseOf(1)))
	must(t, admit())
	w.pass(fabric.LeaseLifetime)
	w.refused(admit(), errs.Unreachable, "last seen at")
	w.refused(other.Observe(w.switches[1], w.leaseOf(0)), errs.Forbidden)
	w.refused(admit(), errs.Unreachable, "last seen at")
}

func TestLeaseKeepsRegistrationsUntilTheyChange(t *testing.T) {
	w := newWorld(t)
	registered := func() bool {
		t.Helper()
		d, err := w.store.Devices.Get(t.Context(), w.org, w.devices[0])
		must(t, err)
		return d.Registered
	}
	send := func(change func(*fabric.Lease)) {
		t.Helper()
		l := w.leaseOf(0)
		change(&l)
		_, err := w.broker.Lease(t.Context(), w.org, w.switches[0], l)
		must(t, err)
	}
	send(func(l *fabric.Lease) { l.Registered, l.Changed = []string{w.devices[0]}, true })
	send(func(*fabric.Lease) {})
	if !registered() {
		t.Error("a lease without changes lost the registration")
	}
	send(func(l *fabric.Lease) { l.Changed = true })
	if registered() {
		t.Error("the registration did not go")
	}
	send(func(l *fabric.Lease) { l.Registered, l.Changed = []string{w.devices[0]}, true })
	send(func(l *fabric.Lease) { l.Node.Boot = ident.New(ident.Boot) })
	if registered() {
		t.Error("the registration outlived the run of the switch")
	}
}

func TestBadLeasesAreRefused(t *testing.T) {
	w := newWorld(t)
	for words, change := range map[string]func(*fabric.Lease){
		"sent a lease of": func(l *fabric.Lease) { l.Node.ID = w.switches[1] },
		"boot:":           func(l *fabric.Lease) { l.Node.Boot = "1" },
		"addresses: 0":    func(l *fabric.Lease) { l.Node.Addresses = nil },
		"addresses: 9":    func(l *fabric.Lease) { l.Node.Addresses = make([]string, 9) },
		`"192.0.2.1"`:     func(l *fabric.Lease) { l.Node.Addresses = []string{"192.0.2.1"} },
		`"a:b"`:           func(l *fabric.Lease) { l.Node.Addresses = []string{"a:b"} },
		`":1"`:            func(l *fabric.Lease) { l.Node.Addresses = []string{":1"} },
		"registered:":     func(l *fabric.Lease) { l.Registered = make([]string, maxRegistered+1) },
	} {
		l := w.leaseOf(0)
		change(&l)
		_, err := w.broker.Lease(t.Context(), w.org, w.switches[0], l)
		if code := errs.CodeOf(err); code != errs.Invalid && code != errs.Forbidden || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v", words, err)
		}
	}
}

func TestSwitchThatLeavesIsAwayAtOnce(t *testing.T) {
	w := newWorld(t)
	for i := range 2 {
		if err := w.lease(i); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.admit(0, w.request(0, "301001")); err != nil {
		t.Fatalf("before: %v", err)
	}
	l := w.leaseOf(1)
	l.Leaving = true
	if _, err := w.broker.Lease(t.Context(), w.org, w.switches[1], l); err != nil {
		t.Fatal(err)
	}
	_, err := w.admit(0, w.request(0, "301001"))
	w.refused(err, errs.Unreachable)
	if err := w.lease(1); err != nil { // back
		t.Fatal(err)
	}
	if _, err := w.admit(0, w.request(0, "301001")); err != nil {
		t.Fatalf("after it came back: %v", err)
	}
}

// TestDiskOfASwitch raises an alert when a switch says that its disk takes no writes: once, and of a disk that comes and goes once an hour.
func TestDiskOfASwitch(t *testing.T) {
	w := newWorld(t)
	var told []rest.Alert
	w.broker.cfg.Alert = func(a rest.Alert) { told = append(told, a) }
	says := func(trouble string, want int) {
		t.Helper()
		l := w.leaseOf(0)
		l.DiskError = trouble
		if _, err := w.broker.Lease(t.Context(), w.org, w.switches[0], l); err != nil {
			t.Fatal(err)
		}
		all, _, err := w.store.Alerts.List(t.Context(), w.org, store.Query{})
		if err != nil || len(all) != want || len(told) != want {
			t.Fatalf("after %q: %d alerts, %d told, want %d; %v", trouble, len(all), len(told), want, err)
		}
	}
	says("", 0)
	says("no space left", 1)
	says("no space left", 1)
	says("", 1)
	says("no space left", 1)
	says("", 1)
	w.pass(time.Hour)
	says("no space left", 2)
	if a := told[0]; a.ID == "" || a.Kind != "disk" || a.Severity != "critical" || a.Node != w.switches[0] || a.Site != w.sites[0].ID || !strings.Contains(a.Words, "no space left") {
		t.Errorf("the alert is %+v", a)
	}
}
