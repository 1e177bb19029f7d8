package enrol

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"strowger/pkg/errs"
)

func TestLink(t *testing.T) {
	code, _ := NewCode([]byte("spki"))
	for _, cloud := range []string{"https://cloud.example:8443", "[2001:db8::1]:443", "cloud.example"} {
		got, at, err := ParseLink(" " + Link(code, cloud) + "\n")
		if err != nil || got != code || at != cloud {
			t.Errorf("%s: %q, %q, %v", cloud, got, at, err)
		}
	}
	for link, words := range map[string]string{
		"":                                      "not an enrolment link",
		"https://enrol?code=" + code:            "not an enrolment link",
		"strowger://call?code=" + code:          "not an enrolment link",
		"strowger://enrol?code=" + code:         "copy it whole",
		Link(code[:20], "cloud.example"):        "copy it whole",
		Link(code, "http://cloud.example"):      "want https",
		Link(code, "ftp://cloud.example/\x00"):  "want https",
		"strowger://enrol?cloud=cloud.example":  "copy it whole",
		"strowger://enrol?%zz&" + code + "&x=y": "copy it whole",
	} {
		_, _, err := ParseLink(link)
		wantCode(t, err, errs.Invalid, words)
		if strings.Contains(err.Error(), code[:20]) {
			t.Errorf("words repeat the code: %v", err)
		}
	}
}

func TestDeviceSecretsAreNotLogged(t *testing.T) {
	var b bytes.Buffer
	slog.New(slog.NewJSONHandler(&b, nil)).Info("test", "request", DeviceRequest{Secret: []byte("secret")})
	if !strings.Contains(b.String(), "enrolment request of a device") || strings.Contains(b.String(), "c2VjcmV0") {
		t.Errorf("logged %s", b.String())
	}
}

func FuzzParseLink(f *testing.F) {
	code, _ := NewCode([]byte("spki"))
	f.Add(Link(code, "cloud.example"))
	f.Add(Link(code, "https://[::1]:443/"))
	f.Add("strowger://enrol?code=" + code)
	f.Fuzz(func(t *testing.T, link string) {
		code, cloud, err := ParseLink(link)
		if err != nil {
			return
		}
		if c, at, err := ParseLink(Link(code, cloud)); err != nil || c != code || at != cloud {
			t.Errorf("%q, %q do not survive: %q, %q, %v", code, cloud, c, at, err)
		}
	})
}
