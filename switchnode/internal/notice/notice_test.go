package notice

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"mime"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/mailbox"
	"strowger/pkg/mailbox/mailtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var message = Notice{
	ID: "vm_1", User: "us_1", Name: "Bell, Alexander", From: designation.Party{Number: "201001", Name: "Änne\r\nBcc: all@example.com"},
	At: time.Date(2026, 11, 23, 14, 5, 9, 0, time.FixedZone("", 3600)), Length: 74 * time.Second, WAV: mailbox.WAV(make([]byte, 40_000)),
}

func roots(t *testing.T, file string) *x509.CertPool {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	p := x509.NewCertPool()
	p.AppendCertsFromPEM(b)
	return p
}

// server is a mail server that a Mail takes for one elsewhere.
func server(t *testing.T, cfg mailtest.Config, password string) (*mailtest.Server, *Mail) {
	t.Helper()
	s := mailtest.Start(t, cfg)
	file, user := "", ""
	if cfg.User != "" {
		user, file = cfg.User, filepath.Join(t.TempDir(), "password")
		if err := os.WriteFile(file, []byte(password+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, port, _ := net.SplitHostPort(s.Addr)
	at := "smtp://mail.example:" + port
	if cfg.Implicit {
		at = "smtps://127.0.0.1:" + port
	}
	m, err := NewMail(at, "Phones <phones@example.com>", user, file, roots(t, s.CA))
	if err != nil {
		t.Fatal(err)
	}
	if !cfg.Implicit {
		m.dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, s.Addr)
		}
	}
	return s, m
}

func TestMailWithItsRecording(t *testing.T) {
	for _, implicit := range []bool{false, true} {
		s, m := server(t, mailtest.Config{Implicit: implicit, User: "office", Password: "secret"}, "secret")
		if err := m.Send(t.Context(), "bell@example.com", message); err != nil {
			t.Fatal(err)
		}
		taken := s.Taken()
		if len(taken) != 1 || !taken[0].TLS || taken[0].User != "office" || taken[0].From != "phones@example.com" || taken[0].To != "bell@example.com" {
			t.Fatalf("%.300v", taken)
		}
		got, err := mail.ReadMessage(strings.NewReader(taken[0].Text))
		if err != nil {
			t.Fatal(err)
		}
		subject, _ := new(mime.WordDecoder).DecodeHeader(got.Header.Get("Subject"))
		if !strings.Contains(subject, "Voicemail from Änne") || !strings.Contains(subject, "201001 (1:14)") || got.Header.Get("Bcc") != "" ||
			got.Header.Get("Message-Id") != "<vm_1@example.com>" || got.Header.Get("Auto-Submitted") != "auto-generated" {
			t.Errorf("subject %q, header %v", subject, got.Header)
		}
		text, wav := parts(t, got)
		if !strings.Contains(text, "Monday 23 November 2026 at 14:05") || wav != string(message.WAV) {
			t.Errorf("%q, a recording of %d bytes", text, len(wav))
		}
	}
}

// parts is the text and the recording of a mail.
func parts(t *testing.T, m *mail.Message) (text, wav string) {
	t.Helper()
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	for r := multipart.NewReader(m.Body, params["boundary"]); ; {
		p, err := r.NextPart()
		if err == io.EOF {
			return text, wav
		}
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(p)
		if p.FileName() == "" {
			text = string(b)
			continue
		}
		if p.FileName() != "voicemail-2026-11-23-140509.wav" || !strings.HasPrefix(p.Header.Get("Content-Type"), "audio/wav") {
			t.Errorf("attached is %v", p.Header)
		}
		b, err = base64.StdEncoding.DecodeString(strings.ReplaceAll(string(b), "\r\n", ""))
		if err != nil {
			t.Fatal(err)
		}
		wav = string(b)
	}
}

func TestWhatAMailServerSays(t *testing.T) {
	for name, c := range map[string]struct {
		command, reply string
		code           errs.Code
	}{
		"later":         {"RCPT", "451 4.7.1 Greylisted", errs.Unreachable},
		"busy":          {".", "452 4.3.1 No room", errs.Unreachable},
		"closing":       {"MAIL", "421 4.3.2 Going down", errs.Unreachable},
		"nobody":        {"RCPT", "550 5.1.1 No such user", errs.Invalid},
		"not wanted":    {".", "554 5.7.1 Spam", errs.Invalid},
		"sign in first": {"MAIL", "530 5.7.0 Authentication required", errs.Forbidden},
		"not signed in": {"AUTH", "535 5.7.8 Wrong", errs.Forbidden},
	} {
		t.Run(name, func(t *testing.T) {
			s, m := server(t, mailtest.Config{User: "office", Password: "secret"}, "secret")
			s.Says(c.command, c.reply)
			err := m.Send(t.Context(), "bell@example.com", message)
			if errs.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.reply[4:9]) || len(s.Taken()) != 0 {
				t.Errorf("%s: %v (%s)", c.reply, err, errs.CodeOf(err))
			}
			if err := m.Send(t.Context(), "bell@example.com", message); err != nil || len(s.Taken()) != 1 {
				t.Errorf("the second time: %v", err)
			}
		})
	}
}

func TestNamesThatMustBeQuoted(t *testing.T) {
	s, m := server(t, mailtest.Config{}, "")
	m.from = `"phones@home" <phones@example.com>`
	n := message
	n.Name = `Alexander "Aleck" Bell \ <all@example.com>`
	if err := m.Send(t.Context(), "bell@example.com", n); err != nil || len(s.Taken()) != 1 {
		t.Errorf("%v, taken %v", err, s.Taken())
	}
	if m.name() != "example.com" {
		t.Errorf("it calls itself %q", m.name())
	}
}

// TestCallerThatIsAnEncodedWord: what a caller calls itself is shown as it is, not decoded by who reads the mail.
func TestCallerThatIsAnEncodedWord(t *testing.T) {
	s, m := server(t, mailtest.Config{}, "")
	n := message
	n.From.Name = "=?utf-8?Q?=0D=0ABcc:_v@example.org?="
	if err := m.Send(t.Context(), "bell@example.com", n); err != nil {
		t.Fatal(err)
	}
	read, err := mail.ReadMessage(strings.NewReader(s.Taken()[0].Text))
	if err != nil {
		t.Fatal(err)
	}
	if decoded, err := new(mime.WordDecoder).DecodeHeader(read.Header.Get("Subject")); err != nil || strings.ContainsAny(decoded, "\r\n") || !strings.Contains(decoded, "Bcc") {
		t.Errorf("%q, %v", decoded, err)
	}
}

func TestMailThatIsTooLargeGoesWithoutItsRecording(t *testing.T) {
	s, m := server(t, mailtest.Config{Most: 20_000}, "")
	if err := m.Send(t.Context(), "bell@example.com", message); err != nil {
		t.Fatal(err)
	}
	if taken := s.Taken(); len(taken) != 1 || !strings.Contains(taken[0].Text, "too large") {
		t.Errorf("%v", taken)
	}
}

func TestNothingGoesInTheOpen(t *testing.T) {
	s, m := server(t, mailtest.Config{Plain: true}, "")
	if err := m.Send(t.Context(), "bell@example.com", message); err == nil || len(s.Taken()) != 0 {
		t.Errorf("a server elsewhere without TLS was given %v: %v", s.Taken(), err)
	}
	m.host = "127.0.0.1"
	if err := m.Send(t.Context(), "bell@example.com", message); err != nil || len(s.Taken()) != 1 {
		t.Errorf("the server of this machine: %v", err)
	}
	_, other := server(t, mailtest.Config{}, "")
	other.roots = x509.NewCertPool()
	for _, host := range []string{other.host, "127.0.0.1"} { // on this machine, too: a server that offers TLS is to show who it is
		other.host = host
		if err := other.Send(t.Context(), "bell@example.com", message); errs.CodeOf(err) != errs.Unreachable || !strings.Contains(err.Error(), "--mail-ca FILE") {
			t.Errorf("%s, a certificate of nobody's: %v", host, err)
		}
	}
	_, renamed := server(t, mailtest.Config{}, "")
	renamed.host = "mail.elsewhere.example"
	if err := renamed.Send(t.Context(), "bell@example.com", message); errs.CodeOf(err) != errs.Unreachable || !strings.Contains(err.Error(), "in --mail-server") {
		t.Errorf("a certificate of another name: %v", err)
	}
}

func TestMailServersThatAreNone(t *testing.T) {
	for _, server := range []string{"", "mail.example", "http://mail.example", "smtp://", "smtp://a:b@mail.example", "smtp://mail.example:0", "smtp://mail.example/x"} {
		if _, err := NewMail(server, "phones@example.com", "", "", nil); errs.CodeOf(err) != errs.Invalid {
			t.Errorf("%q: %v", server, err)
		}
	}
	if _, err := NewMail("smtp://mail.example", "phones", "", "", nil); errs.CodeOf(err) != errs.Invalid {
		t.Errorf("an address that is none: %v", err)
	}
}

// hook is a webhook that notes what it is sent.
func hook(t *testing.T, answer func(http.ResponseWriter, *http.Request)) (*httptest.Server, *Webhooks) {
	t.Helper()
	s := httptest.NewTLSServer(http.HandlerFunc(answer))
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}))
	w := NewWebhooks(pool, func() time.Time { return time.Unix(1_800_000_000, 0) })
	t.Cleanup(func() {
		w.Close()
		s.Close()
	})
	return s, w
}

// The secret and the signature are computed by the openssl command:
// printf 'vm_1.1800000000.{}' | openssl dgst -sha256 -mac HMAC -macopt hexkey:<24 zeros> -binary | base64
func TestSignature(t *testing.T) {
	key, err := mailbox.WebhookKey("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := sign(key, "vm_1", "1800000000", []byte("{}")), "v1,RAUf7onr6Xx7eWrJPOHLLQThvS2ueCefiNju4Qr/7Xs="; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestWebhook(t *testing.T) {
	secret := mailbox.NewWebhookSecret()
	key, err := mailbox.WebhookKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	var e Event
	s, w := hook(t, func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		if err := json.Unmarshal(b, &e); err != nil {
			t.Error(err)
		}
		h := r.Header
		if h.Get("webhook-signature") != sign(key, "vm_1", "1800000000", b) || h.Get("webhook-id") != "vm_1" || h.Get("webhook-timestamp") != "1800000000" {
			t.Errorf("%v", h)
		}
	})
	if err := w.Post(t.Context(), s.URL+"/vm", secret, message); err != nil {
		t.Fatal(err)
	}
	d := e.Data
	if e.Type != NewMessage || d.User.ID != "us_1" || d.From.Number != "201001" || d.Seconds != 74 || d.Recording.Type != "audio/wav" || string(d.Recording.Data) != string(message.WAV) {
		t.Errorf("%s, %+v, %s", e.Type, d.From, d.Recording.Type)
	}
	if err := w.Post(t.Context(), s.URL, "", message); errs.CodeOf(err) != errs.Disabled {
		t.Errorf("without a secret: %v", err)
	}
}

// TestWebhookAddressIsNotTold: what is in it may be a secret.
func TestWebhookAddressIsNotTold(t *testing.T) {
	s, w := hook(t, func(http.ResponseWriter, *http.Request) {})
	s.Close()
	err := w.Post(t.Context(), s.URL+"/vm?token=hush", mailbox.NewWebhookSecret(), message)
	if errs.CodeOf(err) != errs.Unreachable || strings.Contains(err.Error(), "hush") {
		t.Error(err)
	}
}

func TestWhatAWebhookSays(t *testing.T) {
	for status, want := range map[int]errs.Code{204: "", 302: errs.Unreachable, 404: errs.Unreachable, 410: errs.Invalid, 503: errs.Unreachable} {
		s, w := hook(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "https://"+r.Host+"/elsewhere")
			if r.URL.Path != "/vm" {
				t.Error("a redirect was followed")
			}
			w.WriteHeader(status)
		})
		if err := w.Post(t.Context(), s.URL+"/vm", mailbox.NewWebhookSecret(), message); errs.CodeOf(err) != want {
			t.Errorf("%d: %v", status, err)
		}
	}
}
