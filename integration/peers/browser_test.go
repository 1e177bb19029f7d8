//go:build peers

package peers

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/serviceworker"
	"github.com/chromedp/chromedp"
)

// browser is a Chromium with one page, whose microphone is a file, on a machine of its own.
type browser struct {
	ctx    context.Context
	host   host
	origin string

	mu           sync.Mutex
	said         []string // on the console, and by the browser
	registration serviceworker.RegistrationID
}

// chromium starts a browser for the pages of an origin, whose certificate is known by the hash of its key. No push service is
// to be had here, so that a subscription is made by subscribe, an expression.
func chromium(t *testing.T, machine host, origin, pin, microphone, subscribe string) *browser {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(1280, 840),
		chromedp.Flag("ignore-certificate-errors-spki-list", pin), chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.Flag("use-fake-device-for-media-stream", true), chromedp.Flag("use-fake-ui-for-media-stream", true),
		chromedp.Flag("use-file-for-fake-audio-capture", microphone), chromedp.Flag("autoplay-policy", "no-user-gesture-required"))
	allocator, cancel := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()), options...)
	ctx, stop := chromedp.NewContext(allocator)
	b := &browser{ctx: ctx, host: machine, origin: origin}
	t.Cleanup(func() {
		_ = chromedp.Cancel(ctx) // it is killed if it does not end
		stop()
		cancel()
		chromedp.FromContext(ctx).Allocator.Wait()
		if t.Failed() {
			b.mu.Lock()
			defer b.mu.Unlock()
			t.Logf("the browser said:\n%s", strings.Join(b.said, "\n"))
		}
	})
	chromedp.ListenTarget(ctx, b.hear)
	stub := `if (window.PushManager) {
		PushManager.prototype.getSubscription = async () => JSON.parse(localStorage.subscription ?? "null");
		PushManager.prototype.subscribe = async () => JSON.parse(localStorage.subscription = ` + subscribe + `);
		Notification.requestPermission = async () => "granted";
	}
	window.connections = [];
	window.RTCPeerConnection = class extends RTCPeerConnection {
		constructor(...how) { super(...how); connections.push(this); }
	};`
	machine.inside(t, func() { // where its debugger listens
		b.run(t, "start", runtime.Enable(), log.Enable(), serviceworker.Enable(), chromedp.ActionFunc(func(ctx context.Context) error {
			_, err := page.AddScriptToEvaluateOnNewDocument(stub).Do(ctx)
			return err
		}))
	})
	return b
}

// hear keeps what the browser says.
func (b *browser) hear(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		b.said = append(b.said, "exception: "+e.ExceptionDetails.Error())
	case *log.EventEntryAdded:
		b.said = append(b.said, fmt.Sprintf("%s: %s %s", e.Entry.Level, e.Entry.Text, e.Entry.URL))
	case *serviceworker.EventWorkerErrorReported:
		b.said = append(b.said, "service worker: "+e.ErrorMessage.ErrorMessage)
	case *serviceworker.EventWorkerRegistrationUpdated:
		for _, r := range e.Registrations {
			b.registration = r.RegistrationID
		}
	}
}

// run carries out actions, within the patience of a test.
func (b *browser) run(t *testing.T, what string, actions ...chromedp.Action) {
	t.Helper()
	if err := b.try(actions...); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

func (b *browser) try(actions ...chromedp.Action) error {
	if chromedp.FromContext(b.ctx).Target == nil { // the first run starts the browser, which ends with the context of that run
		return chromedp.Run(b.ctx, actions...)
	}
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	return chromedp.Run(ctx, actions...)
}

// open shows a page of the origin, anew.
func (b *browser) open(t *testing.T, path string) {
	t.Helper()
	b.run(t, "leave the page", chromedp.Navigate("about:blank"))
	if path == "" {
		return
	}
	b.run(t, "open "+path, chromedp.Navigate(b.origin+path))
	b.becomes(t, "every module is there", `document.body?.innerText`)
}

// eval evaluates an expression, or waits for the promise that it is, and decodes what comes of it.
func eval[T any](t *testing.T, b *browser, expression string) (v T) {
	t.Helper()
	b.run(t, expression, chromedp.Evaluate(expression, &v, awaited))
	return v
}

func awaited(p *runtime.EvaluateParams) *runtime.EvaluateParams {
	return p.WithAwaitPromise(true).WithUserGesture(true)
}

// becomes waits until an expression, or what it promises, is true.
func (b *browser) becomes(t *testing.T, what, expression string) {
	t.Helper()
	eventually(t, what, func() error {
		var is bool
		if err := b.try(chromedp.Evaluate("(async () => Boolean(await ("+expression+")))()", &is, awaited)); err != nil {
			return err
		}
		if !is {
			var text string
			_ = b.try(chromedp.Evaluate("document.body.innerText", &text)) // for the message only
			return fmt.Errorf("the page says %q", text)
		}
		return nil
	})
}

// shows waits until the page has a text that is seen: what is said to screen readers stays there.
func (b *browser) shows(t *testing.T, text string) {
	t.Helper()
	const seen = `[...document.body.children].filter((e) => e.id !== "announce").map((e) => e.innerText).join(" ").includes(%s)`
	b.becomes(t, "the page shows "+text, fmt.Sprintf(seen, quote(text)))
}

// rings waits until a call comes in.
func (b *browser) rings(t *testing.T) {
	t.Helper()
	b.becomes(t, "it rings", `document.querySelector("[role=alertdialog]")`)
}

// button is an expression for the button that a screen reader calls so, if it can be pressed.
func button(label string) string {
	const find = `[...document.querySelectorAll("button")].find((b) => (b.ariaLabel ?? b.innerText.trim().split("\n")[0]) === %s && !b.disabled)`
	return fmt.Sprintf(find, quote(label))
}

// presses presses a button by what a screen reader calls it.
func (b *browser) presses(t *testing.T, label string) {
	t.Helper()
	b.becomes(t, "there is a button "+label, button(label))
	eval[any](t, b, button(label)+".click()")
}

// hears waits until the call of the page plays one tone.
func (b *browser) hears(t *testing.T, tone float64) {
	t.Helper()
	b.plays(t, `document.getElementById("voice").srcObject`, tone)
}

// plays waits until a stream has one tone, within what an FFT of 8,192 can tell.
func (b *browser) plays(t *testing.T, stream string, tone float64) {
	t.Helper()
	loudest := `(async () => {
		window.ear ??= new AudioContext();
		const a = ear.createAnalyser();
		a.fftSize = 8192;
		const source = ear.createMediaStreamSource(` + stream + `);
		source.connect(a);
		await new Promise((resolve) => setTimeout(resolve, 300));
		const levels = new Float32Array(a.frequencyBinCount);
		a.getFloatFrequencyData(levels);
		source.disconnect();
		const top = levels.indexOf(Math.max(...levels));
		return levels[top] > -60 ? top * ear.sampleRate / a.fftSize : 0;
	})()`
	eventually(t, fmt.Sprintf("the page hears %v Hz", tone), func() error {
		var hertz float64
		if err := b.try(chromedp.Evaluate(loudest, &hertz, awaited)); err != nil {
			return err
		}
		if hertz < tone-10 || hertz > tone+10 {
			return fmt.Errorf("it hears %v Hz", hertz)
		}
		return nil
	})
}

// deliver gives a push to the service worker, as a push service does, in the form that needs no binary data.
func (b *browser) deliver(sealed []byte) error {
	envelope, err := json.Marshal(map[string][]byte{"strowger": sealed})
	if err != nil {
		return err
	}
	b.mu.Lock()
	registration := b.registration
	b.mu.Unlock()
	return b.try(chromedp.ActionFunc(func(ctx context.Context) error {
		return serviceworker.DeliverPushMessage(b.origin, registration, string(envelope)).Do(ctx)
	}))
}

// faults are the errors that the browser told of itself: those of scripts, and what the policy forbids.
func (b *browser) faults() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []error
	for _, line := range b.said {
		if strings.HasPrefix(line, "exception: ") || strings.HasPrefix(line, "service worker: ") || strings.Contains(line, "Content Security Policy") {
			all = append(all, errors.New(line))
		}
	}
	return errors.Join(all...)
}

func quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // strings always marshal
	}
	return string(b)
}

// webCertificate makes a certificate for a machine, and returns its files and the hash of its key as Chromium wants it.
func webCertificate(t *testing.T, h host) (cert, key, pin string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "bridge"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
		IPAddresses: []net.IP{h.addr.AsSlice()}, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "bridge.crt"), filepath.Join(dir, "bridge.key")
	for name, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: pkcs8}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(parsed.RawSubjectPublicKeyInfo)
	return cert, key, base64.StdEncoding.EncodeToString(sum[:])
}
