package designation

import (
	"testing"
	"time"

	"strowger/pkg/errs"
)

func TestRelay(t *testing.T) {
	secret, until := []byte("secret"), time.Unix(1_700_000_000, 0)
	r := NewRelay([]string{"turn:192.0.2.1:3478?transport=udp"}, secret, "lg_1", until)
	if r.Username != "1700000000:lg_1" || r.LogValue().String() != r.Username {
		t.Errorf("username %q, logged as %q", r.Username, r.LogValue())
	}
	const known = "M4VdUsEv0m10E9kfxKle83q9lAg=" // printf 1700000000:lg_1 | openssl dgst -sha1 -hmac secret -binary | base64
	if r.Credential != known {
		t.Errorf("credential %q, want %q", r.Credential, known)
	}
	if none := (*Relay)(nil); !r.Relays() || none.Relays() || (&Relay{URLs: []string{"stun:192.0.2.1:3478"}}).Relays() {
		t.Error("what relays is mistaken")
	}
	credential, leg, expires, err := OpenRelay(secret, r.Username)
	if err != nil || credential != r.Credential || leg != "lg_1" || !expires.Equal(until) {
		t.Errorf("opened as %q, %q, %v, %v", credential, leg, expires, err)
	}
	if other, _, _, _ := OpenRelay([]byte("another"), r.Username); other == r.Credential {
		t.Error("the secret does not matter")
	}
	for _, bad := range []string{"", "lg_1", "x:lg_1", "1700000000:", ":lg_1", "1700000000:" + string(make([]byte, 200))} {
		if _, _, _, err := OpenRelay(secret, bad); errs.CodeOf(err) != errs.Invalid {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func FuzzOpenRelay(f *testing.F) {
	f.Add("1700000000:lg_2al27ebuai7y2rg3dt6ku4amcuc")
	f.Add(":")
	f.Fuzz(func(t *testing.T, username string) {
		if _, leg, _, err := OpenRelay([]byte("secret"), username); err == nil && leg == "" {
			t.Errorf("%q is of no leg", username)
		}
	})
}
