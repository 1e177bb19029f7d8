package sdk

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"math/big"
	"testing"
	"time"

	"strowger/pkg/errs"
)

// TestKnownCertificates holds the rules of W3C WebTransport, 6.2, which browsers keep too: a node that only the apps took
// would be of no use.
func TestKnownCertificates(t *testing.T) {
	now := time.Now()
	parse := func(der []byte) (*x509.Certificate, []string) {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(der)
		return c, []string{"other", base64.RawURLEncoding.EncodeToString(sum[:])}
	}
	good, hashes := parse(webCertificate(t, maxValidity).Certificate[0])
	long, hashOfLong := parse(webCertificate(t, maxValidity+time.Second).Certificate[0])
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: now, NotAfter: now.Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	other, hashOfOther := parse(der)
	for name, c := range map[string]struct {
		leaf *x509.Certificate
		web  []string
		now  time.Time
		want errs.Code
	}{
		"the node's":      {good, hashes, now, ""},
		"another's":       {good, hashOfLong, now, errs.WrongNode},
		"nobody's":        {good, nil, now, errs.WrongNode},
		"valid too long":  {long, hashOfLong, now, errs.WrongNode},
		"of another kind": {other, hashOfOther, now, errs.WrongNode},
		"not yet":         {good, hashes, good.NotBefore.Add(-time.Minute), errs.ClockSkew},
		"no longer":       {good, hashes, good.NotAfter.Add(time.Minute), errs.ClockSkew},
	} {
		if err := known(c.leaf, c.web, c.now); errs.CodeOf(err) != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}
