package wake

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"strowger/mobile-bridge/internal/push"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
)

// silent is a device whose channel does not answer.
func silent(ctx context.Context, _ string) error {
	<-ctx.Done()
	return context.Cause(ctx)
}

func taken(context.Context, string) error { return nil }

// TestAwake gives a device that is awake the wake by its channel, at whatever bridge that is, and pushes only if it does not
// take it within a second, or when it is asked a second time.
func TestAwake(t *testing.T) {
	for name, tt := range map[string]struct {
		awake   func(context.Context, string) error
		try     int
		tokens  bool
		reached bool
		pushes  int
		want    errs.Code
	}{
		"it takes it":                     {awake: taken, tokens: true, reached: true},
		"it takes it without a token":     {awake: taken, reached: true},
		"it is asked again":               {awake: taken, try: 2, tokens: true, reached: true, pushes: 1},
		"it is silent":                    {awake: silent, tokens: true, pushes: 1},
		"it is gone":                      {awake: func(context.Context, string) error { return errs.New(errs.Offline, "gone") }, tokens: true, pushes: 1},
		"it is silent, and has no tokens": {awake: silent},
		"it sleeps, and has no tokens":    {want: errs.Offline},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.awake = tt.awake
				if tt.awake != nil {
					w.channel = &fabric.Channel{Bridge: "br_2"}
				}
				// What wakes nobody is not pushed to.
				w.targets = append(w.targets, fabric.Target{Provider: fabric.APNsAlert, App: "phone", Token: "01"})
				if !tt.tokens {
					w.targets = w.targets[1:]
				}
				q := ask(t, "s-1", "org")
				q.Try = tt.try
				begun := time.Now()
				r, err := w.handle(t.Context(), anchor, q)
				if errs.CodeOf(err) != tt.want {
					t.Fatal(err)
				}
				if len(w.pushed) != tt.pushes || len(r.Pushes) != tt.pushes {
					t.Errorf("pushed %+v, told %+v, want %d", w.pushed, r.Pushes, tt.pushes)
				}
				if tt.awake == nil {
					return
				}
				if r.Channel == nil || r.Channel.Bridge != "br_2" || r.Channel.Reached != tt.reached || (r.Channel.Reason == "") != tt.reached {
					t.Errorf("channel %+v", r.Channel)
				}
				if d := w.told[0]; d.Ticket != q.Ticket || d.Anchor != anchor || string(d.Sealed) != "sealed" || d.Why != nil {
					t.Errorf("told %+v", d)
				}
				if took := time.Since(begun); took > channelTime {
					t.Errorf("took %v", took)
				}
			})
		})
	}
}

func cancelOf(q fabric.Wake, code errs.Code) fabric.Cancel {
	return fabric.Cancel{Ticket: q.Ticket, Sealed: q.Sealed, Why: errs.New(code, "%s", strings.Repeat("w", 500))}
}

func (w *world) cancels(q fabric.Cancel) (fabric.WakeReply, error) {
	return w.Cancel(context.Background(), fabric.Subject{Org: org, Family: "push", ID: anchor, Verb: "cancel"}, q)
}

// TestCancel tells a device over its channel, else by an alert that outlives the ring, and ends what is still being pushed.
func TestCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.targets = append(w.targets, fabric.Target{Provider: fabric.APNsAlert, App: "phone", Token: "01"}, fabric.Target{Provider: fabric.WebPush, Token: "{}"})
		q := ask(t, "s-1", "org")
		r, err := w.cancels(cancelOf(q, errs.CallerLeft))
		if err != nil || len(r.Pushes) != 2 || r.Channel != nil {
			t.Fatalf("%+v, %v", r, err)
		}
		for _, p := range w.pushed {
			if p.Target.Provider == fabric.APNs || p.Call != "ca_1" || p.Alert == nil || p.Alert.Title != "Missed call" || len(p.Alert.Words) != maxWords ||
				!p.Until.Equal(time.Now().Add(alertLife)) || p.Payload != "c2VhbGVk" {
				t.Errorf("pushed %+v, %+v", p, p.Alert)
			}
		}
		w.channel, w.awake, w.pushed = &fabric.Channel{Bridge: "br_2"}, taken, nil
		if r, err := w.cancels(cancelOf(q, errs.Elsewhere)); err != nil || !r.Channel.Reached || len(w.pushed) != 0 || w.told[0].Why.Code != errs.Elsewhere {
			t.Errorf("awake: %+v, %v, pushed %+v, told %+v", r, err, w.pushed, w.told)
		}
		long := cancelOf(q, errs.Elsewhere)
		long.Why.Words = "x" + strings.Repeat("ü", maxWords)
		if _, err := w.cancels(long); err != nil || len(long.Why.Words) != maxWords-1 || !utf8.ValidString(long.Why.Words) {
			t.Errorf("words %q, %v", long.Why.Words, err)
		}
		w.awake = silent
		if r, err := w.cancels(cancelOf(q, errs.Elsewhere)); err != nil || r.Channel.Reached || len(w.pushed) != 2 || w.pushed[0].Alert.Title != "Call taken on another phone" {
			t.Errorf("silent: %+v, %v, pushed %+v", r, err, w.pushed)
		}
		w.channel, w.pushed = nil, nil
		if _, err := w.cancels(cancelOf(q, errs.Emergency)); err != nil || len(w.pushed) != 2 || w.pushed[0].Alert.Title != "Emergency call" || !w.pushed[0].Alert.Urgent {
			t.Errorf("help: %v, pushed %+v", err, w.pushed)
		}
	})
}

// TestCancelEndsTheWake stops pushes that are under way: what comes later is for nobody.
func TestCancelEndsTheWake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		q := ask(t, "s-1", "org")
		w.until = func(ctx context.Context, p push.Push) fabric.PushResult {
			if p.Alert == nil {
				<-ctx.Done() // a service that is away is tried until the ring is over
			}
			return fabric.PushResult{Provider: p.Target.Provider, Accepted: p.Alert != nil}
		}
		answered := make(chan fabric.WakeReply, 1)
		go func() {
			r, err := w.handle(context.Background(), anchor, q)
			if err != nil {
				t.Error(err)
			}
			answered <- r
		}()
		synctest.Wait()
		begun := time.Now()
		if _, err := w.cancels(cancelOf(q, errs.CallerLeft)); err != nil {
			t.Fatal(err)
		}
		if r := <-answered; r.Pushes[0].Accepted || time.Since(begun) != 0 {
			t.Errorf("%+v after %v", r, time.Since(begun))
		}
	})
}

// TestCancelNeedsItsTicket refuses who was not given it, and who does not say why.
func TestCancelNeedsItsTicket(t *testing.T) {
	w := newWorld(t)
	good := cancelOf(ask(t, "s-1", "org"), errs.CallerLeft)
	for want, change := range map[errs.Code]func(*fabric.Cancel){
		errs.BadSignature: func(q *fabric.Cancel) { q.Ticket = ask(t, "s-1", "mallory").Ticket },
		errs.KeyMalformed: func(q *fabric.Cancel) { q.Ticket = "" },
		errs.Invalid:      func(q *fabric.Cancel) { q.Why = nil },
	} {
		q := good
		change(&q)
		if _, err := w.cancels(q); errs.CodeOf(err) != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if _, err := w.Cancel(t.Context(), fabric.Subject{Org: org, Family: "push", ID: "sw_x", Verb: "cancel"}, good); errs.CodeOf(err) != errs.WrongPresenter {
		t.Errorf("another anchor: %v", err)
	}
	if len(w.pushed)+len(w.told) != 0 {
		t.Error("the device was told all the same")
	}
}
