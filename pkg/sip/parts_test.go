package sip

import (
	"slices"
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"
)

func TestCause(t *testing.T) {
	for text, want := range map[string]Cause{
		`Q.850;cause=16;text="Normal call clearing"`:       {Q850: 16, Text: "Normal call clearing"},
		`SIP ;cause=200 ;text="Call completed elsewhere"`:  {SIP: 200, Text: "Call completed elsewhere"},
		`sip;cause=486;text="a, b; \"c\"", Q.850;cause=17`: {SIP: 486, Q850: 17, Text: `a, b; "c"`},
		`Q.850;cause=999, preemption;cause=1;text="UA"`:    {},
		`Q.850`:                        {},
		`SIP;cause=200;text=elsewhere`: {SIP: 200, Text: "elsewhere"},
	} {
		res := sip.NewResponse(200, "OK")
		res.AppendHeader(NewHeader("Reason", text))
		if got := causeOf(res); got != want {
			t.Errorf("%s: %+v, want %+v", text, got, want)
		}
	}
	c := Cause{SIP: 603, Q850: 21, Text: "no \"thanks\" \\\r\nVia: evil"}
	res := sip.NewResponse(603, "Decline")
	for _, h := range c.headers() {
		if strings.ContainsAny(h.Value(), "\r\n") {
			t.Errorf("a line end in %q", h.Value())
		}
		res.AppendHeader(h)
	}
	c.Text = "no \"thanks\" \\  Via: evil"
	if got := causeOf(res); got != c {
		t.Errorf("read back %+v, want %+v", got, c)
	}
	if h := (Cause{Q850: Preemption, Text: "help"}).headers(); len(h) != 2 || h[1].Value() != `preemption;cause=1;text="help"` {
		t.Errorf("pre-empted: %v", h)
	}
}

func TestSplitAddresses(t *testing.T) {
	for list, want := range map[string][]string{
		"<sip:a@b>": {"<sip:a@b>"},
		`"A, \"B," <sip:a,b@c>;x=y , sip:d@e,<sip:f@g;lr>`: {`"A, \"B," <sip:a,b@c>;x=y`, "sip:d@e", "<sip:f@g;lr>"},
		"": {""},
	} {
		if got := SplitAddresses(list); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", list, got, want)
		}
	}
}

func TestSessionID(t *testing.T) {
	const a, b = "ab30317f1a784dc48ff824d0d3715d86", "47755a9de7794ba387653f2099600ef2"
	for text, want := range map[string]string{
		a + ";remote=" + b: a, a: a, nilUUID + ";remote=" + b: "", "xyz": "", strings.ToUpper(a): "", a + "0": "",
	} {
		res := sip.NewResponse(200, "OK")
		res.AppendHeader(NewHeader("Session-ID", text))
		if got := sessionOf(res); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	if got := (SessionID{Local: a}).header().Value(); got != a+";remote="+nilUUID {
		t.Errorf("%q", got)
	}
	if u := newUUID(); len(u) != 32 || u[12] != '4' || u == newUUID() {
		t.Errorf("%q is no random UUID", u)
	}
}

func TestDigestVectors(t *testing.T) {
	for name, c := range map[string]struct {
		user, password, challenge, method, uri, cnonce, response string
	}{
		"RFC 7616, 3.9.1, MD5": {
			"Mufasa", "Circle of Life",
			`Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=MD5, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"`,
			"GET", "/dir/index.html", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", "8ca523f5e9506fed4657c9700eebdbec",
		},
		"RFC 7616, 3.9.1, SHA-256": {
			"Mufasa", "Circle of Life",
			`Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=SHA-256, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"`,
			"GET", "/dir/index.html", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
		},
		"RFC 2069 form, as RFC 3261, 22.4 allows": {
			"bob", "zanzibar", `Digest realm="biloxi.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"`,
			"INVITE", "sip:bob@biloxi.com", "", "bf57e4e0d0bffc0fbaedce64d59add5e",
		},
	} {
		ch, ok := parseChallenge(c.challenge)
		if !ok {
			t.Errorf("%s: refused", name)
			continue
		}
		got := (&Credentials{User: c.user, Password: c.password}).respond(ch, c.method, c.uri, c.cnonce)
		if !strings.Contains(got, `response="`+c.response+`"`) {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestChallengeChoice(t *testing.T) {
	res := sip.NewResponse(401, "Unauthorized")
	for _, v := range []string{
		`Bearer authz_server="https://example.com"`, `Digest realm="r", nonce="0", algorithm=SHA-512-256, qop="auth"`,
		`Digest realm="r", nonce="1", qop="auth-int"`, `Digest realm="r", nonce="2", algorithm=SHA-256, qop="auth"`,
		`Digest realm="r", nonce="3", algorithm=MD5, qop="auth"`,
	} {
		res.AppendHeader(NewHeader("WWW-Authenticate", v))
	}
	req := sip.NewRequest(sip.REGISTER, URI{Scheme: "sip", Host: "h"})
	c := &Credentials{User: `a"b`, Password: "p"}
	h := c.answer(req, res, false)
	if h == nil || h.Name() != "Authorization" || !strings.Contains(h.Value(), `nonce="2"`) || !strings.Contains(h.Value(), `username="a\"b"`) {
		t.Errorf("%v", h)
	}
	if c.answer(req, sip.NewResponse(403, "Forbidden"), false) != nil {
		t.Error("a 403 is no challenge")
	}
	if c.answer(req, res, true) != nil {
		t.Error("a password that was refused is shown again")
	}
	stale := sip.NewResponse(407, "Proxy Authentication Required")
	stale.AppendHeader(NewHeader("Proxy-Authenticate", `Digest realm="r", nonce="4", stale=TRUE`))
	if h := c.answer(req, stale, true); h == nil || h.Name() != "Proxy-Authorization" {
		t.Errorf("a nonce that is too old: %v", h)
	}
}

// FuzzReason reads what peers write into Reason and the challenges that we answer.
func FuzzReason(f *testing.F) {
	f.Add(`Q.850;cause=16;text="Normal call clearing", SIP;cause=200`)
	f.Add(`Digest realm="r", nonce="2", algorithm=SHA-256, qop="auth"`)
	f.Fuzz(func(t *testing.T, s string) {
		res := sip.NewResponse(200, "OK")
		res.AppendHeader(NewHeader("Reason", s))
		for _, h := range causeOf(res).headers() {
			if strings.ContainsAny(h.Value(), "\r\n\x00") {
				t.Fatalf("%q became %q", s, h.Value())
			}
		}
		if ch, ok := parseChallenge(s); ok {
			if v := (&Credentials{User: "u", Password: "p"}).respond(ch, "INVITE", "sip:x", "c"); strings.ContainsAny(v, "\r\n") && !strings.ContainsAny(s, "\r\n") {
				t.Fatalf("%q became %q", s, v)
			}
		}
	})
}

// FuzzDTMF reads the bodies of INFO.
func FuzzDTMF(f *testing.F) {
	f.Add("Signal=5\r\nDuration=160\r\n")
	f.Add("signal= 11\nduration = 99999999999")
	f.Fuzz(func(t *testing.T, s string) {
		if e, ok := parseRelay(s); ok && (!strings.Contains("0123456789*#ABCD", string(e.Digit)) || e.Duration < 0) {
			t.Fatalf("%q: %+v", s, e)
		}
	})
}
