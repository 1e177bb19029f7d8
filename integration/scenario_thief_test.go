package integration

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"strowger/integration/knock"
	"strowger/integration/phone"
	"strowger/mobile-bridge/sdk"
	"strowger/pkg/designation"
	"strowger/pkg/enrol"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/ident"
	"strowger/pkg/link"
	"strowger/pkg/proof"
	"strowger/pkg/pushseal"
	"strowger/pkg/trust"
)

// sleepingCall is a call to an app whose push somebody else has before the app gets it.
type sleepingCall struct {
	*app
	out     *phone.Call
	payload []byte
}

func (w *world) sleepingCall(t *testing.T, by string) sleepingCall {
	t.Helper()
	_, from := w.person(t, 1, "Ann", nil)
	eve, number := w.roamer(t, "Eve")
	pushed := make(chan []byte, 8) // the push is sent again when nobody comes
	a := w.appWith(t, eve, by, func(_ *app, payload []byte) {
		select {
		case pushed <- payload:
		default:
		}
	})
	out := dial(t, from, number.Dial)
	return sleepingCall{a, out, <-pushed}
}

// takes gives the app its push, and the call goes on as if nobody else had seen it: the app rings once, and answers.
func (c sleepingCall) takes(t *testing.T) {
	t.Helper()
	select {
	case e := <-c.events:
		t.Fatalf("before its push the app saw %s", e.Kind)
	default:
	}
	if _, err := c.Push(c.payload); err != nil {
		t.Fatal(err)
	}
	c.sees(t, sdk.Woken)
	call := c.sees(t, sdk.Ringing).Call
	call.Answer(phone.NewVoice(speech(2)))
	saw(t, c.out, phone.Answered)
	c.sees(t, sdk.Connected)
	c.out.HangUp()
	c.sees(t, sdk.Ended)
	over(t, c.out)
}

// anchor is the switch of the call, as a thief may know it.
func (w *world) anchor(t *testing.T, c sleepingCall) designation.Node {
	t.Helper()
	a := &woken{app: c.app, f: w.forger(t, w.Client.Organization)}
	a.open(t, c.payload)
	return a.wake.Node
}

// directly is the way of an app to a switch.
func directly(n designation.Node) func(context.Context) (knock.Door, error) {
	return func(ctx context.Context) (knock.Door, error) { return knock.Source(nil).WebTransport(ctx, n) }
}

// knocks shows an entry at the door of a switch, and returns the refusal.
func knocks(t *testing.T, way func(context.Context) (knock.Door, error), e proof.Entry) errs.Code {
	t.Helper()
	line, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	door, err := way(soon(t))
	if err != nil {
		t.Fatal(err)
	}
	v, err := door.Show(soon(t), line)
	if err != nil {
		t.Fatal(err)
	}
	if err := door.Close(); err != nil {
		t.Error(err)
	}
	if v.Error == nil {
		return ""
	}
	return v.Error.Code
}

// TestStolenPush has somebody come to a call who copied its push on the way: another app of the same organization, and one who
// shows the push in place of a key.
func TestStolenPush(t *testing.T) {
	t.Parallel()
	w := together(t)
	c := w.sleepingCall(t, "webpush")
	mallory, _ := w.roamer(t, "Mallory")
	thief := w.app(t, mallory, "apns")
	if call, err := thief.Push(c.payload); err == nil {
		t.Errorf("the push of another device rings: %v", call.ID())
	}
	if len(thief.events) > 0 {
		t.Errorf("the thief's app saw %s", (<-thief.events).Kind)
	}
	n := w.anchor(t, c)
	signing, _ := keysOf(t, thief)
	for _, key := range []string{string(c.payload), base64.RawURLEncoding.EncodeToString(c.payload)} {
		shown := &woken{signing: signing, wake: pushseal.Wake{Epoch: 1, Node: n}}
		if code := knocks(t, directly(n), shown.entry(t, key, plain)); code != errs.KeyMalformed {
			t.Errorf("the push in place of a key is refused as %q", code)
		}
	}
	c.takes(t)
}

// TestMaliciousPushService pushes what it likes to an app: garbage, what was changed, the push of another device, and calls of its
// own making, sealed to the very device. None rings. A real push that comes twice rings once.
func TestMaliciousPushService(t *testing.T) {
	t.Parallel()
	w := together(t)
	c := w.sleepingCall(t, "apns")
	eve, _ := w.roamer(t, "Mallory")
	other := w.app(t, eve, "apns")
	_, seal := keysOf(t, c.app)
	n, f := w.anchor(t, c), w.forger(t, w.Client.Organization)
	forged := func(key string, to designation.Node) []byte {
		sealed, err := pushseal.Seal(seal.Public(), w.Client.Organization, c.device.ID, pushseal.Wake{Epoch: 1, Node: to, Key: key})
		if err != nil {
			t.Fatal(err)
		}
		return sealed
	}
	a := &woken{app: c.app, f: f}
	a.open(t, c.payload)
	elsewhere := n
	elsewhere.Addresses = []string{"127.0.0.1:9"}
	changed := slices.Clone(c.payload)
	changed[len(changed)/2] ^= 1
	for name, payload := range map[string][]byte{
		"garbage": []byte("ring!"), "nothing": nil, "changed": changed,
		"a call that nobody signed":      forged(by(f.kid, f.foreign)(a.claims), n),
		"a call at a machine of its own": forged(by("s-nobody", f.foreign)(a.claims), elsewhere),
	} {
		if _, err := c.Push(payload); err == nil {
			t.Errorf("%s rings", name)
		}
	}
	if _, err := other.Push(c.payload); err == nil {
		t.Error("the push of another device rings")
	}
	c.takes(t)
	if call, err := c.Push(c.payload); err != nil || call.ID() != a.claims.Call {
		t.Errorf("the same push again: %v", err)
	}
	if len(c.events) > 0 {
		t.Errorf("the same push again: the app saw %s", (<-c.events).Kind)
	}
}

// TestStolenBridge has somebody who copied the folder of a bridge try to join a call to an app that it wakes: with the bridge's
// certificate on the fabric, at the links of the switch, and at its door for apps.
func TestStolenBridge(t *testing.T) {
	t.Parallel()
	w := alone(t) // for the fabric to have the bridge twice
	c := w.sleepingCall(t, "fcm")
	id, err := enrol.Load(filepath.Join(w.dir, "bridge-"+w.Bridge.Node, "identity"))
	if err != nil {
		t.Fatal(err)
	}
	client := w.join(t, id)
	if err := client.Ready(soon(t)); err != nil {
		t.Fatal(err)
	}
	n, anchor := w.anchor(t, c), w.Offices[1].Switch.ID
	for _, ticket := range []string{"", "a.b.c"} {
		_, err := fabric.Request[fabric.Targets, fabric.TargetsReply](soon(t), client, fabric.SubjectTargets(id.Org, id.Node),
			fabric.Targets{Header: fabric.Header{ID: ident.New(ident.Request)}, Anchor: anchor, Ticket: ticket})
		if errs.CodeOf(err) != errs.KeyMalformed {
			t.Errorf("the tokens of a device for the ticket %q: %v", ticket, err)
		}
	}
	_, err = fabric.Request[fabric.Admit, fabric.Admitted](soon(t), client, fabric.SubjectAdmit(id.Org, anchor),
		fabric.Admit{Header: fabric.Header{ID: ident.New(ident.Request)}, Call: ident.New(ident.Call), Device: c.device.ID, Dialled: "301001"})
	if errs.CodeOf(err) != errs.Forbidden {
		t.Errorf("an admission in the name of a switch: %v", err)
	}
	_, err = fabric.Request[fabric.Wake, fabric.WakeReply](soon(t), client, fabric.SubjectWake(id.Org, anchor),
		fabric.Wake{Header: fabric.Header{ID: ident.New(ident.Request)}, Ticket: "a.b.c", Epoch: 1, Until: time.Now().Add(time.Minute)})
	if errs.CodeOf(err) != errs.Forbidden {
		t.Errorf("a wake in the name of a switch: %v", err)
	}
	if err := w.links(t, id, n); errs.CodeOf(err) == "" {
		t.Error("the bridge's certificate links as a switch's")
	}
	// What a bridge can sign is nobody's key.
	a := &woken{app: c.app, f: w.forger(t, w.Client.Organization)}
	a.open(t, c.payload)
	a.claims.Issuer, a.claims.Subject = id.Node, id.Node
	key := by(id.Node, id.SigningKey)(a.claims)
	if code := knocks(t, directly(n), a.entry(t, key, stolen)); code != errs.UnknownKey {
		t.Errorf("a key that the bridge signed is refused as %q", code)
	}
	c.takes(t)
}

// links dials a switch with the certificate of another node.
func (w *world) links(t *testing.T, id *enrol.Identity, n designation.Node) error {
	t.Helper()
	e, err := link.Listen(link.Config{
		Addr: "127.0.0.1:0", Name: trust.Name{Org: id.Org, Kind: trust.Bridge, ID: id.Node}, Boot: ident.New(ident.Boot),
		Certificate: func() tls.Certificate { return id.Certificate() }, Roots: pool(id),
		Authorize: func(trust.Name, string, bool) error { return nil },
		OnSIP:     func(_ *link.Conn, c net.Conn) { _ = c.Close() }, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := e.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	defer running.Wait()
	defer cancel()
	_, err = e.Connect(soon(t), n)
	return err
}
