package enrol

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"unicode/utf8"

	"strowger/pkg/errs"
)

func wantCode(t *testing.T, err error, code errs.Code, words string) {
	t.Helper()
	if errs.CodeOf(err) != code || !strings.Contains(err.Error(), words) {
		t.Errorf("error is %q: %v; want %q with %q", errs.CodeOf(err), err, code, words)
	}
}

func TestCodeSurvivesPeople(t *testing.T) {
	spki := []byte("the cloud's key")
	code, hash := NewCode(spki)
	if len(code) != 55+10 || strings.Count(code, "-") != 10 {
		t.Errorf("code %q is not eleven groups of five", code)
	}
	for name, typed := range map[string]string{
		"as it is":          code,
		"in upper case":     strings.ToUpper(code),
		"without dashes":    strings.ReplaceAll(code, "-", ""),
		"with spaces":       " " + strings.ReplaceAll(code, "-", " ") + "\n",
		"with letters O, l": strings.NewReplacer("0", "O", "1", "l").Replace(code),
	} {
		c, err := Parse(typed)
		if err != nil || !bytes.Equal(c.Pin, PinOf(spki)) || !bytes.Equal(HashSecret(c.Secret), hash) {
			t.Errorf("%s: %v, %v", name, c, err)
		}
	}
}

func TestParseSaysWhatIsWrong(t *testing.T) {
	code := fixed().format()
	swapped := []byte(code)
	for i := range swapped[1:] { // the first two neighbours that differ
		if swapped[i] != swapped[i+1] {
			swapped[i], swapped[i+1] = swapped[i+1], swapped[i]
			break
		}
	}
	for typed, words := range map[string]string{
		"":                          "0 characters",
		code[:60]:                   "copy it whole",
		code + "a":                  "56 characters",
		"u" + code[1:]:              `'u' at position 1`,
		code[:3] + "é" + code[4:]:   "position 4",
		code[:10] + "ſ" + code[11:]: "position 11",
		string(swapped):             "mistyped",
	} {
		_, err := Parse(typed)
		wantCode(t, err, errs.Invalid, words)
		if len(typed) > 10 && strings.Contains(err.Error(), typed[:10]) {
			t.Errorf("words repeat the code: %v", err)
		}
	}
}

func fixed() Code { return Code{Secret: []byte("0123456789abcdef"), Pin: PinOf([]byte("spki"))} }

// TestTyposAreFound uses a fixed code: of a random one, one wrong letter in 65,536 escapes the check sum.
func TestTyposAreFound(t *testing.T) {
	plain := strings.ReplaceAll(fixed().format(), "-", "")
	for i := range plain {
		for _, letter := range alphabet {
			typed := plain[:i] + string(letter) + plain[i+1:]
			if _, err := Parse(typed); (err == nil) != (typed == plain) {
				t.Errorf("%q instead of %q at position %d: %v", letter, plain[i], i+1, err)
			}
		}
	}
}

func TestSecretsAreNotLogged(t *testing.T) {
	code, _ := NewCode(nil)
	c, err := Parse(code)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	slog.New(slog.NewTextHandler(&b, nil)).Info("test", "code", c, "request", Request{Secret: c.Secret})
	if s := b.String(); strings.Contains(s, fmt.Sprint(c.Secret)) || !strings.Contains(s, "enrolment code") || !strings.Contains(s, "enrolment request") {
		t.Errorf("logged %s", s)
	}
}

func TestAPIKey(t *testing.T) {
	key, hash := NewAPIKey([]byte("spki"))
	gotHash, pin, err := ParseAPIKey(" " + key + "\n")
	if err != nil || !bytes.Equal(gotHash, hash) || !bytes.Equal(pin, PinOf([]byte("spki"))) {
		t.Errorf("parsed %x, %x, %v", gotHash, pin, err)
	}
	for _, bad := range []string{"", "sk_", key[3:], key[:len(key)-1], key + "a", strings.ToUpper(key), "pk_" + key[3:]} {
		_, _, err := ParseAPIKey(bad)
		wantCode(t, err, errs.Unauthenticated, "not an API key")
	}
}

func FuzzParse(f *testing.F) {
	code, _ := NewCode([]byte("spki"))
	f.Add(code)
	f.Add(strings.ToUpper(code))
	f.Add(code[:20])
	f.Add("ſ-İ")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := Parse(s)
		if err != nil {
			if errs.CodeOf(err) != errs.Invalid || !utf8.ValidString(err.Error()) {
				t.Errorf("refused with %q", err)
			}
			return
		}
		if again, err := Parse(c.format()); err != nil || !bytes.Equal(again.Secret, c.Secret) || !bytes.Equal(again.Pin, c.Pin) {
			t.Errorf("%q does not survive: %v", s, err)
		}
	})
}

func FuzzParseAPIKey(f *testing.F) {
	key, _ := NewAPIKey([]byte("spki"))
	f.Add(key)
	f.Add("sk_\n")
	f.Fuzz(func(t *testing.T, s string) {
		hash, pin, err := ParseAPIKey(s)
		if err == nil && (len(hash) != 32 || len(pin) != PinSize) {
			t.Errorf("parsed %x, %x", hash, pin)
		}
	})
}
