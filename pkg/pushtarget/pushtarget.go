// Package pushtarget is where pushes go: what a device tells the cloud of its push tokens, and the cloud a bridge. It is
// a package of its own so that phones know it without the fabric.
//
// Capability 1 (2026-11). 2 (2026-11): apns-alert.
package pushtarget

import (
	"log/slog"
	"strings"
	"unicode"

	"strowger/pkg/errs"
)

// Provider is who delivers pushes.
type Provider string

// The providers.
const (
	APNs      Provider = "apns"       // VoIP pushes: calls, and nothing else
	APNsAlert Provider = "apns-alert" // what is no call: the same app has another token for it
	FCM       Provider = "fcm"
	WebPush   Provider = "webpush"
)

// Limits of what a device may say.
const (
	MaxTargets = 8    // of one device
	MaxApp     = 256  // bytes of an app
	MaxToken   = 2048 // bytes of a token
)

// Target is where pushes for one app on one device go.
type Target struct {
	Provider Provider `json:"provider"`
	App      string   `json:"app"`   // APNs: bundle id, whose topic for calls is App + ".voip"; FCM: project; Web Push: the bridge's origin
	Token    string   `json:"token"` // APNs: hex; FCM: registration token; Web Push: the subscription as JSON
	// Sandbox is for apps that were installed by their developer: APNs has another server for them.
	Sandbox bool `json:"sandbox,omitempty"`
}

// LogValue keeps the token out of logs.
func (t Target) LogValue() slog.Value { return slog.StringValue(string(t.Provider) + " " + t.App) }

// Check says why a target is none, with errs.Invalid.
func (t Target) Check() error {
	switch {
	case t.Provider != APNs && t.Provider != APNsAlert && t.Provider != FCM && t.Provider != WebPush:
		return errs.New(errs.Invalid, "push provider %.20q: want %q, %q, %q or %q", t.Provider, APNs, APNsAlert, FCM, WebPush)
	case len(t.App) > MaxApp:
		return errs.New(errs.Invalid, "app of a push token has %d bytes, at most %d are allowed", len(t.App), MaxApp)
	case strings.ContainsFunc(t.App, unicode.IsControl): // Apple gets it in a header
		return errs.New(errs.Invalid, "app %q of a push token has control characters", t.App)
	case t.Token == "" || len(t.Token) > MaxToken:
		return errs.New(errs.Invalid, "push token of %d bytes, want 1 to %d", len(t.Token), MaxToken)
	}
	return nil
}
