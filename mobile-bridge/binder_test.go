package mobilebridge

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/ident"
)

// TestBinder has one question under way at a time, with all who came meanwhile, and tells ends again until they are heard.
func TestBinder(t *testing.T) {
	one, two, bad := ident.New(ident.Device), ident.New(ident.Device), ident.New(ident.Device)
	synctest.Test(t, func(t *testing.T) {
		asked, answers := make(chan fabric.Bind, 8), make(chan error)
		b := newBinder(func(_ context.Context, q fabric.Bind) (fabric.BindReply, error) {
			asked <- q
			r := fabric.BindReply{Refused: make([]*errs.Error, len(q.Come))}
			for i, v := range q.Come {
				if v.Device == bad {
					r.Refused[i] = errs.New(errs.WrongPresenter, "no")
				}
			}
			return r, <-answers
		})
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = b.run(ctx) })
		results := map[string]chan error{}
		for _, device := range []string{one, two, bad} {
			results[device] = make(chan error, 1)
			go func() { results[device] <- b.Bind(ctx, fabric.Bound{Device: device}) }()
			synctest.Wait()
		}
		if q := <-asked; len(q.Come) != 1 || q.Come[0].Device != one {
			t.Errorf("first %+v", q)
		}
		answers <- nil
		if q := <-asked; len(q.Come) != 2 {
			t.Errorf("then %+v", q)
		}
		answers <- nil
		if err := <-results[one]; err != nil {
			t.Error(err)
		}
		if err := <-results[bad]; errs.CodeOf(err) != errs.WrongPresenter {
			t.Error(err)
		}
		b.Unbind(fabric.Bound{Device: one})
		begun := time.Now()
		<-asked
		answers <- errs.New(errs.CloudAway, "away")
		if q := <-asked; len(q.Gone) != 1 || time.Since(begun) != bindRetry {
			t.Errorf("told again %+v after %v", q, time.Since(begun))
		}
		answers <- nil
		synctest.Wait()
		cancel()
		running.Wait()
		if err := b.Bind(t.Context(), fabric.Bound{Device: two}); errs.CodeOf(err) != errs.NodeStopped {
			t.Errorf("after the end: %v", err)
		}
	})
}

// TestBinderIsBounded while the cloud says nothing and the connection to it comes and goes.
func TestBinderIsBounded(t *testing.T) {
	b := newBinder(nil)
	var refused error
	for range maxCome {
		b.Rebind(fabric.Bound{Device: "dv_1"}, func(err error) { refused = err })
	}
	if refused != nil {
		t.Fatalf("refused with room left: %v", refused)
	}
	b.Rebind(fabric.Bound{Device: "dv_1"}, func(err error) { refused = err })
	if errs.CodeOf(refused) != errs.Congested {
		t.Errorf("one too many: %v", refused)
	}
}

// TestBinderIsNotSpoiled asks the cloud of no device whose name none can have: it would be asked of others in the same breath.
func TestBinderIsNotSpoiled(t *testing.T) {
	b := newBinder(nil)
	for _, device := range []string{"", "dv_1", "a\x00b", ident.New(ident.User), strings.Repeat("d", 3000)} {
		if err := b.Bind(t.Context(), fabric.Bound{Device: device}); errs.CodeOf(err) != errs.Invalid || b.come != nil {
			t.Errorf("%.20q: %v, %d wait", device, err, len(b.come))
		}
	}
}
