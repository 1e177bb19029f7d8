// Package softphone is the phone in a browser: a web app (PWA) of ES modules, embedded as they are written, which a bridge
// serves.
//
// The page enrols by the link BRIDGE/#CODE. Its two requests to the cloud go through the bridge; its keys are made in the
// browser, and the one that signs cannot leave it. A service worker takes pushes, and the page the device's channel; either
// opens what is sealed, believes only what the organization has signed for this device, and is then a SIP user agent over
// WebTransport at the switch that the session key names, or over a WebSocket through the bridge where UDP is blocked. Media are
// the browser's own WebRTC. What runs on which side is in docs/softphone.md, what third parties wrote in vendor/ with its
// licences.
//
// Nothing is loaded from elsewhere, and no script or style is inline: the Content-Security-Policy forbids both.
package softphone

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"
)

//go:embed app vendor/hpke.js vendor/hpke.LICENSE vendor/jssip.js vendor/jssip.LICENSE
var files embed.FS

// About is what the page learns of the bridge that served it, as /bridge.json.
type About struct {
	Bridge string `json:"bridge"`          // id
	VAPID  string `json:"vapid,omitempty"` // public key that pushes come by, unpadded base64url; without it no push wakes the page
}

// file is a file as it is served.
type file struct {
	kind    string // Content-Type
	etag    string
	content []byte
	zipped  []byte // nil if that is not smaller
}

// Handler serves the softphone. It is safe for concurrent use.
type Handler struct{ files map[string]file } // by path

// types are those of the files that there are.
var types = map[string]string{
	".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
	".svg": "image/svg+xml", ".png": "image/png", ".json": "application/json", ".webmanifest": "application/manifest+json",
	".LICENSE": "text/plain; charset=utf-8",
}

// New returns the handler of a bridge.
func New(about About) (*Handler, error) {
	h := &Handler{files: map[string]file{}}
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		h.files["/"+strings.TrimPrefix(name, "app/")], err = newFile(name, content)
		return err
	})
	if err != nil {
		return nil, err
	}
	h.files["/"] = h.files["/index.html"]
	said, err := json.Marshal(about)
	if err != nil {
		return nil, err
	}
	h.files["/bridge.json"], err = newFile("bridge.json", said)
	return h, err
}

func newFile(name string, content []byte) (file, error) {
	kind, ok := types[path.Ext(name)]
	if !ok {
		return file{}, fmt.Errorf("embedded file %s is of no known type", name)
	}
	sum := sha256.Sum256(content)
	f := file{kind: kind, etag: `"` + base64.RawURLEncoding.EncodeToString(sum[:16]) + `"`, content: content}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(content); err != nil {
		return file{}, err
	}
	if err := z.Close(); err != nil {
		return file{}, err
	}
	if b.Len() < len(content) {
		f.zipped = b.Bytes()
	}
	return f, nil
}

// policy is the Content-Security-Policy (W3C CSP3): all that the page runs and shows is this server's own. It connects to this
// server, and by WebTransport to switches, whose addresses are in designations; nothing is text that becomes code.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self' blob:; manifest-src 'self'; " +
	"worker-src 'self'; connect-src 'self' https:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
	"require-trusted-types-for 'script'; trusted-types strowger"

// ServeHTTP serves a file. Browsers keep it, and ask whether it is still the same.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	head := w.Header()
	head.Set("Content-Security-Policy", policy)
	head.Set("Permissions-Policy", "microphone=(self), camera=(self), geolocation=(), payment=(), usb=()")
	head.Set("X-Content-Type-Options", "nosniff")
	head.Set("Referrer-Policy", "no-referrer")
	head.Set("Cross-Origin-Opener-Policy", "same-origin")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		head.Set("Allow", "GET, HEAD") // RFC 9110, 15.5.6
		http.Error(w, "only GET and HEAD", http.StatusMethodNotAllowed)
		return
	}
	f, ok := h.files[r.URL.Path]
	if !ok {
		http.Error(w, "there is no such page", http.StatusNotFound)
		return
	}
	head.Set("Cache-Control", "no-cache") // RFC 9111, 5.2.2.4: ask first
	head.Set("Content-Type", f.kind)
	head.Set("Vary", "Accept-Encoding")
	content, etag := f.content, f.etag
	if f.zipped != nil && acceptsGzip(r) {
		content, etag = f.zipped, `"z`+f.etag[1:] // RFC 9110, 8.8.3.3: each encoding has a tag of its own
		head.Set("Content-Encoding", "gzip")
	}
	head.Set("ETag", etag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
}

// acceptsGzip says whether the browser takes gzip (RFC 9110, 12.5.3).
func acceptsGzip(r *http.Request) bool {
	for coding := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, weight, _ := strings.Cut(strings.TrimSpace(coding), ";")
		q, err := strconv.ParseFloat(strings.TrimPrefix(strings.TrimSpace(weight), "q="), 64)
		if strings.EqualFold(strings.TrimSpace(name), "gzip") && (weight == "" || err == nil && q > 0) {
			return true
		}
	}
	return false
}
