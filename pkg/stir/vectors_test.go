package stir

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// The key of RFC 8225, appendix A, and the examples of RFC 8224, 4.1.1, that are signed with it. Their iat is in quotes.
const (
	exampleKey = `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE8HNbQd/TmvCKwPKHkMF9fScavGeH
78YTU8qLS8I5HLHSSmlATLcslQMhNC/OhlWBYC626nIlo7XeebYS7Sb37g==
-----END PUBLIC KEY-----`
	fullHeader = exampleHead +
		".eyJkZXN0Ijp7InVyaSI6WyJzaXA6YWxpY2VAZXhhbXBsZS5jb20iXX0sImlhdCI6IjE0NDMyMDgzNDUiLCJvcmlnIjp7InRuIjoiMTIxNTU1NTEyMTIifX0" +
		".rq3pjT1hoRwakEGjHCnWSwUnshd0-zJ6F1VOgFWSjHBr8Qjpjlk-cpFYpFYsojNCpTzO3QfPOlckGaS6hEck7w;info=<https://biloxi.example.org/biloxi.cert>"
	compactHeader = "..rq3pjT1hoRwakEGjHCnWSwUnshd0-zJ6F1VOgFWSjHBr8Qjpjlk-cpFYpFYsojNCpTzO3QfPOlckGaS6hEck7w;info=<https://biloxi.example.org/biloxi.cert>"
	exampleTime   = 1443208345

	exampleHead = "eyJhbGciOiJFUzI1NiIsInR5cCI6InBhc3Nwb3J0IiwieDV1IjoiaHR0cHM6Ly9jZXJ0LmV4YW1wbGUub3JnL3Bhc3Nwb3J0LmNlciJ9"
)

// The example of RFC 8225, appendix A, where iat is a number.
const (
	appendixUnsigned  = exampleHead + ".eyJkZXN0Ijp7InVyaSI6WyJzaXA6YWxpY2VAZXhhbXBsZS5jb20iXX0sImlhdCI6MTQ3MTM3NTQxOCwib3JpZyI6eyJ0biI6IjEyMTU1NTUxMjEyIn19"
	appendixSignature = "VLBCIVDCaeK6M4hLJb6SHQvacAQVvoiiEOWQ_iUkqk79UD81fHQ0E1b3_GluIkba7UWYRM47ZbNFdOJquE35cw"
)

// example returns a verifier that trusts the key of the examples.
func example(t *testing.T) *Verifier {
	t.Helper()
	block, _ := pem.Decode([]byte(exampleKey))
	pub, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	root := newShop(t, time.Unix(exampleTime, 0))
	list := numbers(t, "12155551212")
	chain := []*x509.Certificate{root.sign(pub.(*ecdsa.PublicKey), leaf(time.Unix(exampleTime, 0), list))}
	return NewVerifier(root.roots(), shelf{at: chain})
}

func TestExamplesOfRFC8224(t *testing.T) {
	for _, value := range []string{fullHeader, compactHeader} {
		h, err := ParseHeader(value)
		if err != nil || h.Info != "https://biloxi.example.org/biloxi.cert" || h.String() != value {
			t.Errorf("%q: %+v, %v", value, h, err)
		}
	}
	call := Call{Identity: []string{fullHeader}, Caller: NameOf("+1-215-555-1212", "example.com"), Called: []Name{NameOf("alice", "Example.com")}}
	if verdict := example(t).Verify(t.Context(), time.Unix(exampleTime, 0), call); verdict.String() != "verified" || verdict.Verstat() != "TN-Validation-Passed" {
		t.Errorf("%+v", verdict)
	}
	// It cannot be rebuilt: the canonical form of iat is a number, which is not what was signed.
	call.Identity, call.Date = []string{strings.Replace(compactHeader, "https://biloxi.example.org/biloxi.cert", at, 1)}, time.Unix(exampleTime, 0)
	if verdict := example(t).Verify(t.Context(), time.Unix(exampleTime, 0), call); verdict.Code != BadSignature {
		t.Errorf("compact: %+v", verdict)
	}
}

func TestExampleOfRFC8225(t *testing.T) {
	p, _, err := parse(appendixUnsigned + "." + appendixSignature)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := p.unsigned(); again != appendixUnsigned || err != nil {
		t.Errorf("canonical form is %s (%v)", again, err)
	}
	// No key that the appendix prints has made its signature.
	block, _ := pem.Decode([]byte(exampleKey))
	pub, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	signature, err := base64.RawURLEncoding.DecodeString(appendixSignature)
	if err != nil || jwt.SigningMethodES256.Verify(appendixUnsigned, signature, pub) == nil {
		t.Errorf("the signature of the appendix is one (%v): verify it like the others", err)
	}
}

// TestCanonicalForm: nothing is escaped that JSON does not want to be (RFC 8225, 9).
func TestCanonicalForm(t *testing.T) {
	unsigned, err := PASSporT{URL: "https://x.example/?a=<1>&b", Orig: alice, Dest: []Name{{URI: "sip:a&b@x.example"}, bob}, IssuedAt: 1}.unsigned()
	if err != nil {
		t.Fatal(err)
	}
	head, claims, _ := strings.Cut(unsigned, ".")
	if got := decoded(t, head); got != `{"alg":"ES256","typ":"passport","x5u":"https://x.example/?a=<1>&b"}` {
		t.Error(got)
	}
	if got := decoded(t, claims); got != `{"dest":{"tn":["12155550131"],"uri":["sip:a&b@x.example"]},"iat":1,"orig":{"tn":"12155550121"}}` {
		t.Error(got)
	}
}

func TestExampleOfRFC8588(t *testing.T) {
	p := PASSporT{
		Type: Shaken, URL: at, Orig: Name{Number: "12155550121"}, Dest: []Name{{Number: "12155550131"}}, IssuedAt: 1443208345, Attest: Full, OrigID: origID,
	}
	unsigned, err := p.unsigned()
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{ // section 6, with erratum 6656: iat is a number
		`{"alg":"ES256","ppt":"shaken","typ":"passport","x5u":"https://cert.example.org/passport.cer"}`,
		`{"attest":"A","dest":{"tn":["12155550131"]},"iat":1443208345,"orig":{"tn":"12155550121"},"origid":"123e4567-e89b-12d3-a456-426655440000"}`,
	} {
		if part := decoded(t, strings.Split(unsigned, ".")[i]); part != want {
			t.Errorf("part %d is %s", i, part)
		}
	}
}
