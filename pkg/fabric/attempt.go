package fabric

import "strowger/pkg/designation"

// Attempt is how cloud instances tell each other, and themselves, of the call of an app, so that two apps that call each other get
// one call. Subject o.<org>.attempt: first without Anchor, when an app asks; then with it, when there is a plan; and when the call
// is answered, over or came to nothing, with Ended.
type Attempt struct {
	Call   string `json:"call"`
	From   string `json:"from"`             // user
	To     string `json:"to"`               // user
	Over   string `json:"over,omitempty"`   // a call of To's to From, which the app has found over
	Anchor string `json:"anchor,omitempty"` // node
	// Rings is how each device of To's that the call rings comes to it, at ring attempt channel.CrossingEpoch.
	Rings map[string]designation.Designation `json:"rings,omitempty"`
	Ended bool                               `json:"ended,omitempty"`
}
