// Package sitecopy is the signed documents that let a switch go on without the cloud: its own site copy, one peer
// document per other site, and revocations.
//
// Each is a JWT of at most MaxSize bytes (package token: EdDSA, typ, kid) signed by the organization's copy key. Common
// claims: v (format, 1), org, id (site or statement), version (a lower one than held is refused), issued, expires (Unix
// seconds), crit (names of features that a reader must know, else "upgrade needed"). A node knows the copy keys from its
// enrolment and from the key set in its newest copy.
//
// A phone with its user, its extension and its credentials takes about 900 bytes of a copy, so a site has at most some
// 70,000 phones. Documents travel in pieces (package fabric, CopyRequest); readers before CapPieces there took 4 MiB, about
// 4,600 phones.
//
// Opening a document does not judge its age: an expired copy stops only calls between sites without the cloud
// (Head.Expired), and a switch that starts with a wrong clock must still serve its office.
//
// The credentials of a switch's phones travel sealed to its node key: HPKE (RFC 9180, base mode, DHKEM(P-256,
// HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305), info "strowger site-copy secrets 1", additional data "org|site|switch",
// unpadded base64url of the encapsulated key and the ciphertext.
//
// Capability 1 (2026-11). 2 (2026-11): numbers of revocations leave gaps, which previous explains. 3 (2026-11): bridges.
// 4 (2026-11): trunks. 5 (2026-11): emergency numbers, location. 6 (2026-11): guards; a switch below it has none.
// 7 (2026-11): queues; a switch below it does not know who has their numbers. 8 (2026-11): wishes, schedules, groups, names, parking; a switch below it knows
// of forwards only those on an occasion. 9 (2026-11): mailboxes; a switch below it takes no messages.
// 10 (2026-11): keys as tones to phone companies; a switch below it sends such a company telephone events.
// 11 (2026-11): SRTP and certificates of desk phones; a switch below it encrypts no phone's audio, and wants a password of each.
// 12 (2026-11): switches of groups; a switch below it picks up, and pages, its own phones only.
// 13 (2026-11): where messages are sent, and the secrets of webhooks; a switch below it keeps them.
// 14 (2026-11): phones behind NATs; a switch below it asks none.
// 15 (2026-11): media directly between two phones; below it they pass the switch.
package sitecopy

import (
	"slices"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/guard"
	"strowger/pkg/mailbox"
	"strowger/pkg/route"
	"strowger/pkg/schedule"
	"strowger/pkg/tariff"
	"strowger/pkg/wish"
)

// Types of documents: the JWT header `typ`.
const (
	TypeCopy       = "site-copy+jwt"
	TypePeer       = "peer-document+jwt"
	TypeRevocation = "revocation+jwt"
)

// Lifetime is how long a document authorizes calls between sites without the cloud.
const Lifetime = 24 * time.Hour

// Head is what every document begins with.
type Head struct {
	V       int      `json:"v"`
	Org     string   `json:"org"`
	ID      string   `json:"id"`
	Version uint64   `json:"version"`
	Issued  int64    `json:"issued"`  // Unix seconds
	Expires int64    `json:"expires"` // Unix seconds
	Crit    []string `json:"crit,omitempty"`
}

// KeySet is Ed25519 public keys by kid, unpadded base64url.
type KeySet map[string]string

// Copy is all that the switches of one site need to go on without the cloud.
type Copy struct {
	Head
	OrgName     string     `json:"org_name"`
	SiteName    string     `json:"site_name"`
	SiteCode    string     `json:"site_code"`
	SessionKeys KeySet     `json:"session_keys"` // sign session keys
	CopyKeys    KeySet     `json:"copy_keys"`    // sign these documents
	Switches    []Switch   `json:"switches"`     // of this site
	Users       []User     `json:"users"`
	Devices     []Device   `json:"devices"`
	Numbers     []Number   `json:"numbers"`          // of this site, and the organization's that point to users homed here
	Sites       []SiteCode `json:"sites"`            // every site of the organization: whose peer documents to fetch
	Trunks      []Trunk    `json:"trunks,omitempty"` // that are enabled, of these switches
	Queues      []Queue    `json:"queues,omitempty"` // of these switches, and of the numbers of this site
	Leaving
	Wishing
	Emergency []string      `json:"emergency,omitempty"` // numbers besides those of the country
	Location  string        `json:"location,omitempty"`  // for who takes an emergency call
	Bridges   []Bridge      `json:"bridges,omitempty"`   // of the organization: each switch keeps a connection to every one
	Ring      time.Duration `json:"ring"`
	// Secrets holds, by switch id, the credentials of the devices homed on that switch: HPKE-sealed to the switch's
	// node key, JSON of []Credential. See Seal.
	Secrets map[string]string `json:"secrets"`
}

// Switch is a node of a site.
type Switch struct {
	designation.Node
	SigningKey string `json:"signing_key,omitempty"` // Ed25519, base64url: signs session keys when the cloud is gone
}

// Trunk is a line to a phone company.
type Trunk struct {
	ID      string   `json:"id"`
	Name    string   `json:"name"`
	Switch  string   `json:"switch"`
	Servers []string `json:"servers"`          // "host" or "host:port"
	Order   int      `json:"order,omitempty"`  // the lowest is tried first,
	Weight  int      `json:"weight,omitempty"` // those of one order in proportion to it
	PAI     bool     `json:"pai,omitempty"`    // From names the trunk, P-Asserted-Identity the caller
	User    string   `json:"user,omitempty"`   // that answers challenges; the password is among the secrets
	Number  string   `json:"number,omitempty"` // shown to who is called by a user without one
	// Rates of calls by it: all of them, or of a long table the dearest of numbers that begin alike.
	Rates []tariff.Rate `json:"rates,omitempty"`
	// Channels is how many calls it carries at once, 0 for any number.
	Channels int `json:"channels,omitempty"`
	// How the switch speaks to the phone company.
	Register  bool   `json:"register,omitempty"`  // as User, at each of the servers
	Domain    string `json:"domain,omitempty"`    // of the company in From and Request-URI; empty: the server's name, and the switch's
	Transport string `json:"transport,omitempty"` // "tcp" or "tls"; else UDP
	TLSCA     string `json:"tls_ca,omitempty"`    // of the certificates of the servers, PEM; empty: those that the system trusts
	// Probe is how often the servers are asked whether they are there; 0: never.
	Probe  time.Duration `json:"probe,omitempty"`
	Speech Speech        `json:"speech,omitzero"`
}

// Speech is how a switch and a phone company hear each other.
type Speech struct {
	Codecs []string `json:"codecs,omitempty"` // names of those that may be used, the preferred first; none: all
	Info   bool     `json:"info,omitempty"`   // keys go and come by SIP INFO
	Tones  bool     `json:"tones,omitempty"`  // keys go and come as tones in the speech
	SRTP   bool     `json:"srtp,omitempty"`   // speech is encrypted, with keys in SDP
}

// Leaving is what the organization says of calls to the phone network.
type Leaving struct {
	Country  string `json:"country,omitempty"` // how phone numbers are dialled here: see package e164
	Outside  string `json:"outside,omitempty"`
	TimeZone string `json:"time_zone,omitempty"` // by which clocks the site goes: of e164.Zone, with Country

	Routes []route.Route `json:"routes,omitempty"` // which trunks take the calls to some numbers
	Guards Guards        `json:"guards,omitzero"`  // against toll fraud
}

// Guards is what administrators say of calls to the phone network: only where it differs from package guard.
type Guards struct {
	Organization *guard.Policy            `json:"organization,omitempty"`
	Users        map[string]*guard.Policy `json:"users,omitempty"`    // by id
	Trunks       map[string]*guard.Policy `json:"trunks,omitempty"`   // by id
	Switches     []string                 `json:"switches,omitempty"` // ids of those with trunks, in their order: each has a share of the limits of a user
}

// Wishing is what users and the organization wish of calls, beside what stands with each user, queue and number.
type Wishing struct {
	Schedules []schedule.Schedule `json:"schedules,omitempty"`  // of the organization
	Groups    []Group             `json:"groups,omitempty"`     // of the organization
	Names     map[string]string   `json:"names,omitempty"`      // of phone numbers outside: what their calls show
	SpeedDial map[string]string   `json:"speed_dial,omitempty"` // of the organization: numbers by two digits; those of a user come first
	Lamps     string              `json:"lamps,omitempty"`      // "private": see User.Wishes.Lamp; "": public
	Park      Park                `json:"park,omitzero"`
	Network   Network             `json:"network,omitzero"`
}

// Network is how a site's phones are reached.
type Network struct {
	KeepAlive time.Duration `json:"keep_alive,omitempty"` // how often phones on UDP behind a NAT are asked something; 0: never
	Direct    bool          `json:"direct,omitempty"`     // two phones of one switch that reach each other may exchange media directly
}

// Park is where a site parks calls: in slots 1 to Slots, until they come back to who parked them.
type Park struct {
	Slots  int           `json:"slots,omitempty"` // 0: none
	Return time.Duration `json:"return,omitempty"`
}

// Group is users who pick up each other's calls ("pickup"), or who are paged together ("paging").
type Group struct {
	ID      string   `json:"id"`
	Name    string   `json:"name"`
	Kind    string   `json:"kind"`
	Code    string   `json:"code,omitempty"`   // by which it is dialled after a star code
	Members []string `json:"members"`          // ids of users whose calls are picked up, or who are paged
	Others  []string `json:"others,omitempty"` // of those who may do so too
	// Switches is where the members live: ids, the first member's first.
	Switches []string `json:"switches,omitempty"`
}

// May says whether a user may pick up the calls of a group, or page it.
func (g Group) May(user string) bool {
	return slices.Contains(g.Members, user) || slices.Contains(g.Others, user)
}

// Bridge is a bridge to phones that sleep.
type Bridge struct {
	designation.Node        // the addresses are those that switches dial
	URL              string `json:"url,omitempty"` // where apps and browsers reach it: the origin of its pages
}

// User is a person or a service that numbers point to.
type User struct {
	ID         string  `json:"id"`
	Name       string  `json:"name"`
	Enabled    bool    `json:"enabled"`
	Calling    string  `json:"calling"` // class of service: "none", "internal", "national" or "international"
	HomeSwitch string  `json:"home_switch,omitempty"`
	Policy     *Policy `json:"policy,omitempty"` // nil: the defaults
	// Wishes is what the user wishes of calls, nil for nothing. Of its forwards those on an occasion are in Policy.Fallback too.
	Wishes *wish.Wishes `json:"wishes,omitempty"`
	// Voicemail is their mailbox, at the home switch; nil: they have none.
	Voicemail *mailbox.Settings `json:"voicemail,omitempty"`
}

// Queue is several users whom a number leads to.
type Queue struct {
	ID      string           `json:"id"`
	Name    string           `json:"name"`
	Enabled bool             `json:"enabled"`
	Switch  string           `json:"switch"`
	Members []string         `json:"members"` // ids of users, of whom those are listed who have a phone here
	Ring    designation.Hunt `json:"ring"`
	Step    time.Duration    `json:"step,omitempty"`
	Policy  *Policy          `json:"policy,omitempty"`
	Hours   *wish.Hours      `json:"hours,omitempty"` // nil: always
}

// Policy is what becomes of calls to a user, and the priority of the user's own.
type Policy struct {
	Ring     time.Duration                   `json:"ring,omitempty"` // 0: as long as the organization's
	Priority int                             `json:"prio,omitempty"`
	DND      bool                            `json:"dnd,omitempty"`
	Words    string                          `json:"words,omitempty"`    // why
	Except   int                             `json:"except,omitempty"`   // least priority that rings all the same; 0: none
	Fallback map[designation.Occasion]string `json:"fallback,omitempty"` // numbers, as the user dials them
	Queue    *designation.Queue              `json:"queue,omitempty"`    // where calls wait for the user, whose id Line leaves out
}

// Device is a phone of a user.
type Device struct {
	ID       string           `json:"id"`
	User     string           `json:"user"`
	Kind     designation.Kind `json:"kind"`
	Name     string           `json:"name"`
	Username string           `json:"username,omitempty"` // SIP user of a desk phone, unique in the organization
	Switch   string           `json:"switch,omitempty"`   // home switch
	Enabled  bool             `json:"enabled"`
	Delay    time.Duration    `json:"delay,omitempty"` // before it rings; below 0: never
	Security
}

// Security is how a desk phone shows who it is, and how its audio is encrypted.
type Security struct {
	SRTP        string `json:"srtp,omitempty"`        // "required" or "off"; "": where the phone can
	Certificate string `json:"certificate,omitempty"` // name in the client certificate that the phone shows, in lower case; "": it has none
	SignIn      string `json:"sign_in,omitempty"`     // with Certificate: what it must show: "certificate" or "both" it and the password; "": either
}

// Number is something dialled. With a site it is an extension of that site, else a number of the organization.
type Number struct {
	ID     string `json:"id"`
	Site   string `json:"site,omitempty"`
	Digits string `json:"digits"`
	User   string `json:"user"` // whom it leads to: id of a user or a queue
	// Queue is where calls to the number wait, without Line; of Length 0: nowhere; nil: where the user's do.
	Queue *designation.Queue `json:"queue,omitempty"`
	Hours *wish.Hours        `json:"hours,omitempty"` // of the number, nil: always
}

// SiteCode is how a site is dialled.
type SiteCode struct {
	Site string `json:"site"`
	Code string `json:"code"`
}

// Credential is one device's digest secrets (RFC 8760): H(username:realm:password) in lower-case hex, realm = organization id.
type Credential struct {
	Device string `json:"device"`
	MD5    string `json:"md5"`
	SHA256 string `json:"sha256"`
	// Of a trunk, and nothing else: the password that the switch shows to the phone company.
	Trunk    string `json:"trunk,omitempty"`
	Password string `json:"password,omitempty"`
	// Of the mailbox of a user, and nothing else: its PIN, hashed (package mailbox), is Password.
	Mailbox string `json:"mailbox,omitempty"`
	// Webhook signs what is posted to its webhook (package mailbox).
	Webhook string `json:"webhook,omitempty"`
}

// Peer is what the switches of other sites need to call this site without the cloud.
type Peer struct {
	Head
	SiteName string   `json:"site_name"`
	SiteCode string   `json:"site_code"`
	Switches []Switch `json:"switches"`
	// Homes maps extension to home switch id when the site has more than one switch; absent means the first.
	Homes map[string]string `json:"homes,omitempty"`
	Lines []string          `json:"lines,omitempty"` // ids of the switches that have trunks: for emergency calls
}

// Revocation takes trust from a node or a device for good.
type Revocation struct {
	Head
	Node   string `json:"node,omitempty"`
	Device string `json:"device,omitempty"`
	Reason string `json:"reason,omitempty"`
	// Previous is the number of the statement before, 0 before the first; absent, numbers follow each other.
	Previous *uint64 `json:"previous,omitempty"`
}
