package integration

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"strowger/integration/phone"
	"strowger/pkg/designation"
	"strowger/pkg/enrol"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/ident"
	"strowger/pkg/link"
	"strowger/pkg/sdp"
	"strowger/pkg/sessionkey"
	"strowger/pkg/sip"
	"strowger/pkg/trust"
)

// rogue is a switch that enrolled as it should and then says over its link what it likes.
type rogue struct {
	raw
	id   *enrol.Identity
	conn *link.Conn
	peer sip.Peer
	flow uint64
}

// infiltrate enrols a switch at the first office and links it to that of the second.
func infiltrate(t *testing.T, w *world) *rogue {
	t.Helper()
	id, err := w.enrol(t, w.code(t, "rogue"), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	e, err := link.Listen(link.Config{
		Addr: "127.0.0.1:0", Name: trust.Name{Org: id.Org, Kind: trust.Switch, ID: id.Node}, Boot: ident.New(ident.Boot),
		Certificate: func() tls.Certificate { return id.Certificate() }, Roots: pool(id),
		Authorize: func(trust.Name, string, bool) error { return nil },
		OnSIP:     func(_ *link.Conn, c net.Conn) { _ = c.Close() }, Logger: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := e.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	r := &rogue{raw: newRaw(t, nil), id: id}
	there := w.Offices[1]
	sw, err := w.Client.Switches().Get(soon(t), there.Switch.ID)
	if err != nil {
		t.Fatal(err)
	}
	r.conn, err = e.Connect(soon(t), designation.Node{ID: sw.ID, Addresses: []string{there.Link.String()}, KeyHash: sw.KeyHash})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.conn.Hold())
	stream, err := r.conn.OpenSIP(soon(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.ServeStream(ctx, stream); err != nil {
		t.Fatal(err)
	}
	r.peer = sip.Peer{Transport: sip.TCP, Addr: netip.MustParseAddrPort(stream.RemoteAddr().String())}
	flow, err := r.conn.NewFlow(func([]byte) {})
	if err != nil {
		t.Fatal(err)
	}
	r.flow = flow.ID()
	return r
}

// show sends an INVITE with a session key, or without any.
func (r *rogue) show(key string) attempt {
	var headers []sip.Header
	if key != "" {
		headers = append(headers, sip.NewHeader("Authorization", "Bearer "+key))
	}
	offer, _ := sdp.NewWriter().Offer(sdp.Description{Codecs: phone.DefaultCodecs(), Direction: sdp.SendRecv}, sdp.Local{Flow: r.flow})
	return r.invite(sip.InviteParams{To: sip.URI{Scheme: "sip", User: "301001", Host: r.id.Org}, Peer: r.peer, Headers: headers}, offer)
}

// sign makes a key as a switch does without the cloud, with some claims changed.
func (r *rogue) sign(t *testing.T, from, to subscriber, kid string, change func(*sessionkey.Claims)) string {
	t.Helper()
	now := time.Now()
	c := sessionkey.Claims{
		Issuer: r.id.Node, ID: ident.New(ident.Leg), Audience: r.conn.Peer().ID, Boot: r.conn.PeerBoot(),
		IssuedAt: now.Unix(), NotBefore: now.Unix(), Expires: now.Add(sessionkey.Lifetime).Unix(),
		Subject: r.id.Node, Confirm: sessionkey.Confirmation{KeyHash: trust.CertKeyHash(r.id.Chain[0].RawSubjectPublicKeyInfo)},
		AddressHash: "any", Org: r.id.Org, Call: ident.New(ident.Call), Media: []string{"audio"},
		From: designation.Party{User: from.user.ID, Device: from.device.ID, Number: from.number.Dial, Site: r.id.Site},
		To:   designation.Party{User: to.user.ID, Number: to.number.Dial, Site: to.number.Site},
	}
	if change != nil {
		change(&c)
	}
	key, err := sessionkey.Sign(kid, r.id.SigningKey, c)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// TestSessionKeys shows a switch session keys that are no good, over a real link: each is refused for its own reason, and
// the good one is good once.
func TestSessionKeys(t *testing.T) {
	t.Parallel()
	w := alone(t)
	ann, _ := w.person(t, 0, "Ann", nil)
	bob, to := w.person(t, 1, "Bob", nil)
	r := infiltrate(t, w)
	mallory := r.subscriber(t, w)
	signed := func(change func(*sessionkey.Claims)) string { return r.sign(t, mallory, bob, r.id.Node, change) }
	code := func(key string) errs.Code { return errs.Code(awaited[sip.Refused](t, r.show(key)).Refusal) }
	until(t, func() string { // its signing key is on its way
		if c := code(signed(func(c *sessionkey.Claims) { c.Audience = "sw_x" })); c != errs.WrongAudience {
			return "a key for another node is refused as " + string(c)
		}
		return ""
	})

	if e := awaited[sip.Refused](t, r.show("")); e.Code != 401 || e.Refusal != string(errs.KeyMissing) {
		t.Errorf("without a key: %+v", e)
	}
	at := func(issued, notBefore, expires time.Duration) func(*sessionkey.Claims) {
		now := time.Now()
		return func(c *sessionkey.Claims) {
			c.IssuedAt, c.NotBefore, c.Expires = now.Add(issued).Unix(), now.Add(notBefore).Unix(), now.Add(expires).Unix()
		}
	}
	for name, tt := range map[string]struct {
		key  string
		want errs.Code
	}{
		"garbage":              {"garbage", errs.KeyMalformed},
		"expired":              {signed(at(-3*time.Minute, -3*time.Minute, -2*time.Minute)), errs.KeyExpired},
		"not yet valid":        {signed(at(0, 2*time.Minute, 3*time.Minute)), errs.KeyNotYetValid},
		"from the future":      {signed(at(2*time.Minute, 2*time.Minute, 3*time.Minute)), errs.ClockSkew},
		"for another run":      {signed(func(c *sessionkey.Claims) { c.Boot = ident.New(ident.Boot) }), errs.Restarted},
		"for another key":      {signed(func(c *sessionkey.Claims) { c.Confirm.KeyHash = w.Offices[0].Switch.KeyHash + "x" }), errs.WrongPresenter},
		"for another switch":   {w.stolen(t, ann, bob), errs.WrongPresenter},
		"another organization": {signed(func(c *sessionkey.Claims) { c.Org = "org_other" }), errs.WrongOrganization},
		"unknown signer":       {r.sign(t, mallory, bob, "nobody", nil), errs.UnknownKey},
		"changed":              {tampered(signed(nil)), errs.BadSignature},
		"another's caller":     {r.sign(t, ann, bob, r.id.Node, nil), errs.Forbidden},
	} {
		if e := awaited[sip.Refused](t, r.show(tt.key)); e.Refusal != string(tt.want) || e.Code != 403 || e.Reason == "" {
			t.Errorf("%s: refused with %+v, want 403 and %s", name, e, tt.want)
		}
	}

	key := signed(nil)
	a := r.show(key)
	select {
	case in := <-to.Incoming():
		in.Answer()
	case <-soon(t).Done():
		t.Fatal("with a good key the phone does not ring")
	}
	awaited[sip.Answered](t, a)
	if c := code(key); c != errs.Replayed {
		t.Errorf("a key that was used is refused as %q", c)
	}
	a.dialog.Bye(sip.Cause{})
	awaited[sip.Closed](t, a)
	if c := code(key); c != errs.Replayed {
		t.Errorf("a key whose call is over is refused as %q", c)
	}
	select {
	case <-to.Incoming():
		t.Error("a key that was refused rang the phone")
	default:
	}
}

// tampered changes a key without signing it again.
func tampered(key string) string {
	parts := strings.Split(key, ".")
	parts[2] = strings.Repeat("A", len(parts[2])-4) + parts[2][len(parts[2])-4:]
	return strings.Join(parts, ".")
}

// subscriber makes one whose phone is at the rogue switch.
func (r *rogue) subscriber(t *testing.T, w *world) subscriber {
	t.Helper()
	s := w.subscriber(t, 0, "Mallory")
	change(t, w.Client.Devices(), s.device.ID, map[string]any{"switch": r.id.Node})
	return s
}

// stolen is a good session key of the first office's own switch.
func (w *world) stolen(t *testing.T, from, to subscriber) string {
	t.Helper()
	id, err := enrol.Load(filepath.Join(w.folder(0), "identity"))
	if err != nil {
		t.Fatal(err)
	}
	c := w.join(t, id)
	if err := c.Ready(soon(t)); err != nil {
		t.Fatal(err)
	}
	a, err := fabric.Request[fabric.Admit, fabric.Admitted](soon(t), c, fabric.SubjectAdmit(id.Org, id.Node), fabric.Admit{
		Header: fabric.Header{ID: ident.New(ident.Request)}, Call: ident.New(ident.Call), Device: from.device.ID, Dialled: to.number.Dial,
		Media: []string{"audio"},
	})
	if err != nil || a.Designation == nil {
		t.Fatalf("admission: %+v, %v", a, err)
	}
	return a.Designation.Key
}
