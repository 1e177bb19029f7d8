package rest

import (
	"context"
	"net/http"
	"net/netip"
	"net/url"
	"time"
)

// ShutSource is an IP address, or a /64 of IPv6, that a switch has shut out of its port for phones.
type ShutSource struct {
	Source     string    `json:"source"` // a prefix: 203.0.113.9/32
	Switch     string    `json:"switch"` // id
	SwitchName string    `json:"switch_name"`
	UDPOnly    bool      `json:"udp_only"` // TCP and TLS are served: over UDP anybody could have sent as that address
	Why        string    `json:"why"`      // what came from there most, in words
	Since      time.Time `json:"since"`
	Until      time.Time `json:"until"`
	Times      int       `json:"times"`   // of late, this time included
	Dropped    uint64    `json:"dropped"` // messages and connections since
}

// Refused is a sign-in of a phone, or a call to the phone network, that a switch refused of late.
type Refused struct {
	At         time.Time `json:"at"`
	Switch     string    `json:"switch"`
	SwitchName string    `json:"switch_name"`
	From       string    `json:"from,omitempty"`    // IP address and port of a sign-in
	Who        string    `json:"who,omitempty"`     // user name as it was given, or who called
	Call       string    `json:"call,omitempty"`    // id
	Dialled    string    `json:"dialled,omitempty"` // phone number
	Words      string    `json:"words"`
}

// Shut is all sources that are shut out, and what was refused of late, the last first.
type Shut struct {
	Items   []ShutSource `json:"items"`
	Refused []Refused    `json:"refused"`
	// Away is the names of switches that did not answer.
	Away []string `json:"away,omitempty"`
	// More is how many sources are not listed.
	More int `json:"more,omitempty"`
}

// ShutSources reads whom the switches shut out.
func (c Client) ShutSources(ctx context.Context) (Shut, error) {
	var s Shut
	err := c.do(ctx, request{method: http.MethodGet, path: "shut-sources"}, &s)
	return s, err
}

// Unblock lets an address in again. NotFound if no switch has shut it out.
func (c Client) Unblock(ctx context.Context, source netip.Addr) error {
	return c.do(ctx, request{method: http.MethodDelete, path: "shut-sources/" + url.PathEscape(source.String())}, nil)
}
