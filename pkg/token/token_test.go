package token

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
)

type claims struct {
	Name string `json:"name"`
}

const typ = "test+jwt"

func key() ed25519.PrivateKey {
	seed := sha256.Sum256([]byte("token"))
	return ed25519.NewKeyFromSeed(seed[:])
}

func find(string) (ed25519.PublicKey, error) { return key().Public().(ed25519.PublicKey), nil }

func signed(t testing.TB) string {
	t.Helper()
	s, err := Sign(typ, "k1", key(), claims{Name: "Ada"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestOpenReturnsWhatWasSigned(t *testing.T) {
	var c claims
	var kid string
	err := Open(signed(t), typ, 1000, func(k string) (ed25519.PublicKey, error) { kid = k; return find(k) }, &c)
	if err != nil || c.Name != "Ada" || kid != "k1" {
		t.Errorf("opened %+v of key %q, %v", c, kid, err)
	}
	own := errors.New("no such key")
	if err := Open(signed(t), typ, 1000, func(string) (ed25519.PublicKey, error) { return nil, own }, &c); !errors.Is(err, own) {
		t.Errorf("error of the key function became %v", err)
	}
}

// TestHeaderDecidesFirst gives headers that must be refused with claims and signatures that must not be looked at.
func TestHeaderDecidesFirst(t *testing.T) {
	for name, header := range map[string]string{
		"no algorithm":       `{"typ":"test+jwt","kid":"k1"}`,
		"none":               `{"alg":"none","typ":"test+jwt","kid":"k1"}`,
		"symmetric":          `{"alg":"HS256","typ":"test+jwt","kid":"k1"}`,
		"other type":         `{"alg":"EdDSA","typ":"JWT","kid":"k1"}`,
		"no type":            `{"alg":"EdDSA","kid":"k1"}`,
		"critical":           `{"alg":"EdDSA","typ":"test+jwt","kid":"k1","crit":["exp"]}`,
		"critical but empty": `{"alg":"EdDSA","typ":"test+jwt","kid":"k1","crit":[]}`,
		"no object":          `[]`,
		"cut short":          `{"alg":`,
	} {
		asked := false
		err := Open(base64.RawURLEncoding.EncodeToString([]byte(header))+".!.!", typ, 1000,
			func(k string) (ed25519.PublicKey, error) { asked = true; return find(k) }, &claims{})
		if !errors.Is(err, ErrMalformed) || asked {
			t.Errorf("%s: %v, key asked for: %v", name, err, asked)
		}
	}
}

func TestEveryChangedCharacterIsFound(t *testing.T) {
	good := signed(t)
	for i := range good {
		for _, c := range "Aw." {
			bad := good[:i] + string(c) + good[i+1:]
			if bad == good {
				continue
			}
			if err := Open(bad, typ, 1000, find, &claims{}); !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrSignature) {
				t.Errorf("%q at %d: %v", c, i, err)
			}
		}
	}
	if err := Open(good, typ, len(good)-1, find, &claims{}); !errors.Is(err, ErrMalformed) {
		t.Errorf("above the limit: %v", err)
	}
}

func FuzzOpen(f *testing.F) {
	good := signed(f)
	f.Add(good)
	f.Add(strings.Replace(good, ".", "..", 1))
	f.Add("eyJhbGciOiJFZERTQSIsInR5cCI6InRlc3Qrand0In0.e30.")
	f.Add("..")
	f.Fuzz(func(t *testing.T, s string) {
		var c claims
		err := Open(s, typ, 1000, find, &c)
		if err == nil && c.Name != "Ada" {
			t.Errorf("opened %+v", c)
		}
		if err != nil && !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrSignature) {
			t.Errorf("unknown refusal: %v", err)
		}
	})
}
