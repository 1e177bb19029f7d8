package mailbox

import (
	"strings"
	"testing"

	"strowger/pkg/designation"
)

func TestPINsThatEverybodyTriesFirst(t *testing.T) {
	for _, pin := range []string{"", "123", "1234567890123", "12a4", "0000", "777777", "1234", "4321", "7890", "0987", "1212", "565656", "2580", "1001", "201001", "1102"} {
		if CheckPIN(pin, "1001", "201001", "2011") == nil {
			t.Errorf("%q is a PIN of 201001", pin)
		}
	}
	for _, pin := range []string{"4711", "1357", "90210", "838173650214"} {
		if err := CheckPIN(pin, "1001", "201001"); err != nil {
			t.Errorf("%q: %v", pin, err)
		}
	}
}

func TestHash(t *testing.T) {
	h, err := HashPIN("4711")
	if err != nil || CheckHash(h) != nil || strings.Contains(h, "4711") {
		t.Fatal(h, err)
	}
	if !Matches(h, "4711") || Matches(h, "4712") || Matches("", "4711") || Matches("", "") {
		t.Error("PINs and hashes are mixed up")
	}
}

func FuzzHash(f *testing.F) {
	f.Add("pbkdf2-sha256$1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	f.Add("pbkdf2-sha256$600000$$")
	f.Add("")
	f.Fuzz(func(t *testing.T, hash string) {
		if n, salt, key, err := parse(hash); err == nil && (n < 1 || n > maxIterations || len(salt) != saltSize || len(key) != keySize) {
			t.Errorf("%q is read as %d, %x, %x", hash, n, salt, key)
		}
	})
}

func TestWhenCallsGoToVoicemail(t *testing.T) {
	var none *Settings
	usual, few := &Settings{}, &Settings{After: []designation.Occasion{designation.Busy}}
	for on, want := range map[designation.Occasion][3]bool{
		designation.NoAnswer: {false, true, false}, designation.Busy: {false, true, true}, designation.QueueTime: {false, true, true}, designation.DoNotDisturb: {false, true, false},
	} {
		if got := [3]bool{none.Takes(on), usual.Takes(on), few.Takes(on)}; got != want {
			t.Errorf("on %s: %v, want %v", on, got, want)
		}
	}
}

func TestCodes(t *testing.T) {
	for dialled, want := range map[string]string{"*97": "us_1", "*98": "", "*981002": "", "*971": "no", "*98*": "no", "1002": "no", "": "no"} {
		b, ok := ServiceOf(dialled, "us_1", "Bell")
		if ok != (want != "no") || ok && (b.User != want || b.Service != designation.Mailbox || b.Number != dialled) {
			t.Errorf("%q: %+v, %v", dialled, b, ok)
		}
	}
}

func TestWhereMessagesGo(t *testing.T) {
	for _, a := range []string{"", "bell", "Bell <bell@example.com>", "bell@example.com, all@example.com", "bell@example.com\r\nBcc: all@example.com", strings.Repeat("b", 243) + "@example.com"} {
		if CheckEmail(a) == nil {
			t.Errorf("%q is an address", a)
		}
	}
	for _, a := range []string{"", "http://example.com", "https://", "https://a:b@example.com/", "ftp://example.com", "https://example.com/#x", "https://example.com/" + strings.Repeat("x", 1024)} {
		if CheckWebhook(a) == nil {
			t.Errorf("%q is a webhook", a)
		}
	}
	if err := CheckEmail("bell@example.com"); err != nil {
		t.Error(err)
	}
	if err := CheckWebhook("https://10.0.0.7:8443/vm?office=1"); err != nil {
		t.Error(err)
	}
	for _, s := range []string{"", "whsec_", "whsec_AAAA", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "whsec_" + strings.Repeat("A", 100)} {
		if _, err := WebhookKey(s); err == nil {
			t.Errorf("%q is a secret", s)
		}
	}
	if key, err := WebhookKey(NewWebhookSecret()); err != nil || len(key) != 32 {
		t.Error(key, err)
	}
}
