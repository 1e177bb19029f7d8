package rest

import (
	"time"

	"strowger/pkg/guard"
)

// Trunk is a line to a phone company, at one switch.
type Trunk struct {
	Meta
	Organization string `json:"organization" readOnly:"true"`
	Name         string `json:"name" minLength:"1" maxLength:"100"`
	// Switch is the one that speaks to the phone company.
	Switch  string `json:"switch"`
	Enabled bool   `json:"enabled"`
	// Order in which the trunks of a switch are tried, the lowest first, 0 to 99; those of one order by chance, in proportion to
	// their Weight, 1 to 100.
	Order  int `json:"order" minimum:"0" maximum:"99"`
	Weight int `json:"weight" minimum:"1" maximum:"100"`
	// Servers of the phone company: "host" or "host:port", 1 to 8, in the order in which they are tried. Calls from their
	// addresses are the company's.
	Servers []string `json:"servers" minItems:"1" maxItems:"8"`
	// Number is shown to who is called by a user without a phone number of their own: "+4930123456".
	Number string `json:"number,omitempty" pattern:"^\\+[1-9][0-9]{1,14}$"`
	// CallerID is where the phone company looks for the caller: "from", or "pai": then From names the trunk, and
	// P-Asserted-Identity the caller.
	CallerID string `json:"caller_id" enum:"from,pai"`
	// Username with which the switch answers a challenge of the phone company; empty: it does not.
	Username string `json:"username,omitempty" maxLength:"100"`
	// Password goes with it. It is never shown.
	Password string `json:"password,omitempty" maxLength:"128"`
	// Guard is how much may be called by this trunk; absent: as ever.
	Guard *guard.Policy `json:"guard,omitempty"`
	// Register has the switch register at each of the servers with Username and Password; calls to it are the company's then,
	// wherever they come from.
	Register bool `json:"register"`
	// Domain of the phone company, in the addresses of the account and of who is called; empty: as the server is called.
	Domain string `json:"domain,omitempty" maxLength:"253"`
	// ProbeSeconds is how often each server is asked whether it is there (OPTIONS), 5 to 3600; 0: never.
	ProbeSeconds int `json:"probe_seconds" minimum:"0" maximum:"3600"`
	// Channels is how many calls it carries at once, both ways; 0: any number. An emergency call that finds all taken has an
	// ordinary one ended.
	Channels int `json:"channels" minimum:"0" maximum:"10000"`
	TrunkWay
	// Status is how the switch gets on with the servers, as its last report says.
	Status []TrunkServer `json:"status,omitempty" readOnly:"true"`
}

// TrunkWay is how the switch and the phone company speak to each other.
type TrunkWay struct {
	// Transport by which the servers are reached: "udp", "tcp" or "tls".
	Transport string `json:"transport" enum:"udp,tcp,tls"`
	// TLSCA is the certificates (PEM) that those of the servers must be signed by; empty: the ones that the system of the switch trusts.
	TLSCA string `json:"tls_ca,omitempty" maxLength:"16384"`
	// Codecs that the company is offered, and that are taken of what it offers, in this order: "PCMA", "G722". None: what the caller
	// offers, in the caller's order.
	Codecs []string `json:"codecs,omitempty" maxItems:"8"`
	// DTMF is how keys reach the company and come from there: "rfc4733", as telephone events beside the speech, "info", each in a
	// SIP INFO, or "inband", as tones in the speech, which has to be G.711 then. Callers and callees have telephone events any way.
	DTMF string `json:"dtmf" enum:"rfc4733,info,inband"`
	// SRTP is "off", or "required": speech is encrypted with keys in SDP (RFC 4568), and calls without are refused. It wants the
	// transport "tls": whoever reads the keys hears the speech.
	SRTP string `json:"srtp" enum:"off,required"`
}

// TrunkServer is how a switch gets on with one server of a trunk.
type TrunkServer struct {
	Server string `json:"server"`
	// Registration is "trying", "registered", "refused" or "unreachable"; empty: the trunk needs none.
	Registration string     `json:"registration,omitempty"`
	Since        *time.Time `json:"since,omitempty"`    // when it became so
	Until        *time.Time `json:"until,omitempty"`    // how long what was granted holds, or held
	Retry        *time.Time `json:"retry_at,omitempty"` // when it is tried again after a failure
	Code         int        `json:"code,omitempty"`     // SIP status of the failure
	Words        string     `json:"words,omitempty"`
	// Health is "up" or "down", as the last OPTIONS showed; empty: not known yet, or nobody asks.
	Health      string     `json:"health,omitempty"`
	HealthSince *time.Time `json:"health_since,omitempty"`
	HealthCode  int        `json:"health_code,omitempty"` // SIP status of what it is down for; 0: it does not answer
	HealthWords string     `json:"health_words,omitempty"`
}

// NewTrunk returns a trunk with the defaults that the API gives to what a request leaves out.
func NewTrunk(name string) Trunk {
	return Trunk{Name: name, Enabled: true, Weight: 1, CallerID: "from", ProbeSeconds: 30, TrunkWay: TrunkWay{Transport: "udp", DTMF: "rfc4733", SRTP: "off"}}
}
