package stir

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFolder(t *testing.T) {
	o := newOffice(t, provider(t))
	dir := t.TempDir()
	write := func(name string, content []byte) {
		t.Helper()
		name = filepath.Join(dir, "certs", filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("cert.example.org/passport.cer", inPEM(o.chain...))
	write("cert.example.org/der", append(bytes.Clone(o.chain[0].Raw), o.chain[1].Raw...))
	write("cert.example.org/large", bytes.Repeat([]byte{' '}, maxFile+1))
	write("cert.example.org/many", bytes.Repeat(inPEM(o.chain[0]), maxChain+1))
	write("cert.example.org/none", []byte("no certificate"))
	write("../outside", inPEM(o.chain...))
	folder := Folder(filepath.Join(dir, "certs"))
	for at, want := range map[string]int{
		at: 2, "https://CERT.example.org/der": 2, "https://cert.example.org/x/../passport.cer": 2,
		"https://cert.example.org/large": 0, "https://cert.example.org/many": 0, "https://cert.example.org/none": 0, "https://cert.example.org/": 0,
		"https://cert.example.org/other": 0, "https://../outside": 0, "https://cert.example.org/../../outside": 0, "https://cert.example.org/..%2f..%2foutside": 0,
		"https://cert.example.org:8443/passport.cer": 0, "https://cert.example.org/passport.cer?x": 0,
		"http://cert.example.org/passport.cer": 0, "https://a@cert.example.org/passport.cer": 0, "https:///passport.cer": 0, "file:///etc/passwd": 0,
		"https://cert.example.org/" + strings.Repeat("x", maxURL): 0, "https://cert.example.org/%": 0,
	} {
		chain, err := folder.Chain(t.Context(), noon, at)
		if len(chain) != want || (err == nil) != (want > 0) {
			t.Errorf("%.60s: %d certificates, %v", at, len(chain), err)
		}
	}
	v := NewVerifier(o.root.roots(), folder)
	if verdict := v.Verify(t.Context(), noon, o.call(t, Full)); verdict.Code != Verified {
		t.Errorf("with the folder: %+v", verdict)
	}
}
