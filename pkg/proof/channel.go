package proof

// TypeChannel is the type of the proof of a Channel.
const TypeChannel = "channel-proof+jwt"

// Channel is the proof with which a device opens its channel to a bridge.
type Channel struct {
	Bridge string `json:"aud"`   // id
	Nonce  string `json:"nonce"` // of the bridge's challenge to this connection
	Device string `json:"sub"`
	// Order counts the device's channels: larger than that of any before, at whatever bridge. Unix milliseconds do.
	Order    int64  `json:"order"`
	ID       string `json:"jti"` // unique
	IssuedAt int64  `json:"iat"` // Unix seconds
}
