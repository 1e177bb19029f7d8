package sitecopy

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/token"
)

const (
	org  = "org_acme"
	site = "st_berlin"
	swX  = "sw_x"
)

func signer(seed string) ed25519.PrivateKey {
	s := sha256.Sum256([]byte(seed))
	return ed25519.NewKeyFromSeed(s[:])
}

func keySet() KeySet {
	s := KeySet{}
	s.Add("c-1", signer("one").Public().(ed25519.PublicKey))
	return s
}

func goodCopy() Copy {
	return Copy{
		Head:     Head{Org: org, ID: site, Version: 7, Issued: 1_800_000_000, Expires: 1_800_000_000 + int64(Lifetime/time.Second)},
		OrgName:  "Acme",
		SiteName: "Berlin", SiteCode: "20",
		SessionKeys: KeySet{"s-1": "k"}, CopyKeys: keySet(),
		Switches: []Switch{{Node: designation.Node{ID: swX, Addresses: []string{"192.0.2.1:7443"}, KeyHash: "h"}, SigningKey: "k"}},
		Users:    []User{{ID: "us_1", Name: "Ada", Enabled: true, Calling: "internal"}},
		Devices:  []Device{{ID: "dv_1", User: "us_1", Kind: designation.DeskPhone, Username: "1001", Switch: swX, Enabled: true}},
		Numbers:  []Number{{ID: "nu_1", Site: site, Digits: "1001", User: "us_1"}},
		Sites:    []SiteCode{{Site: site, Code: "20"}},
		Ring:     time.Minute,
		Secrets:  map[string]string{swX: "sealed"},
	}
}

func TestDocumentsComeBackAsSigned(t *testing.T) {
	want := goodCopy()
	doc, err := SignCopy("c-1", signer("one"), want)
	if err != nil {
		t.Fatal(err)
	}
	want.V = Format
	got, err := OpenCopy(doc, org, keySet())
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("copy is %+v, %v; want %+v", got, err, want)
	}
	if got.Expired(time.Unix(got.Expires-1, 0)) || !got.Expired(time.Unix(got.Expires, 0)) {
		t.Error("a document expires at Expires, neither before nor after")
	}

	peer := Peer{Head: want.Head, SiteCode: "20", Switches: want.Switches, Homes: map[string]string{"1001": swX}}
	if doc, err = SignPeer("c-1", signer("one"), peer); err != nil {
		t.Fatal(err)
	}
	if got, err := OpenPeer(doc, org, keySet()); err != nil || !reflect.DeepEqual(got, peer) {
		t.Errorf("peer document is %+v, %v; want %+v", got, err, peer)
	}

	rev := Revocation{Head: want.Head, Node: swX, Reason: "stolen"}
	if doc, err = SignRevocation("c-1", signer("one"), rev); err != nil {
		t.Fatal(err)
	}
	if got, err := OpenRevocation(doc, org, keySet()); err != nil || !reflect.DeepEqual(got, rev) {
		t.Errorf("revocation is %+v, %v; want %+v", got, err, rev)
	}
}

func TestOpenRefuses(t *testing.T) {
	forge := func(typ, kid, seed string, change func(*Copy)) string {
		c := goodCopy()
		c.V = Format
		if change != nil {
			change(&c)
		}
		doc, err := token.Sign(typ, kid, signer(seed), c)
		if err != nil {
			t.Fatal(err)
		}
		return doc
	}
	tests := []struct {
		name, doc string
		want      errs.Code
	}{
		{"nothing", "", errs.Invalid},
		{"no token", "a.b", errs.Invalid},
		{"too large", strings.Repeat("a", MaxSize+1), errs.Invalid},
		{"a peer document for a copy", forge(TypePeer, "c-1", "one", nil), errs.Invalid},
		{"unknown kid", forge(TypeCopy, "c-2", "one", nil), errs.UnknownKey},
		{"other signer", forge(TypeCopy, "c-1", "two", nil), errs.BadSignature},
		{"other organization", forge(TypeCopy, "c-1", "one", func(c *Copy) { c.Org = "org_b" }), errs.WrongOrganization},
		{"newer format", forge(TypeCopy, "c-1", "one", func(c *Copy) { c.V = 2 }), errs.Upgrade},
		{"no format", forge(TypeCopy, "c-1", "one", func(c *Copy) { c.V = 0 }), errs.Upgrade},
		{"unknown critical feature", forge(TypeCopy, "c-1", "one", func(c *Copy) { c.Crit = []string{"queues"} }), errs.Upgrade},
		{"no site", forge(TypeCopy, "c-1", "one", func(c *Copy) { c.ID = "" }), errs.Invalid},
		{"no version", forge(TypeCopy, "c-1", "one", func(c *Copy) { c.Version = 0 }), errs.Invalid},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := OpenCopy(tt.doc, org, keySet()); errs.CodeOf(err) != tt.want {
				t.Errorf("refused with %q (%v), want %q", errs.CodeOf(err), err, tt.want)
			}
		})
	}
	doc, err := SignRevocation("c-1", signer("one"), Revocation{Head: goodCopy().Head})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenRevocation(doc, org, keySet()); errs.CodeOf(err) != errs.Invalid {
		t.Errorf("revocation of nobody: %v, want invalid", err)
	}
}

func TestSignRefusesWhatNobodyWouldOpen(t *testing.T) {
	c := goodCopy()
	c.OrgName = strings.Repeat("x", MaxSize)
	if _, err := SignCopy("c-1", signer("one"), c); errs.CodeOf(err) != errs.Invalid {
		t.Errorf("signed a copy above the limit: %v", err)
	}
}

func nodeKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestSealOpensOnlyForItsSwitch(t *testing.T) {
	key := nodeKey(t)
	want := []Credential{{Device: "dv_1", MD5: "secret-md5", SHA256: "secret-sha"}}
	sealed, err := Seal(&key.PublicKey, org, site, swX, want)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil || strings.Contains(string(raw), "secret") {
		t.Fatalf("sealed form shows the secret, or %v", err)
	}
	got, err := Unseal(key, org, site, swX, sealed)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("unsealed %+v, %v; want %+v", got, err, want)
	}
	for name, open := range map[string]func() ([]Credential, error){
		"other key":          func() ([]Credential, error) { return Unseal(nodeKey(t), org, site, swX, sealed) },
		"other organization": func() ([]Credential, error) { return Unseal(key, "org_b", site, swX, sealed) },
		"other site":         func() ([]Credential, error) { return Unseal(key, org, "st_rome", swX, sealed) },
		"other switch":       func() ([]Credential, error) { return Unseal(key, org, site, "sw_z", sealed) },
		"cut short":          func() ([]Credential, error) { return Unseal(key, org, site, swX, sealed[:40]) },
		"no base64":          func() ([]Credential, error) { return Unseal(key, org, site, swX, "%") },
		"empty":              func() ([]Credential, error) { return Unseal(key, org, site, swX, "") },
	} {
		if _, err := open(); errs.CodeOf(err) != errs.Invalid {
			t.Errorf("%s: %v, want invalid", name, err)
		}
	}
}

func TestSealRoundTrip(t *testing.T) {
	key := nodeKey(t)
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOfN(rapid.Make[Credential](), 1, 20).Draw(t, "credentials")
		sealed, err := Seal(&key.PublicKey, org, site, swX, want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Unseal(key, org, site, swX, sealed)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("unsealed %+v, %v; want %+v", got, err, want)
		}
	})
}

func FuzzOpen(f *testing.F) {
	good, err := SignCopy("c-1", signer("one"), goodCopy())
	if err != nil {
		f.Fatal(err)
	}
	peer, err := SignPeer("c-1", signer("one"), Peer{Head: goodCopy().Head})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:len(good)-2])
	f.Add(peer)
	f.Add("eyJhbGciOiJub25lIiwidHlwIjoic2l0ZS1jb3B5K2p3dCJ9.e30.")
	f.Fuzz(func(t *testing.T, doc string) {
		c, err := OpenCopy(doc, org, keySet())
		if err == nil && c.Org != org {
			t.Errorf("opened a copy of %q", c.Org)
		}
		if errs.CodeOf(err) == errs.Internal {
			t.Errorf("refusal without a code: %v", err)
		}
		if _, err := OpenRevocation(doc, org, keySet()); err == nil {
			t.Error("a site copy passed for a revocation")
		}
	})
}

func FuzzUnseal(f *testing.F) {
	key := nodeKey(f)
	good, err := Seal(&key.PublicKey, org, site, swX, []Credential{{Device: "dv_1", MD5: "m", SHA256: "s"}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add("")
	f.Fuzz(func(t *testing.T, sealed string) {
		if c, err := Unseal(key, org, site, swX, sealed); err == nil && (len(c) != 1 || c[0].MD5 != "m") {
			t.Errorf("unsealed %+v", c)
		}
	})
}
