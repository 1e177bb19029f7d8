// Package sitecopy holds the signed documents with which a switch goes on without the cloud: the copy of its own site,
// one peer document for each other site, and the revocations. They are on disk as the cloud signed them; in memory they
// are one immutable snapshot with its indexes.
package sitecopy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"strowger/pkg/enrol"
	"strowger/pkg/errs"
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

// Holder keeps the documents. Run is their one writer; Snapshot and Refresh may be called from any goroutine.
type Holder struct {
	cfg      Config
	snapshot atomic.Pointer[Snapshot]
	wake     chan struct{}
	docs     documents
}

// documents is what has been opened, by version.
type documents struct {
	copy    sitecopy.Copy
	peers   map[string]sitecopy.Peer // by site
	revoked []sitecopy.Revocation    // in the order of their numbers
}

// Open reads what earlier runs left in cfg.Dir. A document there that cannot be opened is set aside and fetched anew.
func Open(cfg Config) (*Holder, error) {
	if err := os.MkdirAll(filepath.Join(cfg.Dir, "peers"), 0o700); err != nil {
		return nil, fmt.Errorf("site copy: %w", err)
	}
	h := &Holder{cfg: cfg, wake: make(chan struct{}, 1), docs: documents{peers: map[string]sitecopy.Peer{}}}
	if err := h.load(); err != nil {
		return nil, err
	}
	h.publish()
	return h, nil
}

// Snapshot is what the documents say now; never nil.
func (h *Holder) Snapshot() *Snapshot { return h.snapshot.Load() }

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
		if err := h.fetch(ctx); err != nil {
			wait = retryInterval
			h.cfg.Logger.Debug("documents not refreshed", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-h.wake:
		case <-time.After(wait):
		}
	}
}

// fetch brings every document up to date. What was taken before an error stays.
func (h *Holder) fetch(ctx context.Context) error {
	changed, err := h.fetchAll(ctx)
	if changed {
		h.publish()
	}
	return err
}

func (h *Holder) fetchAll(ctx context.Context) (changed bool, err error) {
	statements, err := h.cfg.Fetch.Revocations(ctx, h.docs.lastRevocation())
	if err != nil {
		return false, err
	}
	for _, s := range statements {
		if err := h.takeRevocation(s); err != nil {
			return changed, err
		}
		changed = true
	}
	doc, err := h.cfg.Fetch.Copy(ctx, h.docs.copy.Version)
	if err != nil {
		return changed, err
	}
	if doc != "" {
		if err := h.takeCopy(doc); err != nil {
			return changed, err
		}
		changed = true
	}
	for _, s := range h.docs.copy.Sites {
		if s.Site == h.cfg.Identity.Site {
			continue
		}
		doc, err := h.cfg.Fetch.Peer(ctx, s.Site, h.docs.peers[s.Site].Version)
		if err != nil {
			return changed, err
		}
		if doc == "" {
			continue
		}
		if err := h.takePeer(doc); err != nil {
			return changed, err
		}
		changed = true
	}
	return changed, h.forgetSites()
}

// keys is whose signature a document may have: what the node was told when it enrolled, and what the newest copy adds.
func (h *Holder) keys() sitecopy.KeySet {
	all := sitecopy.KeySet{}
	maps.Copy(all, h.cfg.Identity.CopyKeys)
	maps.Copy(all, h.docs.copy.CopyKeys)
	return all
}

// takeCopy verifies, keeps and writes a copy.
func (h *Holder) takeCopy(doc string) error {
	c, err := h.openCopy(doc)
	if err != nil {
		return err
	}
	if c.Version < h.docs.copy.Version {
		return errs.New(errs.Conflict, "site copy %d is older than the one held, %d", c.Version, h.docs.copy.Version)
	}
	if err := write(h.copyPath(), doc); err != nil {
		return err
	}
	h.docs.copy = c
	return nil
}

func (h *Holder) openCopy(doc string) (sitecopy.Copy, error) {
	c, err := sitecopy.OpenCopy(doc, h.cfg.Identity.Org, h.keys())
	if err == nil && c.ID != h.cfg.Identity.Site {
		err = errs.New(errs.Forbidden, "site copy of %s, this switch is of %s", c.ID, h.cfg.Identity.Site)
	}
	return c, err
}

func (h *Holder) takePeer(doc string) error {
	p, err := sitecopy.OpenPeer(doc, h.cfg.Identity.Org, h.keys())
	if err != nil {
		return err
	}
	if have := h.docs.peers[p.ID]; p.Version < have.Version {
		return errs.New(errs.Conflict, "peer document %d of site %s is older than the one held, %d", p.Version, p.ID, have.Version)
	}
	if err := write(h.peerPath(p.ID), doc); err != nil {
		return err
	}
	h.docs.peers[p.ID] = p
	return nil
}

// takeRevocation appends a statement. Numbers have no gaps: one that is missing is fetched first.
func (h *Holder) takeRevocation(doc string) error {
	r, err := sitecopy.OpenRevocation(doc, h.cfg.Identity.Org, h.keys())
	if err != nil {
		return err
	}
	if r.Version <= h.docs.lastRevocation() {
		return nil
	}
	lines, err := os.ReadFile(h.revocationsPath())
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := write(h.revocationsPath(), string(lines)+doc+"\n"); err != nil {
		return err
	}
	h.docs.revoked = append(h.docs.revoked, r)
	return nil
}

// forgetSites drops the peer documents of sites that are no more.
func (h *Holder) forgetSites() error {
	for site := range h.docs.peers {
		if slices.ContainsFunc(h.docs.copy.Sites, func(s sitecopy.SiteCode) bool { return s.Site == site }) {
			continue
		}
		if err := os.Remove(h.peerPath(site)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		delete(h.docs.peers, site)
	}
	return nil
}

func (d *documents) lastRevocation() uint64 {
	if len(d.revoked) == 0 {
		return 0
	}
	return d.revoked[len(d.revoked)-1].Version
}

// load reads the folder.
func (h *Holder) load() error {
	if doc, err := read(h.copyPath()); err != nil {
		return err
	} else if doc != "" {
		// The copy names its own keys, so one that the enrolment did not know opens by the copy before it only; such a
		// copy is on disk as it was verified then, and fetched anew if it does not open now.
		if h.docs.copy, err = h.openCopy(doc); err != nil {
			h.cfg.Logger.Warn("the site copy on disk cannot be opened, it is fetched anew", "error", err)
			h.docs.copy = sitecopy.Copy{}
		}
	}
	lines, err := read(h.revocationsPath())
	if err != nil {
		return err
	}
	for doc := range strings.Lines(lines) {
		r, err := sitecopy.OpenRevocation(strings.TrimSpace(doc), h.cfg.Identity.Org, h.keys())
		if err != nil {
			h.cfg.Logger.Warn("a revocation on disk cannot be opened, it is fetched anew", "error", err)
			break
		}
		h.docs.revoked = append(h.docs.revoked, r)
	}
	peers, err := filepath.Glob(filepath.Join(h.cfg.Dir, "peers", "*.jwt"))
	if err != nil {
		return err
	}
	for _, path := range peers {
		doc, err := read(path)
		if err != nil {
			return err
		}
		p, err := sitecopy.OpenPeer(doc, h.cfg.Identity.Org, h.keys())
		if err != nil {
			h.cfg.Logger.Warn("a peer document on disk cannot be opened, it is fetched anew", "file", path, "error", err)
			continue
		}
		h.docs.peers[p.ID] = p
	}
	return nil
}

// publish makes the snapshot of the documents.
func (h *Holder) publish() {
	s := newSnapshot(h.cfg.Identity, h.docs, h.cfg.Logger)
	h.snapshot.Store(s)
	h.cfg.Changed(s)
}

func (h *Holder) copyPath() string            { return filepath.Join(h.cfg.Dir, "site.jwt") }
func (h *Holder) peerPath(site string) string { return filepath.Join(h.cfg.Dir, "peers", site+".jwt") }
func (h *Holder) revocationsPath() string     { return filepath.Join(h.cfg.Dir, "revocations") }

func read(path string) (string, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	return string(b), err
}

// write replaces a file so that a crash leaves the old or the new one.
func write(path, text string) error {
	temp := path + ".new"
	f, err := os.OpenFile(temp, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(temp, path)
}
