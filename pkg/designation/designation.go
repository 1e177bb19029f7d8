// Package designation is what the cloud hands out when it introduces a caller: the address and key of one node
// (Designation), or everything that an anchor needs to ring a callee (Plan).
//
// Both are JSON. Addresses are "host:port" candidates of the node's link port (default 7443/udp), at most
// MaxAddresses, in the order in which to try them. Fields are only ever added; a reader ignores what it does not know.
//
// Capability 1 (2026-11): desk phones, links.
// Capability 2 (2026-11): apps: Node.Web, Branch.App, Plan.Node.
// Capability 3 (2026-11): fall-backs: Plan.Fallback, Plan.Diverted. A node below it rings, and goes nowhere after that.
// Capability 4 (2026-11): relays of media: Designation.Relay, App.Relay.
// Capability 5 (2026-11): BridgeFace.Addresses and Web.
// Capability 6 (2026-11): queues: Plan.Queue. A node below it rings at once.
// Capability 7 (2026-11): lines to the PSTN: branches of kind Trunk; Party.Trunk. A node below it has no phone to ring.
// Capability 8 (2026-11): Party.Signature, Party.Verstat.
// Capability 9 (2026-11): emergency calls: Plan.Emergency, Branch.Help. A node below it calls as for any phone number.
// Capability 10 (2026-11): Branch.Ranks and Rates. A node below it tries trunks in their own order, and reports no costs.
// Capability 11 (2026-11): queues with members: Queue.Members. A node below it rings all of them for one call at a time.
// Capability 12 (2026-11): what the anchor answers itself: branches of kind Service. A node below it has no phone to ring.
// Capability 13 (2026-11): the service StarCode. A node below it does not know the service.
// Capability 14 (2026-11): Branch.Payer. A node below it has the caller pay, and refuses one from outside.
package designation

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"slices"
	"time"

	"strowger/pkg/tariff"
)

// MaxAddresses is the number of address candidates that a designation may list.
const MaxAddresses = 8

// Party is one end of a call as nodes show and record it; it always comes from the registry, never from the presenter.
type Party struct {
	User   string `json:"user,omitempty"`   // id of the user
	Device string `json:"device,omitempty"` // id of the device that calls, or that answered
	Number string `json:"number"`           // as the other party would dial it: site code + extension, or system number
	Name   string `json:"name,omitempty"`   // display name
	Site   string `json:"site,omitempty"`   // id of the site, if any
	Trunk  string `json:"trunk,omitempty"`  // id of the trunk by which somebody outside calls, whom User and Device leave out
	// Signature of somebody outside: what the switch of the trunk found, "verified A", "no signature", "failed: why"; "" if it does
	// not look. Verstat is the same for phones (3GPP TS 24.229, 7.2A.20).
	Signature string `json:"signature,omitempty"`
	Verstat   string `json:"verstat,omitempty"`
}

// Node is where to reach a node and how to know it.
type Node struct {
	ID        string   `json:"id"`
	Name      string   `json:"name,omitempty"` // for people: ladders and records
	Addresses []string `json:"addresses"`
	KeyHash   string   `json:"key_hash"`       // unpadded base64url SHA-256 of the node key's SubjectPublicKeyInfo
	DTLS      string   `json:"dtls,omitempty"` // fingerprint of the certificate of its WebRTC, "sha-256 AB:CD:..." (RFC 8122, 5)
	Boot      string   `json:"boot,omitempty"`
	// Web is the certificates of its WebTransport, the present one and the next: unpadded base64url SHA-256 of the DER. Apps
	// accept no other (W3C WebTransport, 6.2: serverCertificateHashes). A node without it takes no apps.
	Web []string `json:"web,omitempty"`
}

// Hash is the `ah` claim: SHA-256 over the JSON of [addresses, key hash, DTLS fingerprint], and after them the
// certificates of its WebTransport if it has any; unpadded base64url.
func (n Node) Hash() string {
	known := []any{n.Addresses, n.KeyHash, n.DTLS}
	if len(n.Web) > 0 {
		known = append(known, n.Web)
	}
	b, err := json.Marshal(known)
	if err != nil {
		panic(err) // strings always marshal
	}
	sum := sha256.Sum256(b)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Designation sends the caller's node to the anchor: dial it, show the key.
type Designation struct {
	Node   Node      `json:"node"`
	Leg    string    `json:"leg"` // id of the leg that the key admits: its jti
	Key    string    `json:"key"` // session key, a JWT
	Expiry time.Time `json:"expiry"`
	Relay  *Relay    `json:"relay,omitempty"` // for media of an app, where there is one
}

// Kind says what a branch rings.
type Kind string

// The kinds of devices.
const (
	DeskPhone Kind = "deskphone"
	Mobile    Kind = "mobile"
	Web       Kind = "web"
	Trunk     Kind = "trunk"   // no device: lines to the PSTN
	Service   Kind = "service" // no device: the anchor answers itself
)

// The services of an anchor: Branch.Service.
const (
	Voicemail = "voicemail" // takes a message for User
	Mailbox   = "mailbox"   // lets User hear theirs; without User whoever calls says whose
	StarCode  = "star-code" // does for User what Number says (package starcode): an app dialled it
)

// App is what an anchor needs to wake a device that sleeps, and to know it when it comes.
type App struct {
	Leg    string `json:"leg"`             // id of the leg: the jti of the key
	Key    string `json:"key"`             // session key for the device to show at the anchor, to the end of the ring
	Seal   string `json:"seal"`            // public key that pushes to the device are sealed to (package pushseal)
	Ticket string `json:"ticket"`          // permission to wake it (package waketicket)
	Relay  *Relay `json:"relay,omitempty"` // told when it has come: a push has no room for it
}

// Branch is one device to try. A desk phone is rung by SIP at its registration; it must be homed on the anchor. An app has
// App: it is woken, and comes to the anchor. A call to a phone number has one branch of kind Trunk.
type Branch struct {
	Device string        `json:"device"`
	User   string        `json:"user"`
	Kind   Kind          `json:"kind"`
	Name   string        `json:"name,omitempty"`
	Number string        `json:"number,omitempty"`
	Delay  time.Duration `json:"delay,omitempty"` // after the call reaches the anchor
	App    *App          `json:"app,omitempty"`
	Trunks []string      `json:"trunks,omitempty"` // ids of those of the anchor that may take the call, of which one does; Number is what it calls,
	Shown  string        `json:"shown,omitempty"`  // and the caller's own phone number what it shows, if there is one
	Help   *Help         `json:"help,omitempty"`   // of an emergency call
	// Payer is who forwards a call to Number: judged by the guards, shown, and paying. Nil: who calls does.
	Payer *Party `json:"payer,omitempty"`
	// Ranks of Trunks: the lowest is tried first, those of one rank by their weight. A plan without them leaves it to the anchor.
	Ranks []int `json:"ranks,omitempty"`
	// Rates of the number, by trunk: what the call costs, where that is known.
	Rates map[string]tariff.Rate `json:"rates,omitempty"`
	// Service is what answers, of kind Service; one that the anchor does not know is not rung.
	Service string `json:"service,omitempty"`
}

// RankOf is that of a trunk; own is what counts in a plan without ranks.
func (b Branch) RankOf(trunk string, own int) int {
	if i := slices.Index(b.Trunks, trunk); i >= 0 && i < len(b.Ranks) {
		return b.Ranks[i]
	}
	return own
}

// Plan is all that an anchor needs to own a call: who calls, who is called, and every device to ring.
type Plan struct {
	Call         string        `json:"call"`
	Organization string        `json:"org"`
	From         Party         `json:"from"`
	To           Party         `json:"to"`
	Media        []string      `json:"media"`          // allowed: "audio", "video"
	Priority     int           `json:"prio,omitempty"` // 0 normal, higher is sooner
	Branches     []Branch      `json:"branches"`
	Ring         time.Duration `json:"ring"`                // ring lifetime, default 60 s
	Diversion    []string      `json:"diversion,omitempty"` // numbers that this call was already sent to
	Expiry       time.Time     `json:"expiry"`
	Node         *Node         `json:"node,omitempty"`     // with apps: the anchor as their session keys name it
	Diverted     []Diversion   `json:"diverted,omitempty"` // steps from who was dialled to To
	Fallback     []Fallback    `json:"fallback,omitempty"` // where the call goes from To, at most one for each occasion
	Queue        *Queue        `json:"queue,omitempty"`    // where it waits for To; nil: it rings at once
	// Emergency says that To is the police, a fire brigade or an ambulance: no rule, limit or guard holds the call up.
	Emergency bool `json:"emergency,omitempty"`
}
