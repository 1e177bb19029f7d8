package fabric

import (
	"encoding/json"
	"slices"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/ledger"
	"strowger/pkg/sitecopy"
)

// Capability is the newest capability number that this release speaks; every request carries it.
//
// 1 (2026-11): lease, copy, peer, admit, offer, ledger, renew, revoke.
// 2 (2026-11): registry, between cloud instances.
// 3 (2026-11): documents in pieces; CopyError in a lease; what changed in registry.
// 4 (2026-11): reach, control with dial.
// 5 (2026-11): Met in an admit; DiskError in a lease.
// 6 (2026-11): control with renew.
// 7 (2026-11): bridges: wake, targets, pruned, keys, renew.
// 8 (2026-11): Face in the lease of a bridge.
// 9 (2026-11): calls of apps: AppAdmit; Ask in an offer.
// 10 (2026-11): channels of devices: bind, down, dev, cancel, Channel in the answer to targets.
// 11 (2026-11): attempt, between cloud instances.
// 12 (2026-11): bye, which was in down; the device's proof in bind.
// 13 (2026-11): To of a call that was not admitted.
// 14 (2026-11): queue.
// 15 (2026-11): calls from the PSTN: Trunk and From in an admit.
// 16 (2026-11): Trunks in a lease.
// 17 (2026-11): Back in an admit.
// 18 (2026-11): trunk.
// 19 (2026-11): guard.
// 20 (2026-11): wish.
// 21 (2026-11): pushes, permit; Targets in a wake; Push of a bridge.
// 22 (2026-11): mailbox, pin.
// 23 (2026-11): For in an admit.
// 24 (2026-11): lamp; a cloud or a switch below it passes none on.
// 25 (2026-11): Proof and Home in an admit.
// 26 (2026-11): NoPIN of a mailbox.
const Capability = 26

// CapPieces is the capability of nodes that fetch documents in pieces.
const CapPieces = 3

// CapProven is the capability of bridges that show the proofs of their devices in a Bind.
const CapProven = 12

// Limits of the wire.
const (
	MaxRequest      = 512 << 10        // bytes of a request: a full ledger batch and its envelope
	MaxReply        = 8 << 20          // bytes of an answer: a whole document, for nodes below CapPieces
	PieceSize       = 128 << 10        // bytes of a piece of a document: half a second on a line of 2 Mbit/s
	MaxWhole        = 4 << 20          // bytes of a document that nodes below CapPieces take
	DefaultDeadline = 2 * time.Second  // of a request whose context has none
	MaxDeadline     = 30 * time.Second // that a receiver grants
)

// Header is what every request carries; Request and Publish fill it in. A request past its deadline is dropped
// unanswered; one without a deadline, of a node that does not know the cloud's time yet, has DefaultDeadline from its
// receipt.
type Header struct {
	Capability int       `json:"cap"`
	ID         string    `json:"id"` // idempotency; kept if already set, to repeat a request
	Deadline   time.Time `json:"deadline,omitzero"`
}

func (h *Header) header() *Header { return h }

// Reply is what every reply carries. Now corrects the node's clock; Error, if set, is all that the reply says, but for what its
// type names.
type Reply struct {
	Now   time.Time   `json:"now,omitzero"` // set by cloud instances
	Error *errs.Error `json:"error,omitempty"`
}

func (r *Reply) reply() *Reply { return r }

// Admit asks for a call from a device that the sending switch vouches for (steps A, B, C).
// Subject o.<org>.sw.<switch>.admit.
type Admit struct {
	Header
	Call      string   `json:"call"`   // id, made by the switch
	Device    string   `json:"device"` // the caller's device; its home switch must be the sender
	Dialled   string   `json:"dialled"`
	Media     []string `json:"media"`
	Diversion []string `json:"diversion,omitempty"`
	// Trunk, in place of a device, is the one by which somebody outside calls; From is their number and name, as the phone company
	// says.
	Trunk string            `json:"trunk,omitempty"`
	From  designation.Party `json:"from,omitzero"`
	// Back, in place of a device, is who waited for Dialled at the sender, as they called, and is called back: the answer has a Plan, as if
	// they dialled now, and Back.
	Back *designation.Party `json:"back,omitempty"`
	// For is the party whom Device has call Dialled: a transfer, or a pick-up in their name. The device is judged, and they are shown to
	// the callee. The sender stays the anchor of the call.
	For *designation.Party `json:"for,omitempty"`
	// Proof is a proof.Admit of Device, an app in Call, that wants For to call Dialled: its own word takes the place of the sender's, who
	// speaks for its own phones only.
	Proof string `json:"proof,omitempty"`
	// Home, in place of a device, is the session key by which an app was in a call at the sender. It has transferred For, who comes back: the
	// answer has a Plan that rings the app, and nothing else.
	Home string `json:"home,omitempty"`
	// Met is the run of the anchor that refused the key of the last answer as errs.Restarted: it runs before the cloud has its
	// lease.
	Met Run `json:"met,omitzero"`
}

// Run is one run of a node, as its hello on a link names it.
type Run struct {
	Node string `json:"node"`
	Boot string `json:"boot"`
}

// Admitted answers Admit: exactly one of Designation (another node is the anchor: dial it) and Plan (you are). With an Error it
// has To alone, who was dialled, if that is known: for the ledger.
type Admitted struct {
	Reply
	From        designation.Party        `json:"from"`
	To          designation.Party        `json:"to"`
	Designation *designation.Designation `json:"designation,omitempty"`
	Plan        *designation.Plan        `json:"plan,omitempty"`
	Back        *designation.Fallback    `json:"back,omitempty"`     // how to ring the caller who is called back
	Crossing    string                   `json:"crossing,omitempty"` // glare: the call that the callee has under way to the caller
}

// Offer hands an anchor the plan of a call that is on its way. Subject o.<org>.node.<node>.offer, from the cloud. Nobody waits
// for an answer unless it asks.
type Offer struct {
	Header
	Plan designation.Plan `json:"plan"`
	Ask  bool             `json:"ask,omitempty"` // will you take this call of an app (C11)? The answer is a Promise
}

// PlanRequest is how an anchor whose INVITE overtook its offer asks for the plan, with the key that it was shown.
// Subject o.<org>.sw.<switch>.plan.
type PlanRequest struct {
	Header
	Key string `json:"key"`
	// Waited says that the call was in a queue since it showed the key, which may have expired meanwhile.
	Waited bool `json:"waited,omitempty"`
}

// PlanReply answers PlanRequest.
type PlanReply struct {
	Reply
	Plan *designation.Plan `json:"plan,omitempty"`
}

// Lease says that a node is alive, every LeaseInterval; it dies LeaseLifetime after the last. Subject o.<org>.lease.<node>.
type Lease struct {
	Header
	Node  designation.Node `json:"node"` // with boot, addresses and key hash
	Load  Load             `json:"load"`
	Since time.Time        `json:"since"` // start of this run
	// Registered lists the devices with a live registration; nil means unchanged since the last lease of this boot.
	Registered []string `json:"registered,omitempty"`
	Changed    bool     `json:"changed,omitempty"` // Registered is to be taken, even if empty
	Version    string   `json:"version"`           // of the software
	Leaving    bool     `json:"leaving,omitempty"` // the node stops: this lease ends at once
	SIP        []string `json:"sip,omitempty"`     // where desk phones register: "host:port;transport=udp"
	// Versions of the copies held, so that the cloud can push changes.
	Copy  uint64            `json:"copy,omitempty"`
	Peers map[string]uint64 `json:"peers,omitempty"`
	// CopyError is why the newest documents could not be fetched or taken, for people.
	CopyError string `json:"copy_error,omitempty"`
	// DiskError is why the node cannot write to its disk, for people.
	DiskError string `json:"disk_error,omitempty"`
	Face      *Face  `json:"face,omitempty"` // of a bridge
	// Trunks is how a switch gets on with the servers of its trunks.
	Trunks []TrunkServer `json:"trunks,omitempty"`
}

// Times of a lease.
const (
	LeaseInterval = 20 * time.Second
	LeaseLifetime = 50 * time.Second
)

// Load is what a node carries.
type Load struct {
	Calls int `json:"calls"`
	Links int `json:"links"`
}

// CopyRequest fetches a signed document if its version is above Have. Subjects o.<org>.copy.<site> and
// o.<org>.peer.<site>; the reply's Document is empty when Have is current. The same subjects carry no other traffic;
// the cloud announces a change on o.<org>.node.<node>.changed with Changed.
//
// A document comes in pieces of at most PieceSize: the first question leaves Version and Piece out, the others ask for the
// rest of the version that the first answer named. It is signed as a whole, and opened when all are there. A version that is
// superseded on the way is errs.Conflict: begin again. A sender below CapPieces gets the whole at once, if that has at most
// MaxWhole bytes.
type CopyRequest struct {
	Header
	Have    uint64 `json:"have"`
	Version uint64 `json:"version,omitempty"`
	Piece   int    `json:"piece,omitempty"` // from 0
}

// CopyReply answers CopyRequest. Document is a JWT, see package sitecopy, or a piece of it.
type CopyReply struct {
	Reply
	Document string `json:"document,omitempty"`
	Version  uint64 `json:"version,omitempty"`
	Pieces   int    `json:"pieces,omitempty"` // of the whole; 0 is 1
}

// Changed tells a node that documents changed: fetch them. Sites lists peers; empty with Copy false means all.
type Changed struct {
	Copy  bool     `json:"copy"`
	Sites []string `json:"sites,omitempty"`
}

// RegistryChanged tells the other cloud instances what to read again of an organization's registry; without a revision, all
// of it. Subject o.<org>.registry.
type RegistryChanged struct {
	Revision int64    `json:"revision,omitempty"`
	Base     bool     `json:"base,omitempty"` // the organization, its sites and its switches
	Users    []string `json:"users,omitempty"`
	Devices  []string `json:"devices,omitempty"`
	Dials    []string `json:"dials,omitempty"` // numbers, by what the organization dials
	Rates    []string `json:"rates,omitempty"` // trunks
	All      bool     `json:"all,omitempty"`
}

// Ledger delivers events of one spool in order. Subject o.<org>.ledger.<node>.
type Ledger struct {
	Header
	Spool  string         `json:"spool"`
	First  uint64         `json:"first"` // seq of Events[0]; the others follow without gap
	Events []ledger.Event `json:"events"`
}

// LedgerJSON is Ledger as a node sends it: the JSON of each event is what the node has on disk.
type LedgerJSON struct {
	Header
	Spool  string            `json:"spool"`
	First  uint64            `json:"first"`
	Events []json.RawMessage `json:"events"`
}

// encode puts the events in as they are: json.Marshal would read each byte of what it or this node wrote once more.
func (l *LedgerJSON) encode() ([]byte, error) {
	b, err := json.Marshal(struct {
		Header
		Spool string `json:"spool"`
		First uint64 `json:"first"`
	}{l.Header, l.Spool, l.First})
	if err != nil {
		return nil, err
	}
	size := len(b) + len(`,"events":[]`)
	for _, e := range l.Events {
		size += len(e) + 1
	}
	b = append(slices.Grow(b, size-len(b))[:len(b)-1], `,"events":[`...)
	for i, e := range l.Events {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, e...)
	}
	return append(b, "]}"...), nil
}

// LedgerReply answers Ledger after commit.
type LedgerReply struct {
	Reply
	StoredThrough uint64        `json:"stored_through"`
	RetryAfter    time.Duration `json:"retry_after,omitempty"`
}

// Renew asks for a new certificate for the same key. Subjects o.<org>.sw.<switch>.renew and o.<org>.br.<bridge>.renew.
type Renew struct {
	Header
	CSR []byte `json:"csr"` // DER
}

// RenewReply answers Renew with PEM: the node certificate and its intermediate.
type RenewReply struct {
	Reply
	Chain string `json:"chain"`
}

// KeysRequest asks for the keys that sign an organization's session keys and wake tickets: those that an enrolment told may be
// old. Subject o.<org>.br.<bridge>.keys.
type KeysRequest struct{ Header }

// KeysReply answers KeysRequest.
type KeysReply struct {
	Reply
	SessionKeys sitecopy.KeySet `json:"session_keys"`
}

// RevokeRequest asks for the revocations after a number. Subject o.<org>.sw.<switch>.revocations. New ones are
// published on o.<org>.revoke as Revocations.
type RevokeRequest struct {
	Header
	After uint64 `json:"after"`
}

// Revocations are signed statements (JWTs, see package sitecopy) in the order of their numbers.
type Revocations struct {
	Reply
	Statements []string `json:"statements"`
}

// Reach asks the cloud to have a node dial the sender, which does not reach it. Subject o.<org>.sw.<switch>.reach. The
// answer, a Reply, says that the node was told; nobody waits for what it does.
type Reach struct {
	Header
	Node string `json:"node"` // id of the node to be reached
}

// Control tells a node to do one thing. Subject o.<org>.node.<node>.control, from the cloud. The answer, a Reply, comes when
// it is done; an order that the node does not know is errs.Upgrade.
type Control struct {
	Header
	Dial  *designation.Node `json:"dial,omitempty"`  // dial this node, which cannot dial you; nobody waits
	Renew bool              `json:"renew,omitempty"` // renew your certificate now, whenever it ends
}
