package sipside

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/sip"
	"strowger/switchnode/internal/call"
)

// vanishing is a call to an app that registered a moment ago, is not woken for that, and is gone when the INVITE comes.
type vanishing struct {
	*office
	caller *line
	rang   *line         // the app's, which is gone
	gone   *phone        // the app that is
	pushes chan struct{} // that were sent
}

// vanish makes one: the connection of the app ends.
func vanish(t *testing.T) vanishing {
	t.Helper()
	v := vanishing{pushes: make(chan struct{}, 8)}
	v.office = newOfficeThatWakes(t, Strangers{Rate: 200}, Pushes{
		Services: func(context.Context) (fabric.PushServicesReply, error) {
			return fabric.PushServicesReply{Services: bridged}, nil
		},
		Permit: func(context.Context, fabric.Permit) (fabric.PermitReply, error) {
			return fabric.PermitReply{Ticket: "ticket"}, nil
		},
		Wake: func(_ context.Context, q fabric.Wake) (fabric.WakeReply, error) {
			if q.Ticket != "ticket" || len(q.Targets) != 1 || q.Targets[0].Token != "token" {
				t.Errorf("asks %+v", q)
			}
			v.late.Add(int64(time.Second))
			v.pushes <- struct{}{}
			return fabric.WakeReply{Pushes: []fabric.PushResult{{Provider: fabric.FCM, Accepted: true}}}, nil
		},
	})
	v.begins(v.connect(func() []call.Target { return v.phones.Targets(designation.Branch{Device: "dv_bob"}, time.Minute) }))
	v.gone = v.app(0)
	v.caller = v.phone("ann", sip.UDP).dial("1002", speech)
	select {
	case v.rang = <-v.gone.calls:
	case <-time.After(time.Minute):
		t.Fatal("the app that is awake gets no INVITE")
	}
	if len(v.pushes) > 0 {
		t.Error("an app that is awake was pushed to")
	}
	return v
}

// app starts Bob's app; seq is of its last registration.
func (v vanishing) app(seq uint32) *phone {
	v.t.Helper()
	p := v.phone("bob", sip.TCP)
	p.seq = seq
	p.contact = strings.TrimSuffix(p.contact, ">") + ";pn-provider=fcm;pn-param=a-phone;pn-prid=token>"
	return p.registered()
}

// hangs ends the connection of the app.
func (v vanishing) hangs() {
	v.t.Helper()
	if err := v.gone.stream.Close(); err != nil {
		v.t.Fatal(err)
	}
}

// TestSecondTry has an app be gone that seemed to be awake: it is woken after all, and answers.
func TestSecondTry(t *testing.T) {
	v := vanish(t)
	v.hangs()
	select {
	case <-v.pushes:
	case <-time.After(time.Minute):
		t.Fatal("the app is not woken")
	}
	back := v.app(v.gone.seq)
	select {
	case in := <-back.calls:
		in.do(func(d *sip.Dialog) { d.Answer([]byte(speech)) })
		expect[sip.Answered](v.caller)
		v.caller.do(func(d *sip.Dialog) { d.Bye(sip.Cause{}) })
		expect[sip.HungUp](in)
	case <-time.After(time.Minute):
		t.Fatal("the app that came gets no INVITE")
	}
}

// TestNoSecondTry has an app be gone that rang already: it is not woken, and the call ends.
func TestNoSecondTry(t *testing.T) {
	v := vanish(t)
	v.rang.do(func(d *sip.Dialog) { d.Progress(180, "Ringing") })
	expect[sip.Progress](v.caller)
	v.hangs()
	if e := expect[sip.Refused](v.caller); e.Code != 408 || e.Refusal != string(errs.LegLost) {
		t.Errorf("the caller hears %+v", e)
	}
	if len(v.pushes) > 0 {
		t.Error("it was pushed to")
	}
}

// TestSecondTryOfACallThatIsOver has the caller hang up before the app is found gone, and while its dialog is closing.
func TestSecondTryOfACallThatIsOver(t *testing.T) {
	cancel := call.Cancel{Leg: 1, Cause: call.CauseOf(errs.CallerLeft, "")}
	lost, closed := call.Lost{Leg: 1, Cause: call.CauseOf(errs.Offline, "")}, call.Closed{Leg: 1}
	before := sleeper{setup: call.Setup{Leg: 1}, straight: straight{cancelled: &cancel}}
	if evs := before.rung([]call.Event{lost, closed}); !slices.Equal(evs, []call.Event{lost, closed}) {
		t.Errorf("hung up before: %+v", evs)
	}
	after := sleeper{setup: call.Setup{Leg: 1}}
	if evs := after.rung([]call.Event{lost}); len(evs) > 0 {
		t.Errorf("gone: %+v", evs)
	}
	after.straight.cancelled = &cancel
	if evs := after.rung([]call.Event{closed}); !slices.Equal(evs, []call.Event{call.Refused{Leg: 1, Cause: cancel.Cause}, closed}) || !after.over {
		t.Errorf("hung up after: %+v, over %t", evs, after.over)
	}
}
