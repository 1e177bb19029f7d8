package broker

import (
	"fmt"
	"sync"
	"testing"

	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/proof"
	"strowger/pkg/sessionkey"
)

// Two apps that call each other by way of two instances get one call, whoever is first, even if both ask at once.
func TestAppsCallEachOtherThroughTwoInstances(t *testing.T) {
	w := newWorld(t)
	second := w.instance()
	w.webLease(0)
	for i := range 5 {
		one, other := fmt.Sprint(7100+i), fmt.Sprint(7200+i)
		eve, joe := w.caller(w.roamer("Eve", one)), w.caller(w.roamer("Joe", other))
		qs := [2]fabric.AppAdmit{eve.asks(other, nil), joe.asks(one, nil)}
		var answers [2]fabric.Admitted
		var failed [2]error
		var asking sync.WaitGroup
		for i, b := range []*Broker{w.broker, second} {
			asking.Go(func() { answers[i], failed[i] = b.AdmitApp(t.Context(), w.org, "br_1", qs[i]) })
		}
		asking.Wait()
		must(t, failed[0])
		must(t, failed[1])
		first, crossing := answers[0], answers[1]
		if first.Crossing != "" {
			first, crossing = crossing, first
		}
		call := w.claims(first).Call
		if first.Crossing != "" || crossing.Crossing != call || w.claims(crossing).Call != call || w.claims(crossing).Slot != "" {
			t.Fatalf("not one call: %+v, %+v", first, crossing)
		}
		for _, b := range w.instances {
			if len(b.echoes) > 0 {
				t.Errorf("%d echoes are awaited", len(b.echoes))
			}
		}
		w.broker.Settled(w.org, call) // the other instance hears of that, too
		if a, err := second.AdmitApp(t.Context(), w.org, "br_1", joe.asks(one, nil)); err != nil || a.Crossing != "" {
			t.Errorf("after the answer: %+v, %v", a, err)
		}
	}
}

// Who waits for a call that comes to nothing gets a call of their own; so does who asks while the fabric is gone.
func TestFirstCallComesToNothing(t *testing.T) {
	w := newWorld(t)
	w.webLease(0)
	eve, joe := w.caller(w.roamer("Eve", "7001")), w.caller(w.roamer("Joe", "7002"))
	asked, answer := make(chan struct{}), make(chan struct{})
	refuses := sync.OnceFunc(func() { close(asked); <-answer })
	w.answer = func(string) (fabric.Promise, error) {
		select {
		case <-answer:
			return fabric.Promise{Nonce: "n", Boot: w.boots[0]}, nil
		default:
			refuses()
			return fabric.Promise{}, errs.New(errs.Forbidden, "no")
		}
	}
	var work sync.WaitGroup
	work.Go(func() {
		_, err := eve.admit(eve.asks("7002", nil))
		w.refused(err, errs.Forbidden)
	})
	<-asked
	waits := make(chan struct{})
	tell := sync.OnceFunc(func() { close(waits) })
	w.heard = func(fabric.Attempt) { tell() }
	work.Go(func() {
		if a, err := joe.admit(joe.asks("7001", nil)); err != nil || a.Crossing != "" {
			t.Errorf("after a call that came to nothing: %+v, %v", a, err)
		}
	})
	<-waits // the anchor of Eve's call is silent still
	close(answer)
	work.Wait()
	w.cut = true
	if _, err := eve.admit(eve.asks("7002", nil)); err != nil {
		t.Errorf("without the fabric: %v", err)
	}
}

// A proof that is shown at another instance once more, by a bridge say, is of no use to who shows it: what comes of it is bound to the
// app's key and to a promise of the anchor's that one call uses up, and the callee hears nothing.
func TestProofShownAtAnotherInstance(t *testing.T) {
	w := newWorld(t)
	second := w.instance()
	w.webLease(1)
	c := w.caller(w.roamer("Eve", "7001"))
	q := c.asks("301001", nil)
	first, err := c.admit(q)
	must(t, err)
	_, err = w.broker.AdmitApp(t.Context(), w.org, "br_2", q)
	w.refused(err, errs.Replayed)
	again, err := second.AdmitApp(t.Context(), w.org, "br_2", q)
	must(t, err)
	mine, theirs := w.claims(first), w.claims(again)
	if theirs.Confirm.Thumbprint != mine.Confirm.Thumbprint || theirs.Subject != c.id || theirs.Call == mine.Call || theirs.Slot == "" {
		t.Errorf("the key of the replay says %+v", theirs)
	}
	node := &sessionkey.Verifier{Node: w.switches[1], Boot: w.boots[1], Org: w.org, Keys: w.keys(w.org), Now: w.clock}
	thief := sessionkey.Presenter{ID: c.id, Confirm: sessionkey.Confirmation{Thumbprint: proof.JWKOf(&w.caller(w.roamer("Thief", "7009")).key.PublicKey).Thumbprint()}}
	_, err = node.Verify(again.Designation.Key, thief)
	w.refused(err, errs.WrongPresenter)
	_, err = second.AdmitApp(t.Context(), w.org, "br_3", q)
	w.refused(err, errs.Replayed)
	if len(w.orders) > 0 { // a promise wakes nobody: the anchor does when the app has come
		t.Errorf("nodes were told %+v", w.orders)
	}
}

// claims is what the key of an answer says.
func (w *world) claims(a fabric.Admitted) sessionkey.Claims {
	w.t.Helper()
	c, err := w.verify(w.t.Context(), w.org, a.Designation.Key)
	must(w.t, err)
	return c
}
