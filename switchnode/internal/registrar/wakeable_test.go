package registrar

import (
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"strowger/pkg/pushtarget"
)

func wakeable(uri, token string) Contact {
	c := contact(uri)
	c.Push = pushtarget.Target{Provider: pushtarget.FCM, App: "phone", Token: token}
	return c
}

// TestWakeable keeps how a phone is woken when its registration has expired, over a restart, until the phone takes it back, its push
// service knows it no more, or it was not heard of for long. A phone that comes by another address is the same.
func TestWakeable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "registrations")
	synctest.Test(t, func(t *testing.T) {
		r, stop := runs(t, path)
		ok(t, r, of("dv_1", expires(register("1", 1, wakeable(a, "t1")), 60)))
		ok(t, r, of("dv_2", expires(register("2", 1, wakeable(b, "t2")), 60)))
		ok(t, r, of("dv_3", expires(register("3", 1, contact(a)), 60)))
		time.Sleep(2 * time.Minute)
		stop()
		r, stop = runs(t, path)
		if got := r.Lookup("dv_1"); len(got) != 0 {
			t.Errorf("an expired registration is looked up: %+v", got)
		}
		if got := r.Registered(); len(got) != 2 {
			t.Errorf("known are %q, want the two that can be woken", got)
		}
		if got := r.Wakeable("dv_1"); len(got) != 1 || got[0].Push.Token != "t1" {
			t.Errorf("to be woken: %+v", got)
		}
		got := answered(r, of("dv_1", expires(register("4", 1, wakeable("sip:ann@192.0.2.9:4711", "t1")), 60)))
		if len(got.Contacts) != 1 {
			t.Errorf("registered are %+v, want one", got.Contacts)
		}
		if got := r.Wakeable("dv_1"); len(got) != 1 || got[0].URI != "sip:ann@192.0.2.9:4711" {
			t.Errorf("after it came by another address: %+v", got)
		}
		r.Forget("dv_1", pushtarget.Target{Provider: pushtarget.FCM, App: "phone", Token: "t1"})
		if len(r.Wakeable("dv_1")) != 0 || len(r.Lookup("dv_1")) != 1 {
			t.Errorf("after the push service forgot it: %+v, registered %+v", r.Wakeable("dv_1"), r.Lookup("dv_1"))
		}
		ok(t, r, of("dv_2", expires(register("2", 2, wakeable(b, "t2")), 0)))
		if got := r.Wakeable("dv_2"); len(got) != 0 {
			t.Errorf("after it left: %+v", got)
		}
		ok(t, r, of("dv_2", expires(register("2", 3, wakeable(b, "t2")), 60)))
		time.Sleep(PushLife + 2*time.Minute)
		if got := r.Registered(); len(got) != 0 {
			t.Errorf("known for ever: %q", got)
		}
		stop()
	})
}
