// Package webpush sends wakes to browsers, and to whatever else has a Web Push subscription (RFC 8030, RFC 8291, RFC 8292).
//
// What the subscriber decrypts is the sealed wake itself. The token of a target is the subscription as JSON, as
// PushSubscription.toJSON of the Push API writes it.
package webpush

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/SherClockHolmes/webpush-go"

	"strowger/mobile-bridge/internal/outbound"
	"strowger/mobile-bridge/internal/push"
	"strowger/pkg/fabric"
)

// Config is who this bridge is to push services.
type Config struct {
	Key     Key
	Contact string // mailto: or https: URI of who runs the bridge (RFC 8292, 2.1)
	// Local also sends to services without TLS and on private addresses.
	Local bool
}

// Sender sends to push services.
type Sender struct {
	cfg       Config
	transport *outbound.Transport
	client    *http.Client
}

// New connects nowhere before the first push.
func New(cfg Config) *Sender {
	t := outbound.New(outbound.Config{Public: !cfg.Local})
	return &Sender{cfg: cfg, transport: t, client: &http.Client{
		Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Close ends the connections.
func (s *Sender) Close() { s.transport.Close() }

// Lane is the push service: browsers choose it.
func (s *Sender) Lane(t fabric.Target) (string, bool) {
	sub, ok := s.subscription(t.Token)
	if !ok {
		return "malformed", true // Send says so
	}
	u, _ := url.Parse(sub.Endpoint) // subscription has parsed it
	return u.Host, true
}

// subscription reads a token.
func (s *Sender) subscription(token string) (*webpush.Subscription, bool) {
	var sub webpush.Subscription
	if err := json.Unmarshal([]byte(token), &sub); err != nil {
		return nil, false
	}
	u, err := url.Parse(sub.Endpoint)
	if err != nil || u.Host == "" || u.User != nil {
		return nil, false
	}
	// RFC 8030, 8: push services are HTTPS.
	return &sub, u.Scheme == "https" || u.Scheme == "http" && s.cfg.Local
}

// Send tries once.
func (s *Sender) Send(ctx context.Context, p push.Push) push.Outcome {
	sub, ok := s.subscription(p.Target.Token)
	sealed, err := base64.StdEncoding.DecodeString(p.Payload)
	if !ok || err != nil || len(sealed) == 0 { // nothing to encrypt: what RFC 8599 wants of a push, no switch offers by Web Push
		return push.Outcome{Reason: push.Malformed, Err: err}
	}
	body, urgency := sealed, webpush.UrgencyHigh
	if a := p.Alert; a != nil {
		if !a.Urgent {
			urgency = webpush.UrgencyNormal
		}
		body, err = json.Marshal(map[string]string{"strowger": p.Payload, "code": a.Code, "words": a.Words, "title": a.Title})
		if err != nil {
			return push.Outcome{Reason: push.Malformed, Err: err}
		}
	}
	r, err := webpush.SendNotificationWithContext(ctx, body, sub, &webpush.Options{
		HTTPClient: s.client, TTL: int(p.Left / time.Second), Urgency: urgency, Topic: p.Call, // RFC 8030, 5.4: replaces what was not delivered
		Subscriber:      strings.TrimPrefix(s.cfg.Contact, "mailto:"), // the library puts it back
		VAPIDPublicKey:  s.cfg.Key.Public(),
		VAPIDPrivateKey: s.cfg.Key.private(),
	})
	if err != nil {
		return failed(err)
	}
	defer func() { _ = r.Body.Close() }() // only read from
	return outcome(r)
}

// notPublic is the reason of a refusal because of Config.Local.
const notPublic = "push service on a private address"

// failed is the outcome of an error: of the subscription's keys, or of the way.
func failed(err error) push.Outcome {
	var sent *url.Error
	switch {
	case !errors.As(err, &sent):
		return push.Outcome{Reason: push.Malformed, Err: err}
	case errors.Is(err, outbound.ErrNotPublic):
		return push.Outcome{Reason: notPublic, Err: err}
	}
	return push.Failed(err)
}

func outcome(r *http.Response) push.Outcome {
	if r.StatusCode >= 200 && r.StatusCode < 300 { // RFC 8030, 5: 201, or 202 if a receipt was asked for
		return push.Outcome{Accepted: true}
	}
	// Not the words of its status line: whoever enrols a device may name the service, and reasons are counted one by one.
	o := push.Answered(r.StatusCode, r.Header, cmp.Or(http.StatusText(r.StatusCode), "status "+strconv.Itoa(r.StatusCode)))
	// RFC 8030, 7.3: 404 is an expired subscription. Services answer 410 when the user has ended it.
	o.Dead = r.StatusCode == http.StatusNotFound || r.StatusCode == http.StatusGone
	return o
}
