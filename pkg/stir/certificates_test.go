package stir

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
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
		chain, err := Sources{folder}.Chain(t.Context(), noon, at)
		if len(chain) != want || (err == nil) != (want > 0) {
			t.Errorf("%.60s: %d certificates, %v", at, len(chain), err)
		}
	}
	if _, err := (Sources{}).Chain(t.Context(), noon, at); err == nil {
		t.Error("without a source there is a certificate")
	}
	v := NewVerifier(o.root.roots(), Sources{Folder(dir), folder})
	if verdict := v.Verify(t.Context(), noon, o.call(t, Full)); verdict.Code != Verified {
		t.Errorf("with the folder: %+v", verdict)
	}
}

// web is an HTTPS server, and a Fetch that may ask it.
func web(t *testing.T, h http.HandlerFunc) (*Fetch, string) {
	t.Helper()
	s := httptest.NewTLSServer(h)
	t.Cleanup(s.Close)
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	return NewFetch([]string{u.Host}, pool), s.URL
}

func TestFetch(t *testing.T) {
	o := newOffice(t, provider(t))
	var asked, elsewhere atomic.Int32
	other := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) })) // with the same certificate
	defer other.Close()
	f, base := web(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		switch r.URL.Path {
		case "/good":
			_, _ = w.Write(inPEM(o.chain...)) // who asks sees an error
		case "/large":
			_, _ = w.Write(bytes.Repeat([]byte{' '}, maxFile+1))
		case "/moved":
			http.Redirect(w, r, other.URL, http.StatusFound)
		case "/moved-here":
			http.Redirect(w, r, "/good", http.StatusFound)
		default:
			http.NotFound(w, r)
		}
	})
	get := func(now time.Time, at string, want int, fetches int32) {
		t.Helper()
		before := asked.Load()
		chain, err := f.Chain(t.Context(), now, at)
		if len(chain) != want || (err == nil) != (want > 0) || asked.Load()-before != fetches {
			t.Errorf("%s: %d certificates, %v, asked %d times", at, len(chain), err, asked.Load()-before)
		}
	}
	get(noon, base+"/good", 2, 1)
	get(noon.Add(keptFound-1), base+"/good", 2, 0)
	get(noon.Add(keptFound), base+"/good", 2, 1)
	get(noon, base+"/other", 0, 1)
	get(noon.Add(keptMissing-1), base+"/other", 0, 0)
	get(noon.Add(keptMissing), base+"/other", 0, 1)
	get(noon, base+"/large", 0, 1)
	get(noon, base+"/moved", 0, 1)
	get(noon, base+"/moved-here", 0, 1)
	get(noon, strings.Replace(base, "https", "http", 1)+"/good", 0, 0)
	get(noon, strings.Replace(base, "127.0.0.1", "localhost", 1)+"/good", 0, 0)
	get(noon, strings.Replace(base, "https://", "https://x@", 1)+"/good", 0, 0)
	get(noon, other.URL+"/good", 0, 0)
	get(noon, "https://127.0.0.1/good", 0, 0)
	if elsewhere.Load() > 0 {
		t.Error("another host was asked")
	}
}

// TestFetchOnce: who asks for what is being fetched waits, only so many are fetched at once, and only so many remembered.
func TestFetchOnce(t *testing.T) {
	o := newOffice(t, provider(t))
	arrived, answer := make(chan string, 10), make(chan struct{})
	f, base := web(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/slow") {
			arrived <- r.URL.Path
			<-answer
		}
		_, _ = w.Write(inPEM(o.chain...)) // who asks sees an error
	})
	var all sync.WaitGroup
	for i := range 2 * fetchAtOnce {
		all.Go(func() {
			if chain, err := f.Chain(t.Context(), noon, fmt.Sprintf("%s/slow%d", base, i%fetchAtOnce)); len(chain) != 2 {
				t.Errorf("%d: %v", i, err)
			}
		})
	}
	for range fetchAtOnce {
		<-arrived
	}
	if _, err := f.Chain(t.Context(), noon, base+"/quick"); err == nil {
		t.Error("one more than may be fetched at once was fetched")
	}
	close(answer)
	all.Wait()
	if len(arrived) > 0 {
		t.Errorf("%s was asked twice", <-arrived)
	}
	if chain, err := f.Chain(t.Context(), noon, base+"/quick"); len(chain) != 2 {
		t.Errorf("not asked again after it was too much: %v", err)
	}
	for i := range maxFetched {
		f.keep(f.mustEntry(t, fmt.Sprint(i)), nil, nil, noon.Add(time.Duration(i)))
	}
	if len(f.fetched) > maxFetched {
		t.Errorf("remembers %d", len(f.fetched))
	}
}

func (f *Fetch) mustEntry(t *testing.T, at string) *fetched {
	t.Helper()
	mine, one, err := f.entry(at, noon)
	if !mine || err != nil {
		t.Fatal(err)
	}
	<-f.slots
	return one
}
