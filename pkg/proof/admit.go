package proof

import "strings"

// TypeAdmit is the type of an Admit.
const TypeAdmit = "admit-proof+jwt"

// Admit is the proof with which a device asks the cloud for a call (2-call-flows, step A). Whatever bridge carries it, only the
// device can have made it, and each one is good for one call.
type Admit struct {
	Org      string   `json:"org"`            // id
	Device   string   `json:"sub"`            // id
	Dialled  string   `json:"dialled"`        // as its user dialled it
	Media    []string `json:"media"`          // "audio", "video"
	DTLS     string   `json:"dtls,omitempty"` // fingerprint of the certificate of its media, as in a Call
	Over     string   `json:"over,omitempty"` // a call that the last answer named as crossing, and that was over
	Call     string   `json:"call,omitempty"` // id of a call of the device's, whose other party is to call Dialled: a transfer, and nothing else
	ID       string   `json:"jti"`            // unique
	IssuedAt int64    `json:"iat"`            // Unix seconds, by the cloud's time where the device knows it
}

// HashPrint is the short form of a fingerprint: unpadded base64url SHA-256 of "sha-256 AB:CD:..." with the function in lower
// case and the bytes in upper case (RFC 8122, 5). Of none it is "".
func HashPrint(fingerprint string) string {
	hash, value, ok := strings.Cut(strings.TrimSpace(fingerprint), " ")
	if !ok {
		return ""
	}
	return HashBody([]byte(strings.ToLower(hash) + " " + strings.ToUpper(strings.TrimSpace(value))))
}
