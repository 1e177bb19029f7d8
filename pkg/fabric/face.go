package fabric

// Face is what the lease of a bridge says beyond that of a switch. Where switches dial it is in Lease.Node.Addresses.
type Face struct {
	URL     string `json:"url,omitempty"`      // of its HTTP server, without a path: https://bridge.example.com
	KeyHash string `json:"key_hash,omitempty"` // of the key that it shows there, for apps to pin; empty: they trust its certificate by the usual roots
}

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
