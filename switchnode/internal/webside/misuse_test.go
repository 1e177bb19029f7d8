package webside

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/webtransport-go"

	"strowger/pkg/errs"
	"strowger/pkg/ident"
	"strowger/pkg/proof"
	"strowger/pkg/pushseal"
	"strowger/pkg/sessionkey"
	"strowger/pkg/sip"
	"strowger/pkg/token"
	"strowger/switchnode/internal/call"
)

// Every refusal of 2-call-flows, "The session key", on WebTransport. None of them uses the key up: after all of it the device
// that it is for is let in.
func TestSessionKeyMisuse(t *testing.T) {
	o, d, thief := newOffice(t), newDevice(t), newDevice(t)
	p := o.plan(d)
	s := o.call(p, speech)
	w := o.woken(d)
	good, err := sessionkey.Open(w.Key, o.verifier.Keys)
	if err != nil {
		t.Fatal(err)
	}
	_, foreign, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	// with is the good key with a change; what is made of it is presented by the device itself.
	with := func(change func(*sessionkey.Claims)) pushseal.Wake {
		c, v := good, w
		change(&c)
		v.Key = o.sign(c)
		return v
	}
	signed := func(kid string, key ed25519.PrivateKey, typ string) pushseal.Wake {
		v := w
		var err error
		if v.Key, err = token.Sign(typ, kid, key, good); err != nil {
			t.Fatal(err)
		}
		return v
	}
	at := func(after time.Duration) func(*sessionkey.Claims) {
		return func(c *sessionkey.Claims) {
			c.ID = ident.New(ident.Leg) // time guards the first use only
			c.IssuedAt += int64(after / time.Second)
			c.NotBefore, c.Expires = c.IssuedAt, c.IssuedAt+30
		}
	}
	for name, c := range map[string]struct {
		wake   pushseal.Wake
		by     *device
		change func(*proof.Call)
		want   errs.Code
	}{
		"no key":                           {pushseal.Wake{}, d, nil, errs.KeyMissing},
		"no JWT":                           {pushseal.Wake{Key: "x.y.z"}, d, nil, errs.KeyMalformed},
		"another type":                     {signed(orgID, o.key, "wake-ticket+jwt"), d, nil, errs.KeyMalformed},
		"unknown key":                      {signed("org_unknown", foreign, sessionkey.Type), d, nil, errs.UnknownKey},
		"bad signature":                    {signed(orgID, foreign, sessionkey.Type), d, nil, errs.BadSignature},
		"another organization":             {with(func(c *sessionkey.Claims) { c.Org, c.Issuer = "org_other", "org_other" }), d, nil, errs.WrongOrganization},
		"another node":                     {with(func(c *sessionkey.Claims) { c.Audience = "sw_x" }), d, nil, errs.WrongAudience},
		"an earlier run":                   {with(func(c *sessionkey.Claims) { c.Boot = "bo_earlier" }), d, nil, errs.Restarted},
		"revoked":                          {with(func(c *sessionkey.Claims) { c.Subject = "dv_revoked" }), d, nil, errs.Revoked},
		"stolen":                           {w, thief, nil, errs.WrongPresenter},
		"a node's key":                     {with(func(c *sessionkey.Claims) { c.Confirm = sessionkey.Confirmation{KeyHash: "x"} }), d, nil, errs.WrongPresenter},
		"expired":                          {with(at(-5 * time.Minute)), d, nil, errs.KeyExpired},
		"a clock ahead":                    {with(at(5 * time.Minute)), d, nil, errs.ClockSkew},
		"of next week":                     {with(at(7 * 24 * time.Hour)), d, nil, errs.KeyNotYetValid},
		"a call that is not here":          {with(func(c *sessionkey.Claims) { c.ID = ident.New(ident.Leg) }), d, nil, errs.Gone},
		"ghost":                            {w, d, func(p *proof.Call) { p.Epoch = 2 }, errs.Ghost},
		"proof for another node":           {w, d, func(p *proof.Call) { p.Node = "sw_x" }, errs.WrongAudience},
		"proof for another key":            {w, d, func(p *proof.Call) { p.KeyHash = proof.HashKey("another") }, errs.WrongPresenter},
		"old proof":                        {w, d, func(p *proof.Call) { p.IssuedAt -= 300 }, errs.KeyExpired},
		"proof of a clock ahead":           {w, d, func(p *proof.Call) { p.IssuedAt += 300 }, errs.ClockSkew},
		"proof that can be shown for ever": {w, d, func(p *proof.Call) { p.ID = "" }, errs.Replayed},
	} {
		t.Run(name, func(t *testing.T) {
			before := o.web.Counters().Refused[c.want]
			if err := o.knock(proof.Entry{Key: c.wake.Key, Proof: c.by.proves(t, pushseal.Wake{Epoch: 1, Node: o.node, Key: c.wake.Key}, "", c.change)}); code(err) != c.want {
				t.Errorf("%s: %v, want %s", refusal(err), err, c.want)
			}
			if after := o.web.Counters().Refused[c.want]; after != before+1 {
				t.Errorf("counted %d times as %s", after-before, c.want)
			}
		})
	}
	for name, c := range map[string]struct {
		line string
		want errs.Code
	}{
		"no JSON":      {"INVITE sip:x SIP/2.0", errs.KeyMalformed},
		"no proof":     {`{"key":"` + w.Key + `"}`, errs.KeyMalformed},
		"bad proof":    {`{"key":"` + w.Key + `","proof":"a.b.c"}`, errs.KeyMalformed},
		"without end":  {strings.Repeat("x", 2*proof.MaxEntry), errs.KeyMalformed},
		"empty object": {`{}`, errs.KeyMissing},
	} {
		t.Run(name, func(t *testing.T) {
			if a := o.knockWith([]byte(c.line)); a.OK || a.Error.Code != c.want {
				t.Errorf("answered %+v", a)
			}
		})
	}
	a, fingerprint := newApp(t)
	a.comes(d, w, fingerprint)
	a.rings()
	hears[call.Wake](s)
	hears[call.Ring](s)
	s.caller.cancel()
	sees[sip.Cancelled](a)
	s.ends(p.Branches[0].App.Leg)
}

// The same proof is shown by who has copied it.
func TestProofIsReplayed(t *testing.T) {
	o, d := newOffice(t), newDevice(t)
	p := o.plan(d)
	s := o.call(p, speech)
	w := o.woken(d)
	e := proof.Entry{Key: w.Key, Proof: d.proves(t, w, "", nil)}
	if err := o.knock(e); err != nil {
		t.Fatal(err)
	}
	if err := o.knock(e); code(err) != errs.Replayed {
		t.Errorf("the second time: %v", err)
	}
	s.caller.cancel()
	s.ends(p.Branches[0].App.Leg)
}

// Who answers with another certificate than the device proved to have is not connected: the offer went through hands that
// could have been another's.
func TestCertificateOfAnother(t *testing.T) {
	o, d := newOffice(t), newDevice(t)
	p := o.plan(d)
	s := o.call(p, speech)
	a, _ := newApp(t)
	_, other := newApp(t)
	a.comes(d, o.woken(d), other)
	a.answers()
	hears[call.Wake](s)
	if r := hears[call.Refuse](s); r.Cause.Code != string(errs.WrongPresenter) {
		t.Errorf("the caller hears %+v", r.Cause)
	}
	sees[sip.HungUp](a)
	s.ends(p.Branches[0].App.Leg)
}

// One address may hold a few connections without a key; others are not let in, and those who hold a key do not count.
func TestStrangersAtTheWeb(t *testing.T) {
	o, d := newOffice(t), newDevice(t)
	p := o.plan(d)
	s := o.call(p, speech)
	a, fingerprint := newApp(t)
	a.comes(d, o.woken(d), fingerprint)
	for range maxPerSource {
		dial(t, o.node)
	}
	if err := dialQUIC(t, o); err == nil {
		t.Error("one more stranger was let in")
	}
	if n := o.web.Counters().Refused[errs.Congested]; n != 1 {
		t.Errorf("refused %d as congested", n)
	}
	s.caller.cancel()
	s.ends(p.Branches[0].App.Leg)
}

// dialQUIC opens a session, or says why it cannot.
func dialQUIC(t *testing.T, o *office) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	transport := &webtransport.Transport{
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS13, NextProtos: []string{"h3"}, InsecureSkipVerify: true},
		QUICConfig:      &quic.Config{EnableDatagrams: true, EnableStreamResetPartialDelivery: true},
	}
	defer transport.Close()
	_, _, err := transport.Dial(ctx, "https://"+o.node.Addresses[0]+"/call", http.Header{})
	return err
}

// Who shows nothing is not kept: no session, no stream, no line.
func TestStrangersAreLate(t *testing.T) {
	o := newOfficeOf(t, Times{Stranger: time.Hour, Line: time.Millisecond, Last: time.Millisecond})
	if err := dialQUIC(t, o); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the session without a stream is refused", func() bool { return o.web.Counters().Refused[errs.KeyMissing] == 1 })
	o = newOfficeOf(t, Times{Stranger: 50 * time.Millisecond, Line: time.Hour})
	_ = dialQUIC(t, o) // it may be too late for a session even
	eventually(t, "the connection is closed", func() bool { return o.endpoint.Counters().Web == 1 && o.web.Counters().Connections == 0 })
}

// Pages are let in that a bridge of the organization serves, and no others: those could use a key that they got hold of.
func TestOrigin(t *testing.T) {
	o := newOffice(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	transport := &webtransport.Transport{
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS13, NextProtos: []string{"h3"}, InsecureSkipVerify: true},
		QUICConfig:      &quic.Config{EnableDatagrams: true, EnableStreamResetPartialDelivery: true},
	}
	defer transport.Close()
	for origin, want := range map[string]int{
		bridgeOrigin: http.StatusOK, "": http.StatusOK, "https://example.com": http.StatusBadRequest, "null": http.StatusBadRequest,
	} {
		header := http.Header{}
		if origin != "" {
			header.Set("Origin", origin)
		}
		r, session, err := transport.Dial(ctx, "https://"+o.node.Addresses[0]+"/call", header)
		if r == nil || r.StatusCode != want || (err == nil) != (want == http.StatusOK) {
			t.Errorf("origin %q: %+v, %v; want %d", origin, r, err, want)
		}
		if err == nil {
			_ = session.CloseWithError(0, "") // the office ends either way
		}
	}
}

// Who holds all places for connections that have shown no key, from many addresses, does not shut out an app that has one: each
// who comes takes the place of the one that has waited longest.
func TestStrangersMakeRoom(t *testing.T) {
	o, d := newOffice(t), newDevice(t)
	p := o.plan(d)
	s := o.call(p, speech)
	for i := range maxStrangers {
		socket, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 1, byte(i/maxPerSource))})
		if err != nil {
			t.Skipf("this system has no other addresses on its loopback interface: %v", err)
		}
		transport := &quic.Transport{Conn: socket}
		t.Cleanup(func() { _ = transport.Close(); _ = socket.Close() })
		_, err = transport.Dial(t.Context(), net.UDPAddrFromAddrPort(o.endpoint.Addr()), &tls.Config{
			MinVersion: tls.VersionTLS13, NextProtos: []string{"h3"}, InsecureSkipVerify: true,
		}, &quic.Config{EnableDatagrams: true, EnableStreamResetPartialDelivery: true})
		if err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "all places are taken", func() bool { return o.web.Counters().Connections == maxStrangers })
	a, fingerprint := newApp(t)
	a.comes(d, o.woken(d), fingerprint)
	eventually(t, "one stranger is gone", func() bool {
		c := o.web.Counters()
		return c.Connections == maxStrangers && c.Refused[errs.Congested] == 1
	})
	s.caller.cancel()
	s.ends(p.Branches[0].App.Leg)
}
