// Package notice takes voicemail to its users outside of the switch: by e-mail to the mail server of the office, and by a signed request to a
// webhook.
//
// A webhook is sent POST with the Event in JSON, as Standard Webhooks 1.0 have it: the headers webhook-id, the same at each try,
// webhook-timestamp, in Unix seconds, and webhook-signature, "v1," and the base64 of HMAC-SHA256 with the webhook's secret over
// "id.timestamp.body". Any 2xx takes it. 410 says never again; anything else, and no answer, has it tried again.
//
// Capability 1 (2026-11).
package notice

import (
	"time"

	"strowger/pkg/designation"
)

// Notice is a message of a user.
type Notice struct {
	ID       string // of the message
	User     string // id
	Name     string // of the user
	From     designation.Party
	At       time.Time // where the office is
	Length   time.Duration
	By       string // who sent it on, "" if nobody did
	Cut      bool
	Language string // "en", "zh"
	WAV      []byte
}
