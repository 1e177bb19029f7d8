package integration

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"strowger/integration/knock"
	"strowger/integration/phone"
	"strowger/mobile-bridge/sdk"
	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/ident"
	"strowger/pkg/proof"
	"strowger/pkg/pushseal"
	"strowger/pkg/rest"
	"strowger/pkg/sdp"
	"strowger/pkg/sessionkey"
	"strowger/pkg/sip"
	"strowger/pkg/trust"
)

// linked is a rogue switch with keys for a phone of its own to call one of the second office.
type linked struct {
	*rogue
	f         forger
	from, bob subscriber
	to        *phone.Phone
	rang      []string // calls
}

func (w *world) byLink(t *testing.T, f forger) *linked {
	t.Helper()
	l := &linked{f: f}
	l.bob, l.to = w.person(t, 1, "Bob", nil)
	l.rogue = infiltrate(t, w)
	l.from = l.subscriber(t, w)
	return l
}

func (l *linked) column() *column {
	return &column{
		name: "on a link", good: l.good,
		counted: func(c errs.Code) string { return fmt.Sprintf("session_keys_total{code=%q}", c) },
		show: func(t *testing.T, c sessionkey.Claims, sign func(sessionkey.Claims) string, how manner) errs.Code {
			t.Helper()
			if how == stolen {
				c.Subject, c.Confirm.KeyHash = ident.New(ident.Switch), "the key of another"
			}
			key := sign(c)
			if how != during && how != again {
				return refusal(t, l.rogue.show(key))
			}
			first := l.rogue.show(key)
			in := l.rings(t, c.Call)
			if how == again {
				first.hangUp(t)
				over(t, in)
				return refusal(t, l.rogue.show(key))
			}
			code := refusal(t, l.rogue.show(key))
			first.hangUp(t)
			over(t, in)
			return code
		},
	}
}

// refusal is why an INVITE was refused.
func refusal(t *testing.T, a attempt) errs.Code {
	t.Helper()
	r := awaited[sip.Refused](t, a)
	if r.Code != 401 && r.Code != 403 {
		t.Errorf("refused with %d %s", r.Code, r.Reason)
	}
	return errs.Code(r.Refusal)
}

// hangUp takes an INVITE back.
func (a attempt) hangUp(t *testing.T) {
	t.Helper()
	a.dialog.Bye(sip.Cause{})
	awaited[sip.Closed](t, a)
}

// good is what a good key says.
func (l *linked) good() sessionkey.Claims {
	now := time.Now()
	return sessionkey.Claims{
		Issuer: l.id.Org, ID: ident.New(ident.Leg), Audience: l.conn.Peer().ID, Boot: l.conn.PeerBoot(),
		IssuedAt: now.Unix(), NotBefore: now.Unix(), Expires: now.Add(sessionkey.Lifetime).Unix(),
		Subject: l.id.Node, Confirm: sessionkey.Confirmation{KeyHash: trust.CertKeyHash(l.id.Chain[0].RawSubjectPublicKeyInfo)},
		AddressHash: "any", Org: l.id.Org, Call: ident.New(ident.Call), Media: []string{"audio"},
		From: designation.Party{User: l.from.user.ID, Device: l.from.device.ID, Number: l.from.number.Dial, Site: l.id.Site},
		To:   designation.Party{User: l.bob.user.ID, Number: l.bob.number.Dial, Site: l.bob.number.Site},
	}
}

// rings waits until the phone rings for a key.
func (l *linked) rings(t *testing.T, id string) *phone.Call {
	t.Helper()
	l.rang = append(l.rang, id)
	select {
	case in := <-l.to.Incoming():
		return in
	case <-soon(t).Done():
		t.Fatal("with a good key the phone does not ring")
		return nil
	}
}

// ends makes a call with a good key, and waits for its record. It rings for it, and rang for nothing in between.
func (l *linked) ends(t *testing.T, w *world) {
	t.Helper()
	c := l.good()
	a := l.rogue.show(by(l.f.kid, l.f.key)(c))
	in := l.rings(t, c.Call)
	if len(l.to.Incoming()) > 0 {
		t.Error("a key that was refused rang the phone")
	}
	in.Answer()
	awaited[sip.Answered](t, a)
	a.hangUp(t)
	over(t, in)
	until(t, func() string {
		switch r, err := w.Client.Calls().Get(soon(t), c.Call); {
		case err == nil && r.AnsweredAt != nil && ended(r) > 0:
			return ""
		case err != nil && errs.CodeOf(err) != errs.NotFound:
			t.Fatal(err)
		}
		return "the call that was let in has no record"
	})
}

// revoked is a switch from which trust was taken, as the second office knows.
func (l *linked) revoked(t *testing.T, w *world) string {
	t.Helper()
	sw, err := w.Client.Switches().Create(soon(t), rest.Switch{Name: "stolen", Site: w.Offices[0].Site.ID})
	if err == nil {
		_, err = w.Client.RevokeSwitch(soon(t), sw.ID, "stolen")
	}
	if err != nil {
		t.Fatal(err)
	}
	until(t, func() string {
		c := l.good()
		c.Subject = sw.ID
		if code := refusal(t, l.rogue.show(by(l.f.kid, l.f.key)(c))); code != errs.Revoked {
			return "a key for a switch that was revoked is refused as " + string(code)
		}
		return ""
	})
	return sw.ID
}

// atPhones is the port for phones of the second office, where a key is nothing.
func (l *linked) atPhones(w *world) *column {
	return &column{
		name: "at the port for phones", only: errs.WrongPresenter, good: l.good,
		counted: func(errs.Code) string { return `sign_ins_refused_total{reason="session-key"}` },
		show: func(t *testing.T, c sessionkey.Claims, sign func(sessionkey.Claims) string, _ manner) errs.Code {
			t.Helper()
			r := newRaw(t, func(e *sip.Endpoint) error {
				_, err := e.ListenUDP("127.0.0.1:0")
				return err
			})
			offer, _ := sdp.NewWriter().Offer(sdp.Description{Codecs: phone.DefaultCodecs(), Direction: sdp.SendRecv}, sdp.Local{Addr: netip.MustParseAddrPort("127.0.0.1:9")})
			return refusal(t, r.invite(sip.InviteParams{
				To:      sip.URI{Scheme: "sip", User: l.bob.number.Dial, Host: "127.0.0.1"},
				Peer:    sip.Peer{Transport: sip.UDP, Addr: w.Offices[1].SIP},
				Headers: []sip.Header{sip.NewHeader("Authorization", "Bearer "+sign(c))},
			}, offer))
		},
	}
}

// woken is an app that rings for a call of a phone of the second office, and whose keys somebody else has too.
type woken struct {
	*app
	f        forger
	caller   subscriber
	out      *phone.Call
	call     *sdk.Call
	signing  *ecdsa.PrivateKey
	wake     pushseal.Wake
	claims   sessionkey.Claims
	answered bool
}

func (w *world) byApp(t *testing.T, f forger) *woken {
	t.Helper()
	a := &woken{f: f}
	var from *phone.Phone
	a.caller, from = w.person(t, 1, "Ann", nil)
	eve, number := w.roamer(t, "Eve")
	change(t, w.Client.Users(), eve.ID, map[string]any{"ring_seconds": 300}) // for as long as the misuse lasts
	pushed := make(chan []byte, 64)
	a.app = w.appWith(t, eve, "webpush", func(_ *app, payload []byte) { pushed <- payload })
	a.out = dial(t, from, number.Dial)
	payload := arrives(t, pushed)
	a.open(t, payload)
	if _, err := a.Push(payload); err != nil {
		t.Fatal(err)
	}
	a.sees(t, sdk.Woken)
	a.call = a.sees(t, sdk.Ringing).Call
	return a
}

// open reads what only the app can read.
func (a *woken) open(t *testing.T, payload []byte) {
	t.Helper()
	var seal pushseal.PrivateKey
	var err error
	a.signing, seal = keysOf(t, a.app)
	var envelope struct{ Strowger []byte } // of APNs and FCM; Web Push has none
	if json.Unmarshal(payload, &envelope) == nil {
		payload = envelope.Strowger
	}
	if a.wake, err = seal.Open(a.f.org, a.device.ID, payload); err != nil {
		t.Fatal(err)
	}
	a.claims, err = sessionkey.Open(a.wake.Key, func(string) (sessionkey.Key, bool) {
		return sessionkey.Key{Public: a.f.key.Public().(ed25519.PublicKey), Issuer: a.f.org}, true
	})
	if err != nil {
		t.Fatal(err)
	}
}

// keysOf are the keys of an app, which nobody else ever has.
func keysOf(t *testing.T, a *app) (*ecdsa.PrivateKey, pushseal.PrivateKey) {
	t.Helper()
	var kept struct{ Signing, Seal []byte }
	text, err := a.store.Load("keys.json")
	if err == nil {
		err = json.Unmarshal(text, &kept)
	}
	signing, errSigning := x509.ParsePKCS8PrivateKey(kept.Signing)
	seal, errSeal := pushseal.ParseKey(kept.Seal)
	if err := errors.Join(err, errSigning, errSeal); err != nil {
		t.Fatal(err)
	}
	return signing.(*ecdsa.PrivateKey), seal
}

// byBridge is the way of an app whose UDP is blocked, once the bridge has its connection from the switch.
func (a *woken) byBridge(t *testing.T, w *world) func(context.Context) (knock.Door, error) {
	t.Helper()
	way := func(ctx context.Context) (knock.Door, error) {
		return knock.Source(nil).WebSocket(ctx, w.Bridge.URL, a.wake.Node.ID)
	}
	until(t, func() string {
		if code := knocks(t, way, proof.Entry{Key: "x.y.z"}); code != errs.KeyMalformed {
			return "the bridge answers " + string(code)
		}
		return ""
	})
	return way
}

// column is a way of the app.
func (a *woken) column(name string, way func(context.Context) (knock.Door, error)) *column {
	return &column{
		name: name, good: func() sessionkey.Claims { return a.claims },
		counted: func(c errs.Code) string { return fmt.Sprintf("app_refused_total{code=%q}", c) },
		show: func(t *testing.T, c sessionkey.Claims, sign func(sessionkey.Claims) string, how manner) errs.Code {
			t.Helper()
			if how == again {
				a.answers(t)
			}
			return knocks(t, way, a.entry(t, sign(c), how))
		},
	}
}

// entry shows a key as the app would.
func (a *woken) entry(t *testing.T, key string, how manner) proof.Entry {
	t.Helper()
	p := proof.Call{
		Node: a.wake.Node.ID, KeyHash: proof.HashKey(key), Epoch: a.wake.Epoch, ID: ident.New(ident.Request), IssuedAt: time.Now().Unix(),
	}
	signing := a.signing
	var err error
	switch how {
	case ghost:
		p.Epoch++
	case stolen:
		signing, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		t.Fatal(err)
	}
	s, err := proof.Sign(proof.TypeCall, signing, p)
	if err != nil {
		t.Fatal(err)
	}
	return proof.Entry{Key: key, Proof: s}
}

// answers has the app answer, once: nothing of what others showed has disturbed it.
func (a *woken) answers(t *testing.T) {
	t.Helper()
	if a.answered {
		return
	}
	a.answered = true
	a.call.Answer(phone.NewVoice(speech(2)))
	saw(t, a.out, phone.Answered)
	a.sees(t, sdk.Connected)
}

// ends hangs up. The record knows of one app, which came once.
func (a *woken) ends(t *testing.T, w *world) {
	t.Helper()
	a.answers(t)
	a.out.HangUp()
	a.sees(t, sdk.Ended)
	over(t, a.out)
	r := w.record(t, a.caller.user, 1)
	steps := wakes(r)
	came := slices.IndexFunc(steps, func(s string) bool { return strings.HasPrefix(s, "connected") })
	if r.AnsweredAt == nil || r.Cause == nil || r.Cause.Code != "normal" || came < 0 || slices.ContainsFunc(steps[came+1:], func(s string) bool { return strings.HasPrefix(s, "connected") }) {
		t.Errorf("the record: answered %v, cause %+v, wake %q", r.AnsweredAt, r.Cause, steps)
	}
}
