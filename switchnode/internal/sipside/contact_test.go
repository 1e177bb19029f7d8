package sipside

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"strowger/pkg/sip"
	"strowger/switchnode/internal/registrar"
)

// answer signs a request by the SHA-256 challenge of a response (RFC 7616, 3.4.1), with the password of account.
func answer(t *testing.T, challenge *sip.Response, user, method, uri string) string {
	t.Helper()
	m := regexp.MustCompile(`nonce="([^"]+)", algorithm=SHA-256`).FindStringSubmatch(header(challenge, "WWW-Authenticate"))
	if m == nil {
		t.Fatalf("challenge %q", header(challenge, "WWW-Authenticate"))
	}
	return credentialsOf(user, m[1], method, uri)
}

// credentialsOf signs a request with the password of a user and a nonce.
func credentialsOf(user, nonce, method, uri string) string {
	sum := func(parts ...string) string {
		h := sha256.Sum256([]byte(strings.Join(parts, ":")))
		return hex.EncodeToString(h[:])
	}
	response := sum(sum(user, realm, user+"'s"), nonce, "00000001", "c", "auth", sum(method, uri))
	return `Digest username="` + user + `", realm="` + realm + `", nonce="` + nonce + `", uri="` + uri + `", response="` + response +
		`", algorithm=SHA-256, cnonce="c", qop=auth, nc=00000001`
}

func TestReadContact(t *testing.T) {
	plain := registrar.Contact{URI: "sip:ann@192.0.2.1", Expires: registrar.Absent, Q: 1}
	with := func(change func(*registrar.Contact)) registrar.Contact {
		c := plain
		change(&c)
		return c
	}
	for value, want := range map[string]registrar.Contact{
		"<sip:ann@192.0.2.1>":                      plain,
		"sip:ann@192.0.2.1":                        plain,
		`"Ann \"A\"" <sip:ann@192.0.2.1>`:          plain,
		"<sip:ann@192.0.2.1>;expires=60":           with(func(c *registrar.Contact) { c.Expires = 60 }),
		"<sip:ann@192.0.2.1>;expires=soon":         with(func(c *registrar.Contact) { c.Expires = 3600 }),
		"<sip:ann@192.0.2.1>;q=0.25":               with(func(c *registrar.Contact) { c.Q = 0.25 }),
		"<sip:ann@192.0.2.1>;q=NaN":                plain,
		"<sip:ann@192.0.2.1>;q=7":                  plain,
		"<sip:ann@192.0.2.1>;reg-id=1":             with(func(c *registrar.Contact) { c.RegID = 1 }),
		"<sip:ann@192.0.2.1>;reg-id=-1":            plain,
		`<sip:ann@192.0.2.1>;+sip.instance="<u>"`:  with(func(c *registrar.Contact) { c.Instance = "<u>" }),
		"<sip:ann@192.0.2.1;transport=tcp;ob>":     with(func(c *registrar.Contact) { c.URI = "sip:ann@192.0.2.1;transport=tcp;ob" }),
		"<sips:ann@192.0.2.1:5061>;EXPIRES=60;x=y": with(func(c *registrar.Contact) { c.URI, c.Expires = "sips:ann@192.0.2.1:5061", 60 }),
	} {
		if got, err := readContact(value); err != nil || got != want {
			t.Errorf("%s: %+v, %v; want %+v", value, got, err, want)
		}
	}
	for _, value := range []string{"", "<sip:", "<>", "mailto:ann@example.com", "<tel:+49301234>", "<http://192.0.2.1>", "sip:", "sip:a@b>", "sip:a b@c"} {
		if got, err := readContact(value); err == nil {
			t.Errorf("%s: %+v", value, got)
		}
	}
}

// What a phone registers is what it and others are told: no more and nothing else.
func FuzzReadContact(f *testing.F) {
	for _, seed := range []string{
		"<sip:1001@192.168.1.20:5060;line=x9>;expires=3600",
		`"Ann" <sip:ann@192.0.2.1;transport=tls>;+sip.instance="<urn:uuid:00000000-0000-1000-8000-000A95A0E128>";reg-id=1;q=0.7`,
		"sip:ann@[2001:db8::1]:5062;expires=60", "<sips:a@b?x=y>", `<sip:a@b>;+sip.instance="a\"b"`, `<sip:a@b>;+sip.instance=a"b`, `<sip:a@b>;+sip.instance="a\""`, "*", "<sip:a@b>;q=.5;expires=4294967296",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		c, err := readContact(value)
		if err != nil || !utf8.ValidString(value) || strings.ContainsAny(value, "\r\n\x00") { // never in a header
			return
		}
		if c.Expires == registrar.Absent {
			c.Expires = 1
		}
		told := sip.NewHeader("Contact", contactValue(c)).Value()
		again, err := readContact(told)
		if err != nil {
			t.Fatalf("%q is told as %q: %v", value, told, err)
		}
		if again.URI != c.URI || again.Expires != c.Expires || again.RegID != c.RegID || again.Instance != c.Instance {
			t.Fatalf("%q is told as %q: %+v, want %+v", value, told, again, c)
		}
	})
}
