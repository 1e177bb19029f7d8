// Package apns sends wakes as VoIP pushes of the Apple Push Notification service, by token authentication.
//
// What an app gets is {"strowger": "<sealed wake, base64>"}. The app of a target is a bundle id; the topic of its calls is
// that with ".voip". A phone of another maker that is only to register (RFC 8599) gets {"aps": {}, "call-id": "<id of the call>"}, and if it
// has no token for calls, an alert.
package apns

import (
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/sideshow/apns2"
	"github.com/sideshow/apns2/token"

	"strowger/mobile-bridge/internal/outbound"
	"strowger/mobile-bridge/internal/push"
	"strowger/pkg/fabric"
)

// What Apple takes of a VoIP push and of any other, in bytes.
const (
	maxPayload = 5120
	maxAlert   = 4096
)

// Config is an account with Apple.
type Config struct {
	KeyFile string // .p8: the signing key for provider tokens
	KeyID   string
	Team    string
	Server  string      // base URL in place of Apple's two; empty: those
	TLS     *tls.Config // for Server; nil: the system's roots
}

// Sender sends to APNs.
type Sender struct {
	transport  *outbound.Transport
	production *apns2.Client
	sandbox    *apns2.Client
}

// New reads the key. It connects nowhere before the first push.
func New(cfg Config) (*Sender, error) {
	key, err := readKey(cfg.KeyFile)
	if err != nil {
		return nil, err
	}
	if cfg.KeyID == "" || cfg.Team == "" {
		return nil, errors.New("an APNs key needs its key id and the team id")
	}
	// Package token makes one when the last is 50 minutes old: Apple refuses those over 60, and more than one in 20 minutes.
	tokens := &token.Token{AuthKey: key, KeyID: cfg.KeyID, TeamID: cfg.Team}
	s := &Sender{transport: outbound.New(outbound.Config{TLS: cfg.TLS})}
	client := func(host string) *apns2.Client {
		if cfg.Server != "" {
			host = cfg.Server
		}
		return &apns2.Client{Host: host, Token: tokens, HTTPClient: &http.Client{Transport: s.transport}}
	}
	s.production, s.sandbox = client(apns2.HostProduction), client(apns2.HostDevelopment)
	return s, nil
}

// Check says what is wrong with a key file.
func Check(file string) error {
	_, err := readKey(file)
	return err
}

func readKey(file string) (*ecdsa.PrivateKey, error) {
	key, err := token.AuthKeyFromFile(file)
	if err != nil {
		return nil, fmt.Errorf("--apns-key %s: %w; want the .p8 file from Apple", file, err)
	}
	return key, nil
}

// Close ends the connections.
func (s *Sender) Close() { s.transport.Close() }

// Lane is the app, apart for each of Apple's two servers.
func (s *Sender) Lane(t fabric.Target) (string, bool) {
	if t.Sandbox {
		return t.App + " sandbox", true
	}
	return t.App, true
}

// Send tries once.
func (s *Sender) Send(ctx context.Context, p push.Push) push.Outcome {
	if !hexadecimal(p.Target.Token) { // it becomes part of a URL
		return push.Outcome{Reason: push.Malformed, Dead: true}
	}
	n, err := notification(p)
	if err != nil {
		return push.Outcome{Reason: apns2.ReasonPayloadTooLarge, Err: err}
	}
	client := s.production
	if p.Target.Sandbox {
		client = s.sandbox
	}
	r, err := client.PushWithContext(ctx, n)
	if err != nil {
		return push.Failed(err)
	}
	return outcome(r)
}

// notification is a push as Apple takes it. One VoIP push is one call that rings (PushKit), so that an alert is never one.
func notification(p push.Push) (*apns2.Notification, error) {
	n := &apns2.Notification{
		DeviceToken: p.Target.Token, Topic: p.Target.App + ".voip", PushType: apns2.PushTypeVOIP, Priority: apns2.PriorityHigh,
		Expiration: p.Until, CollapseID: p.Call,
	}
	payload, most := map[string]any{"strowger": p.Payload}, maxPayload
	if p.Payload == "" && p.Alert == nil {
		return n, summon(n, p)
	}
	if a := p.Alert; a != nil {
		n.Topic, n.PushType, n.Priority = p.Target.App, apns2.PushTypeAlert, apns2.PriorityLow
		payload["code"], payload["words"], most = a.Code, a.Words, maxAlert
		// An extension of the app opens the wake and puts the name of who called in.
		aps := map[string]any{"alert": map[string]string{"title": a.Title}, "mutable-content": 1, "thread-id": "calls"}
		if a.Urgent {
			n.Priority, aps["sound"], aps["interruption-level"] = apns2.PriorityHigh, "default", "time-sensitive"
		}
		payload["aps"] = aps
	}
	b, err := json.Marshal(payload)
	if len(b) > most {
		err = fmt.Errorf("%d bytes, Apple takes %d", len(b), most)
	}
	n.Payload = b
	return n, err
}

// summon makes it a push that says nothing but that the phone is to register. The app shows who calls when the INVITE has come.
func summon(n *apns2.Notification, p push.Push) error {
	aps := map[string]any{}
	if p.Target.Provider == fabric.APNsAlert { // an app without PushKit: only what is shown is delivered at once
		n.Topic, n.PushType = p.Target.App, apns2.PushTypeAlert
		aps = map[string]any{"alert": map[string]string{"title": "Incoming call"}, "sound": "default", "content-available": 1}
	}
	b, err := json.Marshal(map[string]any{"aps": aps, "call-id": p.Call})
	n.Payload = b
	return err
}

func outcome(r *apns2.Response) push.Outcome {
	if r.Sent() {
		return push.Outcome{Accepted: true}
	}
	o := push.Answered(r.StatusCode, http.Header{}, r.Reason)
	if o.Reason == "" {
		o.Reason = http.StatusText(r.StatusCode)
	}
	// 410 is Unregistered or ExpiredToken.
	o.Dead = r.StatusCode == http.StatusGone || r.Reason == apns2.ReasonBadDeviceToken
	return o
}

func hexadecimal(s string) bool {
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
			return false
		}
	}
	return s != ""
}
