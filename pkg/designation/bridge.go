package designation

// BridgeFace is how apps and switches reach a bridge.
type BridgeFace struct {
	ID  string `json:"id"`
	URL string `json:"url"` // "https://bridge.example.com", without a path; "http" only within a machine
	// KeyHash is trust.CertKeyHash of the certificate that it serves; empty if a public CA vouches for that.
	KeyHash string `json:"key_hash,omitempty"`
}
