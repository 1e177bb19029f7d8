// Package directory knows who exists and who may call whom (steps A and B of a call): an immutable snapshot of each
// organization's registry in memory, replaced whole when the registry changes.
package directory

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"strowger/cloud/internal/store"
	"strowger/pkg/errs"
	"strowger/pkg/sitecopy"
)

// retryAfter is waited when the store cannot be read; the old snapshot serves meanwhile.
const retryAfter = time.Second

// Config is what a Directory needs.
type Config struct {
	Store  *store.Store
	Logger *slog.Logger
	// Reloaded, if set, is called after an organization's new snapshot is in place. It must not block.
	Reloaded func(org string)
}

// Directory holds the snapshots. Its methods may be called from any goroutine; Run is their one writer.
type Directory struct {
	cfg       Config
	snapshots atomic.Pointer[map[string]*Snapshot]

	mu    sync.Mutex
	dirty map[string]bool // at most one entry for each organization
	wake  chan struct{}
}

// New returns a directory that knows nobody until Load.
func New(cfg Config) *Directory {
	d := &Directory{cfg: cfg, dirty: make(map[string]bool), wake: make(chan struct{}, 1)}
	d.snapshots.Store(&map[string]*Snapshot{})
	return d
}

// Load reads all organizations. It is called once, before Run.
func (d *Directory) Load(ctx context.Context) error {
	q := store.Query{Limit: store.MaxLimit}
	for {
		orgs, next, err := d.cfg.Store.Organizations.List(ctx, "", q)
		if err != nil {
			return err
		}
		for _, o := range orgs {
			if err := d.reload(ctx, o.ID); err != nil {
				return err
			}
		}
		if q.Cursor = next; next == "" {
			return nil
		}
	}
}

// Changed says that an organization's registry changed; Run reads it again. Many changes at once are one reading.
func (d *Directory) Changed(org string) {
	d.mu.Lock()
	d.dirty[org] = true
	d.mu.Unlock()
	select {
	case d.wake <- struct{}{}:
	default: // Run is awake already and takes all that is dirty
	}
}

// Run reads what changed until ctx ends.
func (d *Directory) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-d.wake:
		}
		if d.reloadDirty(ctx) {
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(retryAfter):
		}
	}
}

// reloadDirty reads what is dirty; what cannot be read is dirty again, and the result false.
func (d *Directory) reloadDirty(ctx context.Context) bool {
	d.mu.Lock()
	dirty := d.dirty
	d.dirty = make(map[string]bool)
	d.mu.Unlock()
	ok := true
	for _, org := range slices.Sorted(maps.Keys(dirty)) {
		if err := d.reload(ctx, org); err != nil {
			if ctx.Err() == nil {
				d.cfg.Logger.Error("registry cannot be read; the last snapshot serves on", "org", org, "error", err)
			}
			d.Changed(org)
			ok = false
			continue
		}
		if d.cfg.Reloaded != nil {
			d.cfg.Reloaded(org)
		}
	}
	return ok
}

func (d *Directory) reload(ctx context.Context, org string) error {
	next := maps.Clone(*d.snapshots.Load())
	switch g, err := d.cfg.Store.Registry(ctx, org); {
	case errs.CodeOf(err) == errs.NotFound:
		delete(next, org)
	case err != nil:
		return err
	default:
		next[org] = NewSnapshot(g)
	}
	d.snapshots.Store(&next)
	return nil
}

// Snapshot returns an organization as it is now, or errs.NotFound.
func (d *Directory) Snapshot(org string) (*Snapshot, error) {
	s, ok := (*d.snapshots.Load())[org]
	if !ok {
		return nil, errs.New(errs.NotFound, "there is no organization %q", org)
	}
	return s, nil
}

// Copy is Snapshot.Copy of an organization as it is now.
func (d *Directory) Copy(_ context.Context, org, site string) (sitecopy.Copy, error) {
	s, err := d.Snapshot(org)
	if err != nil {
		return sitecopy.Copy{}, err
	}
	return s.Copy(site)
}

// Peer is Snapshot.Peer of an organization as it is now.
func (d *Directory) Peer(_ context.Context, org, site string) (sitecopy.Peer, error) {
	s, err := d.Snapshot(org)
	if err != nil {
		return sitecopy.Peer{}, err
	}
	return s.Peer(site)
}

// Organizations returns the ids of all organizations.
func (d *Directory) Organizations() []string {
	return slices.Sorted(maps.Keys(*d.snapshots.Load()))
}
