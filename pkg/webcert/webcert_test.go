package webcert

import (
	"context"
	"crypto/x509"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func openAt(t *testing.T, path string, changed func()) *Certificates {
	t.Helper()
	c, err := Open(Config{
		Path: path, Node: "sw_y", Host: netip.MustParseAddr("192.0.2.1"), Now: time.Now, Changed: changed, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// What a browser takes by its hash.
func TestCertificate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "web.pem")
	c := openAt(t, path, nil)
	leaf := c.Current().Leaf
	if life := leaf.NotAfter.Sub(leaf.NotBefore); life > 14*24*time.Hour || leaf.Version != 3 || leaf.Subject.CommonName != "sw_y" ||
		len(leaf.IPAddresses) != 1 || leaf.KeyUsage&x509.KeyUsageDigitalSignature == 0 || leaf.PublicKeyAlgorithm != x509.ECDSA {
		t.Errorf("valid for %v: %+v", life, leaf)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the keys are kept as %v, %v", info.Mode(), err)
	}
	if again := openAt(t, path, nil); !slices.Equal(again.Hashes(), c.Hashes()) {
		t.Error("a restart forgot what was designated")
	}
	if err := os.WriteFile(path, []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Open(Config{Path: path, Now: time.Now})
	if err == nil || !strings.Contains(err.Error(), "delete the file") || strings.Contains(err.Error(), "%!") {
		t.Errorf("damaged: %v", err)
	}
}

// In a year of running, the certificate is always valid, was designated before it is used, and is valid for a day at least
// when it is designated as the present one.
func TestCertificatesRotate(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		changes := 0
		c := openAt(t, filepath.Join(dir, "web.pem"), func() { changes++ })
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- c.Run(ctx) }()
		defer func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		}()
		known := c.Hashes()
		for day := range 365 {
			time.Sleep(24 * time.Hour)
			synctest.Wait()
			now, leaf := time.Now(), c.Current().Leaf
			if now.Before(leaf.NotBefore) || now.After(leaf.NotAfter.Add(-12*time.Hour)) {
				t.Fatalf("day %d: the certificate is valid from %v to %v", day, leaf.NotBefore, leaf.NotAfter)
			}
			if hashes := c.Hashes(); !slices.Contains(known, hashes[0]) || hashes[0] == hashes[1] {
				t.Fatalf("day %d: %s was not designated the day before: %s", day, hashes[0], known)
			}
			known = c.Hashes()
		}
		if changes < 365/6-1 || changes > 365/6+2 {
			t.Errorf("changed %d times", changes)
		}
	})
}

// A switch that was off for a week has one that was designated; after three, two fresh ones.
func TestCertificatesAreOld(t *testing.T) {
	for days, kept := range map[int]int{1: 2, 7: 1, 20: 0} {
		path := filepath.Join(t.TempDir(), "web.pem")
		old, n := openAt(t, path, nil).Hashes(), 0
		c, err := Open(Config{
			Path: path, Node: "sw_y", Host: netip.MustParseAddr("192.0.2.1"), Logger: slog.New(slog.DiscardHandler),
			Now: func() time.Time { return time.Now().Add(time.Duration(days) * 24 * time.Hour) },
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range c.Hashes() {
			if slices.Contains(old, h) {
				n++
			}
		}
		if n != kept {
			t.Errorf("after %d days %d are kept, want %d", days, n, kept)
		}
	}
}
