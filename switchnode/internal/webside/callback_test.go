package webside

import (
	"strings"
	"testing"

	"strowger/pkg/errs"
	"strowger/pkg/proof"
	"strowger/pkg/pushseal"
	"strowger/pkg/sip"
	"strowger/switchnode/internal/call"
)

// comesBack brings an app that calls back before it is answered, on another connection: it repeats its INVITE.
func (a *app) comesBack(d *device, w pushseal.Wake, fingerprint string) {
	a.t.Helper()
	if v := a.arrives(d, w, fingerprint); !v.OK || v.Resumed {
		a.t.Fatalf("let in by %+v", v)
	}
	a.callsWith(a.peer, a.said)
}

// loses ends an app's connection, and waits for the end of its dialog.
func (a *app) loses() {
	a.t.Helper()
	if err := a.session.CloseWithError(0, ""); err != nil {
		a.t.Fatal(err)
	}
	sees[sip.Lost](a)
	sees[sip.Closed](a)
}

// progress waits for a state.
func (a *app) progress(code int) {
	a.t.Helper()
	if ev := sees[sip.Progress](a); ev.Code != code {
		a.t.Errorf("the app hears %+v, want %d", ev, code)
	}
}

// An app whose connection ends while it rings at the callee comes back, and is told how far the call is; it may do so on one that
// is not known to have ended, and more than once. What happened meanwhile it hears of, an answer too.
func TestCallingAppComesBackWhileItRings(t *testing.T) {
	for _, name := range []string{"rings on", "it has rung meanwhile", "it is answered meanwhile", "the old connection is there", "the call is over"} {
		t.Run(name, func(t *testing.T) {
			o, d := newOfficeOf(t, patient), newDevice(t)
			p, phone := o.plan(), o.desk()
			w := o.promises(d, p, call.Branch{Leg: "desk", Target: phone})
			a, fingerprint := newApp(t)
			a.calls(a.enters(d, w, fingerprint))
			gets[call.Start](phone)
			s := o.placedAs(p.Call)
			switch name {
			case "it has rung meanwhile":
				a.loses()
				phone.rings()
				s.writes("desk", "ringing")
			case "the old connection is there":
				phone.rings()
				a.progress(180)
				a.says(func(d *sip.Dialog) { d.Abandon() }) // its words would come between those of the next one
				sees[sip.Closed](a)
			default:
				phone.rings()
				a.progress(180)
				a.loses()
			}
			switch name {
			case "it is answered meanwhile":
				phone.answers()
				s.writes("desk", "answered")
				a.comesBack(d, w, fingerprint)
			case "the call is over":
				phone.setup.Post(call.Refused{Leg: phone.setup.Leg, Cause: call.CauseOf(errs.Busy, "")})
				phone.setup.Post(call.Closed{Leg: phone.setup.Leg})
				s.ends("desk")
				if err := o.knock(proof.Entry{Key: w.Key, Proof: d.proves(t, w, fingerprint, nil), Resume: a.token}); code(err) != errs.Gone || err.Error() != "Busy" {
					t.Errorf("who comes back too late hears %v", err)
				}
				return
			default:
				a.comesBack(d, w, fingerprint)
				a.progress(180)
				phone.answers()
			}
			a.answered()
			talk(t, &session{t: t, wire: phone.wire}, a)
			a.says(func(d *sip.Dialog) { d.Bye(sip.Cause{Q850: 16}) })
			gets[call.HangUp](phone)
			s.ends("desk")
		})
	}
}

// Nobody else comes in the place of an app that is away, and it cannot change what it offered.
func TestMisuseOfACallersToken(t *testing.T) {
	o, d, thief := newOfficeOf(t, patient), newDevice(t), newDevice(t)
	p, phone := o.plan(), o.desk()
	w := o.promises(d, p, call.Branch{Leg: "desk", Target: phone})
	a, fingerprint := newApp(t)
	a.calls(a.enters(d, w, fingerprint))
	gets[call.Start](phone)
	phone.rings()
	a.progress(180)
	a.loses()
	_, other := newApp(t)
	for name, c := range map[string]struct {
		by                 *device
		token, fingerprint string
		want               errs.Code
	}{
		"another device":      {thief, a.token, fingerprint, errs.WrongPresenter},
		"another token":       {d, "guessed", fingerprint, errs.Replayed},
		"no token":            {d, "", fingerprint, errs.Replayed},
		"another certificate": {d, a.token, other, errs.WrongPresenter},
	} {
		if err := o.knock(proof.Entry{Key: w.Key, Proof: c.by.proves(t, w, c.fingerprint, nil), Resume: c.token}); code(err) != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	if v := a.arrives(d, w, fingerprint); !v.OK || v.Resumed {
		t.Fatalf("let in by %+v", v)
	}
	a.callsWith(a.peer, []byte(strings.Replace(string(a.said), "a=sendrecv", "a=sendonly", 1)))
	if r := sees[sip.Refused](a); r.Refusal != string(errs.Invalid) {
		t.Errorf("with another offer: %+v", r)
	}
	sees[sip.Closed](a)
	a.comesBack(d, w, fingerprint)
	a.progress(180)
	a.says(func(d *sip.Dialog) { d.Cancel(sip.Cause{}) })
	gets[call.Cancel](phone)
	o.placedAs(p.Call).ends("desk")
}

// A device may be here before the call that its key is for, as one is that calls who calls it: it is let in when that begins.
func TestDeviceIsHereBeforeItsCall(t *testing.T) {
	times := patient
	times.Early = patience
	o, d := newOfficeOf(t, times), newDevice(t)
	p := o.plan(d)
	leg := p.Branches[0].App
	_, fingerprint := newApp(t)
	w := pushseal.Wake{Epoch: epoch, Node: o.node, Key: leg.Key}
	let := make(chan error, 1)
	entry := proof.Entry{Key: w.Key, Proof: d.proves(t, w, fingerprint, nil)}
	go func() { let <- o.knock(entry) }()
	eventually(t, "the device waits", func() bool {
		o.web.legs.mu.Lock()
		defer o.web.legs.mu.Unlock()
		return o.web.legs.coming[leg.Leg] != nil
	})
	s := o.call(p, speech)
	if err := <-let; err != nil {
		t.Errorf("%v", err)
	}
	s.caller.say(call.Cancelled{})
	s.caller.say(call.Closed{Leg: call.Caller})
	s.ends(leg.Leg)
}

// An app that has come back, and whose call is over when it repeats its INVITE, loses its connection: the next one tells it why.
func TestCallEndsWhileTheCallerComesBack(t *testing.T) {
	o, d := newOfficeOf(t, patient), newDevice(t)
	p, phone := o.plan(), o.desk()
	w := o.promises(d, p, call.Branch{Leg: "desk", Target: phone})
	a, fingerprint := newApp(t)
	a.calls(a.enters(d, w, fingerprint))
	gets[call.Start](phone)
	phone.rings()
	a.progress(180)
	a.loses()
	if v := a.arrives(d, w, fingerprint); !v.OK || v.Resumed {
		t.Fatalf("let in by %+v", v)
	}
	phone.setup.Post(call.Refused{Leg: phone.setup.Leg, Cause: call.CauseOf(errs.Busy, "")})
	phone.setup.Post(call.Closed{Leg: phone.setup.Leg})
	o.placedAs(p.Call).ends("desk")
	a.callsWith(a.peer, a.said)
	sees[sip.Lost](a)
	sees[sip.Closed](a)
	if err := o.knock(proof.Entry{Key: w.Key, Proof: d.proves(t, w, fingerprint, nil), Resume: a.token}); code(err) != errs.Gone || err.Error() != "Busy" {
		t.Errorf("the next connection hears %v", err)
	}
}
