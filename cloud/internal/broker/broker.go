// Package broker admits calls (step C): it introduces a caller's switch to the callee's, and is then out of the call.
//
// An admission is answered from memory, by the directory's snapshot and the leases of the switches; for a call that it
// admits the database is never waited for. A refusal is checked against what other instances have just changed. What must
// outlive this process, which nodes are parties of a call, goes to Parties.
//
// Several cloud instances each have a broker. All know every lease, and of the calls of apps (Heard). Each remembers only the requests
// that it answered itself: a request that is repeated at another instance gets a designation of its own. So does the proof of an app
// that somebody shows there once more, which is of no use to them: the key is for the app's own key to present, the anchor promised to
// take one call with it, and rings nobody before that comes.
package broker

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"strowger/cloud/internal/directory"
	"strowger/cloud/internal/store"
	"strowger/pkg/designation"
	"strowger/pkg/fabric"
	"strowger/pkg/ident"
	"strowger/pkg/limit"
	"strowger/pkg/rest"
	"strowger/pkg/sessionkey"
	"strowger/pkg/waketicket"
)

// Limits of memory. Beyond them the oldest is forgotten.
const (
	maxReplies  = 1 << 16
	maxUnderway = 1 << 18
	maxParties  = 1 << 12 // waiting to be written; beyond that admissions go on and records judge by what nodes report
)

const (
	replyLife    = 10 * time.Second // longer than any request's deadline
	underwayLife = 5 * time.Minute  // the longest ring
)

// Signer signs session keys and wake tickets.
type Signer interface {
	SignSession(ctx context.Context, org string, c sessionkey.Claims) (string, error)
	SignTicket(ctx context.Context, org string, c waketicket.Claims) (string, error)
}

// Config is what a Broker works with.
type Config struct {
	Snapshot func(org string) (*directory.Snapshot, error)
	// Later returns the snapshot that followed s, after a short wait if it is on its way; s if there is none.
	Later  func(ctx context.Context, org string, s *directory.Snapshot) *directory.Snapshot
	Store  *store.Store
	Signer Signer
	// Verify opens a session key that the organization, or one of its switches, signed; nothing but form and signature.
	Verify func(ctx context.Context, org, key string) (sessionkey.Claims, error)
	// Offer sends a plan to an anchor and must not block.
	Offer func(org, node string, o fabric.Offer)
	// Ask asks an anchor whether it takes the call of an app (C11).
	Ask func(ctx context.Context, org, node string, o fabric.Offer) (fabric.Promise, error)
	// Announce tells all instances of the cloud, this one too, of the call of an app: they have it Heard. It must not block.
	Announce func(org string, a fabric.Attempt) error
	// Control tells a node to do something and must not block.
	Control func(org, node string, c fabric.Control)
	// Alert, if set, is told of each alert of the broker's own once it is stored. It must not block.
	Alert  func(rest.Alert)
	Now    func() time.Time
	Logger *slog.Logger
}

// Broker admits calls. Its methods may be called from any goroutine.
type Broker struct {
	cfg      Config
	parties  chan store.Parties
	node     string // that reports refused calls
	refusals chan Refusal
	refused  *limit.Buckets[string] // by device

	mu       sync.Mutex
	leases   map[string]store.Lease // by node
	replies  *recent[request, *reply]
	underway *recent[pair, attempt]
	pairs    *recent[callID, pair] // of calls under way
	echoes   map[string]*echo      // by call
	news     chan struct{}         // closed when an instance is heard, and replaced
	reached  *recent[reach, struct{}]
	proofs   *recent[shown, string] // of apps that asked; the switch that showed one, "" for a bridge
	rung     *recent[ring, designation.Designation]
	relays   map[string]relayLease // by bridge
	pushes   map[string]pushLease  // by bridge
	ill      map[string]time.Time  // when there was an alert of a switch's disk
}

// request names an admission request; a repeated one gets the same reply.
type request struct{ org, node, id string }

// reply is the answer to a request, there once done is closed.
type reply struct {
	done     chan struct{}
	admitted fabric.Admitted
	err      error
}

// pair is two users of whom one calls the other.
type pair struct{ org, from, to string }

type callID struct{ org, call string }

// New returns a broker that knows no leases.
func New(cfg Config) *Broker {
	snapshot, later := cfg.Snapshot, cfg.Later
	cfg.Snapshot = func(org string) (*directory.Snapshot, error) {
		s, err := snapshot(org)
		if err != nil {
			return nil, err
		}
		return s.At(cfg.Now()), nil
	}
	cfg.Later = func(ctx context.Context, org string, s *directory.Snapshot) *directory.Snapshot {
		return later(ctx, org, s).At(cfg.Now())
	}
	return &Broker{
		cfg:      cfg,
		parties:  make(chan store.Parties, maxParties),
		node:     ident.New(ident.Cloud),
		refusals: make(chan Refusal, maxRefusals),
		refused:  newRefused(cfg),
		leases:   make(map[string]store.Lease),
		replies:  newRecent[request, *reply](replyLife, maxReplies),
		underway: newRecent[pair, attempt](underwayLife, maxUnderway),
		pairs:    newRecent[callID, pair](underwayLife, maxUnderway),
		reached:  newRecent[reach, struct{}](reachLife, maxReach),
		proofs:   newRecent[shown, string](proofLife, maxProofs),
		rung:     newRecent[ring, designation.Designation](underwayLife, maxRung),
		relays:   make(map[string]relayLease),
		pushes:   make(map[string]pushLease),
		ill:      make(map[string]time.Time),
		echoes:   make(map[string]*echo),
		news:     make(chan struct{}),
	}
}

// Load reads the leases that were stored before this process started, so that a restart makes no switch look dead.
func (b *Broker) Load(ctx context.Context, orgs []string) error {
	for _, org := range orgs {
		ls, err := b.cfg.Store.Leases(ctx, org)
		if err != nil {
			return err
		}
		b.mu.Lock()
		for _, l := range ls {
			b.leases[l.Node.ID] = l
		}
		b.mu.Unlock()
	}
	return nil
}

// Parties is the nodes of admitted calls, for whoever writes them.
func (b *Broker) Parties() <-chan store.Parties { return b.parties }

func (b *Broker) announce(p store.Parties) {
	select {
	case b.parties <- p:
	default:
		b.cfg.Logger.Warn("too many parties of calls wait to be written; records will judge by what nodes report", "call", p.Call)
	}
}
