package fabric

import "time"

// TrunkServer is how a switch gets on with one server of a trunk of its own.
type TrunkServer struct {
	Trunk  string `json:"trunk"` // id
	Server string `json:"server"`
	// Registration is "trying", "registered", "refused" or "unreachable"; empty: the trunk needs none.
	Registration string    `json:"registration,omitempty"`
	Since        time.Time `json:"since,omitzero"` // when it became so
	Until        time.Time `json:"until,omitzero"` // how long what was granted holds, or held
	Retry        time.Time `json:"retry,omitzero"` // when it is tried again after a failure
	Code         int       `json:"code,omitempty"` // SIP status of the failure
	Words        string    `json:"words,omitempty"`
	// Health is "up" or "down", as the last questions showed; empty: not known yet, or nobody asks.
	Health      string    `json:"health,omitempty"`
	HealthSince time.Time `json:"health_since,omitzero"`
	HealthCode  int       `json:"health_code,omitempty"` // SIP status of what it is down for; 0: it does not answer
	HealthWords string    `json:"health_words,omitempty"`
}
