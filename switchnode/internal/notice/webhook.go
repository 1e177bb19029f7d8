package notice

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/mailbox"
)

// Event is what is posted to a webhook.
type Event struct {
	Type string    `json:"type"` // NewMessage
	At   time.Time `json:"timestamp"`
	Data Message   `json:"data"`
}

// NewMessage is the type of an Event that tells of a message.
const NewMessage = "voicemail.message"

// Message is one that was left.
type Message struct {
	ID        string    `json:"id"`
	User      Person    `json:"user"`
	From      Person    `json:"from"`
	Seconds   float64   `json:"seconds"`
	By        string    `json:"by,omitempty"`  // who sent it on
	Cut       bool      `json:"cut,omitempty"` // the end is missing
	Recording Recording `json:"recording"`
}

// Person is a user, or who called.
type Person struct {
	ID     string `json:"id,omitempty"`
	Number string `json:"number,omitempty"`
	Name   string `json:"name,omitempty"`
}

// Recording is what was said.
type Recording struct {
	Type string `json:"type"` // audio/wav
	Data []byte `json:"data"` // base64
}

// Webhooks posts messages.
type Webhooks struct {
	client *http.Client
	now    func() time.Time
}

// postTime is how long a webhook may take for a message with its recording.
const postTime = time.Minute

// NewWebhooks posts to servers whose certificates lead to roots, nil being those of the system.
func NewWebhooks(roots *x509.CertPool, now func() time.Time) *Webhooks {
	return &Webhooks{now: now, client: &http.Client{
		Timeout: postTime,
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
			MaxConnsPerHost: 4, IdleConnTimeout: 30 * time.Second, TLSHandshakeTimeout: 15 * time.Second, ForceAttemptHTTP2: true,
		},
		// What is posted is for the address that was set, and for no other.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Close lets go of connections.
func (w *Webhooks) Close() { w.client.CloseIdleConnections() }

// Post posts a notice. errs.Invalid: it will never be taken.
func (w *Webhooks) Post(ctx context.Context, address, secret string, n Notice) error {
	if secret == "" {
		return errs.New(errs.Disabled, "the webhook has no secret that signs what is posted: strowger user voicemail --webhook-secret new")
	}
	key, err := mailbox.WebhookKey(secret)
	if err != nil {
		return err
	}
	body, err := json.Marshal(Event{NewMessage, n.At.UTC(), Message{
		ID: n.ID, User: Person{ID: n.User, Name: n.Name}, From: Person{ID: n.From.User, Number: n.From.Number, Name: n.From.Name},
		Seconds: n.Length.Seconds(), By: n.By, Cut: n.Cut, Recording: Recording{mailbox.WAVType, n.WAV},
	}})
	if err != nil {
		return err
	}
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return errs.New(errs.Invalid, "webhook: %w", err)
	}
	at := strconv.FormatInt(w.now().Unix(), 10)
	q.Header.Set("Content-Type", "application/json")
	q.Header.Set("User-Agent", "strowger")
	q.Header.Set("webhook-id", n.ID)
	q.Header.Set("webhook-timestamp", at)
	q.Header.Set("webhook-signature", sign(key, n.ID, at, body))
	r, err := w.client.Do(q)
	if err != nil {
		if e := (*url.Error)(nil); errors.As(err, &e) {
			err = e.Err // without the address: what is in it may be a secret, and this is logged
		}
		return errs.New(errs.Unreachable, "webhook: %w", err)
	}
	_ = r.Body.Close() // what it says is not read
	switch {
	case r.StatusCode/100 == 2:
		return nil
	case r.StatusCode == http.StatusGone:
		return errs.New(errs.Invalid, "the webhook says that it is gone (410)")
	}
	return errs.New(errs.Unreachable, "the webhook answers %s", r.Status)
}

// sign is the signature of a body.
func sign(key []byte, id, at string, body []byte) string {
	h := hmac.New(sha256.New, key)
	for _, part := range [...][]byte{[]byte(id), []byte("."), []byte(at), []byte("."), body} {
		h.Write(part)
	}
	return "v1," + base64.StdEncoding.EncodeToString(h.Sum(nil))
}
