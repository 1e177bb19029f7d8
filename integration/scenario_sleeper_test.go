package integration

import (
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"

	"strowger/integration/phone"
	"strowger/integration/standin/apns"
	"strowger/pkg/sip"
)

// sleeper is an app of another maker's, which registers how it is woken (RFC 8599), and which its phone's system ends when it likes.
type sleeper struct {
	of    subscriber
	by    string
	token string
	push  string      // parameters of its contact
	woken chan []byte // payloads of the pushes that came
}

// sleeper gives a subscriber such an app.
func (w *world) sleeper(t *testing.T, s subscriber, by string) *sleeper {
	t.Helper()
	a := &sleeper{of: s, by: by, woken: make(chan []byte, 16)}
	_, a.token = w.pushes.install(t, by, "", func(payload []byte) { a.woken <- payload })
	param := project
	if by == "apns" {
		param = apns.Team + "." + bundle + ".voip"
	}
	a.push = "pn-provider=" + by + ";pn-param=" + param + ";pn-prid=" + url.PathEscape(a.token)
	return a
}

// starts runs the app, and registers it.
func (a *sleeper) starts(t *testing.T, w *world, seed uint64) (p *phone.Phone, end func()) {
	t.Helper()
	cfg := w.account(a.of, w.over(t, a.of.office, sip.TCP, seed))
	cfg.Push = a.push
	p, end = plugged(t, cfg)
	register(t, p)
	return p, end
}

// TestSleepingPhone calls an app of another maker's that its phone's system has ended: a push wakes it, it registers anew, and the call
// that waited for that rings.
func TestSleepingPhone(t *testing.T) {
	t.Parallel()
	for _, by := range []string{"apns", "fcm"} {
		t.Run(by, func(t *testing.T) {
			t.Parallel()
			w := together(t)
			ann, from := w.person(t, 0, "Ann", says(1))
			bob := w.subscriber(t, 1, "Bob")
			app := w.sleeper(t, bob, by)
			_, end := app.starts(t, w, 2)
			end()

			out := dial(t, from, bob.number.Dial)
			var payload []byte
			select {
			case payload = <-app.woken:
			case <-soon(t).Done():
				t.Fatalf("no push came; the caller saw %v", out.Events())
			}
			if !json.Valid(payload) || strings.Contains(string(payload), "Ann") || strings.Contains(string(payload), ann.number.Dial) {
				t.Errorf("the push says %s", payload)
			}
			woken, _ := app.starts(t, w, 2)
			in := incoming(t, woken, out)
			in.Answer()
			saw(t, out, phone.Answered)
			hears(t, out, 2)
			hears(t, in, 1)
			hangUp(t, out, in)
			if steps := wakes(w.record(t, ann.user, 1)); !slices.Contains(steps, "accepted by "+by) || !slices.Contains(steps, "connected") {
				t.Errorf("the wake ledger: %q", steps)
			}
		})
	}
}

// TestSleepingPhoneIsGone calls an app that was taken off its phone: the caller is told at once, and so is the next, and nobody pushes to
// it any more.
func TestSleepingPhoneIsGone(t *testing.T) {
	t.Parallel()
	w := together(t)
	_, from := w.person(t, 0, "Ann", nil)
	bob := w.subscriber(t, 0, "Bob")
	app := w.sleeper(t, bob, "fcm")
	_, end := app.starts(t, w, 2)
	end()
	w.pushes.remove(app.token)
	for range 2 {
		out := dial(t, from, bob.number.Dial)
		if e := over(t, out); e.Code != 480 {
			t.Errorf("the caller saw %s, want 480", e)
		}
	}
	select {
	case payload := <-app.woken:
		t.Errorf("pushed %s", payload)
	default:
	}
}

// TestUnknownPushService refuses who wants to be woken by a service that no bridge reaches, and says which there are.
func TestUnknownPushService(t *testing.T) {
	t.Parallel()
	w := together(t)
	bob := w.subscriber(t, 0, "Bob")
	w.settle(t)
	for _, push := range []string{
		"pn-provider=smoke;pn-param=a;pn-prid=b", "pn-provider=fcm;pn-param=another-project;pn-prid=b", "pn-provider=apns;pn-param=OTHERTEAM1." + bundle + ".voip;pn-prid=00ff",
	} {
		cfg := w.account(bob, nil)
		cfg.Push = push
		p := run(t, cfg)
		until(t, func() string { // the account may still be on its way
			var refused *phone.Refusal
			switch err := p.Register(soon(t)); {
			case !errors.As(err, &refused):
				t.Fatalf("%s: registered, %v", push, err)
			case refused.Code != 555:
				return refused.Error()
			}
			return ""
		})
	}
}
