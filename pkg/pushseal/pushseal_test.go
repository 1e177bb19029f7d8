package pushseal

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/ident"
	"strowger/pkg/sessionkey"
)

const (
	org    = "org_acme"
	device = "dv_app"
	thumb  = "thumb-of-app"
)

func noon() time.Time { return time.Unix(1_800_000_000, 0) }

func orgKey() ed25519.PrivateKey {
	seed := sha256.Sum256([]byte("org"))
	return ed25519.NewKeyFromSeed(seed[:])
}

func keys(kid string) (sessionkey.Key, bool) {
	return sessionkey.Key{Public: orgKey().Public().(ed25519.PublicKey), Issuer: org}, kid == "s-org"
}

func anchor() designation.Node {
	return designation.Node{ID: "sw_y", Addresses: []string{"192.0.2.1:7443"}, KeyHash: "hash", DTLS: "sha-256 AB", Web: []string{"one", "two"}, Boot: "bo_1"}
}

func claims() sessionkey.Claims {
	return sessionkey.Claims{
		Issuer: org, ID: ident.New(ident.Leg), Audience: "sw_y", Boot: "bo_1",
		IssuedAt: noon().Unix(), NotBefore: noon().Unix(), Expires: noon().Add(time.Minute).Unix(),
		Subject: device, Confirm: sessionkey.Confirmation{Thumbprint: thumb}, AddressHash: anchor().Hash(),
		Org: org, Call: ident.New(ident.Call), Media: []string{"audio"},
		From: designation.Party{Number: "201001", Name: "Ada"}, To: designation.Party{Number: "301001"},
	}
}

func wake(t testing.TB, change func(*sessionkey.Claims)) Wake {
	t.Helper()
	c := claims()
	if change != nil {
		change(&c)
	}
	key, err := sessionkey.Sign("s-org", orgKey(), c)
	if err != nil {
		t.Fatal(err)
	}
	return Wake{Epoch: 1, Node: anchor(), Key: key}
}

func newKey(t testing.TB) PrivateKey {
	t.Helper()
	k, err := NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestSealedWakeOpensAtItsDevice(t *testing.T) {
	k, w := newKey(t), wake(t, nil)
	sealed, err := Seal(k.Public(), org, device, w)
	if err != nil {
		t.Fatal(err)
	}
	b, err := k.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseKey(b) // as after a restart of the app
	if err != nil {
		t.Fatal(err)
	}
	got, err := again.Open(org, device, sealed)
	if err != nil || got.Key != w.Key || got.Epoch != 1 || got.Node.Hash() != w.Node.Hash() {
		t.Fatalf("opened %+v, %v", got, err)
	}
	if c, err := got.Check(keys, org, device, thumb, noon()); err != nil || c.From.Name != "Ada" {
		t.Errorf("checked: %+v, %v", c, err)
	}
	if bytes.Contains(sealed, []byte("192.0.2.1")) || bytes.Contains(sealed, []byte(w.Key[:40])) {
		t.Error("the sealed payload shows what it holds")
	}
}

// TestStolenPayload is what somebody can do who has the payload, or can write one.
func TestStolenPayload(t *testing.T) {
	k := newKey(t)
	sealed, err := Seal(k.Public(), org, device, wake(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := newKey(t).Open(org, device, sealed); err == nil {
		t.Error("another key opens it")
	}
	if _, err := k.Open(org, "dv_other", sealed); err == nil {
		t.Error("it opens as another device's")
	}
	for i := range sealed {
		if i%97 != 0 {
			continue
		}
		changed := bytes.Clone(sealed)
		changed[i] ^= 1
		if _, err := k.Open(org, device, changed); err == nil {
			t.Fatalf("it opens with byte %d changed", i)
		}
	}
}

// TestForgedWake is what a device must not ring for: anyone can seal to it.
func TestForgedWake(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*sessionkey.Claims)
		wake   func(*Wake)
		at     time.Duration
		want   errs.Code
	}{
		"other device":       {change: func(c *sessionkey.Claims) { c.Subject = "dv_b" }, want: errs.WrongPresenter},
		"other device's key": {change: func(c *sessionkey.Claims) { c.Confirm.Thumbprint = "b" }, want: errs.WrongPresenter},
		"led elsewhere":      {wake: func(w *Wake) { w.Node.Addresses = []string{"203.0.113.9:7443"} }, want: errs.WrongNode},
		"other certificate":  {wake: func(w *Wake) { w.Node.Web = []string{"mallory"} }, want: errs.WrongNode},
		"other fingerprint":  {wake: func(w *Wake) { w.Node.DTLS = "sha-256 CD" }, want: errs.WrongNode},
		"other node":         {wake: func(w *Wake) { w.Node.ID = "sw_z" }, want: errs.WrongNode},
		"no key":             {wake: func(w *Wake) { w.Key = "" }, want: errs.KeyMissing},
		"key of nobody":      {wake: func(w *Wake) { w.Key = strings.Repeat("a", 40) }, want: errs.KeyMalformed},
		"late":               {at: time.Minute + sessionkey.Leeway + time.Second, want: errs.KeyExpired},
	} {
		t.Run(name, func(t *testing.T) {
			w := wake(t, tt.change)
			if tt.wake != nil {
				tt.wake(&w)
			}
			if _, err := w.Check(keys, org, device, thumb, noon().Add(tt.at)); errs.CodeOf(err) != tt.want {
				t.Errorf("%v, want %s", err, tt.want)
			}
		})
	}
}

// TestSizes: what is sealed tells no more than its size in steps, and never more than a push takes.
func TestSizes(t *testing.T) {
	k := newKey(t)
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 2000).Draw(t, "bytes of the key")
		sealed, err := Seal(k.Public(), org, device, Wake{Epoch: 1, Key: strings.Repeat("k", n)})
		if err != nil {
			if n < MaxPlain-200 {
				t.Fatalf("%d bytes: %v", n, err)
			}
			return
		}
		if rest := (len(sealed) - encSize - 16) % Step; rest != 0 || len(sealed) > MaxSealed {
			t.Fatalf("%d bytes became %d", n, len(sealed))
		}
	})
}

func TestBadKeys(t *testing.T) {
	if _, err := ParseKey([]byte("short")); errs.CodeOf(err) != errs.Invalid {
		t.Errorf("short private key: %v", err)
	}
	for _, bad := range []string{"", "!", "aGVsbG8"} {
		if err := CheckPublic(bad); errs.CodeOf(err) != errs.Invalid {
			t.Errorf("public key %q: %v", bad, err)
		}
		if _, err := Seal(bad, org, device, Wake{}); err == nil {
			t.Errorf("sealed to %q", bad)
		}
	}
}

func FuzzOpen(f *testing.F) {
	k := newKey(f)
	sealed, err := Seal(k.Public(), org, device, wake(f, nil))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed)
	f.Add(sealed[:encSize+16])
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if w, err := k.Open(org, device, b); err == nil && !bytes.Equal(b, sealed) {
			t.Errorf("opened what nobody sealed: %+v", w)
		}
	})
}
