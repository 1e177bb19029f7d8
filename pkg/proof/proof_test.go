package proof

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"strowger/pkg/errs"
)

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func sign(t testing.TB, k *ecdsa.PrivateKey) string {
	t.Helper()
	s, err := Sign(TypeCall, k, Call{Node: "sw_y", KeyHash: HashKey("key"), Epoch: 2, ID: "1", IssuedAt: 1_800_000_000})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestProofNamesItsKey(t *testing.T) {
	k := newKey(t)
	var c Call
	thumb, err := Open(sign(t, k), TypeCall, &c)
	if err != nil {
		t.Fatal(err)
	}
	if thumb != JWKOf(&k.PublicKey).Thumbprint() || c.Node != "sw_y" || c.KeyHash != HashKey("key") || c.Epoch != 2 {
		t.Errorf("%s says %+v", thumb, c)
	}
}

// TestThumbprint is an EC key with a thumbprint that another implementation made (RFC 7638 itself has an RSA example only;
// this one is of RFC 9449, 4.1 and 6.1: key and jkt).
func TestThumbprint(t *testing.T) {
	k := JWK{Type: "EC", Curve: "P-256", X: "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs", Y: "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA"}
	if got := k.Thumbprint(); got != "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" {
		t.Errorf("thumbprint %s", got)
	}
	if _, err := k.Public(); err != nil {
		t.Error(err)
	}
}

// reheaded is a proof with another header under the same signature.
func reheaded(t testing.TB, s string, change func(map[string]any)) string {
	t.Helper()
	parts := strings.Split(s, ".")
	var h map[string]any
	b, err := base64.RawURLEncoding.DecodeString(parts[0])
	if err == nil {
		err = json.Unmarshal(b, &h)
	}
	if err != nil {
		t.Fatal(err)
	}
	change(h)
	if b, err = json.Marshal(h); err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(b) + "." + parts[1] + "." + parts[2]
}

func TestBadProofs(t *testing.T) {
	good := sign(t, newKey(t))
	other := JWKOf(&newKey(t).PublicKey)
	parts := strings.Split(good, ".")
	for name, tt := range map[string]struct {
		proof string
		want  errs.Code
	}{
		"empty":          {"", errs.KeyMalformed},
		"no token":       {"open sesame", errs.KeyMalformed},
		"too large":      {strings.Repeat("a", MaxSize+1), errs.KeyMalformed},
		"four parts":     {good + ".x", errs.KeyMalformed},
		"line break":     {good[:8] + "\r\n" + good[8:], errs.KeyMalformed},
		"algorithm none": {reheaded(t, good, func(h map[string]any) { h["alg"] = "none" }), errs.KeyMalformed},
		"other type":     {reheaded(t, good, func(h map[string]any) { h["typ"] = "dpop+jwt" }), errs.KeyMalformed},
		"critical":       {reheaded(t, good, func(h map[string]any) { h["crit"] = []string{"b64"} }), errs.KeyMalformed},
		"other key":      {reheaded(t, good, func(h map[string]any) { h["jwk"] = other }), errs.BadSignature},
		"off the curve":  {reheaded(t, good, func(h map[string]any) { k := other; k.Y = k.X; h["jwk"] = k }), errs.KeyMalformed},
		"key of RSA":     {reheaded(t, good, func(h map[string]any) { h["jwk"] = JWK{Type: "RSA"} }), errs.KeyMalformed},
		"no signature":   {parts[0] + "." + parts[1] + ".", errs.BadSignature},
		"other claims":   {parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"aud":"sw_z"}`)) + "." + parts[2], errs.BadSignature},
	} {
		t.Run(name, func(t *testing.T) {
			var c Call
			if _, err := Open(tt.proof, TypeCall, &c); errs.CodeOf(err) != tt.want {
				t.Errorf("%v, want %s", err, tt.want)
			}
		})
	}
}

func TestFresh(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	for age, want := range map[time.Duration]errs.Code{
		0: "", 80 * time.Second: "", 2 * time.Minute: errs.KeyExpired, -20 * time.Second: "", -time.Minute: errs.ClockSkew,
	} {
		if got := errs.CodeOf(Fresh(now.Add(-age).Unix(), now)); got != want {
			t.Errorf("a proof %v old: %q, want %q", age, got, want)
		}
	}
}

func FuzzOpen(f *testing.F) {
	good := sign(f, newKey(f))
	f.Add(good)
	f.Add(reheaded(f, good, func(h map[string]any) { h["alg"] = "none" }))
	f.Add("e30.e30.")
	f.Fuzz(func(t *testing.T, s string) {
		var c Call
		if _, err := Open(s, TypeCall, &c); err == nil && c.Node != "sw_y" {
			t.Errorf("a forged proof says %+v", c)
		}
	})
}
