package digest

import (
	"strings"
	"testing"
)

// Headers as phones send them.
var sent = []string{
	// Yealink T46
	`Digest username="1001", realm="org_x", nonce="BiF2x3k", uri="sip:10.0.0.1:5060", response="0f9d6f2a4ac1b3e5b3e0a7e7d2c1b0a9", algorithm=MD5, cnonce="0a4f113b", qop=auth, nc=00000001`,
	// Linphone
	`Digest realm="org_x", nonce="BiF2x3k", algorithm=SHA-256, username="1001",  uri="sip:10.0.0.1", response="d8b2c0f1d8b2c0f1d8b2c0f1d8b2c0f1d8b2c0f1d8b2c0f1d8b2c0f1d8b2c0f1", cnonce="bCRZLJ8VVNLgJXyW", nc=00000001, qop=auth`,
	// baresip
	`Digest username="1001", realm="org_x", nonce="BiF2x3k", uri="sip:10.0.0.1", response="0f9d6f2a4ac1b3e5b3e0a7e7d2c1b0a9", cnonce="5bd1e995", qop=auth, nc=00000001, algorithm=MD5`,
	// SIPp
	`Digest username="1001",realm="org_x",cnonce="6b8b4567",nc=00000001,qop=auth,uri="sip:10.0.0.1:5060",nonce="BiF2x3k",response="0f9d6f2a4ac1b3e5b3e0a7e7d2c1b0a9",algorithm=MD5`,
	// folded, and with what some quote
	"Digest username=\"1001\",\r\n realm=\"org_x\", nonce=\"BiF2x3k\", uri=\"sip:10.0.0.1\", response=\"0f9d\",, cnonce=\"a\\\"b\", qop=\"auth\", nc=\"0000000a\"",
}

func TestReadsRealHeaders(t *testing.T) {
	for _, h := range sent {
		p, err := parse(h)
		if err != nil {
			t.Fatalf("%s: %v", h, err)
		}
		c, err := read(p)
		if err != nil || c.user != "1001" || p["realm"] != "org_x" || c.nonce != "BiF2x3k" || !strings.HasPrefix(c.uri, "sip:10.0.0.1") || c.count == 0 {
			t.Errorf("%s: %+v, %v", h, c, err)
		}
	}
}

func TestRefusesBrokenHeaders(t *testing.T) {
	for h, want := range map[string]string{
		``:                        "another authentication scheme",
		`Bearer a=b`:              "another authentication scheme",
		`Digest username`:         "is not a parameter",
		`Digest username="1001`:   "quotes do not end",
		`Digest username="1001\"`: "quotes do not end",
		`Digest a="1" b="2"`:      "without a comma",
		`Digest a=1, A=2`:         "a is there twice",
		`Digest a=`:               "neither a token nor quoted",
		`Digest a b=1`:            "is not a parameter",
		`Digest a=` + "\x00":      "neither a token nor quoted",
		"Digest a=" + strings.Repeat("x", maxHeader): "the header has",
	} {
		if _, err := parse(h); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", clip(h), err, want)
		}
	}
	var many strings.Builder
	for i := range maxParameters + 1 {
		many.WriteString(strings.Repeat("a", i+1) + "=1,")
	}
	if _, err := parse("Digest " + many.String()); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Error(err)
	}
}

func FuzzParse(f *testing.F) {
	for _, h := range sent {
		f.Add(h)
	}
	f.Add(`Digest realm="org_x", nonce="n", algorithm=SHA-256, qop="auth", stale=true`)
	f.Add(`Digest a="\\", b=\, =`)
	f.Fuzz(func(t *testing.T, h string) {
		p, err := parse(h)
		if err != nil {
			return
		}
		for name, value := range p {
			if !token(name) || strings.HasSuffix(value, `"`) && !strings.HasSuffix(value, `\"`) {
				t.Errorf("%q has %q=%q", h, name, value)
			}
		}
		if c, err := read(p); err == nil && (c.count == 0 || c.user == "" || c.nonce == "") {
			t.Errorf("%q reads as %+v", h, c)
		}
	})
}
