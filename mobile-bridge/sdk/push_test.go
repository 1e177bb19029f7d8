package sdk

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/pushseal"
	"strowger/pkg/sessionkey"
)

// TestPushesThatAreNoCalls: what the organization did not sign for this device now says nothing to anyone; what it did sign
// and cannot ring is told as missed, once.
func TestPushesThatAreNoCalls(t *testing.T) {
	w := newWorld(t)
	another := ed25519.NewKeyFromSeed([]byte(strings.Repeat("x", 32)))
	forged, err := sessionkey.Sign("s-1", another, w.claims("leg_f"))
	if err != nil {
		t.Fatal(err)
	}
	moved := w.node
	moved.Addresses = []string{"192.0.2.66:7443"}
	change := func(f func(*sessionkey.Claims)) []byte {
		c := w.claims("leg_" + time.Now().String())
		f(&c)
		return w.wake(c)
	}
	long := w.wake(w.claims("leg_l"))
	for _, one := range []struct {
		name    string
		payload []byte
		want    errs.Code
		missed  bool
	}{
		{"nothing", nil, errs.Invalid, false},
		{"too much", make([]byte, maxPayload+1), errs.Invalid, false},
		{"no member of ours", []byte(`{"aps":{}}`), errs.Invalid, false},
		{"noise", make([]byte, 2000), errs.Invalid, false},
		{"cut off", long[:len(long)-1], errs.Invalid, false},
		{"signed by a stranger", w.sealed(pushseal.Wake{Epoch: 1, Node: w.node, Key: forged}), errs.BadSignature, false},
		{"for another device", change(func(c *sessionkey.Claims) { c.Subject = "dev_b" }), errs.WrongPresenter, false},
		{"for another key", change(func(c *sessionkey.Claims) { c.Confirm.Thumbprint = "t" }), errs.WrongPresenter, false},
		{"to another node", w.sealed(pushseal.Wake{Epoch: 1, Node: moved, Key: w.sign(w.claims("leg_n"))}), errs.WrongNode, true},
		{"too late", change(func(c *sessionkey.Claims) {
			c.IssuedAt, c.NotBefore, c.Expires = c.IssuedAt-200, c.NotBefore-200, c.Expires-200
		}), errs.KeyExpired, true},
		{"of yesterday", change(func(c *sessionkey.Claims) {
			c.IssuedAt, c.NotBefore, c.Expires = c.IssuedAt-86400, c.NotBefore-86400, c.Expires-86400
		}), errs.KeyExpired, false},
	} {
		t.Run(one.name, func(t *testing.T) {
			for range 2 {
				if c, err := w.phone.Push(one.payload); c != nil || errs.CodeOf(err) != one.want || strings.Contains(err.Error(), "%!") {
					t.Errorf("gave %v, %q: %v; want %q", c, errs.CodeOf(err), err, one.want)
				}
			}
			w.seen.mu.Lock()
			defer w.seen.mu.Unlock()
			var want []string
			if one.missed {
				want = []string{Missed}
			}
			if got := w.seen.kinds(); !slices.Equal(got, want) {
				t.Errorf("told %v, want %v", got, want)
			}
			w.seen.all = nil
		})
	}
	select {
	case in := <-w.arrivals:
		t.Errorf("the phone went to the node for %s", in.key)
	default:
	}
}

// TestNodesRefuse: a refusal is told as a missed call in the node's words, and nothing rings.
func TestNodesRefuse(t *testing.T) {
	w := newWorld(t)
	w.refuses(errs.New(errs.Gone, "the caller hung up"))
	c, err := w.phone.Push(w.wake(w.claims("leg_1")))
	if err != nil {
		t.Fatal(err)
	}
	if e := w.seen.want(Woken, Missed); e.Code != string(errs.Gone) || e.Words != "the caller hung up" || e.Call != c {
		t.Errorf("missed with %+v", e)
	}
	<-c.done
}

// TestEnvelope: APNs and FCM deliver JSON around the sealed bytes.
func TestEnvelope(t *testing.T) {
	w := newWorld(t)
	payload, err := json.Marshal(map[string]any{"aps": map[string]string{}, "strowger": base64.StdEncoding.EncodeToString(w.wake(w.claims("leg_1")))})
	if err != nil {
		t.Fatal(err)
	}
	c, err := w.phone.Push(payload)
	if err != nil {
		t.Fatal(err)
	}
	in := w.next()
	in.leave()
	c.Hangup()
	w.seen.want(Woken, Ended)
}

// TestAddressesAreTriedInTurn: one that does not answer costs its head start, one with another certificate nothing more.
func TestAddressesAreTriedInTurn(t *testing.T) {
	w := newWorld(t)
	silent, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	impostor := newAnchor(t)
	real := w.node.Addresses[0]
	w.node.Addresses = []string{silent.LocalAddr().String(), impostor.node.Addresses[0], real}
	if _, err := w.phone.Push(w.wake(w.claims("leg_1"))); err != nil {
		t.Fatal(err)
	}
	in := w.next()
	in.offer(webrtcOffer)
	want[progressed](in)
	w.seen.want(Woken, Ringing)
	in.leave()
}

// TestNewKeysAreFetched: a call that is signed by a key that the phone does not know yet rings, if the cloud knows the key.
func TestNewKeysAreFetched(t *testing.T) {
	w := newWorld(t)
	next := ed25519.NewKeyFromSeed([]byte(strings.Repeat("n", 32)))
	key, err := sessionkey.Sign("s-2", next, w.claims("leg_1"))
	if err != nil {
		t.Fatal(err)
	}
	payload := w.sealed(pushseal.Wake{Epoch: 1, Node: w.node, Key: key})
	if _, err := w.phone.Push(payload); errs.CodeOf(err) != errs.UnknownKey {
		t.Errorf("a key that nobody knows: %v", err)
	}
	w.cloud.mu.Lock()
	w.cloud.keys.Add("s-2", next.Public().(ed25519.PublicKey))
	asked := len(w.cloud.updates)
	w.cloud.mu.Unlock()
	if _, err := w.phone.Push(payload); errs.CodeOf(err) != errs.UnknownKey {
		t.Errorf("pushes make the phone ask the cloud more than once a minute: %v", err)
	}
	w.phone.mu.Lock()
	w.phone.asked = time.Time{} // a minute later
	w.phone.mu.Unlock()
	c, err := w.phone.Push(payload)
	if err != nil {
		t.Fatal(err)
	}
	w.cloud.mu.Lock()
	updates := w.cloud.updates
	w.cloud.mu.Unlock()
	if asked != 1 || len(updates) != 2 || len(updates[1].Push) != 1 || updates[1].Push[0].Token != "token" {
		t.Errorf("the cloud was asked %d times, then %+v", asked, updates)
	}
	w.next().leave()
	c.Hangup()
	w.seen.want(Woken, Ended)
}

// TestAPhoneSurvivesRestarts: who it is and its keys are in its store.
func TestAPhoneSurvivesRestarts(t *testing.T) {
	w := newWorld(t)
	payload := w.wake(w.claims("leg_1"))
	w.phone.Close()
	seen := newRecorder(t)
	p, err := NewPhone(w.store, seen)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if !p.Enrolled() || p.Name() != "phone (Anna)" {
		t.Errorf("enrolled: %v, as %q", p.Enrolled(), p.Name())
	}
	c, err := p.Push(payload)
	if err != nil {
		t.Fatal(err)
	}
	w.next().leave()
	c.Hangup()
	seen.want(Woken, Ended)
	targets := NewTargets()
	targets.AddAPNs("com.example", "00ff", true)
	targets.AddWebPush("https://bridge.example", `{"endpoint":""}`)
	if err := p.SetTargets(targets); err != nil {
		t.Fatal(err)
	}
	if u := w.cloud.updates; len(u) != 1 || len(u[0].Push) != 2 || !u[0].Push[0].Sandbox {
		t.Errorf("the cloud was told %+v", u)
	}
	targets.AddFCM("project", "")
	if err := p.SetTargets(targets); errs.CodeOf(err) != errs.Invalid {
		t.Errorf("an empty token: %v", err)
	}
}

func TestAPhoneThatIsNotEnrolled(t *testing.T) {
	store, err := NewFolder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	p, err := NewPhone(store, newRecorder(t))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if _, err := p.Push(make([]byte, 2000)); errs.CodeOf(err) != errs.Unauthenticated {
		t.Errorf("a push: %v", err)
	}
	if err := p.Refresh(); errs.CodeOf(err) != errs.Unauthenticated || p.Enrolled() || p.Name() != "" {
		t.Errorf("refresh: %v", err)
	}
}

func FuzzPush(f *testing.F) {
	w := newWorld(f)
	good := w.wake(w.claims("leg_1"))
	w.phone.Close() // so that nothing begins
	f.Add(good)
	f.Add(good[:1200])
	f.Add([]byte(`{"strowger":"AAAA"}`))
	f.Add([]byte(`{"strowger":1}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		if c, err := w.phone.Push(payload); c != nil || err == nil {
			t.Errorf("a call came of %q", payload)
		}
	})
}
