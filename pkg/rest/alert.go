package rest

// Alert is something that an administrator is to know. Nodes raise alerts; they are read, dismissed and removed here. CreatedAt is when
// it happened.
type Alert struct {
	Meta
	Organization string `json:"organization" readOnly:"true"`
	// Kind names what happened in a word: "emergency", "fraud", "trunk", "disk".
	Kind     string `json:"kind" readOnly:"true"`
	Severity string `json:"severity" enum:"info,warning,critical" readOnly:"true"`
	Node     string `json:"node" readOnly:"true"`              // that raised it
	Site     string `json:"site,omitempty" readOnly:"true"`    // where
	Subject  string `json:"subject,omitempty" readOnly:"true"` // id of what it is about
	Call     string `json:"call,omitempty" readOnly:"true"`
	Words    string `json:"words" readOnly:"true"`
	// Contacts is whom the site wants told of emergency calls, as they are written there.
	Contacts []string `json:"contacts,omitempty" readOnly:"true"`
	// Dismissed says that somebody has seen to it.
	Dismissed bool `json:"dismissed"`
}
