package wake

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"strowger/mobile-bridge/internal/push"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/pushseal"
	"strowger/pkg/sessionkey"
	"strowger/pkg/waketicket"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	org    = "org_acme"
	anchor = "sw_y"
)

// world is a bridge's wakes, with the cloud and the push services in memory.
type world struct {
	*Wakes

	mu      sync.Mutex
	kids    map[string]string // kid to the name of its key
	newer   map[string]string // what Renew finds
	targets []fabric.Target
	asked   int // for targets
	pushed  []push.Push
	pruned  []fabric.Pruned
	answer  func(push.Push) fabric.PushResult // may wait
	channel *fabric.Channel                   // of the device
	told    []fabric.Down                     // over it
	awake   func(ctx context.Context, bridge string) error
	until   func(context.Context, push.Push) fabric.PushResult // in place of answer, if set
}

func newWorld(t *testing.T) *world {
	w := &world{kids: map[string]string{"s-1": "org"}, targets: []fabric.Target{{Provider: fabric.APNs, App: "phone", Token: "00"}}}
	w.answer = func(p push.Push) fabric.PushResult {
		return fabric.PushResult{Provider: p.Target.Provider, Accepted: true, Tries: 1}
	}
	w.Wakes = New(t.Context(), Config{
		Org: org, Bridge: "br_1", Now: time.Now, Logger: slog.New(slog.DiscardHandler),
		Keys: func(kid string) (sessionkey.Key, bool) {
			w.mu.Lock()
			defer w.mu.Unlock()
			name, ok := w.kids[kid]
			return sessionkey.Key{Public: keyOf(name).Public().(ed25519.PublicKey), Issuer: org}, ok
		},
		Renew: func(context.Context) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			if w.newer == nil {
				return errors.New("the cloud is away")
			}
			w.kids = w.newer
			return nil
		},
		Targets: func(_ context.Context, q fabric.Targets) (fabric.TargetsReply, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.asked++
			if q.Anchor != anchor || q.Ticket == "" {
				t.Errorf("asked for the targets of %+v", q)
			}
			return fabric.TargetsReply{Targets: slices.Clone(w.targets), Channel: w.channel}, nil
		},
		Tell: func(ctx context.Context, bridge string, d fabric.Down) error {
			w.mu.Lock()
			w.told = append(w.told, d)
			w.mu.Unlock()
			return w.awake(ctx, bridge)
		},
		Push: func(ctx context.Context, p push.Push, _ func(fabric.PushResult)) fabric.PushResult {
			w.mu.Lock()
			w.pushed = append(w.pushed, p)
			w.mu.Unlock()
			if w.until != nil {
				return w.until(ctx, p)
			}
			return w.answer(p)
		},
		Pruned: func(_ context.Context, q fabric.Pruned) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.pruned = append(w.pruned, q)
			return nil
		},
	})
	t.Cleanup(w.Close)
	return w
}

func keyOf(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte(name))
	return ed25519.NewKeyFromSeed(seed[:])
}

// ask is a wake with a ticket signed by a key.
func ask(t *testing.T, kid, signer string) fabric.Wake {
	t.Helper()
	now := time.Now()
	ticket, err := waketicket.Sign(kid, keyOf(signer), waketicket.Claims{
		Issuer: org, Org: org, Device: "dv_a", Call: "ca_1", Leg: "lg_1", Anchor: anchor, IssuedAt: now.Unix(), Expires: now.Add(time.Minute).Unix(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return fabric.Wake{Ticket: ticket, Sealed: []byte("sealed"), Epoch: 1, Until: now.Add(time.Minute)}
}

func (w *world) handle(ctx context.Context, from string, q fabric.Wake) (fabric.WakeReply, error) {
	return w.Handle(ctx, fabric.Subject{Org: org, Family: "push", ID: from, Verb: "wake"}, q)
}

func TestWake(t *testing.T) {
	w := newWorld(t)
	w.targets = append(w.targets, fabric.Target{Provider: fabric.FCM, App: "project", Token: "x"})
	w.answer = func(p push.Push) fabric.PushResult {
		if p.Target.Provider == fabric.FCM {
			return fabric.PushResult{Provider: fabric.FCM, Reason: "UNREGISTERED", Dead: true, Tries: 1}
		}
		return fabric.PushResult{Provider: fabric.APNs, Accepted: true, Tries: 2}
	}
	r, err := w.handle(t.Context(), anchor, ask(t, "s-1", "org"))
	want := []fabric.PushResult{{Provider: fabric.APNs, Accepted: true, Tries: 2}, {Provider: fabric.FCM, Reason: "UNREGISTERED", Dead: true, Tries: 1}}
	if err != nil || r.Bridge != "br_1" || !slices.Equal(r.Pushes, want) {
		t.Errorf("%+v, %v", r, err)
	}
	w.Wait()
	if len(w.pruned) != 1 || w.pruned[0].Device != "dv_a" || w.pruned[0].Target != w.targets[1] || w.pruned[0].Reason != "UNREGISTERED" {
		t.Errorf("pruned %+v, want the dead token", w.pruned)
	}
	for _, p := range w.pushed {
		if p.Payload != "c2VhbGVk" || p.Call != "ca_1" {
			t.Errorf("pushed %+v", p)
		}
	}
	if w.Counts()[""] != 1 || w.Len() != 0 {
		t.Errorf("counts %v, %d under way", w.Counts(), w.Len())
	}
}

func TestRefusals(t *testing.T) {
	for name, tt := range map[string]struct {
		kid, signer, from string
		change            func(*world, *fabric.Wake)
		want              errs.Code
	}{
		"another anchor's ticket":      {from: "sw_x", want: errs.WrongPresenter},
		"a forged ticket":              {signer: "mallory", want: errs.BadSignature},
		"a ticket of an unknown key":   {kid: "s-9", want: errs.UnknownKey},
		"a ticket of a key that ended": {kid: "s-9", change: func(w *world, _ *fabric.Wake) { w.newer = map[string]string{"s-2": "org"} }, want: errs.UnknownKey},
		"no ticket":                    {change: func(_ *world, q *fabric.Wake) { q.Ticket = "" }, want: errs.KeyMalformed},
		"nothing sealed":               {change: func(_ *world, q *fabric.Wake) { q.Sealed = nil }, want: errs.Invalid},
		"too much sealed":              {change: func(_ *world, q *fabric.Wake) { q.Sealed = make([]byte, pushseal.MaxSealed+1) }, want: errs.Invalid},
		"a ring that is over":          {change: func(_ *world, q *fabric.Wake) { q.Until = time.Now() }, want: errs.Gone},
		"a device without tokens":      {change: func(w *world, _ *fabric.Wake) { w.targets = nil }, want: errs.Offline},
		"a bridge that stops":          {change: func(w *world, _ *fabric.Wake) { w.Close() }, want: errs.NodeStopped},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			kid, signer, from := "s-1", "org", anchor
			for value, other := range map[*string]string{&kid: tt.kid, &signer: tt.signer, &from: tt.from} {
				if other != "" {
					*value = other
				}
			}
			q := ask(t, kid, signer)
			if tt.change != nil {
				tt.change(w, &q)
			}
			_, err := w.handle(t.Context(), from, q)
			if errs.CodeOf(err) != tt.want {
				t.Errorf("%v, want %s", err, tt.want)
			}
			if w.Wait(); len(w.pushed) != 0 {
				t.Errorf("pushed all the same: %+v", w.pushed)
			}
			if w.Counts()[string(tt.want)] != 1 {
				t.Errorf("counts %v", w.Counts())
			}
		})
	}
}

func TestNewerKeyIsAskedFor(t *testing.T) {
	w := newWorld(t)
	w.newer = map[string]string{"s-1": "org", "s-2": "next"}
	if r, err := w.handle(t.Context(), anchor, ask(t, "s-2", "next")); err != nil || !r.Pushes[0].Accepted {
		t.Errorf("a ticket by a key newer than the enrolment: %+v, %v", r, err)
	}
}

// TestSameWakeIsJoined: a second asker waits for the pushes of the first and causes none; another attempt is another wake.
func TestSameWakeIsJoined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		accept := make(chan struct{})
		w.answer = func(p push.Push) fabric.PushResult {
			<-accept
			return fabric.PushResult{Provider: p.Target.Provider, Accepted: true, Tries: 1}
		}
		q := ask(t, "s-1", "org")
		again := q
		again.Epoch = 2
		replies := make(chan fabric.WakeReply, 3)
		for _, q := range []fabric.Wake{q, q, again} {
			go func() {
				r, err := w.handle(t.Context(), anchor, q)
				if err != nil {
					t.Error(err)
				}
				replies <- r
			}()
		}
		synctest.Wait()
		if w.Len() != 2 || len(w.pushed) != 2 {
			t.Errorf("%d wakes and %d pushes under way, want 2 and 2", w.Len(), len(w.pushed))
		}
		close(accept)
		for range 3 {
			if r := <-replies; len(r.Pushes) != 1 || !r.Pushes[0].Accepted {
				t.Errorf("answer %+v", r)
			}
		}
		// It is over: asked for once more it is pushed once more, to where the cloud says now.
		asked := w.asked
		if _, err := w.handle(t.Context(), anchor, q); err != nil || len(w.pushed) != 3 || w.asked != asked+1 {
			t.Errorf("the same wake after its end: %v, %d pushes, asked %d more times", err, len(w.pushed), w.asked-asked)
		}
	})
}

// TestAnswersBeforeTheDeadline tells what is known, and lets the pushes go on.
func TestAnswersBeforeTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.targets = append(w.targets, fabric.Target{Provider: fabric.FCM, App: "project", Token: "x"})
		w.answer = func(p push.Push) fabric.PushResult {
			if p.Target.Provider == fabric.FCM {
				time.Sleep(10 * time.Second)
			}
			return fabric.PushResult{Provider: p.Target.Provider, Accepted: true, Tries: 1}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
		defer cancel()
		q := ask(t, "s-1", "org")
		r, err := w.handle(ctx, anchor, q)
		if err != nil || ctx.Err() != nil || !r.Pushes[0].Accepted || r.Pushes[1].Accepted || r.Pushes[1].Reason != push.Stalled {
			t.Errorf("%+v, %v, %v: want one accepted, one without an answer, in time", r, err, ctx.Err())
		}
		if r, err := w.handle(t.Context(), anchor, q); err != nil || !r.Pushes[1].Accepted || len(w.pushed) != 2 {
			t.Errorf("asked for again: %+v, %v, %d pushes: want the end of those under way", r, err, len(w.pushed))
		}
	})
}

// TestTargetsOfAnchor pushes to where an anchor says, which has the ticket, nothing but that the phone is to register (RFC 8599).
func TestTargetsOfAnchor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		good := ask(t, "s-1", "org")
		good.Sealed, good.Targets = nil, []fabric.Target{{Provider: fabric.FCM, App: "another", Token: "t"}}
		r, err := w.handle(t.Context(), anchor, good)
		if err != nil || len(r.Pushes) != 1 || len(w.pushed) != 1 || w.pushed[0].Payload != "" || w.pushed[0].Target != good.Targets[0] {
			t.Errorf("%+v, %v, pushed %+v", r, err, w.pushed)
		}
		for name, change := range map[string]func(*fabric.Wake){
			"sealed as well": func(q *fabric.Wake) { q.Sealed = []byte("sealed") },
			"too many":       func(q *fabric.Wake) { q.Targets = make([]fabric.Target, maxTargets+1) },
			"none":           func(q *fabric.Wake) { q.Targets = []fabric.Target{{Provider: "smoke", Token: "t"}} },
		} {
			q := good
			change(&q)
			if _, err := w.handle(t.Context(), anchor, q); errs.CodeOf(err) != errs.Invalid {
				t.Errorf("%s: %v", name, err)
			}
		}
		bad := ask(t, "s-1", "mallory")
		bad.Sealed, bad.Targets = nil, good.Targets
		if _, err := w.handle(t.Context(), anchor, bad); errs.CodeOf(err) != errs.BadSignature {
			t.Errorf("another's ticket: %v", err)
		}
	})
}
