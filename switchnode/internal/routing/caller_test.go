package routing

import (
	"testing"

	"strowger/pkg/errs"
	"strowger/pkg/sessionkey"
)

// A promise is kept once, to who shows its nonce for the same call between the same parties, and in time.
func TestPromiseIsKeptOnce(t *testing.T) {
	w := newWorld()
	p := w.ringing("dv_1")
	if err := w.Promised(p, "nonce"); err != nil {
		t.Fatal(err)
	}
	good := sessionkey.Claims{Call: p.Call, From: p.From, To: p.To, Slot: "nonce"}
	another := good
	another.Slot = "another"
	if _, err := w.FromApp(another, "key"); errs.CodeOf(err) != errs.Gone {
		t.Errorf("with another nonce: %v", err)
	}
	if ev := w.FromLink(sessionkey.Claims{Call: p.Call, From: p.From, To: p.To}, "key")(t.Context()); len(w.keys) != 1 {
		t.Errorf("a link took what was promised to an app: %+v", ev)
	}
	admission, err := w.FromApp(good, "key")
	if err != nil {
		t.Fatal(err)
	}
	if got := planned(t, admission(t.Context())); got.From != p.From || len(got.Branches) != 2 {
		t.Errorf("planned %+v", got)
	}
	if _, err := w.FromApp(good, "key"); errs.CodeOf(err) != errs.Gone {
		t.Errorf("the second time: %v", err)
	}
	if err := w.Promised(p, "late"); err != nil {
		t.Fatal(err)
	}
	w.now = p.Expiry
	good.Slot = "late"
	if _, err := w.FromApp(good, "key"); errs.CodeOf(err) != errs.Gone {
		t.Errorf("too late: %v", err)
	}
}
