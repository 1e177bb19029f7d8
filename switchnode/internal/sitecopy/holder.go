// Package sitecopy holds the signed documents with which a switch goes on without the cloud: the copy of its own site,
// one peer document for each other site, and the revocations. They are on disk as the cloud signed them; in memory they
// are one immutable snapshot with its indexes.
package sitecopy

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"strowger/pkg/enrol"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/sitecopy"
)

// Fetcher asks the cloud. The documents are those of package sitecopy; "" says that what the node has is current.
type Fetcher interface {
	Copy(ctx context.Context, have uint64) (string, error)
	Peer(ctx context.Context, site string, have uint64) (string, error)
	Revocations(ctx context.Context, after uint64) ([]string, error)
}

// Config is what a Holder needs.
type Config struct {
	Dir      string
	Identity *enrol.Identity
	Fetch    Fetcher
	Changed  func(*Snapshot) // called from Run, and from Open before it returns; must not block
	Logger   *slog.Logger
}

// refreshInterval is how often the cloud is asked without being told of a change. Documents are signed anew every few
// hours and hold for a day.
const refreshInterval = 5 * time.Minute

// retryInterval is after what the cloud is asked again when it did not answer.
const retryInterval = 5 * time.Second

// MaxPieces is how many pieces of a document a switch takes from the cloud: more than one of the largest size has.
const MaxPieces = 2 * sitecopy.MaxSize / fabric.PieceSize

// Holder keeps the documents. Run is their one writer; Snapshot and Refresh may be called from any goroutine.
type Holder struct {
	cfg       Config
	snapshot  atomic.Pointer[Snapshot]
	trouble   atomic.Pointer[string]
	diskError atomic.Pointer[error] // why the first of unkept is not on the disk
	wake      chan struct{}         // capacity 1: ask the cloud now
	docs      documents
	unkept    []unkept // each path once
}

// Open reads what earlier runs left in cfg.Dir. A document there that cannot be opened is fetched anew.
func Open(cfg Config) (*Holder, error) {
	h := &Holder{cfg: cfg, wake: make(chan struct{}, 1)}
	if err := os.MkdirAll(filepath.Join(cfg.Dir, peersFolder), 0o700); err != nil {
		return nil, err
	}
	if err := h.load(); err != nil {
		return nil, err
	}
	h.publish()
	return h, nil
}

// Snapshot is what the documents say now; never nil.
func (h *Holder) Snapshot() *Snapshot { return h.snapshot.Load() }

// Trouble is why the newest documents could not be fetched or taken, "" if they were.
func (h *Holder) Trouble() string {
	if t := h.trouble.Load(); t != nil {
		return *t
	}
	return ""
}

// Ready is why documents cannot be kept on disk at present, nil when they can.
func (h *Holder) Ready() error {
	if err := h.diskError.Load(); err != nil {
		return *err
	}
	return nil
}

// Refresh has Run ask the cloud for what changed.
func (h *Holder) Refresh() {
	select {
	case h.wake <- struct{}{}:
	default: // it will
	}
}

// Run fetches what changes until ctx ends.
func (h *Holder) Run(ctx context.Context) error {
	for {
		wait := refreshInterval
		h.keepRest()
		if err := h.fetch(ctx); err != nil || len(h.unkept) > 0 {
			wait = retryInterval
		}
		select {
		case <-ctx.Done():
			return nil
		case <-h.wake:
		case <-time.After(wait - rand.N(wait/4)): // not all switches at once
		}
	}
}

// fetch brings every document up to date. The error is that the cloud could not be asked, or cannot deliver; what was taken
// before stays.
func (h *Holder) fetch(ctx context.Context) error {
	refused, err := h.fetchAll(ctx)
	trouble := cmp.Or(err, refused)
	switch code := errs.CodeOf(err); {
	case ctx.Err() != nil:
		return err
	case code == errs.CloudAway: // the fabric says so
		h.cfg.Logger.Debug("documents not refreshed", "error", err)
		return err
	case trouble == nil:
		h.trouble.Store(nil)
		return nil
	}
	words := trouble.Error()
	if err != nil && words != h.Trouble() {
		h.cfg.Logger.Error("the cloud cannot deliver documents; those held before stay", "code", errs.CodeOf(err), "error", err)
	}
	h.trouble.Store(&words)
	return err
}

// fetchAll fetches what is new and takes it; refused is why the first document that was not taken was not.
func (h *Holder) fetchAll(ctx context.Context) (refused, err error) {
	statements, err := h.cfg.Fetch.Revocations(ctx, h.docs.through())
	if err != nil {
		return nil, fmt.Errorf("revocations: %w", err)
	}
	for _, s := range statements {
		refused = cmp.Or(refused, h.take("revocation", s, h.takeRevocation))
	}
	doc, err := h.cfg.Fetch.Copy(ctx, h.docs.copy.Version)
	if err != nil {
		return refused, fmt.Errorf("site copy: %w", err)
	}
	refused = cmp.Or(refused, h.take("site copy", doc, h.takeCopy))
	for _, s := range h.docs.copy.Sites {
		if s.Site == h.cfg.Identity.Site {
			continue
		}
		doc, err := h.cfg.Fetch.Peer(ctx, s.Site, h.docs.peers[s.Site].Version)
		if errs.CodeOf(err) == errs.NotFound { // removed since the copy was made
			continue
		}
		if err != nil {
			return refused, fmt.Errorf("peer document of site %s: %w", s.Site, err)
		}
		refused = cmp.Or(refused, h.take("peer document", doc, func(doc string) error { return h.takePeer(s.Site, doc) }))
	}
	return refused, nil
}

// take takes one document. One that cannot be taken is told and left out: the others do not depend on it.
func (h *Holder) take(what, doc string, accept func(string) error) error {
	if doc == "" {
		return nil
	}
	if err := accept(doc); err != nil {
		h.cfg.Logger.Error("document refused, the one held before stays", "document", what, "code", errs.CodeOf(err), "error", err)
		return fmt.Errorf("%s: %w", what, err)
	}
	h.publish()
	return nil
}

// publish makes the snapshot of the documents.
func (h *Holder) publish() {
	s := newSnapshot(h.cfg.Identity, h.docs)
	h.snapshot.Store(s)
	h.cfg.Changed(s)
}

// documents is the newest ones, opened.
type documents struct {
	keys        sitecopy.KeySet // whose signature they may have: the newest copy's, before the first the enrolment's
	copy        sitecopy.Copy
	credentials []sitecopy.Credential
	peers       map[string]sitecopy.Peer // by site
	revoked     []sitecopy.Revocation    // in the order of their numbers
}

// through is the number up to which no revocation is missing.
func (d *documents) through() (n uint64) {
	for _, r := range d.revoked {
		// A restored backup of the cloud may not know the last ones held here: then previous is smaller.
		if r.Version != n+1 && (r.Previous == nil || *r.Previous > n) {
			break
		}
		n = r.Version
	}
	return n
}
