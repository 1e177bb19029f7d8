package enrol

import (
	"log/slog"

	"strowger/pkg/sitecopy"
)

// Path is where a cloud takes enrolments, below its base URL.
const Path = "/api/v1/enrolments"

// Request asks for the identity that a code stands for.
type Request struct {
	Kind       string `json:"kind,omitempty"` // what asks: trust.Switch, trust.Bridge; the code must be of one. Empty: whichever
	Secret     []byte `json:"secret"`         // of the code
	CSR        []byte `json:"csr"`            // PKCS #10 in DER, of an ECDSA P-256 key; only the key is taken from it
	SigningKey string `json:"signing_key"`    // Ed25519 public key, unpadded base64url: signs session keys without the cloud
}

// LogValue keeps the secret out of logs.
func (Request) LogValue() slog.Value { return slog.StringValue("(enrolment request)") }

// Info is what a node knows of itself and of the cloud.
type Info struct {
	Org         string          `json:"org"`
	OrgName     string          `json:"org_name"`
	Site        string          `json:"site"`
	SiteCode    string          `json:"site_code"`
	SiteName    string          `json:"site_name"`
	Node        string          `json:"node"`
	NodeName    string          `json:"node_name"`
	Kind        string          `json:"kind"`  // trust.Switch
	Realm       string          `json:"realm"` // of digest authentication
	Fabric      []string        `json:"fabric"`
	SessionKeys sitecopy.KeySet `json:"session_keys"`
	CopyKeys    sitecopy.KeySet `json:"copy_keys"`
}

// Response is the identity.
type Response struct {
	Info
	Chain string `json:"chain"` // PEM: the node's certificate, its intermediate
	Root  string `json:"root"`  // PEM: the installation's root
}
