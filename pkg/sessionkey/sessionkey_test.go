package sessionkey

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"pgregory.net/rapid"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/ident"
	"strowger/pkg/token"
)

const (
	org   = "org_acme"
	nodeX = "sw_x"
	nodeY = "sw_y"
	hashX = "hash-of-x"
	bootY = "bo_y1"
)

// noon is when every test begins.
func noon() time.Time { return time.Unix(1_800_000_000, 0) }

func keyOf(seed string) ed25519.PrivateKey {
	s := sha256.Sum256([]byte(seed))
	return ed25519.NewKeyFromSeed(s[:])
}

func keys(kid string) (Key, bool) {
	switch kid {
	case "s-org":
		return Key{Public: keyOf("org").Public().(ed25519.PublicKey), Issuer: org}, true
	case nodeX:
		return Key{Public: keyOf("x").Public().(ed25519.PublicKey), Issuer: nodeX}, true
	}
	return Key{}, false
}

func goodClaims() Claims {
	return Claims{
		Issuer: org, ID: ident.New(ident.Leg), Audience: nodeY, Boot: bootY,
		IssuedAt: noon().Unix(), NotBefore: noon().Unix(), Expires: noon().Add(Lifetime).Unix(),
		Subject: nodeX, Confirm: Confirmation{KeyHash: hashX},
		AddressHash: designation.Node{ID: nodeY, Addresses: []string{"192.0.2.1:7443"}, KeyHash: "hash-of-y"}.Hash(),
		Org:         org, Call: ident.New(ident.Call), Media: []string{"audio"},
		From: designation.Party{User: "us_a", Device: "dv_a", Number: "201001", Name: "Ada"},
		To:   designation.Party{User: "us_b", Number: "301001", Name: "Bo"},
	}
}

func goodPresenter() Presenter {
	return Presenter{ID: nodeX, Confirm: Confirmation{KeyHash: hashX}, Resume: "call-id-1"}
}

func newVerifier() *Verifier {
	return &Verifier{Node: nodeY, Boot: bootY, Org: org, Keys: keys, Now: noon}
}

func sign(t testing.TB, c Claims) string {
	t.Helper()
	k, err := Sign("s-org", keyOf("org"), c)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// forge signs claims that Sign itself would refuse.
func forge(t testing.TB, typ, kid string, key ed25519.PrivateKey, claims any) string {
	t.Helper()
	k, err := token.Sign(typ, kid, key, claims)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestKeyAdmitsItsPresenterOnce(t *testing.T) {
	v, c := newVerifier(), goodClaims()
	key := sign(t, c)
	got, err := v.Verify(key, goodPresenter())
	if err != nil {
		t.Fatal(err)
	}
	if got.Call != c.Call || got.ID != c.ID || got.From != c.From || got.To != c.To || got.Media[0] != "audio" {
		t.Errorf("claims are %+v, want %+v", got, c)
	}
	other := goodPresenter()
	other.Resume = "call-id-2"
	if _, err := v.Verify(key, other); errs.CodeOf(err) != errs.Replayed {
		t.Errorf("second call with the key: %v, want replayed", err)
	}
	if n := v.Counts(); n[""] != 1 || n[errs.Replayed] != 1 {
		t.Errorf("counts are %v, want one admitted, one replayed", n)
	}
}

// TestMisuse is every way to misuse a key that we could think of, with the code that names it.
func TestMisuse(t *testing.T) {
	claims := func(change func(*Claims)) func(testing.TB) string {
		return func(t testing.TB) string {
			c := goodClaims()
			change(&c)
			return forge(t, Type, "s-org", keyOf("org"), c)
		}
	}
	good := claims(func(*Claims) {})
	tests := []struct {
		name  string
		key   func(testing.TB) string
		who   func(*Presenter)
		node  func(*Verifier)
		want  errs.Code
		words string
	}{
		{name: "no key", key: func(testing.TB) string { return "" }, want: errs.KeyMissing},
		{name: "no token", key: func(testing.TB) string { return "open sesame" }, want: errs.KeyMalformed},
		{name: "four parts", key: func(t testing.TB) string { return good(t) + ".x" }, want: errs.KeyMalformed},
		{name: "padding", key: func(t testing.TB) string { return good(t) + "=" }, want: errs.KeyMalformed},
		{name: "too large", key: func(t testing.TB) string { return strings.Repeat("a", MaxSize+1) }, want: errs.KeyMalformed, words: "8193 bytes"},
		{name: "alg none", key: withAlgorithm("none"), want: errs.KeyMalformed, words: "none"},
		{name: "alg HS256", key: withAlgorithm("HS256"), want: errs.KeyMalformed, words: "HS256"},
		{name: "alg in lower case", key: withAlgorithm("eddsa"), want: errs.KeyMalformed, words: "EdDSA"},
		{name: "another type", key: func(t testing.TB) string { return forge(t, "site-copy+jwt", "s-org", keyOf("org"), goodClaims()) }, want: errs.KeyMalformed, words: "site-copy+jwt"},
		{name: "critical header", key: withCritical, want: errs.KeyMalformed, words: "critical"},
		{name: "claims are no object", key: func(t testing.TB) string { return forge(t, Type, "s-org", keyOf("org"), []int{1}) }, want: errs.KeyMalformed},
		{name: "unknown kid", key: func(t testing.TB) string { return forge(t, Type, "s-z", keyOf("org"), goodClaims()) }, want: errs.UnknownKey, words: "s-z"},
		{name: "other signer", key: func(t testing.TB) string { return forge(t, Type, "s-org", keyOf("x"), goodClaims()) }, want: errs.BadSignature},
		{name: "tampered claims", key: tampered, want: errs.BadSignature},
		{name: "switch signs as organization", key: func(t testing.TB) string { return forge(t, Type, nodeX, keyOf("x"), goodClaims()) }, want: errs.UnknownKey, words: nodeX},
		{name: "switch signs for another", key: claims(func(c *Claims) { c.Issuer, c.Subject = nodeX, "sw_z" }), want: errs.KeyMalformed},
		{name: "no leg", key: claims(func(c *Claims) { c.ID = "" }), want: errs.KeyMalformed, words: "jti"},
		{name: "no boot", key: claims(func(c *Claims) { c.Boot = "" }), want: errs.KeyMalformed, words: "boot"},
		{name: "no confirmation", key: claims(func(c *Claims) { c.Confirm = Confirmation{} }), want: errs.KeyMalformed, words: "cnf"},
		{name: "two confirmations", key: claims(func(c *Claims) { c.Confirm.Thumbprint = "t" }), want: errs.KeyMalformed, words: "cnf"},
		{name: "lives too long", key: claims(func(c *Claims) { c.Expires = c.IssuedAt + 601 }), want: errs.KeyMalformed, words: "601 s"},
		{name: "ends before it begins", key: claims(func(c *Claims) { c.Expires = c.NotBefore }), want: errs.KeyMalformed},
		{name: "other organization", node: func(v *Verifier) { v.Org = "org_b" }, want: errs.WrongOrganization, words: "org_b"},
		{name: "other node", node: func(v *Verifier) { v.Node = "sw_z" }, want: errs.WrongAudience, words: "sw_z"},
		{name: "other run", node: func(v *Verifier) { v.Boot = "bo_y2" }, want: errs.Restarted},
		{name: "revoked", node: func(v *Verifier) { v.Revoked = func(id string) bool { return id == nodeX } }, want: errs.Revoked, words: nodeX},
		{name: "other presenter", who: func(p *Presenter) { p.ID = "sw_z" }, want: errs.WrongPresenter, words: "sw_z"},
		{name: "other presenter's key", who: func(p *Presenter) { p.Confirm.KeyHash = "hash-of-z" }, want: errs.WrongPresenter},
		{name: "presenter without key", who: func(p *Presenter) { p.Confirm = Confirmation{} }, want: errs.WrongPresenter},
		{name: "expired", node: at(Lifetime + Leeway + time.Second), want: errs.KeyExpired, words: "31s"},
		{name: "not yet valid", key: claims(func(c *Claims) { c.NotBefore += 40; c.Expires += 40 }), want: errs.KeyNotYetValid, words: "40s"},
		{name: "clock skew", node: at(-4 * time.Minute), want: errs.ClockSkew, words: "4m0s ahead"},
		{name: "from another age", node: at(-MaxSkew - time.Minute), want: errs.KeyNotYetValid},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			key, p, v := good(t), goodPresenter(), newVerifier()
			if tt.key != nil {
				key = tt.key(t)
			}
			if tt.who != nil {
				tt.who(&p)
			}
			if tt.node != nil {
				tt.node(v)
			}
			_, err := v.Verify(key, p)
			if errs.CodeOf(err) != tt.want {
				t.Fatalf("refused with %q (%v), want %q", errs.CodeOf(err), err, tt.want)
			}
			if !strings.Contains(err.Error(), tt.words) {
				t.Errorf("words are %q, want %q among them", err, tt.words)
			}
			if len(key) > 40 && strings.Contains(err.Error(), key[20:40]) {
				t.Errorf("words repeat the key: %q", err)
			}
			if n := v.Counts(); n[tt.want] != 1 || n[""] != 0 {
				t.Errorf("counts are %v, want one %q", n, tt.want)
			}
		})
	}
}

func at(d time.Duration) func(*Verifier) {
	return func(v *Verifier) { v.Now = func() time.Time { return noon().Add(d) } }
}

// withAlgorithm makes a token whose claims are not even base64: whoever looks at them before the algorithm says so.
func withAlgorithm(alg string) func(testing.TB) string {
	return func(t testing.TB) string {
		h, err := json.Marshal(map[string]string{"alg": alg, "typ": Type, "kid": "s-org"})
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(h) + ".!." + base64.RawURLEncoding.EncodeToString([]byte("sig"))
	}
}

func withCritical(t testing.TB) string {
	tok := jwt.NewWithClaims(jwt.SigningMethodEdDSA, jwt.MapClaims{"iss": org})
	tok.Header["typ"], tok.Header["kid"], tok.Header["crit"] = Type, "s-org", []string{"b64"}
	s, err := tok.SignedString(keyOf("org"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func tampered(t testing.TB) string {
	f := strings.Split(forge(t, Type, "s-org", keyOf("org"), goodClaims()), ".")
	b, err := base64.RawURLEncoding.DecodeString(f[1])
	if err != nil {
		t.Fatal(err)
	}
	f[1] = base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(b), "201001", "201002", 1)))
	return strings.Join(f, ".")
}

func TestClocksMayDifferByLeeway(t *testing.T) {
	for _, d := range []time.Duration{-Leeway, 0, Lifetime, Lifetime + Leeway} {
		v := newVerifier()
		at(d)(v)
		if _, err := v.Verify(sign(t, goodClaims()), goodPresenter()); err != nil {
			t.Errorf("key signed at 0 and shown at %v: %v", d, err)
		}
	}
}

func TestSwitchSignsForItselfWhenTheCloudIsGone(t *testing.T) {
	c := goodClaims()
	c.Issuer = nodeX
	key, err := Sign(nodeX, keyOf("x"), c)
	if err != nil {
		t.Fatal(err)
	}
	got, err := newVerifier().Verify(key, goodPresenter())
	if err != nil || got.Issuer != nodeX {
		t.Errorf("offline key: issuer %q, %v; want %s", got.Issuer, err, nodeX)
	}
}

func TestSignRefusesWhatNobodyWouldAccept(t *testing.T) {
	c := goodClaims()
	c.Audience = ""
	if _, err := Sign("s-org", keyOf("org"), c); errs.CodeOf(err) != errs.KeyMalformed {
		t.Errorf("signed a key without audience: %v", err)
	}
}

func TestResumeUntilDone(t *testing.T) {
	v, c := newVerifier(), goodClaims()
	key := sign(t, c)
	for _, d := range []time.Duration{0, 20 * time.Second, Lifetime + Leeway + time.Minute} { // past exp, still ringing
		at(d)(v)
		if _, err := v.Verify(key, goodPresenter()); err != nil {
			t.Fatalf("presented at %v: %v", d, err)
		}
	}
	v.Done(c.ID)
	if _, err := v.Verify(key, goodPresenter()); errs.CodeOf(err) != errs.Replayed {
		t.Errorf("after the leg was answered: %v, want replayed", err)
	}
	at(MaxLifetime)(v)
	if _, err := v.Verify(key, goodPresenter()); errs.CodeOf(err) != errs.KeyExpired {
		t.Errorf("long after: %v, want expired", err)
	}
	if len(v.uses.byLeg) != 0 {
		t.Errorf("%d uses are remembered for ever", len(v.uses.byLeg))
	}
}

func TestMemoryIsBounded(t *testing.T) {
	u := uses{byLeg: make(map[string]use, MaxUses)}
	for i := range MaxUses {
		u.byLeg[strconv.Itoa(i)] = use{}
	}
	if err := u.first(goodClaims(), goodPresenter(), noon()); errs.CodeOf(err) != errs.Congested {
		t.Errorf("one use more than fit: %v, want congested", err)
	}
}

// TestUsesModel presents a few keys in every order at growing times: a key admits exactly one (presenter, call), only
// when it began in time, and never again after its leg is done.
func TestUsesModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := noon()
		v := newVerifier()
		v.Now = func() time.Time { return now }
		var legs []Claims
		var signed []string
		for range 3 {
			c := goodClaims()
			k, err := Sign("s-org", keyOf("org"), c)
			if err != nil {
				t.Fatal(err)
			}
			legs, signed = append(legs, c), append(signed, k)
		}
		admitted, done := map[int]string{}, map[int]bool{}
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 20).Draw(t, "seconds")) * time.Second)
			i := rapid.IntRange(0, 2).Draw(t, "key")
			if rapid.IntRange(0, 5).Draw(t, "what") == 0 {
				v.Done(legs[i].ID)
				done[i] = done[i] || admitted[i] != ""
				continue
			}
			p := goodPresenter()
			p.Resume = rapid.SampledFrom([]string{"a", "b"}).Draw(t, "call")
			_, err := v.Verify(signed[i], p)
			late := now.After(time.Unix(legs[i].Expires, 0).Add(Leeway))
			switch {
			case err == nil && done[i]:
				t.Fatalf("key %d admitted after its leg was done", i)
			case err == nil && admitted[i] == "" && late:
				t.Fatalf("key %d first used %v after it was signed", i, now.Sub(noon()))
			case err == nil && admitted[i] != "" && admitted[i] != p.Resume:
				t.Fatalf("key %d admitted calls %q and %q", i, admitted[i], p.Resume)
			case err != nil && admitted[i] == "" && !late:
				t.Fatalf("key %d refused on its first, timely use: %v", i, err)
			case err != nil && admitted[i] == p.Resume && !done[i] && now.Sub(noon()) < MaxLifetime:
				t.Fatalf("key %d not resumed while it rings: %v", i, err)
			case err == nil:
				admitted[i] = p.Resume
			}
		}
	})
}

func FuzzVerify(f *testing.F) {
	f.Add(sign(f, goodClaims()))
	f.Add(tampered(f))
	f.Add(withCritical(f))
	f.Add(withAlgorithm("none")(f))
	f.Add(forge(f, "site-copy+jwt", "s-org", keyOf("org"), goodClaims()))
	f.Add(forge(f, Type, "s-org", keyOf("org"), map[string]any{"iss": org, "cnf": 7}))
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	v := newVerifier()
	f.Fuzz(func(t *testing.T, key string) {
		c, err := v.Verify(key, goodPresenter())
		if err == nil && (c.Issuer != org || c.Audience != nodeY || c.Subject != nodeX) {
			t.Errorf("admitted by %+v", c)
		}
		if errs.CodeOf(err) == errs.Internal {
			t.Errorf("refusal without a code: %v", err)
		}
	})
}

func BenchmarkSign(b *testing.B) {
	c, key := goodClaims(), keyOf("org")
	for b.Loop() {
		if _, err := Sign("s-org", key, c); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	v, key, p := newVerifier(), sign(b, goodClaims()), goodPresenter()
	for b.Loop() {
		if _, err := v.Verify(key, p); err != nil {
			b.Fatal(err)
		}
	}
}
