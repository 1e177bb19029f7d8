package rest

import (
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/guard"
	"strowger/pkg/ledger"
	"strowger/pkg/pushtarget"
	"strowger/pkg/tariff"
	"strowger/pkg/wish"
)

// Meta is what every registry object has. Version counts edits and is the object's ETag.
type Meta struct {
	ID        string    `json:"id" readOnly:"true"`
	Version   int64     `json:"version" readOnly:"true"`
	CreatedAt time.Time `json:"created_at" readOnly:"true"`
	UpdatedAt time.Time `json:"updated_at" readOnly:"true"`
}

// Organization is a tenant.
type Organization struct {
	Meta
	Name    string `json:"name" minLength:"1" maxLength:"100"`
	Enabled bool   `json:"enabled"`
	// RingSeconds is how long a call rings before no answer, 5 to 300; default 60.
	RingSeconds int `json:"ring_seconds" minimum:"5" maximum:"300"`
	// AlertURL is where alerts are posted as JSON (Alert), http or https; empty: nowhere.
	AlertURL string `json:"alert_url,omitempty" maxLength:"500"`
	// Lamps is "private" where users see who else is on the phone only if that user says so, or they may pick up their calls; empty:
	// everybody sees everybody who does not say otherwise.
	Lamps string `json:"lamps,omitempty" enum:",private"`
	// Guard is what may be called in the phone network; absent: as ever.
	Guard *guard.Policy `json:"guard,omitempty"`
}

// Site is an office. Its code is what other sites dial before an extension.
type Site struct {
	Meta
	Organization string `json:"organization" readOnly:"true"`
	Name         string `json:"name" minLength:"1" maxLength:"100"`
	Code         string `json:"code" pattern:"^[0-9]{1,6}$"`
	// Country is whose phone numbers are dialled here (ISO 3166-1, "DE"); empty: none are.
	Country string `json:"country,omitempty" pattern:"^[A-Z]{2}$"`
	// Outside is what is dialled before a phone number, to get a line; empty: nothing.
	Outside string `json:"outside,omitempty" pattern:"^[0-9*#]{1,3}$"`
	// TimeZone is by which clocks the office goes (IANA, "Europe/Berlin"); empty: those of the country, or UTC if it has several.
	TimeZone string `json:"time_zone,omitempty" maxLength:"60"`
	// ParkSlots is how many calls may be parked here, at 01 and up to 99; 0: 20; -1: none.
	ParkSlots int `json:"park_slots" minimum:"-1" maximum:"99"`
	// ParkSeconds is after what time a parked call comes back to who parked it, 10 to 3600; 0: 120.
	ParkSeconds int `json:"park_seconds" minimum:"0" maximum:"3600"`
	// KeepAliveSeconds is how often phones on UDP behind a NAT are asked something, so that the NAT remembers them, 10 to 300; 0: 25; -1: never.
	KeepAliveSeconds int `json:"keep_alive_seconds" minimum:"-1" maximum:"300"`
	// DirectMedia has two desk phones of one switch that reach each other exchange their audio directly while they only talk; else it passes the
	// switch, always.
	DirectMedia bool `json:"direct_media"`
	// Emergency is the emergency numbers of this office, besides those of its country, which are always there.
	Emergency []string `json:"emergency,omitempty" maxItems:"10"`
	// Location is told to who takes an emergency call from here: "Hauptstrasse 1, 10115 Berlin, 3rd floor".
	Location string `json:"location,omitempty" maxLength:"300"`
	// EmergencyContacts is whom alerts of emergency calls name: ids, numbers or names of users, whose apps are told, and others, for who
	// gets the alerts to tell.
	EmergencyContacts []string `json:"emergency_contacts,omitempty" maxItems:"10"`
	// AlertURL is where alerts of this office are posted as JSON; empty: that of the organization.
	AlertURL string `json:"alert_url,omitempty" maxLength:"500"`
}

// NoPark is the ParkSlots of a site where no calls are parked.
const NoPark = -1

// NoKeepAlive is the KeepAliveSeconds of a site that asks no phone.
const NoKeepAlive = -1

// Switch is the edge node of a site.
type Switch struct {
	Meta
	Organization string `json:"organization" readOnly:"true"`
	Site         string `json:"site"` // id
	Name         string `json:"name" minLength:"1" maxLength:"100"`
	Pool         bool   `json:"pool"`
	// State is "new" (not enrolled), "enrolled" or "revoked".
	State     string     `json:"state" readOnly:"true"`
	KeyHash   string     `json:"key_hash,omitempty" readOnly:"true"`
	NotAfter  *time.Time `json:"certificate_expires_at,omitempty" readOnly:"true"`
	Live      bool       `json:"live" readOnly:"true"`
	SeenAt    *time.Time `json:"seen_at,omitempty" readOnly:"true"`
	Addresses []string   `json:"addresses,omitempty" readOnly:"true"`
	// SIP is where desk phones register: "host:port;transport=udp", as the node's lease says.
	SIP      []string `json:"sip,omitempty" readOnly:"true"`
	Software string   `json:"software,omitempty" readOnly:"true"`
	// Copy is the version of the site copy that the switch holds, CopyError why it could not take the newest documents.
	Copy      uint64 `json:"copy,omitempty" readOnly:"true"`
	CopyError string `json:"copy_error,omitempty" readOnly:"true"`
	// DiskError is why the switch cannot keep call events and registrations on its disk.
	DiskError string `json:"disk_error,omitempty" readOnly:"true"`
}

// Bridge is a node that wakes apps.
type Bridge struct {
	Meta
	Organization string `json:"organization" readOnly:"true"`
	Name         string `json:"name" minLength:"1" maxLength:"100"`
	// State is "new" (not enrolled), "enrolled" or "revoked".
	State     string     `json:"state" readOnly:"true"`
	KeyHash   string     `json:"key_hash,omitempty" readOnly:"true"`
	NotAfter  *time.Time `json:"certificate_expires_at,omitempty" readOnly:"true"`
	Live      bool       `json:"live" readOnly:"true"`
	SeenAt    *time.Time `json:"seen_at,omitempty" readOnly:"true"`
	LiveUntil *time.Time `json:"live_until,omitempty" readOnly:"true"` // unless it reports again
	Software  string     `json:"software,omitempty" readOnly:"true"`
	// Addresses is where switches dial it, URL where apps and browsers reach it. WebKeyHash is of the key that it shows there:
	// apps pin it; empty if its certificate is one that they trust anyway.
	Addresses  []string `json:"addresses,omitempty" readOnly:"true"`
	URL        string   `json:"url,omitempty" readOnly:"true"`
	WebKeyHash string   `json:"web_key_hash,omitempty" readOnly:"true"`
}

// User is a person or a service that numbers point to.
type User struct {
	Meta
	Organization string `json:"organization" readOnly:"true"`
	Name         string `json:"name" minLength:"1" maxLength:"100"`
	Enabled      bool   `json:"enabled"`
	// Calling is the class of service: "none" (only receives), "internal" (may call the organization's numbers), "national" (and
	// phone numbers of the country of the site) or "international" (and all others).
	Calling string `json:"calling" enum:"none,internal,national,international"`
	// HomeSwitch set by an admin wins over the switch of the first desk phone.
	HomeSwitch string `json:"home_switch,omitempty"`
	// Guard is what this user may call in the phone network, where it differs from the organization's.
	Guard *guard.Policy `json:"guard,omitempty"`
	// Voicemail is the mailbox of the user, at their home switch; absent: they have none.
	Voicemail *Voicemail `json:"voicemail,omitempty"`
	Policy
	wish.Wishes
}

// Policy is what becomes of calls to a user, and what is special about the user's own.
type Policy struct {
	// RingSeconds is how long the user's devices ring, 5 to 300; 0: as long as the organization's.
	RingSeconds int `json:"ring_seconds" minimum:"0" maximum:"300"`
	// Priority of the user's own calls, 0 (normal) to 9.
	Priority int `json:"priority" minimum:"0" maximum:"9"`
	// DND refuses calls to the user: do not disturb.
	DND bool `json:"dnd"`
	// DNDWords is what callers are told then.
	DNDWords string `json:"dnd_words,omitempty" maxLength:"100"`
	// DNDPriority is the least priority of calls that ring all the same; 0: none do.
	DNDPriority int `json:"dnd_priority" minimum:"0" maximum:"9"`
	// The fall-backs are numbers, as the user would dial them, to which a call goes that nobody answered, that found the user
	// busy, that was not to disturb, or that found no device that could ring. Empty: the call ends.
	FallbackNoAnswer    string `json:"fallback_no_answer,omitempty" pattern:"^[0-9*#+]{1,38}$"`
	FallbackBusy        string `json:"fallback_busy,omitempty" pattern:"^[0-9*#+]{1,38}$"`
	FallbackDND         string `json:"fallback_dnd,omitempty" pattern:"^[0-9*#+]{1,38}$"`
	FallbackUnreachable string `json:"fallback_unreachable,omitempty" pattern:"^[0-9*#+]{1,38}$"`
	// QueueLength is how many calls may wait while the user is on the phone, 0 (none: they find the user busy) to 1000.
	QueueLength int `json:"queue_length" minimum:"0" maximum:"1000"`
	// QueueSeconds is how long a call may wait, 10 to 7200; 0: 600.
	QueueSeconds int `json:"queue_seconds" minimum:"0" maximum:"7200"`
	// QueueLanguage is what callers who wait are told in; empty: the language of the switch.
	QueueLanguage string `json:"queue_language,omitempty" pattern:"^(en|zh)?$"`
	// The fall-backs of calls that find too many waiting, and of those that waited too long; empty: that of a busy user.
	FallbackQueueFull string `json:"fallback_queue_full,omitempty" pattern:"^[0-9*#+]{1,38}$"`
	FallbackQueueTime string `json:"fallback_queue_time,omitempty" pattern:"^[0-9*#+]{1,38}$"`
}

// Device is a phone of a user.
type Device struct {
	Meta
	Organization string           `json:"organization" readOnly:"true"`
	User         string           `json:"user"`
	Kind         designation.Kind `json:"kind" enum:"deskphone,mobile,web"`
	Name         string           `json:"name" minLength:"1" maxLength:"100"`
	// Switch is the home switch of a desk phone.
	Switch string `json:"switch,omitempty"`
	// Username is the SIP user of a desk phone, unique in the organization.
	Username string `json:"username,omitempty" pattern:"^[A-Za-z0-9._-]{1,64}$"`
	Enabled  bool   `json:"enabled"`
	// DelaySeconds is waited before the device rings, 0 to 60; NeverRings: it does not ring, but may call.
	DelaySeconds int `json:"delay_seconds" minimum:"-1" maximum:"60"`
	// Password of a desk phone: given by the admin or, when left out, made by the cloud and returned once, on create or
	// on change. Only digests are stored.
	Password   string `json:"password,omitempty"`
	Registered bool   `json:"registered" readOnly:"true"`
	// Reachable: a desk phone that is registered, or an app that has enrolled and to which pushes go. Unreachable is why they
	// go nowhere.
	Reachable   bool   `json:"reachable" readOnly:"true"`
	Unreachable string `json:"unreachable,omitempty" readOnly:"true"`
	// Awake: an app that has a channel to a bridge, by which calls come without a push.
	Awake bool `json:"awake" readOnly:"true"`
	// EnrolledAt is when an app enrolled last, with the signing key of that thumbprint.
	EnrolledAt *time.Time   `json:"enrolled_at,omitempty" readOnly:"true"`
	Thumbprint string       `json:"key_thumbprint,omitempty" readOnly:"true"`
	Platform   string       `json:"platform,omitempty" readOnly:"true"` // in the words of the app
	Push       []PushTarget `json:"push,omitempty" readOnly:"true"`
	PhoneSecurity
	SealKey string `json:"-"` // public, and too long to be of use to people
}

// NeverRings is the DelaySeconds of a device that does not ring.
const NeverRings = -1

// PushTarget is where pushes to an app go, without the token.
type PushTarget struct {
	Provider  pushtarget.Provider `json:"provider"`
	App       string              `json:"app"`
	UpdatedAt time.Time           `json:"updated_at"`
}

// Number is what can be dialled. With a site it is an extension of that site (dialled as it is within the site, and
// after the site code from elsewhere), else a system number of the organization.
type Number struct {
	Meta
	Organization string `json:"organization" readOnly:"true"`
	Site         string `json:"site,omitempty"`
	Digits       string `json:"digits" pattern:"^[0-9*#+]{1,32}$"`
	// Dial is what the whole organization dials: site code + digits, or the digits of a system number.
	Dial string `json:"dial" readOnly:"true"`
	// User or Queue is whom it leads to, the other is empty.
	User  string `json:"user,omitempty"`
	Queue string `json:"queue,omitempty"`
	// QueueLength is how many calls may wait for the user when this number was dialled, 1 to 1000; 0: as the user has it; -1: none.
	QueueLength int `json:"queue_length" minimum:"-1" maximum:"1000"`
	// QueueSeconds is how long such a call may wait, 10 to 7200; 0: 600.
	QueueSeconds int `json:"queue_seconds" minimum:"0" maximum:"7200"`
	// Hours are those of the number, whatever its user wishes.
	wish.Hours
}

// NeverWaits is the QueueLength of a number whose callers find the user busy.
const NeverWaits = -1

// APIKey lets a program or an admin use the API. Secret is shown once, on create.
type APIKey struct {
	Meta
	// Organization limits the key to one organization; empty is the whole installation.
	Organization string `json:"organization,omitempty"`
	Name         string `json:"name" minLength:"1" maxLength:"100"`
	// Role is "admin" or "reader".
	Role   string     `json:"role" enum:"admin,reader"`
	UsedAt *time.Time `json:"used_at,omitempty" readOnly:"true"`
	Secret string     `json:"secret,omitempty" readOnly:"true"`
}

// EnrolmentCode lets one switch, bridge or app enrol once. Code is shown only here.
type EnrolmentCode struct {
	Switch    string    `json:"switch,omitempty"` // id: one of the three
	Bridge    string    `json:"bridge,omitempty"`
	Device    string    `json:"device,omitempty"`
	Code      string    `json:"code"`
	Link      string    `json:"link,omitempty"` // for an app: has the code, and where the cloud is
	ExpiresAt time.Time `json:"expires_at"`
}

// Call is a call record, made from the call ledger.
type Call struct {
	ID           string             `json:"id"`
	Organization string             `json:"organization"`
	State        string             `json:"state"` // "setup", "ringing", "answered", "ended"
	From         designation.Party  `json:"from"`
	To           designation.Party  `json:"to"`
	Member       *designation.Party `json:"member,omitempty"` // of the queue that was called, who answered
	Dialled      string             `json:"dialled"`
	Anchor       string             `json:"anchor,omitempty"` // node id
	Offline      bool               `json:"offline"`
	StartedAt    time.Time          `json:"started_at"`
	RingingAt    *time.Time         `json:"ringing_at,omitempty"`
	AnsweredAt   *time.Time         `json:"answered_at,omitempty"`
	EndedAt      *time.Time         `json:"ended_at,omitempty"`
	Seconds      float64            `json:"seconds"`            // from answer to end
	EndedBy      string             `json:"ended_by,omitempty"` // "caller", "callee", "system"
	Cause        *ledger.Cause      `json:"cause,omitempty"`
	Codec        string             `json:"codec,omitempty"`
	Diversions   []CallDiversion    `json:"diversions,omitempty"` // in their order
	Line         *CallLine          `json:"line,omitempty"`       // of a call that a trunk was asked to take
	CallDetail
}

// CallDetail is only in a single record.
type CallDetail struct {
	Legs   []CallLeg          `json:"legs,omitempty"`
	Ladder []ledger.NodeEvent `json:"ladder,omitempty"`
}

// CallLine is the trunk by which a call left, or the last one that did not take it, and what it costs once it is over.
type CallLine struct {
	Trunk  string `json:"trunk"`         // id
	Name   string `json:"name"`          // of the trunk, as it was then
	Number string `json:"number"`        // as it was sent
	SIP    int    `json:"sip,omitempty"` // what the phone company answered
	// Rate of the number when the company answered, if it was known; Seconds that are paid, and Cost of them in millionths of the
	// currency.
	Rate    *tariff.Rate `json:"rate,omitempty"`
	Seconds int64        `json:"billed_seconds,omitempty"`
	Cost    int64        `json:"cost,omitempty"`
	Payer   string       `json:"payer,omitempty"` // id of the user who forwarded the call there; empty: who called pays
}

// CallDiversion is one step of a call away from who was called, to a fall-back.
type CallDiversion struct {
	At    time.Time         `json:"at"`
	From  string            `json:"from"` // number
	To    designation.Party `json:"to"`
	Cause *ledger.Cause     `json:"cause,omitempty"` // why
}

// CallLeg is one leg of a call record.
type CallLeg struct {
	Leg     string                 `json:"leg"`
	Node    string                 `json:"node"`
	Device  string                 `json:"device,omitempty"`
	Codec   string                 `json:"codec,omitempty"`
	Local   string                 `json:"local,omitempty"`
	Remote  string                 `json:"remote,omitempty"`
	Cause   *ledger.Cause          `json:"cause,omitempty"`
	Silent  string                 `json:"silent,omitempty"` // no audio came from it after the answer: whose, in words
	Quality *ledger.QualityFigures `json:"quality,omitempty"`
}

// NewOrganization returns an organization with the defaults that the API gives to what a request leaves out.
func NewOrganization(name string) Organization {
	return Organization{Name: name, Enabled: true, RingSeconds: 60}
}

// NewUser returns a user with the defaults that the API gives to what a request leaves out.
func NewUser(name string) User { return User{Name: name, Enabled: true, Calling: "internal"} }

// NewDevice returns a desk phone of a user with the defaults that the API gives to what a request leaves out.
func NewDevice(user, name string) Device {
	return Device{User: user, Kind: designation.DeskPhone, Name: name, Enabled: true}
}

// NewAPIKey returns a key with the defaults that the API gives to what a request leaves out.
func NewAPIKey(name string) APIKey { return APIKey{Name: name, Role: "reader"} }
