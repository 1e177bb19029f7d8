package waketicket

import (
	"crypto/ed25519"
	"crypto/sha256"
	"testing"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/sessionkey"
	"strowger/pkg/token"
)

const (
	org    = "org_acme"
	anchor = "sw_y"
)

func noon() time.Time { return time.Unix(1_800_000_000, 0) }

func keyOf(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte(name))
	return ed25519.NewKeyFromSeed(seed[:])
}

// keys knows the organization's key, and a switch that signs session keys while the cloud is away.
func keys(kid string) (sessionkey.Key, bool) {
	switch kid {
	case "s-org":
		return sessionkey.Key{Public: keyOf("org").Public().(ed25519.PublicKey), Issuer: org}, true
	case "sw_x":
		return sessionkey.Key{Public: keyOf("x").Public().(ed25519.PublicKey), Issuer: "sw_x"}, true
	}
	return sessionkey.Key{}, false
}

func good() Claims {
	return Claims{Issuer: org, Org: org, Device: "dv_a", Call: "ca_1", Leg: "lg_1", Anchor: anchor, IssuedAt: noon().Unix(), Expires: noon().Add(time.Minute).Unix()}
}

func TestTicket(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*Claims)
		typ    string
		kid    string
		signer string
		asker  string
		at     time.Duration
		want   errs.Code
	}{
		"good":                  {},
		"by a switch":           {kid: "sw_x", signer: "x", want: errs.WrongOrganization},
		"unknown key":           {kid: "s-z", want: errs.UnknownKey},
		"forged":                {signer: "x", want: errs.BadSignature},
		"a session key":         {typ: sessionkey.Type, want: errs.KeyMalformed},
		"other organization":    {change: func(c *Claims) { c.Org = "org_b" }, want: errs.WrongOrganization},
		"shown by another node": {asker: "sw_x", want: errs.WrongPresenter},
		"for nobody":            {change: func(c *Claims) { c.Device = "" }, want: errs.KeyMalformed},
		"expired":               {at: time.Minute + sessionkey.Leeway + time.Second, want: errs.KeyExpired},
	} {
		t.Run(name, func(t *testing.T) {
			c, typ, kid, signer, asker := good(), Type, "s-org", "org", anchor
			if tt.change != nil {
				tt.change(&c)
			}
			for value, other := range map[*string]string{&typ: tt.typ, &kid: tt.kid, &signer: tt.signer, &asker: tt.asker} {
				if other != "" {
					*value = other
				}
			}
			ticket, err := token.Sign(typ, kid, keyOf(signer), c)
			if err != nil {
				t.Fatal(err)
			}
			got, err := Open(ticket, keys, org, asker, noon().Add(tt.at))
			if errs.CodeOf(err) != tt.want {
				t.Fatalf("%v, want %q", err, tt.want)
			}
			if err == nil && got != c {
				t.Errorf("says %+v, want %+v", got, c)
			}
		})
	}
}

func FuzzOpen(f *testing.F) {
	ticket, err := Sign("s-org", keyOf("org"), good())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(ticket)
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Fuzz(func(t *testing.T, s string) {
		if c, err := Open(s, keys, org, anchor, noon()); err == nil && c != good() {
			t.Errorf("a forged ticket says %+v", c)
		}
	})
}
