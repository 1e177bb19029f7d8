package designation

// BridgeFace is how apps and switches reach a bridge.
type BridgeFace struct {
	ID  string `json:"id"`
	URL string `json:"url"` // "https://bridge.example.com", without a path; "http" only within a machine
	// KeyHash is trust.CertKeyHash of the certificate that it serves; empty if a public CA vouches for that.
	KeyHash string `json:"key_hash,omitempty"`
	// Addresses are where apps dial it by WebTransport, and Web the hashes of the certificates that they take there, as those of
	// a Node; empty: they do not.
	Addresses []string `json:"addresses,omitempty"`
	Web       []string `json:"web,omitempty"`
}
