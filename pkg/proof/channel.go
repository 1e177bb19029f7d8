package proof

// The types of proofs on a channel.
const (
	TypeChannel = "channel-proof+jwt" // Channel
	TypeReport  = "report-proof+jwt"  // Report
)

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

// Report is what a device says of its leg of a call to the anchor, which it may not be connected to.
type Report struct {
	Node     string `json:"aud"` // id of the anchor
	Device   string `json:"sub"`
	Call     string `json:"call"`
	Leg      string `json:"leg"`
	Step     string `json:"step"`
	ID       string `json:"jti"` // unique
	IssuedAt int64  `json:"iat"` // Unix seconds
}

// The steps of a Report.
const (
	ChannelOpen = "channel-open" // the device has its channel, and knows of the call
	Ringing     = "ringing"
	Declined    = "declined" // its user does not want the call: that ends the leg
)
