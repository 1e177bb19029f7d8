package switchnode

import (
	"crypto/tls"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"strowger/pkg/enrol"
	"strowger/pkg/identity"
)

// TestPhoneCertificate keeps a certificate that is good, and makes another in place of what a full disk or a crash has left.
func TestPhoneCertificate(t *testing.T) {
	n := &node{log: slog.New(slog.DiscardHandler), identity: &identity.Holder{}}
	n.host = netip.MustParseAddr("192.0.2.10")
	n.Data = t.TempDir()
	n.identity.Store(&enrol.Identity{})
	cert, key := filepath.Join(n.Data, phoneCert), filepath.Join(n.Data, phoneKey)
	serves := func(what string) (pem string) {
		t.Helper()
		c, err := n.phoneTLS()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if err := c.Certificates[0].Leaf.VerifyHostname(n.host.String()); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		b, err := os.ReadFile(cert)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	first := serves("at first start")
	if serves("again") != first {
		t.Error("a good certificate was replaced")
	}
	for name, mode := range map[string]fs.FileMode{cert: 0o644, key: 0o600} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	for _, name := range []string{cert, key} {
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if next := serves("empty " + name); next == first {
			t.Error("half a pair was kept")
		} else {
			first = next
		}
	}
	n.host = netip.MustParseAddr("192.0.2.11")
	serves("another address")
	if err := os.WriteFile(cert, []byte(first), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := tls.LoadX509KeyPair(cert, key); err == nil {
		t.Fatal("the files are a pair")
	}
	serves("the certificate of another key")
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(key, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := n.phoneTLS(); err == nil {
		t.Error("a key that cannot be read was replaced")
	}
}
