package authority

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"maps"
	"strings"
	"testing"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/enrol"
	"strowger/pkg/errs"
	"strowger/pkg/ident"
	"strowger/pkg/rest"
	"strowger/pkg/sessionkey"
	"strowger/pkg/sitecopy"
)

func (i *installation) claims() sessionkey.Claims {
	now := i.clock().Unix()
	return sessionkey.Claims{
		ID: ident.New(ident.Leg), Audience: "sw_y", Boot: "bo_y", IssuedAt: now, NotBefore: now, Expires: now + 30,
		Subject: i.sw.ID, Confirm: sessionkey.Confirmation{KeyHash: "h"}, AddressHash: "ah", Call: ident.New(ident.Call),
		From: designation.Party{Number: "201001"}, To: designation.Party{Number: "301001"}, Media: []string{"audio"},
	}
}

func TestSignedSessionIsTheOrganizations(t *testing.T) {
	i := install(t)
	c := i.claims()
	c.Issuer, c.Org = "sw_evil", "org_evil"
	key := must[string](t)(i.SignSession(t.Context(), i.org.ID, c))
	got := must[sessionkey.Claims](t)(i.OpenSession(t.Context(), i.org.ID, key))
	if got.Issuer != i.org.ID || got.Org != i.org.ID || got.Call != c.Call {
		t.Errorf("claims are %+v", got)
	}
	other := rest.Organization{Name: "Other", Enabled: true}
	if err := i.store.Organizations.Create(t.Context(), "", &other); err != nil {
		t.Fatal(err)
	}
	_, err := i.OpenSession(t.Context(), other.ID, key)
	wantCode(t, err, errs.UnknownKey, "does not know")
	_, err = i.SignSession(t.Context(), "org_nobody", c)
	wantCode(t, err, errs.NotFound, "org_nobody")
	c.Audience = ""
	_, err = i.SignSession(t.Context(), i.org.ID, c)
	wantCode(t, err, errs.KeyMalformed, "aud")
}

func TestOpenSessionOfASwitch(t *testing.T) {
	i := install(t)
	_, signing, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	q := requestFor(t, i.code(t), newKey(t))
	q.SigningKey = base64.RawURLEncoding.EncodeToString(signing.Public().(ed25519.PublicKey))
	must[enrol.Response](t)(i.Enrol(t.Context(), q))
	c := i.claims()
	c.Issuer, c.Org = i.sw.ID, i.org.ID
	key := must[string](t)(sessionkey.Sign(i.sw.ID, signing, c))
	if got := must[sessionkey.Claims](t)(i.OpenSession(t.Context(), i.org.ID, key)); got.Issuer != i.sw.ID {
		t.Errorf("issuer is %s, want %s", got.Issuer, i.sw.ID)
	}
	c.Org = "org_other"
	_, err = i.OpenSession(t.Context(), i.org.ID, must[string](t)(sessionkey.Sign(i.sw.ID, signing, c)))
	wantCode(t, err, errs.WrongOrganization, "org_other")
	if err := i.Revoke(t.Context(), i.org.ID, i.sw.ID, ""); err != nil {
		t.Fatal(err)
	}
	_, err = i.OpenSession(t.Context(), i.org.ID, key)
	wantCode(t, err, errs.UnknownKey, i.sw.ID)
}

func kidOf(t testing.TB, i *installation, p purpose) string {
	t.Helper()
	return must[keyring](t)(i.ring(t.Context(), i.org.ID, p)).signer(i.clock()).kid
}

// TestKeysArePublishedBeforeTheySign follows a keyring over two generations, with two instances of the cloud.
func TestKeysArePublishedBeforeTheySign(t *testing.T) {
	i := install(t)
	first := kidOf(t, i, forSessions)
	i.pass(keyLifetime - publishAhead - time.Second)
	if set := must[sitecopy.KeySet](t)(i.SessionKeys(t.Context(), i.org.ID)); len(set) != 1 {
		t.Fatalf("%d keys are published before the next is due, want 1", len(set))
	}
	i.pass(time.Second)
	set := must[sitecopy.KeySet](t)(i.SessionKeys(t.Context(), i.org.ID))
	if len(set) != 2 || kidOf(t, i, forSessions) != first {
		t.Fatalf("when due %d keys are published and %s signs, want 2 and %s", len(set), kidOf(t, i, forSessions), first)
	}
	second := i.reopen(t)
	if again := must[sitecopy.KeySet](t)(second.SessionKeys(t.Context(), i.org.ID)); !maps.Equal(again, set) {
		t.Errorf("another instance publishes %v, want %v", again, set)
	}
	i.pass(publishAhead)
	next := kidOf(t, i, forSessions)
	if next == first || set[next] == "" {
		t.Errorf("after %v %s signs, want the second of %v", publishAhead, next, set)
	}
	key := must[string](t)(second.SignSession(t.Context(), i.org.ID, i.claims()))
	if _, err := i.OpenSession(t.Context(), i.org.ID, key); err != nil {
		t.Error(err)
	}
}

func TestKeyAfterALongPause(t *testing.T) {
	i := install(t)
	first := kidOf(t, i, forCopies)
	i.pass(5 * keyLifetime)
	if set := must[sitecopy.KeySet](t)(i.CopyKeys(t.Context(), i.org.ID)); len(set) != 2 || kidOf(t, i, forCopies) != first {
		t.Errorf("after a pause %d keys are published and %s signs, want 2 and still %s", len(set), kidOf(t, i, forCopies), first)
	}
	if s, c := kidOf(t, i, forSessions), kidOf(t, i, forCopies); !strings.HasPrefix(s, "s-") || !strings.HasPrefix(c, "c-") {
		t.Errorf("kids %s and %s do not tell their purpose", s, c)
	}
}
