package switchnode

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
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

	"strowger/pkg/stir"
)

// certificateFor writes a certificate for one number, and its key.
func certificateFor(t *testing.T, c STIR, number string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	numbers, err := asn1.Marshal([]asn1.RawValue{ // RFC 8226, 9
		{Class: asn1.ClassContextSpecific, Tag: 2, IsCompound: true, Bytes: append([]byte{asn1.TagIA5String, byte(len(number))}, number...)},
	})
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 26}, Value: numbers}},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{c.Cert: {Type: "CERTIFICATE", Bytes: der}, c.Key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSignaturesAreRefreshed changes the files of a switch that signs calls: what is new counts, and what is damaged does not.
func TestSignaturesAreRefreshed(t *testing.T) {
	dir := t.TempDir()
	c := STIR{Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem"), URL: "https://certs.example.org/a.pem"}
	certificateFor(t, c, "4930100")
	s, err := openSignatures(c)
	if err != nil {
		t.Fatal(err)
	}
	sign := s.sign(time.Now)
	signs := func(number string) bool {
		_, err := sign(stir.NameOf(number, ""), stir.NameOf("+442079460123", ""), stir.Full, stir.Origin("x"))
		return err == nil
	}
	if changed, err := s.refresh(); changed || err != nil || !signs("+4930100") || signs("+4930200") {
		t.Errorf("the first certificate: changed %v, %v", changed, err)
	}
	certificateFor(t, c, "4930200")
	if changed, err := s.refresh(); !changed || err != nil || signs("+4930100") || !signs("+4930200") {
		t.Errorf("the second certificate: changed %v, %v", changed, err)
	}
	if err := os.WriteFile(c.Cert, []byte("none"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.refresh(); err == nil || !strings.Contains(err.Error(), "--stir-cert") || !signs("+4930200") {
		t.Errorf("a damaged certificate: %v", err)
	}
	if changed, err := s.refresh(); changed || err != nil {
		t.Errorf("a damaged certificate, told again: %v", err)
	}
	if err := os.Remove(c.Key); err != nil {
		t.Fatal(err)
	}
	if _, err := s.refresh(); err == nil || !signs("+4930200") {
		t.Errorf("a missing key: %v", err)
	}
}

// TestStirRefuse says which calls are refused for what their signature is worth.
func TestStirRefuse(t *testing.T) {
	for refuse, want := range map[string][3]bool{"": {}, "none": {}, "failed": {2: true}, "unsigned": {1: true, 2: true}} {
		c := STIR{Roots: "r", Certs: "c", Refuse: refuse}
		for i, code := range []stir.Code{stir.Verified, stir.NoSignature, stir.Replayed} {
			if got := c.refuses(stir.Verdict{Code: code}); got != want[i] {
				t.Errorf("--stir-refuse %q refuses %s: %v", refuse, code, got)
			}
		}
		if err := c.validate(); err != nil {
			t.Errorf("--stir-refuse %q: %v", refuse, err)
		}
	}
	for _, bad := range []STIR{{Refuse: "failed"}, {Roots: "r", Certs: "c", Refuse: "all"}} {
		if bad.validate() == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
}
