package fabric

import "log/slog"

// Face is what the lease of a bridge says beyond that of a switch. Where switches dial it is in Lease.Node.Addresses.
type Face struct {
	URL     string `json:"url,omitempty"`      // of its HTTP server, without a path: https://bridge.example.com
	KeyHash string `json:"key_hash,omitempty"` // of the key that it shows there, for apps to pin; empty: they trust its certificate by the usual roots
	Relay   *Relay `json:"relay,omitempty"`    // nil: it relays no media
	STUN    string `json:"stun,omitempty"`     // RFC 7064: where apps learn, without a relay, where they are seen: "stun:198.51.100.7:3478"
	// Push is the push services that it reaches.
	Push []PushService `json:"push,omitempty"`
}

// Relay is a bridge's relay of media. What lets a leg use it is made from the secret (designation.NewRelay), which is another
// one in each run of the bridge, and is kept nowhere.
type Relay struct {
	URLs   []string `json:"urls"`
	Secret []byte   `json:"secret"`
}

// LogValue keeps the secret out of logs.
func (r Relay) LogValue() slog.Value { return slog.AnyValue(r.URLs) }

// RevokedRequest asks which switches of the organization are revoked: a bridge lets them in no more. Subject
// o.<org>.br.<bridge>.revoked.
type RevokedRequest struct{ Header }

// RevokedReply answers RevokedRequest.
type RevokedReply struct {
	Reply
	Nodes []string `json:"nodes"` // ids
}

// SubjectRevoked is where a bridge asks which switches are revoked: RevokedRequest.
func SubjectRevoked(org, bridge string) string { return subject(org, familyBridge, bridge, "revoked") }
