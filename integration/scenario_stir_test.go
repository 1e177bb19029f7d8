package integration

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"strowger/integration/phone"
	"strowger/integration/stack"
	"strowger/mobile-bridge/sdk"
	"strowger/pkg/rest"
	"strowger/pkg/sip"
	"strowger/pkg/stir"
	"strowger/switchnode"
)

// certifier is a CA for signed calls, and the folder in which its certificates are found.
type certifier struct {
	dir  string
	root *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newCertifier(t *testing.T) certifier {
	t.Helper()
	c := certifier{dir: t.TempDir(), key: newECKey(t)}
	c.root = c.certify(t, &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "STI CA"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, &c.key.PublicKey)
	return c
}

func newECKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (c certifier) certify(t *testing.T, template *x509.Certificate, pub *ecdsa.PublicKey) *x509.Certificate {
	t.Helper()
	parent := c.root
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, pub, c.key)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// signer makes a certificate for numbers, at https://certs.example.org/NAME.pem, and the settings of a switch that signs with it.
func (c certifier) signer(t *testing.T, name string, numbers ...string) switchnode.STIR {
	t.Helper()
	var list []asn1.RawValue // RFC 8226, 9: each an IA5String in [2]
	for _, n := range numbers {
		list = append(list, asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 2, IsCompound: true, Bytes: append([]byte{asn1.TagIA5String, byte(len(n))}, n...)})
	}
	tnAuthList, err := asn1.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	key := newECKey(t)
	made := c.certify(t, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 26}, Value: tnAuthList}},
	}, &key.PublicKey)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return switchnode.STIR{
		Cert: c.file(t, "certs.example.org/"+name+".pem", "CERTIFICATE", made.Raw), Key: c.file(t, name+".key", "PRIVATE KEY", secret),
		URL: "https://certs.example.org/" + name + ".pem",
	}
}

func (c certifier) file(t *testing.T, name, kind string, der []byte) string {
	t.Helper()
	name = filepath.Join(c.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// verifying makes the settings of a switch that verifies calls.
func (c certifier) verifying(t *testing.T) switchnode.STIR {
	t.Helper()
	return switchnode.STIR{Roots: c.file(t, "root.pem", "CERTIFICATE", c.root.Raw), Certs: c.dir}
}

// sign returns the Identity header of a call that is signed with the settings of a switch.
func sign(t *testing.T, with switchnode.STIR, caller, called string, level stir.Attest) sip.Header {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(with.Cert, with.Key)
	if err != nil {
		t.Fatal(err)
	}
	s, err := stir.NewSigner(pair.PrivateKey.(*ecdsa.PrivateKey), pair.Leaf, with.URL)
	if err != nil {
		t.Fatal(err)
	}
	value, err := s.Sign(time.Now(), stir.NameOf(caller, ""), stir.NameOf(called, ""), level, stir.Origin("company"))
	if err != nil {
		t.Fatal(err)
	}
	return sip.NewHeader("Identity", value)
}

// verifier trusts the CA.
func (c certifier) verifier() *stir.Verifier {
	roots := x509.NewCertPool()
	roots.AddCert(c.root)
	return stir.NewVerifier(roots, stir.Folder(c.dir))
}

// TestSignedCalls has people of another office call by a trunk whose switch signs, and the phone company verify who calls.
func TestSignedCalls(t *testing.T) {
	t.Parallel()
	ca := newCertifier(t)
	both := ca.signer(t, "office", "4930100", "4930200")
	both.Roots, both.Certs, both.Refuse = ca.verifying(t).Roots, ca.dir, "unsigned"
	w := alone(t, stack.Site{Name: "Office 40", Code: "40", STIR: both})
	headers := make([]sip.Header, 1) // of the company's next call
	company := carrier(t, func(c *phone.Config) {
		c.User, c.Server, c.Headers = "030999000", w.Offices[2].SIP.String(), headers
	})
	line := rest.NewTrunk("Company")
	line.Number = "+4930100"
	w.trunk(t, 2, line, company)
	change(t, w.Client.Sites(), w.Offices[0].Site.ID, map[string]any{"country": "DE"})
	verifier := ca.verifier()
	var ann *phone.Phone
	for _, c := range []struct{ name, number, shown, verdict string }{
		{"Ann", "+4930200", "+4930200", "verified A"},
		{"Bob", "", "+4930100", "verified B"},
		{"Cem", "+4930300", "+4930300", "no signature"}, // not of the certificate
	} {
		who, from := w.person(t, 0, c.name, says(1))
		if c.number == "+4930200" {
			ann = from
		}
		change(t, w.Client.Users(), who.user.ID, map[string]any{"calling": "national"})
		if c.number != "" {
			if _, err := w.Client.Numbers().Create(soon(t), rest.Number{Digits: c.number, User: who.user.ID}); err != nil {
				t.Fatal(err)
			}
		}
		w.settle(t)
		out, in := ring(t, from, "030123456", company)
		verdict := verifier.Verify(t.Context(), time.Now(), stir.Call{
			Identity: in.Headers("Identity"), Caller: stir.NameOf(in.From, ""), Called: []stir.Name{stir.NameOf(in.Dialled, "")}, ID: c.name,
		})
		if in.From != c.shown || verdict.String() != c.verdict {
			t.Errorf("%s shows %s: %s, want %s: %s", c.name, in.From, verdict, c.shown, c.verdict)
		}
		in.Answer()
		saw(t, out, phone.Answered)
		hangUp(t, out, in)
	}

	good, other := ca.signer(t, "company", "4930999000"), newCertifier(t).signer(t, "other", "4930999000")
	stranger := newCertifier(t)
	stranger.dir = ca.dir
	for _, c := range []struct { // RFC 8224, 6.2.2: the office is told to refuse
		header sip.Header
		code   int
		words  string
	}{
		{sip.NewHeader("Subject", "None"), 428, "Use Identity Header"},
		{sign(t, good, "+4930999000", "+4930201", stir.Full), 438, "Invalid Identity Header: signed for a call to"},
		{sign(t, other, "+4930999000", "+4930200", stir.Full), 436, "Bad Identity Info: "},
		{sign(t, stranger.signer(t, "third", "4930999000"), "+4930999000", "+4930200", stir.Full), 437, "Unsupported Credential: "},
	} {
		headers[0] = c.header
		if e := over(t, dial(t, company, "+4930200")); e.Code != c.code || !strings.HasPrefix(e.Words, c.words) {
			t.Errorf("the company hears %d %q, want %d %q", e.Code, e.Words, c.code, c.words)
		}
	}
	headers[0] = sign(t, good, "+4930999000", "+4930200", stir.Full)
	out, in := ring(t, company, "+4930200", ann)
	out.HangUp()
	over(t, out)
	over(t, in)
}

// TestVerifiedCalls has a phone company bring calls with signatures that are good or not to a phone of another office: it rings for
// all of them, and is told what they are worth.
func TestVerifiedCalls(t *testing.T) {
	t.Parallel()
	ca, stranger := newCertifier(t), newCertifier(t)
	w := alone(t, stack.Site{Name: "Office 40", Code: "40", STIR: ca.verifying(t)})
	good := ca.signer(t, "company", "4930999000")
	headers := make([]sip.Header, 1) // of the next call
	company := carrier(t, func(c *phone.Config) {
		c.User, c.Server = "030999000", w.Offices[2].SIP.String()
		c.Headers = headers
	})
	w.trunk(t, 2, rest.NewTrunk("Company"), company)
	ann, desk := w.person(t, 0, "Ann", says(1))
	if _, err := w.Client.Numbers().Create(soon(t), rest.Number{Digits: "+4930200", User: ann.user.ID}); err != nil {
		t.Fatal(err)
	}
	w.settle(t)
	signed := sign(t, good, "+4930999000", "+4930200", stir.Full)
	seen := map[string]bool{} // calls
	for _, c := range []struct {
		dialled          string
		header           sip.Header
		verdict, verstat string
	}{
		{"+4930200", signed, "verified A", "TN-Validation-Passed"},
		{"+4930200", signed, "failed: the signature came with another call before", "TN-Validation-Failed"},
		{"030200", sign(t, good, "+4930999000", "+4930200", stir.Gateway), "verified C", "No-TN-Validation"},
		{"+4930200", sip.NewHeader("Subject", "None"), "no signature", "No-TN-Validation"},
		{"+4930200", sign(t, good, "+4930999000", "+4930201", stir.Full), "failed: signed for a call to", "TN-Validation-Failed"},
		{"+4930200", sign(t, stranger.signer(t, "other", "4930999000"), "+4930999000", "+4930200", stir.Full), "failed: certificate", "No-TN-Validation"},
	} {
		headers[0] = c.header
		out, in := ring(t, company, c.dialled, desk)
		told := in.Headers("P-Asserted-Identity")
		if len(told) != 1 || !strings.HasPrefix(told[0], "<sip:+4930999000;verstat="+c.verstat+"@") {
			t.Errorf("the phone is told %q, want %s", told, c.verstat)
		}
		in.Answer()
		saw(t, out, phone.Answered)
		hangUp(t, out, in)
		var r rest.Call
		until(t, func() string {
			if r = w.record(t, ann.user, 2); seen[r.ID] {
				return "there is no record of the call yet"
			}
			return ""
		})
		seen[r.ID] = true
		if !strings.HasPrefix(r.From.Signature, c.verdict) || r.From.Verstat != c.verstat {
			t.Errorf("the record has %q, %s, want %q", r.From.Signature, r.From.Verstat, c.verdict)
		}
	}
	eve, _ := w.roamer(t, "Eve")
	if _, err := w.Client.Numbers().Create(soon(t), rest.Number{Digits: "+4930300", User: eve.ID}); err != nil {
		t.Fatal(err)
	}
	app := w.app(t, eve, "apns")
	for called, want := range map[string]string{"+4930300": sdk.NumberVerified, "+4930301": sdk.NumberFalse} {
		headers[0] = sign(t, good, "+4930999000", called, stir.Full)
		out := dial(t, company, "+4930300")
		app.sees(t, sdk.Woken)
		if got := app.sees(t, sdk.Ringing).Call.FromVerdict(); got != want {
			t.Errorf("the app is told %q of a call that is signed as to %s, want %q", got, called, want)
		}
		out.HangUp()
		over(t, out)
		app.sees(t, sdk.Cancelled)
	}
}
