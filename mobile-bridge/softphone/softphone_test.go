package softphone

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// served is what one handler serves: making it packs every file.
var served = sync.OnceValues(func() (*Handler, error) { return New(About{Bridge: "br_1", VAPID: "KEY"}) })

func get(t *testing.T, method, path string, header http.Header) *http.Response {
	t.Helper()
	h, err := served()
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequestWithContext(t.Context(), method, "/", nil)
	r.URL.Path = path // as it stands, however odd
	r.Header = header
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestServes(t *testing.T) {
	for at, kind := range map[string]string{
		"/": "text/html; charset=utf-8", "/index.html": "text/html; charset=utf-8", "/sw.js": "text/javascript; charset=utf-8", "/js/app.js": "text/javascript; charset=utf-8",
		"/vendor/jssip.js": "text/javascript; charset=utf-8", "/vendor/hpke.LICENSE": "text/plain; charset=utf-8", "/app.css": "text/css; charset=utf-8",
		"/manifest.webmanifest": "application/manifest+json", "/icons/icon-192.png": "image/png", "/icons/icon.svg": "image/svg+xml", "/bridge.json": "application/json",
	} {
		r := get(t, http.MethodGet, at, nil)
		if r.StatusCode != http.StatusOK || r.Header.Get("Content-Type") != kind || len(body(t, r)) == 0 {
			t.Errorf("%s: %d %v", at, r.StatusCode, r.Header)
		}
		head := get(t, http.MethodHead, at, nil)
		if head.StatusCode != http.StatusOK || head.Header.Get("Content-Length") != r.Header.Get("Content-Length") || len(body(t, head)) != 0 {
			t.Errorf("HEAD %s: %d %v", at, head.StatusCode, head.Header)
		}
	}
	var about About
	if err := json.Unmarshal([]byte(body(t, get(t, http.MethodGet, "/bridge.json", nil))), &about); err != nil || about != (About{"br_1", "KEY"}) {
		t.Errorf("bridge.json: %+v, %v", about, err)
	}
}

func TestServesNothingElse(t *testing.T) {
	for _, path := range []string{
		"/nothing", "/js", "/js/", "/app/index.html", "/../softphone.go", "/js/../../softphone.go", "//", "/vendor/build.sh", "/vendor/package.json",
		"/softphone.go", "/index.html/", "/js/app.js\x00", "", "/.git/config",
	} {
		if r := get(t, http.MethodGet, path, nil); r.StatusCode != http.StatusNotFound || r.Header.Get("Content-Security-Policy") != policy {
			t.Errorf("%q: %d %v", path, r.StatusCode, r.Header)
		}
	}
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions, "BREW"} {
		if r := get(t, method, "/", nil); r.StatusCode != http.StatusMethodNotAllowed || r.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %d %v", method, r.StatusCode, r.Header)
		}
	}
}

// Browsers keep what they got, ask whether it is the same, and are told so.
func TestCaching(t *testing.T) {
	plain := get(t, http.MethodGet, "/app.css", nil)
	zipped := get(t, http.MethodGet, "/app.css", http.Header{"Accept-Encoding": {"br, gzip;q=0.5"}})
	for _, r := range []*http.Response{plain, zipped} {
		if r.Header.Get("Cache-Control") != "no-cache" || r.Header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%v", r.Header)
		}
		again := get(t, http.MethodGet, "/app.css", http.Header{"If-None-Match": {r.Header.Get("ETag")}, "Accept-Encoding": {r.Header.Get("Content-Encoding")}})
		if again.StatusCode != http.StatusNotModified || len(body(t, again)) != 0 {
			t.Errorf("asked again by %s: %d", r.Header.Get("ETag"), again.StatusCode)
		}
	}
	if plain.Header.Get("ETag") == zipped.Header.Get("ETag") {
		t.Error("two encodings have one tag")
	}
	z, err := gzip.NewReader(zipped.Body)
	if err != nil {
		t.Fatal(err)
	}
	unzipped, err := io.ReadAll(z)
	if err != nil || string(unzipped) != body(t, plain) {
		t.Errorf("zipped is something else than plain: %v", err)
	}
	for _, encoding := range []string{"", "br", "gzip;q=0", "gzip;q=x", "gzipped"} {
		if r := get(t, http.MethodGet, "/app.css", http.Header{"Accept-Encoding": {encoding}}); r.Header.Get("Content-Encoding") != "" {
			t.Errorf("Accept-Encoding %q gets %q", encoding, r.Header.Get("Content-Encoding"))
		}
	}
}

// What the policy forbids is not in the files, so that nothing breaks by it.
func TestPolicy(t *testing.T) {
	r := get(t, http.MethodGet, "/", nil)
	for name, want := range map[string]string{
		"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cross-Origin-Opener-Policy": "same-origin",
	} {
		if r.Header.Get(name) != want {
			t.Errorf("%s: %q, want %q", name, r.Header.Get(name), want)
		}
	}
	if strings.Contains(policy, "unsafe") || !strings.Contains(policy, "default-src 'none'") {
		t.Errorf("policy %q", policy)
	}
	inline := regexp.MustCompile(`<script>|<style|\sstyle="|\son[a-z]+="|javascript:`)
	elsewhere := regexp.MustCompile(`(?:src|href)="(?:https?:)?//|from "https?:|import\("https?:|url\(["']?https?:`)
	markup := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function\(`)
	err := fs.WalkDir(files, "app", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(name, ".png") {
			return err
		}
		content, err := files.ReadFile(name)
		if strings.HasSuffix(name, ".html") && inline.Match(content) {
			t.Errorf("%s has inline code: %s", name, inline.Find(content))
		}
		if elsewhere.Match(content) {
			t.Errorf("%s loads from elsewhere: %s", name, elsewhere.Find(content))
		}
		if markup.Match(content) {
			t.Errorf("%s makes code of text: %s", name, markup.Find(content))
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestImports follows the modules from the page and from the service worker: all are there, and nothing lies about unused.
func TestImports(t *testing.T) {
	h, err := served()
	if err != nil {
		t.Fatal(err)
	}
	from := regexp.MustCompile(`(?m)^(?:import|export) [^;"]* from "([^"]+)";`)
	seen := map[string]bool{}
	var follow func(at string)
	follow = func(at string) {
		if seen[at] {
			return
		}
		seen[at] = true
		f, ok := h.files[at]
		if !ok {
			t.Errorf("%s is imported and not there", at)
			return
		}
		if strings.HasPrefix(at, "/vendor/") {
			return // whole
		}
		for _, m := range from.FindAllSubmatch(f.content, -1) {
			follow(path.Join(path.Dir(at), string(m[1])))
		}
	}
	follow("/js/boot.js")
	follow("/js/app.js")
	follow("/sw.js")
	for at := range h.files {
		if strings.HasSuffix(at, ".js") && !seen[at] {
			t.Errorf("%s is imported by nothing", at)
		}
	}
}

// TestFinalByes: the page comes again after the same ends of its channel as docs/protocols.md says.
func TestFinalByes(t *testing.T) {
	docs, err := os.ReadFile("../../docs/protocols.md")
	if err != nil {
		t.Fatal(err)
	}
	said := regexp.MustCompile("\\| `bye` .*session is over\\. (.*) are final for a while").FindSubmatch(docs)
	list := regexp.MustCompile(`const final = \[(.*)\]`).FindStringSubmatch(body(t, get(t, http.MethodGet, "/js/channel.js", nil)))
	if said == nil || list == nil {
		t.Fatal("the ends that are final are not found")
	}
	want := regexp.MustCompile("`[a-z-]+`").FindAllString(string(said[1]), -1)
	got := regexp.MustCompile("`[a-z-]+`").FindAllString(strings.ReplaceAll(list[1], `"`, "`"), -1)
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("the page stays away after %v, the docs say %v", got, want)
	}
}
