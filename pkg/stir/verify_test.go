package stir

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"math/big"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"pgregory.net/rapid"
)

func decoded(t *testing.T, part string) string {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func encoded(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

func TestAttestation(t *testing.T) {
	if Attestation(true, true) != Full || Attestation(true, false) != Partial || Attestation(false, false) != Gateway || Attestation(false, true) != Gateway {
		t.Error("A is for a known caller with a number of their own, B for a known caller, C for all else")
	}
}

func TestOrigins(t *testing.T) {
	form := regexp.MustCompile("^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")
	if a, b := Origin("a"), Origin("b"); !form.MatchString(a) || a == b || a != Origin("a") {
		t.Errorf("%s, %s", a, b)
	}
}

func TestVerdicts(t *testing.T) {
	o := newOffice(t, provider(t))
	for level, verstat := range map[Attest]string{Full: "TN-Validation-Passed", Partial: "No-TN-Validation", Gateway: "No-TN-Validation"} {
		verdict := o.Verify(t.Context(), noon, o.call(t, level))
		status, _ := verdict.Response()
		if verdict != (Verdict{Code: Verified, Attest: level, OrigID: origID}) || verdict.Verstat() != verstat || verdict.String() != "verified "+string(level) || status != 0 {
			t.Errorf("attestation %s: %+v, %s", level, verdict, verdict.Verstat())
		}
	}
}

// TestCompactForm: without an extension, the verifier rebuilds what was signed.
func TestCompactForm(t *testing.T) {
	o := newOffice(t, numbers(t, alice.Number))
	p := PASSporT{URL: at, Orig: alice, Dest: []Name{bob}, IssuedAt: noon.Unix()}
	unsigned, err := p.unsigned()
	if err != nil {
		t.Fatal(err)
	}
	signature, err := jwt.SigningMethodES256.Sign(unsigned, o.key)
	if err != nil {
		t.Fatal(err)
	}
	call := Call{
		Identity: []string{".." + base64.RawURLEncoding.EncodeToString(signature) + ";info=<" + at + ">"},
		Caller:   alice, Called: []Name{NameOf("bob", "example.com"), bob}, Date: noon,
	}
	if verdict := o.Verify(t.Context(), noon, call); verdict != (Verdict{Code: Verified}) {
		t.Errorf("%+v", verdict)
	}
	for name, change := range map[string]func(*Call){
		"another caller": func(c *Call) { c.Caller = bob }, "another callee": func(c *Call) { c.Called = c.Called[:1] },
		"another date": func(c *Call) { c.Date = noon.Add(time.Second) }, "no date": func(c *Call) { c.Date = time.Time{} },
		"nobody called": func(c *Call) { c.Called = nil }, "an extension": func(c *Call) { c.Identity = []string{c.Identity[0] + ";ppt=shaken"} },
	} {
		other := call
		change(&other)
		if verdict := o.Verify(t.Context(), noon, other); verdict.Code == Verified || verdict.Code == NoSignature {
			t.Errorf("%s: %+v", name, verdict)
		}
	}
}

// TestRefusals changes one thing of a call that verifies.
func TestRefusals(t *testing.T) {
	o := newOffice(t, numbers(t, alice.Number))
	stranger := newOffice(t, numbers(t, alice.Number))
	resigned := func(head, claims string) string {
		unsigned := encoded(head) + "." + encoded(claims)
		signature, err := jwt.SigningMethodES256.Sign(unsigned, o.key)
		if err != nil {
			t.Fatal(err)
		}
		return unsigned + "." + base64.RawURLEncoding.EncodeToString(signature) + ";info=<" + at + ">"
	}
	const (
		head   = `{"alg":"ES256","ppt":"shaken","typ":"passport","x5u":"` + at + `"}`
		claims = `{"attest":"A","dest":{"tn":["12155550131"]},"iat":1795348800,"orig":{"tn":"12155550121"},"origid":"x"}`
	)
	replaced := func(s, was, is string) string {
		if !strings.Contains(s, was) {
			t.Fatalf("%s is not in %s", was, s)
		}
		return strings.Replace(s, was, is, 1)
	}
	for _, c := range []struct {
		name   string
		change func(*Call)
		now    time.Time
		want   Code
		status int
	}{
		{"as it is", func(*Call) {}, noon, Verified, 0},
		{"no header", func(c *Call) { c.Identity = nil }, noon, NoSignature, 428},
		{"an empty header", func(c *Call) { c.Identity = []string{""} }, noon, Malformed, 438},
		{"too long", func(c *Call) { c.Identity[0] += ";x=" + strings.Repeat("x", MaxHeader) }, noon, Malformed, 438},
		{"another extension", func(c *Call) { c.Identity[0] = replaced(c.Identity[0], "ppt=shaken", "ppt=div") }, noon, NoSignature, 428},
		{"no extension in the header", func(c *Call) { c.Identity[0] = replaced(c.Identity[0], ";ppt=shaken", "") }, noon, Verified, 0},
		{"another algorithm", func(c *Call) { c.Identity[0] = replaced(c.Identity[0], "alg=ES256", "alg=ES384") }, noon, Unsupported, 437},
		{"a minute later", func(*Call) {}, noon.Add(MaxAge), Verified, 0},
		{"a minute before", func(*Call) {}, noon.Add(-MaxAge), Verified, 0},
		{"too late", func(*Call) {}, noon.Add(MaxAge + time.Second), Stale, 403},
		{"too early", func(*Call) {}, noon.Add(-MaxAge - time.Second), Stale, 403},
		{"another caller", func(c *Call) { c.Caller = bob }, noon, WrongCaller, 438},
		{"a caller with a name", func(c *Call) { c.Caller = NameOf("alice", "example.com") }, noon, WrongCaller, 438},
		{"another callee", func(c *Call) { c.Called = []Name{alice} }, noon, WrongCallee, 438},
		{"nobody called", func(c *Call) { c.Called = nil }, noon, WrongCallee, 438},
		{"a stranger's signature", func(c *Call) { c.Identity = stranger.call(t, Full).Identity }, noon, BadSignature, 438},
		{"compact", func(c *Call) {
			c.Identity[0] = c.Identity[0][strings.LastIndex(c.Identity[0], "."):]
			c.Identity[0] = "." + c.Identity[0]
		}, noon, Malformed, 438},
		{"no certificate there", func(c *Call) { c.Identity[0] = resigned(replaced(head, at, at+"x"), claims) }, noon, NoCertificate, 436},
		{"other spaces", func(c *Call) { c.Identity[0] = resigned(replaced(head, ",", ", "), replaced(claims, ":", " : ")) }, noon, Verified, 0},
		{"no algorithm", func(c *Call) { c.Identity[0] = resigned(replaced(head, "ES256", "none"), claims) }, noon, Unsupported, 437},
		{"another type", func(c *Call) { c.Identity[0] = resigned(replaced(head, "passport", "JWT"), claims) }, noon, Malformed, 438},
		{"something critical", func(c *Call) { c.Identity[0] = resigned(replaced(head, `{`, `{"crit":["x"],`), claims) }, noon, Malformed, 438},
		{"an extension inside", func(c *Call) { c.Identity[0] = resigned(replaced(head, "shaken", "rph"), claims) }, noon, NoSignature, 428},
		{"two extensions", func(c *Call) {
			c.Identity[0] = resigned(replaced(head, `"ppt":"shaken",`, ""), claims) + ";ppt=shaken"
		}, noon, Malformed, 438},
		{"no attestation", func(c *Call) { c.Identity[0] = resigned(head, replaced(claims, `"attest":"A",`, "")) }, noon, Malformed, 438},
		{"attestation D", func(c *Call) { c.Identity[0] = resigned(head, replaced(claims, `"A"`, `"D"`)) }, noon, Malformed, 438},
		{"names in another case", func(c *Call) { c.Identity[0] = resigned(head, replaced(claims, `orig"`, `Orig"`)) }, noon, Malformed, 438},
		{"a number with plus", func(c *Call) { c.Identity[0] = resigned(head, replaced(claims, `"12155550121`, `"+12155550121`)) }, noon, Malformed, 438},
		{"no callee", func(c *Call) { c.Identity[0] = resigned(head, replaced(claims, `"12155550131"`, ``)) }, noon, Malformed, 438},
		{"both caller's names", func(c *Call) {
			c.Identity[0] = resigned(head, replaced(claims, `"orig":{`, `"orig":{"uri":"sip:x@y",`))
		}, noon, Malformed, 438},
		{"seventeen callees", func(c *Call) {
			c.Identity[0] = resigned(head, replaced(claims, `["12155550131"`, `["12155550131"`+strings.Repeat(`,"1"`, 16)))
		}, noon, Malformed, 438},
		{"a bad one, then a good one", func(c *Call) { c.Identity = append([]string{"x;y"}, c.Identity...) }, noon, Verified, 0},
		{"a div, then a stale one", func(c *Call) {
			c.Identity = append([]string{replaced(c.Identity[0], "ppt=shaken", "ppt=div")}, c.Identity...)
		}, noon.Add(time.Hour), Stale, 403},
		{"the fifth header", func(c *Call) { c.Identity = append([]string{"x", "x", "x", "x"}, c.Identity...) }, noon, Malformed, 438},
	} {
		t.Run(c.name, func(t *testing.T) {
			call := o.call(t, Full)
			c.change(&call)
			verdict := o.Verify(t.Context(), c.now, call)
			if status, _ := verdict.Response(); verdict.Code != c.want || status != c.status {
				t.Errorf("%+v, %d", verdict, status)
			}
			if verdict.Code != Verified && verdict.Code != NoSignature && !strings.HasPrefix(verdict.String(), "failed: "+verdict.Words) {
				t.Errorf("reads %q", verdict)
			}
		})
	}
}

// TestChains is of certificates that may not speak for the caller.
func TestChains(t *testing.T) {
	for _, c := range []struct {
		name string
		list func(*testing.T) []byte
		ca   func(*x509.Certificate)
		leaf func(*x509.Certificate)
		want Code
	}{
		{"of a provider", provider, nil, nil, Verified},
		{"with the number", func(t *testing.T) []byte { return numbers(t, "1", alice.Number) }, nil, nil, Verified},
		{"with its range", func(t *testing.T) []byte { return numberRange(t, "12155550100", 22) }, nil, nil, Verified},
		{"with the range before", func(t *testing.T) []byte { return numberRange(t, "12155550100", 21) }, nil, nil, NotCovered},
		{"with another number", func(t *testing.T) []byte { return numbers(t, bob.Number) }, nil, nil, NotCovered},
		{"without a list", provider, nil, func(c *x509.Certificate) { c.ExtraExtensions = nil }, Untrusted},
		{"with a critical list", provider, nil, func(c *x509.Certificate) { c.ExtraExtensions[0].Critical = true }, Verified},
		{"with a list that is none", func(t *testing.T) []byte { return listOf(t, entry(t, 3, "1", "ia5")) }, nil, nil, Untrusted},
		{"with constraints", provider, nil, func(c *x509.Certificate) {
			c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: oidConstraints, Value: []byte{0x30, 0}})
		}, Untrusted},
		{"not for signatures", provider, nil, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyAgreement }, Untrusted},
		{"expired", provider, nil, func(c *x509.Certificate) { c.NotAfter = noon.Add(-time.Second) }, Untrusted},
		{"not valid yet", provider, nil, func(c *x509.Certificate) { c.NotBefore = noon.Add(time.Second) }, Untrusted},
		{"of a CA that expired", provider, func(c *x509.Certificate) { c.NotAfter = noon.Add(-time.Second) }, nil, Untrusted},
		{"of none that is a CA", provider, func(c *x509.Certificate) { c.IsCA = false }, nil, Untrusted},
		{"of a CA with other numbers", provider, func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: oidNumbers, Value: numbers(t, bob.Number)}}
		}, nil, NotCovered},
		{"of a CA with constraints", provider, func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: oidEnhanced, Value: []byte{0x30, 0}}}
		}, nil, NotCovered},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := newOffice(t, provider(t))
			call := o.call(t, Full)
			caCert, leafCert := authority(noon), leaf(noon, c.list(t))
			if c.ca != nil {
				c.ca(caCert)
			}
			if c.leaf != nil {
				c.leaf(leafCert)
			}
			ca := o.root.below(caCert)
			chain := []*x509.Certificate{ca.sign(&o.key.PublicKey, leafCert), ca.certificate}
			v := NewVerifier(o.root.roots(), shelf{at: chain})
			if verdict := v.Verify(t.Context(), noon, call); verdict.Code != c.want {
				t.Errorf("%+v", verdict)
			}
			if v := NewVerifier(newShop(t, noon).roots(), shelf{at: chain}); v.Verify(t.Context(), noon, call).Code == Verified {
				t.Error("verified from another root")
			}
		})
	}
}

func TestSignerRefuses(t *testing.T) {
	root := newShop(t, noon)
	key := newKey(t)
	good := root.sign(&key.PublicKey, leaf(noon, numbers(t, alice.Number)))
	bare := leaf(noon, nil)
	bare.ExtraExtensions = nil
	large, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, make := range map[string]func() (*Signer, error){
		"http":        func() (*Signer, error) { return NewSigner(key, good, "http://cert.example.org/a.pem") },
		"another key": func() (*Signer, error) { return NewSigner(newKey(t), good, at) },
		"another curve": func() (*Signer, error) {
			return NewSigner(large, root.sign(&large.PublicKey, leaf(noon, provider(t))), at)
		},
		"a list lacking": func() (*Signer, error) { return NewSigner(key, root.sign(&key.PublicKey, bare), at) },
	} {
		if _, err := make(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	s, err := NewSigner(key, good, at)
	if err != nil {
		t.Fatal(err)
	}
	for name, sign := range map[string]func() (string, error){
		"another's number":   func() (string, error) { return s.Sign(noon, bob, alice, Full, origID) },
		"a URI":              func() (string, error) { return s.Sign(noon, NameOf("alice", "a.example"), bob, Full, origID) },
		"an old certificate": func() (string, error) { return s.Sign(noon.Add(2*time.Hour), alice, bob, Full, origID) },
		"no origid":          func() (string, error) { return s.Sign(noon, alice, bob, Full, "") },
		"nobody called":      func() (string, error) { return s.Sign(noon, alice, Name{}, Full, origID) },
	} {
		if value, err := sign(); err == nil {
			t.Errorf("%s: signed %s", name, value)
		}
	}
}

func TestReplays(t *testing.T) {
	o := newOffice(t, provider(t))
	call := o.call(t, Full)
	verify := func(now time.Time, id, identity string) Code {
		c := call
		c.ID, c.Identity = id, []string{identity}
		return o.Verify(t.Context(), now, c).Code
	}
	if verify(noon.Add(-MaxAge), "1", call.Identity[0]) != Verified || verify(noon, "1", call.Identity[0]) != Verified {
		t.Error("the same INVITE again is a replay")
	}
	for _, now := range []time.Time{noon, noon.Add(MaxAge)} {
		if code := verify(now, "2", call.Identity[0]); code != Replayed {
			t.Errorf("another call with the same signature: %s", code)
		}
	}
	token, rest, _ := strings.Cut(call.Identity[0], ";")
	i := strings.LastIndex(token, ".") + 1
	signature := []byte(decoded(t, token[i:]))
	s := new(big.Int).SetBytes(signature[32:])
	s.Sub(elliptic.P256().Params().N, s).FillBytes(signature[32:])
	if code := verify(noon, "3", token[:i]+base64.RawURLEncoding.EncodeToString(signature)+";"+rest); code != Replayed {
		t.Errorf("the other form of the signature: %s", code)
	}
}

// TestMemory: while a signature is fresh it is taken for one call and for no other, unless more come than fit.
func TestMemory(t *testing.T) {
	const step = 30 * time.Second
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(1, 8).Draw(t, "limit")
		m, now := newMemory(limit), noon
		calls := map[string]string{} // by signature
		for range rapid.IntRange(1, 60).Draw(t, "calls") {
			now = now.Add(time.Duration(rapid.IntRange(0, 3).Draw(t, "after")) * step)
			signed := now.Add(time.Duration(rapid.IntRange(-2, 2).Draw(t, "signed")) * step)
			what := rapid.StringMatching("[a-c]").Draw(t, "signature") + signed.String()
			call := rapid.StringMatching("[12]").Draw(t, "call")
			err := m.admit(now, what, make([]byte, 64), call)
			was, known := calls[what]
			if known && (was == call) != (err == nil) {
				t.Fatalf("%s of call %s, first of %s: %v", what, call, was, err)
			}
			if !known && err == nil {
				calls[what] = call
			}
			if len(m.now) > limit || len(m.older) > limit || !known && err != nil && len(m.now) < limit {
				t.Fatalf("remembers %d and %d of %d: %v", len(m.now), len(m.older), limit, err)
			}
		}
	})
	m := newMemory(1)
	if err := m.admit(noon, "a", make([]byte, 64), "1"); err != nil {
		t.Fatal(err)
	}
	if err := m.admit(noon, "b", make([]byte, 64), "2"); err == nil || err.(*failure).code != Congested {
		t.Errorf("one more than fits: %v", err)
	}
}

// TestNothingElseVerifies: a header in which one character is another never verifies with other words than those signed.
func TestNothingElseVerifies(t *testing.T) {
	o := newOffice(t, provider(t))
	call := o.call(t, Full)
	value := call.Identity[0]
	token, _, _ := strings.Cut(value, ";")
	rapid.Check(t, func(t *rapid.T) {
		i := rapid.IntRange(0, len(token)-1).Draw(t, "where")
		c := rapid.SampledFrom([]byte("ABab01-_.;")).Draw(t, "what")
		changed := call
		changed.Identity = []string{value[:i] + string(c) + value[i+1:]}
		if verdict := o.Verify(t.Context(), noon, changed); changed.Identity[0] != value && verdict.Code == Verified {
			t.Errorf("verified %s", changed.Identity[0])
		}
	})
}
