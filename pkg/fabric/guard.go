package fabric

import "time"

// MaxShut is how many sources a Guarded lists.
const MaxShut = 1000

// GuardOrder asks a switch whom it shuts out, and may have it let one in first. Subject o.<org>.node.<node>.guard, from the cloud. The
// answer is Guarded.
type GuardOrder struct {
	Header
	Unblock string `json:"unblock,omitempty"` // an IP address; "": nothing is changed
}

// Guarded is whom a switch shuts out, and what it refused of late.
type Guarded struct {
	Reply
	Found   bool         `json:"found,omitempty"` // the address of the order was shut out
	Shut    []ShutSource `json:"shut,omitempty"`  // the last first
	More    int          `json:"more,omitempty"`  // that are not listed
	Refused []Refused    `json:"refused,omitempty"`
}

// ShutSource is an address, or a /64 of IPv6, from which nothing is heard at the port for phones.
type ShutSource struct {
	Source  string    `json:"source"`        // a prefix
	UDP     bool      `json:"udp,omitempty"` // over UDP only
	Why     string    `json:"why"`           // what came from there most, in words
	Since   time.Time `json:"since"`
	Until   time.Time `json:"until"`
	Times   int       `json:"times"`
	Dropped uint64    `json:"dropped,omitempty"` // messages and connections since
}

// Refused is a sign-in of a phone, or a call to the phone network, that a switch refused.
type Refused struct {
	At    time.Time `json:"at"`
	From  string    `json:"from,omitempty"`   // IP address and port of a sign-in
	Who   string    `json:"who,omitempty"`    // user name as it was given, or who called
	Call  string    `json:"call,omitempty"`   // id
	Dials string    `json:"dialed,omitempty"` // the number
	Words string    `json:"words"`
}

// SubjectGuard is where a switch is asked whom it shuts out: GuardOrder.
func SubjectGuard(org, node string) string { return subject(org, familyNode, node, "guard") }
